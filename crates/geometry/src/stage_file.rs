//! The stages of a map in the aligner's file: a list in the metadata, numbers in tensors named after their place.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::aligner_header::{AlignerFileError, usable};
use crate::polar::{KNOTS, Polar};
use crate::staged_map::{Stage, StagedMap};

/// Stages of a file at most; our maps have up to seven.
const MAX_STAGES: usize = 64;

/// One stage as the metadata tells it; vectors and matrices stand in the tensors `stages.N…`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum StageInfo {
    /// Every component times a factor.
    Scale {
        /// The factor.
        factor: f64,
    },
    /// A vector added: `stages.N`, [d].
    Add,
    /// Onto the unit sphere.
    Sphere,
    /// A matrix applied: `stages.N`, [d, d], row-major.
    Linear,
    /// Gaussian noise keyed by seed and row index.
    Noise {
        /// σ of each component.
        sigma: f64,
        /// Seed, below 2⁵³.
        seed: u64,
    },
    /// Radii of pairs of coordinates and scales of single ones: `stages.N.basis` [d, d], `.source` and `.target`
    /// [pairs, knots], `.means` and `.ratios` [d − 2·pairs].
    Polar {
        /// Pairs of coordinates.
        pairs: usize,
        /// Order statistics kept of the source's radii and of the target's.
        knots: [usize; 2],
    },
}

/// Name, shape and values of a tensor.
pub(crate) type Tensor = (String, Vec<usize>, Vec<f64>);

/// The tensors of the stages.
pub(crate) fn tensors_of(map: &StagedMap) -> Vec<Tensor> {
    let dim = map.dim();
    let mut tensors = Vec::new();
    for (at, stage) in map.stages().iter().enumerate() {
        let name = format!("stages.{at}");
        match stage {
            Stage::Scale(_) | Stage::Sphere | Stage::Noise { .. } => {}
            Stage::Add(vector) => tensors.push((name, vec![dim], vector.clone())),
            Stage::Linear(matrix) => tensors.push((name, vec![dim, dim], matrix.clone())),
            Stage::Polar(polar) => {
                let table = |values: &[f64]| vec![polar.pairs, values.len() / polar.pairs.max(1)];
                let singles = vec![polar.means.len()];
                let parts = [
                    ("basis", vec![dim, dim], &polar.basis),
                    ("source", table(&polar.source), &polar.source),
                    ("target", table(&polar.target), &polar.target),
                    ("means", singles.clone(), &polar.means),
                    ("ratios", singles, &polar.ratios),
                ];
                let parts = parts.into_iter().filter(|(_, _, values)| !values.is_empty());
                tensors.extend(
                    parts.map(|(part, shape, values)| (format!("{name}.{part}"), shape, values.clone())),
                );
            }
        }
    }
    tensors
}

/// What the metadata says of the stages.
pub(crate) fn infos_of(map: &StagedMap) -> Vec<StageInfo> {
    map.stages()
        .iter()
        .map(|stage| match stage {
            Stage::Scale(factor) => StageInfo::Scale { factor: *factor },
            Stage::Add(_) => StageInfo::Add,
            Stage::Sphere => StageInfo::Sphere,
            Stage::Linear(_) => StageInfo::Linear,
            Stage::Noise { sigma, seed } => StageInfo::Noise {
                sigma: *sigma,
                seed: *seed,
            },
            Stage::Polar(polar) => StageInfo::Polar {
                pairs: polar.pairs,
                knots: [&polar.source, &polar.target].map(|table| table.len() / polar.pairs.max(1)),
            },
        })
        .collect()
}

/// Rebuilds the stages; `read` gives the checked values of a tensor of that name and shape.
pub(crate) fn map_of(
    dim: usize,
    infos: &[StageInfo],
    read: impl Fn(&str, &[usize]) -> Result<Vec<f64>, AlignerFileError>,
) -> Result<StagedMap, AlignerFileError> {
    let stage = |(at, info): (usize, &StageInfo)| -> Result<Stage, AlignerFileError> {
        let malformed = |text: &str| Err(AlignerFileError::Malformed(format!("stage {at}: {text}")));
        let name = format!("stages.{at}");
        Ok(match info {
            StageInfo::Scale { factor } if !usable(*factor) => {
                return malformed("its factor is not a number of a map");
            }
            StageInfo::Scale { factor } => Stage::Scale(*factor),
            StageInfo::Add => Stage::Add(read(&name, &[dim])?),
            StageInfo::Sphere => Stage::Sphere,
            StageInfo::Linear => Stage::Linear(read(&name, &[dim, dim])?),
            StageInfo::Noise { sigma, .. } if !(*sigma >= 0.0 && usable(*sigma)) => {
                return malformed("its σ is not a number of at least 0");
            }
            StageInfo::Noise { sigma, seed } => Stage::Noise {
                sigma: *sigma,
                seed: *seed,
            },
            StageInfo::Polar { pairs, knots } => {
                let fits = pairs.checked_mul(2).is_some_and(|columns| columns <= dim)
                    && knots.iter().all(|n| *n <= KNOTS && (*n > 0 || *pairs == 0));
                if !fits {
                    return malformed("its sizes do not fit the rows");
                }
                let part = |part: &str, shape: &[usize]| {
                    if shape.contains(&0) {
                        return Ok(Vec::new());
                    }
                    read(&format!("{name}.{part}"), shape)
                };
                let singles = [dim - 2 * pairs];
                let tables = [
                    part("source", &[*pairs, knots[0]])?,
                    part("target", &[*pairs, knots[1]])?,
                ];
                if tables.iter().zip(knots).any(|(table, n)| !ascending(table, *n)) {
                    return malformed("its radii do not ascend from zero");
                }
                Stage::Polar(Polar::new(
                    dim,
                    part("basis", &[dim, dim])?,
                    *pairs,
                    tables,
                    part("means", &singles)?,
                    part("ratios", &singles)?,
                ))
            }
        })
    };
    if infos.len() > MAX_STAGES {
        let count = infos.len();
        return Err(AlignerFileError::Malformed(format!(
            "{count} stages; at most {MAX_STAGES} are read"
        )));
    }
    let stages = infos.iter().enumerate().map(stage).collect::<Result<_, _>>()?;
    Ok(StagedMap::new(dim, stages))
}

fn ascending(table: &[f64], knots: usize) -> bool {
    knots == 0
        || table
            .chunks_exact(knots)
            .all(|row| row[0] >= 0.0 && row.is_sorted())
}
