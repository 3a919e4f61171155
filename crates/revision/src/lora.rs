//! Adapters of low rank: Hu et al., arXiv 2106.09685.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::{Params, Real, Rng, uniform};
use serde::{Deserialize, Serialize};

use crate::lm::{Adapter, Lm, Projection, qkv_names, up_names};
use crate::{LmConfig, Result, RevisionError};

/// Which maps get adapters, and of what rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 64,
            alpha: 16.0,
            dropout: 0.05,
            targets: TARGETS.map(str::to_owned).to_vec(),
        }
    }
}

impl LoraConfig {
    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<()> {
        let bad = |text: String| Err(RevisionError::BadOption(text));
        if self.rank == 0 {
            return bad("the rank of an adapter is at least 1".to_owned());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return bad(format!("dropout is a share in [0, 1), not {}", self.dropout));
        }
        match self.targets.iter().find(|name| !TARGETS.contains(&name.as_str())) {
            Some(name) => bad(format!("{name} is no map of a block; {} are", TARGETS.join(", "))),
            None if self.targets.is_empty() => bad("adapters need targets".to_owned()),
            None => Ok(()),
        }
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

impl<T: Real> Lm<T> {
    /// Puts adapters beside maps: A as PEFT draws it, uniform on ±1/√in, B zero, so that nothing changes at first.
    pub fn add_adapters(&mut self, lora: &LoraConfig, params: &mut Params, rng: &mut Rng) -> Result<()> {
        lora.check()?;
        let config = self.config().clone();
        for (layer, block) in self.blocks_mut().iter_mut().enumerate() {
            let maps: [&mut Projection; 4] = [&mut block.qkv, &mut block.out, &mut block.up, &mut block.down];
            for (map, targets) in maps.into_iter().zip(targets(&config, layer)) {
                for Target { name, columns, inner } in targets {
                    if !lora.targets.iter().any(|target| name.ends_with(target.as_str())) {
                        continue;
                    }
                    let bound = 1.0 / (inner as f64).sqrt();
                    let a = uniform((lora.rank, inner), bound, DType::F64, rng)?.to_dtype(T::DTYPE)?;
                    let b = Tensor::zeros((columns.len(), lora.rank), T::DTYPE, &Device::Cpu)?;
                    map.adapters.push(Adapter {
                        columns,
                        a: params.add(format!("{PREFIX}{name}.lora_A.weight"), a),
                        b: params.add(format!("{PREFIX}{name}.lora_B.weight"), b),
                        scale: lora.alpha / lora.rank as f64,
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
    let change = (b.matmul(a)? * (lora.alpha / lora.rank as f64))?;
    Ok(Some((weight + change.to_dtype(weight.dtype())?)?))
}
