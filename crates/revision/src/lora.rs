//! Adapters of low rank: Hu et al., arXiv 2106.09685.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::{Params, Real, Rng, uniform};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::lm::{Adapter, Lm, Projection, qkv_names, up_names};
use crate::{LmConfig, Result, RevisionError};

/// Which maps get adapters, and of what rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(rename = "LoraOptions")]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of a change.
    pub rank: usize,
    /// A change is multiplied by alpha/rank.
    pub alpha: f64,
    /// Share of its input that an adapter does not see while training.
    pub dropout: f64,
    /// Maps by the end of their names.
    pub targets: Vec<String>,
    /// Ranks of maps that have another, by their whole name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ranks: BTreeMap<String, usize>,
    /// Alphas of maps that have another, by their whole name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alphas: BTreeMap<String, f64>,
    /// Whether a change is multiplied by alpha/√rank instead: Kalajdzievski, arXiv 2312.03732.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub root_scale: bool,
}

/// All linear maps of a block, as LLaVA does.
pub const TARGETS: [&str; 7] = [
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
];

/// Ranks that are taken whatever the width of a map.
const USUAL_RANK: usize = 1024;

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 64,
            alpha: 16.0,
            dropout: 0.05,
            targets: TARGETS.map(str::to_owned).to_vec(),
            ranks: BTreeMap::new(),
            alphas: BTreeMap::new(),
            root_scale: false,
        }
    }
}

impl LoraConfig {
    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<()> {
        let bad = |text: String| Err(RevisionError::BadOption(text));
        if self.rank == 0 || self.ranks.values().any(|&rank| rank == 0) {
            return bad("the rank of an adapter is at least 1".to_owned());
        }
        if let Some(alpha) = self
            .alphas
            .values()
            .chain([&self.alpha])
            .find(|alpha| !alpha.is_finite())
        {
            return bad(format!("alpha is a number, not {alpha}"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return bad(format!("dropout is a share in [0, 1), not {}", self.dropout));
        }
        let known = |name: &str| TARGETS.contains(&name.rsplit('.').next().unwrap_or(name));
        match self.targets.iter().find(|name| !known(name)) {
            Some(name) => bad(format!(
                "{name} is not a map of a block; {} are",
                TARGETS.join(", ")
            )),
            None if self.targets.is_empty() => bad("adapters need targets".to_owned()),
            None => Ok(()),
        }
    }

    /// The rank of the adapter of a map.
    pub fn rank_of(&self, map: &str) -> usize {
        self.ranks.get(map).copied().unwrap_or(self.rank)
    }

    /// By what the change of a map is multiplied.
    pub fn scale_of(&self, map: &str) -> f64 {
        let alpha = self.alphas.get(map).copied().unwrap_or(self.alpha);
        let rank = self.rank_of(map) as f64;
        alpha / if self.root_scale { rank.sqrt() } else { rank }
    }

    /// Maps of a model that it names and that have no adapter among the parameters.
    pub(crate) fn lacking(&self, config: &LmConfig, params: &Params) -> Vec<String> {
        let maps = (0..config.layers)
            .flat_map(|layer| targets(config, layer))
            .flatten();
        let has = |target: &Target| {
            let [a, _] = target.names();
            params.names().contains(&a)
        };
        maps.filter(|target| self.names(&target.name) && !has(target))
            .map(|target| target.name)
            .collect()
    }

    fn names(&self, map: &str) -> bool {
        let ends = |name: &String| {
            let before = map.strip_suffix(name.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        self.targets.iter().any(ends)
    }
}

/// Names of adapters' parameters begin so; what follows is the map's name and `.lora_A.weight` or `.lora_B.weight`.
pub(crate) const PREFIX: &str = "lora.";

/// A map inside a block that is kept as part of a wider one.
struct Target {
    name: String,
    columns: Range<usize>,
    inner: usize,
}

/// The maps of block `layer` in the order of its projections: queries, keys and values; out; gate and up; down.
fn targets(config: &LmConfig, layer: usize) -> [Vec<Target>; 4] {
    let name = |part: &str| format!("model.layers.{layer}.{part}");
    let within = |parts: &[(&str, usize)]| {
        let mut at = 0;
        let columns = parts.iter().map(|(part, rows)| {
            at += rows;
            Target {
                name: name(part),
                columns: at - rows..at,
                inner: config.hidden,
            }
        });
        columns.collect::<Vec<_>>()
    };
    let alone = |part: &str, inner: usize| {
        vec![Target {
            name: name(part),
            columns: 0..config.hidden,
            inner,
        }]
    };
    [
        within(&qkv_names(config)),
        alone("self_attn.o_proj", config.heads * config.head_dim),
        within(&up_names(config)),
        alone("mlp.down_proj", config.inner),
    ]
}

impl Target {
    /// Names of the adapter's two parameters, A and B.
    fn names(&self) -> [String; 2] {
        ["A", "B"].map(|which| format!("{PREFIX}{}.lora_{which}.weight", self.name))
    }

    /// Refuses a rank that would only take memory: a change has no more than the smaller width of its map.
    fn check(&self, rank: usize) -> Result<()> {
        let widest = self.inner.max(self.columns.len()).max(USUAL_RANK);
        if rank > widest {
            return Err(RevisionError::BadOption(format!(
                "the rank {rank} of the adapter of {} is beyond its width; at most {widest} is taken",
                self.name
            )));
        }
        Ok(())
    }

    fn shapes(&self, rank: usize) -> [[usize; 2]; 2] {
        [[rank, self.inner], [self.columns.len(), rank]]
    }
}

impl<T: Real> Lm<T> {
    /// Puts fresh adapters beside maps, which learn: A as PEFT draws it, uniform on ±1/√in, B zero, so that nothing
    /// changes at first.
    pub fn add_adapters(&mut self, lora: &LoraConfig, params: &mut Params, rng: &mut Rng) -> Result<()> {
        lora.check()?;
        self.beside(lora, true, params, |target| {
            target.check(lora.rank_of(&target.name))?;
            let [a, b] = target.shapes(lora.rank_of(&target.name));
            let bound = 1.0 / (target.inner as f64).sqrt();
            let a = uniform((a[0], a[1]), bound, DType::F64, rng)?;
            Ok(Some([a, Tensor::zeros((b[0], b[1]), T::DTYPE, &Device::Cpu)?]))
        })
    }

    /// Puts adapters that were read beside the maps that they are of; what fits no map is given back.
    pub fn put_adapters(
        &mut self,
        lora: &LoraConfig,
        read: Vec<(String, Tensor)>,
        learns: bool,
        params: &mut Params,
    ) -> Result<BTreeMap<String, Tensor>> {
        let mut read: BTreeMap<String, Tensor> = read.into_iter().collect();
        self.beside(lora, learns, params, |target| {
            let (names, shapes) = (target.names(), target.shapes(lora.rank_of(&target.name)));
            let fits = |i: usize| read.get(&names[i]).is_some_and(|own| own.dims() == shapes[i]);
            let both = fits(0) && fits(1);
            let pair = names.map(|name| if both { read.remove(&name) } else { None });
            Ok(match pair {
                [Some(a), Some(b)] => Some([a, b]),
                _ => None,
            })
        })?;
        Ok(read)
    }

    /// Puts an adapter beside every map that `lora` names and `make` has matrices for.
    fn beside(
        &mut self,
        lora: &LoraConfig,
        learns: bool,
        params: &mut Params,
        mut make: impl FnMut(&Target) -> Result<Option<[Tensor; 2]>>,
    ) -> Result<()> {
        let config = self.config().clone();
        for (layer, block) in self.blocks_mut().iter_mut().enumerate() {
            let maps: [&mut Projection; 4] = [&mut block.qkv, &mut block.out, &mut block.up, &mut block.down];
            for (map, targets) in maps.into_iter().zip(targets(&config, layer)) {
                let named = |target: &Target| lora.names(&target.name);
                for target in targets.into_iter().filter(named) {
                    let Some([a, b]) = make(&target)? else { continue };
                    let [of_a, of_b] = target.names();
                    map.adapters.push(Adapter {
                        a: params.add(of_a, a.to_dtype(T::DTYPE)?),
                        b: params.add(of_b, b.to_dtype(T::DTYPE)?),
                        columns: target.columns,
                        scale: lora.scale_of(&target.name),
                        learns,
                    });
                }
            }
        }
        Ok(())
    }
}

/// `weight`, the map `name` of a model, with what its adapter has learned: W + α/rank · B·A. `None` without an adapter.
pub fn merged(lora: &LoraConfig, params: &Params, name: &str, weight: &Tensor) -> Result<Option<Tensor>> {
    let map = name.trim_end_matches(".weight");
    let find = |which: &str| {
        let wanted = format!("{PREFIX}{map}.lora_{which}.weight");
        let place = params.names().iter().position(|name| *name == wanted);
        place.map(|place| &params.values()[place])
    };
    let (Some(a), Some(b)) = (find("A"), find("B")) else {
        return Ok(None);
    };
    let change = (b.matmul(a)? * lora.scale_of(map))?;
    Ok(Some((weight + change.to_dtype(weight.dtype())?)?))
}
