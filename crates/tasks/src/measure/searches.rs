//! What rows look for among all rows of either side: the passes of a search for neighbours.

use std::ops::Range;

use modality_gap_geometry::{CorpusBlock, Map, Neighbour, Partner, Queries, Search, UnitRows};
use modality_gap_kernels::dot;

use super::neighbours::{Asking, Counts, MIXED, NEAR};
use super::report::Sampled;
use super::sides::Sides;
use crate::groups::Members;
use crate::paired::Gather;
use crate::scan::BLOCK_ROWS;
use crate::{Control, Sample, TaskError};

/// Rows a side up to which every row asks for its neighbours.
const ALL_ASK: u64 = 20_000;
/// Rows a side that ask beyond; a sample.
const SOME_ASK: u64 = 10_000;
/// Rows that ask at a time where a sample does; bounds the memory.
const AT_A_TIME: f64 = 8192.0;
/// Rows a side up to which one product serves both of its rows where every row asks: all lists are then in memory.
const BOTH_WAYS: u64 = 1 << 17;
/// Rows that ask at a time then; whole blocks.
const RANGE: u64 = 6 * BLOCK_ROWS;

/// What the neighbours of all queries say.
pub(super) fn neighbours(
    sides: &Sides<'_>,
    asking: &Asking<'_>,
    control: &Control,
) -> Result<Counts, TaskError> {
    let rows = sides.longest();
    let sample = if asking.exact || rows <= ALL_ASK {
        Sample::ALL
    } else {
        Sample::of(rows, SOME_ASK, asking.seed)
    };
    let mut counts = Counts::new([sides.source(0).rows(), sides.source(1).rows()]);
    if sample.is_all() && rows <= BOTH_WAYS {
        all_ask(sides, asking, control, &mut counts)?;
    } else {
        some_ask(sides, asking, sample, control, &mut counts)?;
    }
    if !sample.is_all() {
        counts.sampled = Some(Sampled::of(sample, counts.asked[0].max(counts.asked[1])));
    }
    Ok(counts)
}

/// Rows of a range that ask: of either side, and texts before the aligner.
struct Asked {
    sides: [Queries; 2],
    before: Option<Queries>,
}

impl Asked {
    fn collect(
        sides: &Sides<'_>,
        asking: &Asking<'_>,
        sample: Sample,
        range: Range<u64>,
        control: &Control,
    ) -> Result<Self, TaskError> {
        let queries = |side: usize, map: &Map| -> Result<Queries, TaskError> {
            let rows = sides.collect(side, map, sample, range.clone(), control, "queries")?;
            Ok(control.pool().install(|| Queries::of(rows)))
        };
        Ok(Self {
            sides: [queries(0, sides.map(0))?, queries(1, sides.map(1))?],
            before: asking.before.map(|map| queries(1, map)).transpose()?,
        })
    }
}

/// Every row asks among all: a product of two rows serves both of them.
fn all_ask(
    sides: &Sides<'_>,
    asking: &Asking<'_>,
    control: &Control,
    counts: &mut Counts,
) -> Result<(), TaskError> {
    let (mut searches, pool) = (Searches::new(sides, asking), control.pool());
    // of the rows of the range among all that ask, and of the texts before the aligner
    let (mut places, mut before) = ([0; 2], 0);
    for first in (0..sides.longest()).step_by(RANGE as usize) {
        let queries = Asked::collect(sides, asking, Sample::ALL, first..first + RANGE, control)?;
        let ends = [0, 1].map(|side: usize| places[side] + queries.sides[side].rows().len());
        for side in [0, 1] {
            searches.ask(side, places[side], queries.sides[side].rows())?;
        }
        for (side, other) in [(0, 1), (1, 0)] {
            let mut at = places[side];
            sides.each_block(
                side,
                sides.map(side),
                first..u64::MAX,
                control,
                "neighbours",
                |parts| {
                    let block = pool.install(|| CorpusBlock::of(parts));
                    let mut place = at;
                    for rows in block.parts() {
                        searches.ask(side, place, rows)?;
                        place += rows.len();
                    }
                    pool.install(|| {
                        let asked = &queries.sides[side];
                        searches.own(side).visit_among(asked, places[side], &block, at);
                        // images and texts of the range have met when the images passed
                        if side == 0 || at >= ends[1] {
                            let (theirs, ours) = searches.across(other);
                            let asked = &queries.sides[other];
                            theirs.visit_both(asked, places[other], &block, ours, at);
                        }
                    });
                    at = place;
                    Ok(())
                },
            )?;
        }
        if let Some((map, asked)) = asking.before.zip(queries.before.as_ref()) {
            let mut at = before;
            before += asked.rows().len();
            searches.ask_before(before);
            sides.each_block(1, map, first..u64::MAX, control, "neighbours before", |parts| {
                let block = pool.install(|| CorpusBlock::of(parts));
                searches.ask_before(at + block.len());
                let place = before - asked.rows().len();
                pool.install(|| searches.before.visit_among(asked, place, &block, at));
                at += block.len();
                Ok(())
            })?;
        }
        places = ends;
    }
    searches.count(sides, asking, counts);
    Ok(())
}

/// The rows that `sample` takes against all rows.
fn some_ask(
    sides: &Sides<'_>,
    asking: &Asking<'_>,
    sample: Sample,
    control: &Control,
    counts: &mut Counts,
) -> Result<(), TaskError> {
    #[allow(clippy::cast_sign_loss, reason = "positive")]
    let width = (AT_A_TIME / sample.share()).ceil() as u64;
    for first in (0..sides.longest()).step_by(width as usize) {
        let queries = Asked::collect(sides, asking, sample, first..first + width, control)?;
        range_asks(sides, asking, &queries, control, counts)?;
    }
    Ok(())
}

/// The rows of a range that ask against all rows.
fn range_asks(
    sides: &Sides<'_>,
    asking: &Asking<'_>,
    queries: &Asked,
    control: &Control,
    counts: &mut Counts,
) -> Result<(), TaskError> {
    let (mut searches, pool) = (Searches::new(sides, asking), control.pool());
    let all = 0..u64::MAX;
    for side in [0, 1] {
        searches.ask(side, 0, queries.sides[side].rows())?;
    }
    for side in [0, 1] {
        sides.each_block(
            side,
            sides.map(side),
            all.clone(),
            control,
            "neighbours",
            |parts| {
                pool.install(|| {
                    let block = CorpusBlock::of(parts);
                    for (asked, searches) in queries.sides.iter().zip(&mut searches.among) {
                        searches[side].visit(asked, 0, &block);
                    }
                });
                Ok(())
            },
        )?;
    }
    if let Some((map, asked)) = asking.before.zip(queries.before.as_ref()) {
        searches.ask_before(asked.rows().len());
        sides.each_block(1, map, all, control, "neighbours before", |parts| {
            pool.install(|| searches.before.visit(asked, 0, &CorpusBlock::of(parts)));
            Ok(())
        })?;
    }
    searches.count(sides, asking, counts);
    Ok(())
}

/// What the rows that ask look for.
struct Searches<'a> {
    /// By the side of those that ask and the side that they look at.
    among: [[Search<'a>; 2]; 2],
    /// Texts before the aligner among one another.
    before: Search<'a>,
    /// The rows that ask, by side.
    rows: [Vec<u64>; 2],
    /// Their partners, where there are any.
    partners: Option<Partners<'a>>,
    /// How many each of them has.
    numbers: [Vec<u64>; 2],
}

impl<'a> Searches<'a> {
    fn new(sides: &'a Sides<'_>, asking: &Asking<'_>) -> Self {
        let search = |side: usize, of: usize| {
            let search = Search::new(MIXED, side == of);
            if asking.paired && side != of {
                search.ranking(move |index| sides.source(of).key(index))
            } else {
                search
            }
        };
        Self {
            among: [[search(0, 0), search(0, 1)], [search(1, 0), search(1, 1)]],
            before: Search::new(NEAR, true),
            rows: [Vec::new(), Vec::new()],
            partners: asking.paired.then(|| Partners::open(sides)),
            numbers: [Vec::new(), Vec::new()],
        }
    }

    /// Rows of `side`, the first of them in that place among those that ask; they may ask already.
    fn ask(&mut self, side: usize, place: usize, rows: &UnitRows) -> Result<(), TaskError> {
        if place < self.rows[side].len() {
            return Ok(());
        }
        let partners = self
            .partners
            .as_mut()
            .map(|partners| partners.of(side, rows))
            .transpose()?;
        if let Some(partners) = &self.partners {
            self.numbers[side].extend(partners.numbers(side, rows));
        }
        self.rows[side].extend_from_slice(rows.indices());
        self.among[side][side].extend(rows.len(), None);
        self.among[side][1 - side].extend(rows.len(), partners);
        Ok(())
    }

    /// So many texts before the aligner ask.
    fn ask_before(&mut self, n: usize) {
        self.before.extend(n.saturating_sub(self.before.len()), None);
    }

    /// Rows of `side` among one another.
    fn own(&mut self, side: usize) -> &mut Search<'a> {
        &mut self.among[side][side]
    }

    /// Rows of `side` among those of the other side, and the other way round.
    fn across(&mut self, side: usize) -> (&mut Search<'a>, &mut Search<'a>) {
        let [[_, images], [texts, _]] = &mut self.among;
        if side == 0 {
            (images, texts)
        } else {
            (texts, images)
        }
    }

    fn count(&self, sides: &Sides<'_>, asking: &Asking<'_>, counts: &mut Counts) {
        let [[xx, xz], [zx, zz]] = self
            .among
            .each_ref()
            .map(|both| both.each_ref().map(Search::found));
        if asking.before.is_some() {
            for (before, after) in self.before.found().iter().zip(zz) {
                counts.retain(before, after);
            }
        }
        counts.pool(0, xx, xz);
        counts.pool(1, zx, zz);
        if !asking.paired {
            return;
        }
        for (side, found) in [(0, xz), (1, zx)] {
            let numbers = &self.numbers[side];
            counts.rank(side, found, numbers);
            if asking.outcomes {
                let asked = self.rows[side].iter().zip(found).zip(numbers);
                let source = sides.source(side);
                let outcomes = asked
                    .filter(|(_, n)| **n > 0)
                    .map(|((&row, found), _)| (source.key(row), found.before_partner == 0));
                counts.outcomes[side].extend(outcomes);
            }
        }
    }
}

/// Finds the partners of rows.
struct Partners<'a> {
    sides: &'a Sides<'a>,
    /// Rows of each group by side; none where rows are in no group, and have the partner of their own index.
    members: Option<[Members; 2]>,
    gather: [Gather<'a>; 2],
}

impl<'a> Partners<'a> {
    fn open(sides: &'a Sides<'_>) -> Self {
        let gather = |side: usize| Gather::open(sides.source(side), sides.map(side));
        Self {
            sides,
            members: sides.grouped().then(|| [sides.members(0), sides.members(1)]),
            gather: [gather(0), gather(1)],
        }
    }

    /// How many rows of its group there are on the other side for each row of `side`.
    fn numbers(&self, side: usize, queries: &UnitRows) -> Vec<u64> {
        let source = self.sides.source(side);
        let members = self.members.as_ref().map(|members| &members[1 - side]);
        let number = |&row: &u64| members.map_or(1, |members| members.rows(source.key(row)).len() as u64);
        queries.indices().iter().map(number).collect()
    }

    /// The nearest row of its group on the other side for each row of `side`.
    fn of(&mut self, side: usize, queries: &UnitRows) -> Result<Vec<Option<Partner>>, TaskError> {
        let source = self.sides.source(side);
        let key = |i: usize| source.key(queries.indices()[i]);
        let members = self.members.as_ref().map(|members| &members[1 - side]);
        let group = |i: usize| -> Vec<u64> {
            members.map_or_else(
                || vec![queries.indices()[i]],
                |members| members.rows(key(i)).iter().map(|&row| u64::from(row)).collect(),
            )
        };
        let mut wanted: Vec<u64> = (0..queries.len()).flat_map(&group).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let rows = self.gather[1 - side].unit_rows(&wanted)?;
        let nearest = (0..queries.len()).map(|i| {
            let group = group(i).into_iter().map(|index| {
                let at = wanted.binary_search(&index).expect("it was read");
                Neighbour {
                    cosine: dot(queries.row(i), rows.row(at)),
                    index,
                }
            });
            // the first among equals, for rows ascend
            let nearest = group.reduce(|a, b| if b.cosine > a.cosine { b } else { a })?;
            Some(Partner { nearest, key: key(i) })
        });
        Ok(nearest.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use modality_gap_geometry::{Policy, mix};
    use modality_gap_kernels::Rows;
    use modality_gap_shards::memory_rows;

    use super::*;
    use crate::{ReadOptions, RowSet, Split};

    const DIM: usize = 6;

    fn side(rows: u64, seed: u64) -> RowSet {
        let value = |i: u64| (mix(seed ^ (i << 8)) >> 40) as f32 / 8_388_608.0 - 1.0;
        // some rows stand twice, so that there are ties
        let values =
            (0..rows).flat_map(|row| (0..DIM as u64).map(move |j| value(row % 3_500 * DIM as u64 + j)));
        let values: Vec<f32> = values.collect();
        let shard = memory_rows(Rows::F32(&values), DIM, Vec::new()).unwrap();
        RowSet::memory(Arc::from(shard), ReadOptions::default())
    }

    /// More rows than a range holds, of sides of one length and of two: lists, ranks and sums are those of queries that each look for
    /// themselves.
    #[test]
    fn a_product_that_serves_both_rows_changes_nothing() {
        let control = Control::quiet(2).unwrap();
        let map = Map::identity(DIM, Policy::Unit);
        for (rows, paired) in [([3_600, 3_600], true), ([3_700, 3_100], false)] {
            let sources = [side(rows[0], 1), side(rows[1], 2)];
            let split = Split::default();
            let sides = Sides::count(
                [&sources[0], &sources[1]],
                [&map; 2],
                paired,
                split,
                None,
                &control,
            )
            .unwrap();
            let asking = Asking {
                before: Some(&map),
                paired,
                outcomes: true,
                exact: true,
                seed: 0,
            };
            let [mut both, mut each] = [(); 2].map(|()| Counts::new(rows));
            all_ask(&sides, &asking, &control, &mut both).unwrap();
            some_ask(&sides, &asking, Sample::ALL, &control, &mut each).unwrap();
            assert_eq!(both, each);
            assert_eq!(both.retention(), Some(1.0));
        }
    }
}
