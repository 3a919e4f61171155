//! What a report draws: rows in two dimensions, stage by stage.

use modality_gap_geometry::{Aligner, Covariance, Eigen, Map, Policy, RowMap, Stage, StagedMap, distance};
use modality_gap_kernels::{Rows, RowsMut, dot};

use super::report::{DrawnRow, DrawnStage, Figures, Projection};
use super::sides::Sides;
use super::similarity::Kept;
use crate::moments::count;
use crate::{Control, TaskError};

/// Rows a side that are drawn.
const DRAWN: usize = 400;

/// `figures` of the results: one projection for all stages, and gap and trace of each.
pub(super) fn figures(
    sides: &Sides<'_>,
    kept: &Kept,
    aligner: Option<&Aligner>,
    control: &Control,
) -> Result<Figures, TaskError> {
    let identity = Map::identity(sides.source(0).dim, Policy::Unit);
    let original = kept.before.as_ref().unwrap_or(&kept.text);
    let axes = Axes::of(kept.image.rows(), original.rows(), sides.source(0).dim)?;
    let image_mean = sides.moments(0).mean();
    let mut points = Vec::new();
    let mut draw = |rows: &[f64], indices: &[u64], modality: &'static str, stage: &str| {
        let dim = axes.center.len();
        for (row, index) in rows.chunks_exact(dim).zip(indices).take(DRAWN) {
            let [x, y] = axes.project(row);
            points.push(DrawnRow {
                row: *index,
                modality,
                stage: stage.to_owned(),
                x,
                y,
            });
        }
    };
    draw(kept.image.rows(), kept.image.indices(), "image", "original");
    let mut stages = Vec::new();
    let drawn = DRAWN.min(original.len());
    let originals = &original.rows()[..drawn * axes.center.len()];
    for (name, map) in stages_of(&identity, aligner) {
        let stage = format!("stage {name}");
        let counted = count(sides.source(1), &map, sides.selection(1), control, &stage, None)?;
        let moments = sides.measured(&counted);
        let mut mapped = vec![0.0; originals.len()];
        let (mut scratch, mut bad) = (modality_gap_geometry::Scratch::default(), Vec::new());
        map.prepare(Rows::F64(originals), 0, &mut scratch, &mut bad);
        map.write(Rows::F64(originals), &scratch, RowsMut::F64(&mut mapped));
        draw(&mapped, original.indices(), "text", &name);
        stages.push(DrawnStage {
            name,
            gap: distance(image_mean, moments.mean()),
            trace: moments.trace(),
            centroid: axes.project(moments.mean()),
            image_centroid: axes.project(image_mean),
        });
    }
    Ok(Figures {
        projection: Projection {
            axes: "leading principal directions of image and original text together",
            explained: axes.explained,
            points,
        },
        stages,
        neighbours: None,
    })
}

/// The plane that everything is drawn in.
struct Axes {
    center: Vec<f64>,
    directions: [Vec<f64>; 2],
    explained: [f64; 2],
}

impl Axes {
    fn of(image: &[f64], text: &[f64], dim: usize) -> Result<Self, TaskError> {
        let mut covariance = Covariance::about(&vec![0.0; dim]);
        covariance.accumulate(&[image, text].concat());
        let eigen =
            Eigen::of(covariance.matrix().as_ref()).map_err(|error| TaskError::Numeric(error.to_string()))?;
        let axis = |k: usize| -> Vec<f64> {
            if k >= dim {
                return vec![0.0; dim];
            }
            let mut axis: Vec<f64> = eigen.vectors.col(k).iter().copied().collect();
            // a sign of its own, so that a picture does not flip between runs
            let lead = axis
                .iter()
                .copied()
                .fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            for v in &mut axis {
                *v *= lead.signum();
            }
            axis
        };
        let total: f64 = eigen.values.iter().sum();
        Ok(Self {
            center: covariance.mean(),
            directions: [axis(0), axis(1)],
            explained: [0, 1].map(|k| eigen.values.get(k).map_or(0.0, |v| v / total)),
        })
    }

    fn project(&self, row: &[f64]) -> [f64; 2] {
        let centred: Vec<f64> = row.iter().zip(&self.center).map(|(v, c)| v - c).collect();
        [0, 1].map(|k| dot(&centred, &self.directions[k]))
    }
}

/// The text's map up to each stage, beginning with the rows as they are.
fn stages_of(identity: &Map, aligner: Option<&Aligner>) -> Vec<(String, Map)> {
    let mut stages = vec![("original".to_owned(), identity.clone())];
    let Some(aligner) = aligner else {
        return stages;
    };
    let dim = aligner.dim();
    let shift: Vec<f64> = aligner
        .target_mean()
        .iter()
        .zip(aligner.source_mean())
        .map(|(x, y)| x - y)
        .collect();
    match aligner.map() {
        Map::Row(map) => {
            let euclidean = |scale: f64, shift: Option<&[f64]>| {
                Map::from(RowMap::new(
                    dim,
                    Policy::Unit,
                    scale,
                    shift.map(<[f64]>::to_vec),
                    false,
                    Vec::new(),
                ))
            };
            if map.shift().is_some() && aligner.target_map().is_none() {
                stages.push(("anchor".to_owned(), euclidean(1.0, Some(&shift))));
            }
            if map.scale() != 1.0 {
                stages.push(("trace".to_owned(), euclidean(map.scale(), map.shift())));
            }
            if let Some(offset) = map.offsets().first() {
                let first = [
                    Stage::Scale(map.scale()),
                    Stage::Add(map.shift().map_or_else(|| vec![0.0; dim], <[f64]>::to_vec)),
                    Stage::Sphere,
                    Stage::Add(offset.clone()),
                ];
                stages.push(("centroid".to_owned(), StagedMap::new(dim, first.to_vec()).into()));
            }
        }
        Map::Staged(map) => {
            for (at, stage) in map.stages().iter().enumerate().take(map.stages().len() - 1) {
                let name = match stage {
                    Stage::Scale(_) => "scale",
                    Stage::Add(_) if at == 0 => "anchor",
                    Stage::Add(_) => "centroid",
                    Stage::Sphere => "sphere",
                    Stage::Linear(_) => "matrix",
                    Stage::Noise { .. } => "noise",
                    Stage::Polar(_) => "radii",
                };
                stages.push((
                    name.to_owned(),
                    StagedMap::new(dim, map.stages()[..=at].to_vec()).into(),
                ));
            }
        }
    }
    stages.push(("final".to_owned(), aligner.map().clone()));
    stages
}
