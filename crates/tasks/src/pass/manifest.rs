//! Manifests: all that a worker has to know of one pass over the shards of a source.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use modality_gap_geometry::{Map, Precision};
use modality_gap_shards::{Dtype, Format, Layout, Pool, Reading, Role, ShardRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use twox_hash::XxHash3_128;

use crate::outputs::{Target, dtype_named, format_named};
use crate::receipt::{Input, Receipt, WorkFolder, canonical_json, hash_bytes, read_result, write_state};
use crate::rowset::Place;
use crate::{OnBadRow, Part, ReadOptions, RowSet, Sample, Selection, Split, TaskError};

/// Version of the manifest's layout.
pub const MANIFEST_VERSION: u32 = 1;
/// Most bytes of a manifest: a million shards.
const MAX_MANIFEST: u64 = 1 << 30;

/// What a pass does with each shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PassKind {
    /// Counts its rows.
    Moments,
    /// Looks for rows that cannot be used, and at the lengths of the others.
    Inspect,
    /// Adds up products of its components.
    Covariance,
    /// Writes its rows mapped.
    Transform,
}

impl PassKind {
    /// As receipts name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moments => "moments",
            Self::Inspect => "inspect",
            Self::Covariance => "covariance",
            Self::Transform => "transform",
        }
    }
}

/// Rows of a covariance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct CovarianceRows {
    /// Whether they are the rows held out, not those of the fit.
    pub held: bool,
    /// How they are sorted into independent quarters; absent where all are counted together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarters: Option<CovarianceQuarters>,
    /// Whether products are in f32, summed in f64 over short blocks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub single: bool,
}

impl CovarianceRows {
    /// What products are taken in.
    pub(crate) fn precision(self) -> Precision {
        if self.single {
            Precision::Single
        } else {
            Precision::Exact
        }
    }
}

/// Quarters of the rows of a covariance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CovarianceQuarters {
    /// Whether rows of a group are in one quarter, and the first of each is counted on its own as well.
    pub grouped: bool,
    /// Whether the first row of each group stands for all of them.
    pub one_of_each: bool,
}

/// Where a shard's output goes, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct ManifestOutput {
    /// The file.
    pub path: PathBuf,
    /// Its container.
    pub format: String,
    /// Storage type of its components.
    pub dtype: String,
}

/// A shard of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct ManifestShard {
    /// Its bytes.
    #[serde(flatten)]
    pub input: Input,
    /// Storage type of its components.
    pub dtype: String,
    /// How several states of a row become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Where its output goes; absent where a pass writes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ManifestOutput>,
    /// Rows that the output leaves out, by their index in the shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<u64>>", optional)]
    pub dropped: Vec<u64>,
}

/// One pass over the shards of a source: what each task of it is run from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(optional_fields)]
pub struct Manifest {
    /// Version of this layout.
    pub version: u32,
    /// What is done with each shard.
    pub kind: PassKind,
    /// What the pass is for, such as `moments image`.
    pub stage: String,
    /// Hash of everything but the shards that the results depend on; receipts repeat it.
    pub params: String,
    /// Columns.
    pub dim: usize,
    /// Rows of all shards.
    pub rows: u64,
    /// Sum modulo 2^128 of the XXH3-128 of (index, file, rows) of each shard, in hexadecimal.
    pub sum: String,
    /// What to do with bad rows.
    pub on_bad_row: OnBadRow,
    /// Whether rows are scaled to unit length. @defaultValue `true`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// File of the map that the rows go through.
    pub map: PathBuf,
    /// Rows held out.
    pub split: Split,
    /// What is counted of the others.
    pub subset: Sample,
    /// Rows left out, by their index in the whole source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<u64>>", optional)]
    pub exclude: Vec<u64>,
    /// File of the group of each row, four bytes each, little-endian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<PathBuf>,
    /// Whether a hash of each row is kept.
    #[serde(default)]
    pub hashed: bool,
    /// How many bad rows of each shard an inspection names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<usize>,
    /// Which rows a covariance counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covariance: Option<CovarianceRows>,
    /// File of the vector that a covariance is counted about, eight bytes a component, little-endian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center: Option<PathBuf>,
    /// Whether outputs are flushed to the disk before they get their name. @defaultValue `true`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<bool>,
    /// Where states and receipts are kept, in a folder named by `params`.
    pub folder: PathBuf,
    /// The shards, in order.
    pub shards: Vec<ManifestShard>,
}

/// What a pass does, beside its shards.
pub(crate) struct Plan<'a> {
    pub kind: PassKind,
    pub stage: &'a str,
    pub params: &'a str,
    pub source: &'a RowSet,
    pub map: &'a Map,
    pub selection: Selection<'a>,
    pub folder: &'a Path,
    pub asks: Asks<'a>,
}

/// What passes of some kinds ask for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asks<'a> {
    /// Of moments: a hash of each row.
    pub hashed: bool,
    /// Of a transformation: whether outputs are flushed.
    pub sync: Option<bool>,
    /// Of a transformation: output of each shard, and rows that it leaves out.
    pub outputs: Option<(&'a [Target], &'a [Vec<u64>])>,
    /// Of an inspection: how many bad rows are named.
    pub named: Option<usize>,
    /// Of covariances: what is counted, and about which centre.
    pub covariance: Option<(CovarianceRows, &'a [f64])>,
}

impl Plan<'_> {
    fn shard(&self, index: usize) -> Result<ManifestShard, TaskError> {
        let part = &self.source.parts[index];
        let (Part::File(shard), Some(input)) = (part, Input::of(part)) else {
            return Err(gone(part.file().unwrap_or(Path::new(""))));
        };
        let output = self.asks.outputs.map(|(targets, _)| &targets[index]);
        Ok(ManifestShard {
            input,
            dtype: shard.dtype.name().to_owned(),
            pool: shard.pool.map(|pool| pool.name().to_owned()),
            output: output.map(|target| ManifestOutput {
                path: target.path.clone(),
                format: target.format.name().to_owned(),
                dtype: target.dtype.name().to_owned(),
            }),
            dropped: self
                .asks
                .outputs
                .map_or_else(Vec::new, |(_, dropped)| dropped[index].clone()),
        })
    }

    /// Writes the manifest with the files that it names; gives its place.
    pub fn write(&self) -> Result<(PathBuf, Manifest), TaskError> {
        let shards = (0..self.source.parts.len()).map(|index| self.shard(index));
        let shards = shards.collect::<Result<Vec<_>, _>>()?;
        let folder = self.folder.join(self.params);
        let map = folder.join("map.safetensors");
        write_state(&map, &self.map.to_file())?;
        // both sides of a fit may keep their receipts in one folder
        let beside = |name: &str, bytes: &[u8]| {
            let file = folder.join(format!("{name}-{:032x}", hash_bytes(bytes)));
            write_state(&file, bytes).map(|()| file)
        };
        let groups = self.source.keys.as_ref().map(|keys| {
            let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
            beside("groups", &bytes)
        });
        let center = self.asks.covariance.map(|(_, center)| {
            let bytes: Vec<u8> = center.iter().flat_map(|v| v.to_le_bytes()).collect();
            beside("center", &bytes)
        });
        let manifest = Manifest {
            version: MANIFEST_VERSION,
            kind: self.kind,
            stage: self.stage.to_owned(),
            params: self.params.to_owned(),
            dim: self.source.dim,
            rows: self.source.rows(),
            sum: sum_of(&shards),
            on_bad_row: self.source.options.on_bad_row,
            normalize: self.source.options.normalize,
            map,
            split: self.selection.split,
            subset: self.selection.subset,
            exclude: self.selection.exclude.to_vec(),
            groups: groups.transpose()?,
            hashed: self.asks.hashed,
            named: self.asks.named,
            covariance: self.asks.covariance.map(|(rows, _)| rows),
            center: center.transpose()?,
            sync: self.asks.sync,
            folder: self.folder.to_path_buf(),
            shards,
        };
        let bytes = serde_json::to_vec(&manifest).expect("plain data");
        let file = folder.join(format!("manifest-{:032x}.json", hash_bytes(&bytes)));
        write_state(&file, &bytes)?;
        Ok((file, manifest))
    }
}

/// One shard of a manifest, ready to be worked on.
pub(crate) struct Opened {
    pub source: RowSet,
    pub target: Option<Target>,
    pub dropped: Vec<u64>,
}

impl Manifest {
    /// Reads a manifest; its sums are checked.
    pub fn read(path: &Path) -> Result<Self, TaskError> {
        let bytes = modality_gap_shards::Input::whole(path, MAX_MANIFEST)?;
        let bad = |reason: String| TaskError::BadReceipt {
            file: path.to_path_buf(),
            reason: format!("not a manifest: {reason}"),
        };
        let found: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        let version = found.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(u64::from(MANIFEST_VERSION)) {
            let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(bad(format!("its version is {version}, not {MANIFEST_VERSION}")));
        }
        let manifest: Self = serde_json::from_value(found).map_err(|error| bad(error.to_string()))?;
        let rows = manifest.shards.iter().try_fold(0_u64, |rows, shard| {
            // indices of rows stay exact in every reader
            rows.checked_add(shard.input.rows).filter(|&rows| rows < 1 << 53)
        });
        if rows != Some(manifest.rows) || sum_of(&manifest.shards) != manifest.sum {
            return Err(bad("rows or hash are not those of its shards".to_owned()));
        }
        Ok(manifest)
    }

    /// The map, checked to be that of the pass by the hash of the parameters, which the pass compares.
    pub fn map(&self) -> Result<Map, TaskError> {
        let map = Map::from_file(&read_result(&self.map)?).map_err(|error| TaskError::BadReceipt {
            file: self.map.clone(),
            reason: error.to_string(),
        })?;
        if map.dim() != self.dim {
            return Err(TaskError::BadReceipt {
                file: self.map.clone(),
                reason: format!("maps {} columns, the manifest has {}", map.dim(), self.dim),
            });
        }
        Ok(map)
    }

    /// The parameters are those that its files give.
    pub(crate) fn check_params(&self, params: &str) -> Result<(), TaskError> {
        if self.params == params {
            return Ok(());
        }
        Err(TaskError::BadReceipt {
            file: self.map.clone(),
            reason: "the map, the groups or the centre are not those that the manifest was made for"
                .to_owned(),
        })
    }

    /// The group of each row.
    pub fn groups(&self) -> Result<Option<Arc<Vec<u32>>>, TaskError> {
        let Some(file) = &self.groups else { return Ok(None) };
        let bytes = read_result(file)?;
        if bytes.len() as u64 != self.rows.saturating_mul(4) {
            return Err(TaskError::BadReceipt {
                file: file.clone(),
                reason: format!("{} bytes are not the groups of {} rows", bytes.len(), self.rows),
            });
        }
        let keys = bytes.chunks_exact(4);
        let keys = keys.map(|key| u32::from_le_bytes(key.try_into().expect("four bytes")));
        Ok(Some(Arc::new(keys.collect())))
    }

    /// The centre of a covariance.
    pub(crate) fn center(&self) -> Result<Vec<f64>, TaskError> {
        let file = self
            .center
            .as_ref()
            .ok_or_else(|| TaskError::BadOption("a manifest of covariances names no centre".to_owned()))?;
        let bytes = read_result(file)?;
        if bytes.len() != 8 * self.dim {
            return Err(TaskError::BadReceipt {
                file: file.clone(),
                reason: format!("{} bytes are not a centre of {} columns", bytes.len(), self.dim),
            });
        }
        let components = bytes.chunks_exact(8);
        Ok(components
            .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes")))
            .collect())
    }

    /// Where its states and receipts are kept.
    pub(crate) fn work(&self) -> WorkFolder {
        WorkFolder {
            path: self.folder.clone(),
            resume: true,
        }
    }

    /// The receipt that a task has found of a shard it has worked on.
    pub(crate) fn receipt(
        &self,
        opened: &Opened,
        found: Result<Receipt, String>,
    ) -> Result<Receipt, TaskError> {
        found.map_err(|reason| TaskError::BadReceipt {
            file: self.shards[opened.source.place(0)].input.path.clone(),
            reason,
        })
    }

    /// What is counted of the rows.
    pub fn selection(&self) -> Selection<'_> {
        Selection {
            split: self.split,
            subset: self.subset,
            exclude: &self.exclude,
        }
    }

    /// Opens shard `index`, which has to be what it was when the manifest was written.
    pub(crate) fn open(&self, index: usize, keys: Option<&Arc<Vec<u32>>>) -> Result<Opened, TaskError> {
        let count = self.shards.len();
        let outside =
            || TaskError::BadOption(format!("shard {index} is none of the {count} of the manifest"));
        let described = self.shards.get(index).ok_or_else(outside)?;
        let ManifestShard { input, .. } = described;
        let dtype = dtype_named(&described.dtype)?;
        let pool = described.pool.as_deref().map(pool_named).transpose()?;
        let reading = Reading {
            dim: Some(self.dim),
            dtype: Some(dtype),
            pool,
        };
        let shard = ShardRef::probe_as(&input.path, input.selector.as_deref(), Role::Other, reading)?;
        let (dim, stored) = (shard.dim, shard.dtype);
        let part = Part::File(shard);
        if dim != self.dim || stored != dtype || Input::of(&part).as_ref() != Some(input) {
            return Err(gone(&input.path));
        }
        let start = self.shards[..index].iter().map(|shard| shard.input.rows).sum();
        Ok(Opened {
            source: RowSet {
                parts: vec![part],
                dim,
                layout: Layout::Files,
                folders: Vec::new(),
                options: ReadOptions {
                    on_bad_row: self.on_bad_row,
                    normalize: self.normalize,
                    pool,
                    ..ReadOptions::default()
                },
                keys: keys.cloned(),
                places: Some(vec![Place { index, start }]),
            },
            target: described.output.as_ref().map(target_of).transpose()?,
            dropped: described.dropped.clone(),
        })
    }
}

fn target_of(output: &ManifestOutput) -> Result<Target, TaskError> {
    let (format, dtype): (Format, Dtype) = (format_named(&output.format)?, dtype_named(&output.dtype)?);
    Ok(Target {
        path: output.path.clone(),
        format,
        dtype,
    })
}

fn pool_named(name: &str) -> Result<Pool, TaskError> {
    let found = Pool::ALL.into_iter().find(|pool| pool.name() == name);
    found.ok_or_else(|| TaskError::BadOption(format!("unknown pool `{name}`; expected mean, first or last")))
}

/// Shards may be counted in any order and the sum is the same; one that is missing, foreign or counted twice changes it.
fn sum_of(shards: &[ManifestShard]) -> String {
    let each = shards
        .iter()
        .enumerate()
        .map(|(index, shard)| sum_of_shard(index, &shard.input));
    format!("{:032x}", each.fold(0_u128, u128::wrapping_add))
}

pub(crate) fn sum_of_shard(index: usize, input: &Input) -> u128 {
    XxHash3_128::oneshot(canonical_json(&(index, &input.path, &input.selector, input.rows)).as_bytes())
}

fn gone(file: &Path) -> TaskError {
    TaskError::BadReceipt {
        file: file.to_path_buf(),
        reason: "it is not what it was when the job began; start the job anew".to_owned(),
    }
}
