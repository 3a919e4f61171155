//! What a report draws: rows in two dimensions, stage by stage.

use modality_gap_geometry::{Aligner, Map, Plane, Policy, RowMap, Stage, StagedMap, as_rows, distance};
use modality_gap_kernels::{Rows, RowsMut};
use ndarray::{ArrayView2, Axis, concatenate, s};

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
    let dim = identity.dim();
    let both = concatenate![Axis(0), kept.image.rows(), original.rows()];
    let plane = Plane::of(both.view()).map_err(|error| TaskError::Numeric(error.to_string()))?;
    let image_mean = sides.moments(0).mean();
    let mut points = Vec::new();
    let mut draw = |rows: ArrayView2<'_, f64>, indices: &[u64], modality: &'static str, stage: &str| {
        for (row, index) in rows.rows().into_iter().zip(indices).take(DRAWN) {
            let [x, y] = plane.project(row);
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
    let originals = original.rows().slice_move(s![..drawn, ..]);
    let originals = originals.to_slice().expect("rows one after another");
    for (name, map) in stages_of(&identity, aligner) {
        let stage = format!("stage {name}");
        let selection = sides.selection(1);
        let counted = count(sides.source(1), &map, selection, control, &stage, sides.work())?;
        let moments = sides.measured(&counted);
        let mut mapped = vec![0.0; originals.len()];
        let (mut scratch, mut bad) = (modality_gap_geometry::Scratch::default(), Vec::new());
        map.prepare(Rows::F64(originals), 0, &mut scratch, &mut bad);
        map.write(Rows::F64(originals), &scratch, RowsMut::F64(&mut mapped));
        draw(as_rows(&mapped, dim), original.indices(), "text", &name);
        stages.push(DrawnStage {
            name,
            gap: distance(image_mean, moments.mean()),
            trace: moments.trace(),
            centroid: plane.project(moments.mean()),
            image_centroid: plane.project(image_mean),
        });
    }
    Ok(Figures {
        projection: Projection {
            axes: "leading principal directions of image and original text together",
            explained: plane.explained(),
            points,
        },
        stages,
        neighbours: None,
    })
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
