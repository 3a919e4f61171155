//! A few queries with their neighbours in the rows put together, for people to look at.

use modality_gap_geometry::{CorpusBlock, Found, Map, Queries, Search, UnitRows};

use super::neighbours::merged;
use super::report::{ShownNeighbour, ShownQuery};
use super::sides::Sides;
use super::similarity::Kept;
use crate::{Control, TaskError};

/// Queries of each modality.
const QUERIES: usize = 12;
/// Neighbours of each.
const NEAR: usize = 10;
const NAMES: [&str; 2] = ["image", "text"];

/// The first rows of the sample with their neighbours: `neighbours`, or `before` and `after` the aligner.
pub(super) fn shown(
    sides: &Sides<'_>,
    before: Option<&Map>,
    kept: &Kept,
    control: &Control,
) -> Result<Vec<ShownQuery>, TaskError> {
    let first = |rows: &UnitRows| {
        let mut few = UnitRows::new(sides.map(0).dim());
        (0..rows.len().min(QUERIES)).for_each(|i| few.copy(rows, i));
        few
    };
    let (x, z) = (first(&kept.image), first(&kept.text));
    let after = around(sides, [&x, &z], [sides.map(0), sides.map(1)], control)?;
    let before = match before.zip(kept.before.as_ref()) {
        None => None,
        Some((map, y)) => {
            // a target that moves too is shown from where it was
            let image = sides.collect(0, map, kept.sample, 0..u64::MAX, control, "queries")?;
            Some(around(sides, [&first(&image), &first(y)], [map, map], control)?)
        }
    };
    let mut queries = Vec::new();
    for (side, rows) in [&x, &z].into_iter().enumerate() {
        for (i, row) in rows.indices().iter().enumerate() {
            let now = Some(after[side][i].clone());
            let then = before.as_ref().map(|lists| lists[side][i].clone());
            let (neighbours, after) = if then.is_some() { (None, now) } else { (now, None) };
            queries.push(ShownQuery {
                query: *row,
                query_modality: NAMES[side],
                neighbours,
                before: then,
                after,
            });
        }
    }
    Ok(queries)
}

/// The neighbours of image and text queries among all images and texts under their maps.
fn around(
    sides: &Sides<'_>,
    queries: [&UnitRows; 2],
    maps: [&Map; 2],
    control: &Control,
) -> Result<[Vec<Vec<ShownNeighbour>>; 2], TaskError> {
    let queries = queries.map(|rows| control.pool().install(|| Queries::of(rows.clone())));
    let mut found: [[Vec<Found>; 2]; 2] = Default::default();
    for (corpus, map) in maps.into_iter().enumerate() {
        let mut searches = [0, 1].map(|side: usize| {
            let mut search = Search::new(NEAR, side == corpus);
            search.extend(queries[side].rows().len(), None);
            search
        });
        sides.each_block(corpus, map, 0..u64::MAX, control, "examples", |parts| {
            control.pool().install(|| {
                let block = CorpusBlock::of(parts);
                for (search, queries) in searches.iter_mut().zip(&queries) {
                    search.visit(queries, 0, &block);
                }
            });
            Ok(())
        })?;
        for (found, search) in found.iter_mut().zip(&searches) {
            found[corpus] = search.found().to_vec();
        }
    }
    Ok(found.map(|[images, texts]| {
        let pairs = images.iter().zip(&texts);
        pairs.map(|(images, texts)| list(images, texts)).collect()
    }))
}

fn list(images: &Found, texts: &Found) -> Vec<ShownNeighbour> {
    let mixed = merged(&images.nearest, &texts.nearest);
    let near = mixed.iter().take(NEAR).map(|(side, n)| ShownNeighbour {
        row: n.index,
        modality: NAMES[*side],
        cosine: n.cosine,
    });
    near.collect()
}
