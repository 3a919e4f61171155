//! Nearest neighbours by cosine, exact, over any number of rows seen block by block.
//!
//! Scores are first computed in 16-bit fixed point; a row that could be among the k best within the bound of that
//! rounding is scored again in f64. So the lists are those of f64 arithmetic.

use modality_gap_kernels::{
    FixedCorpus, FixedQueries, dot, fixed_bound, fixed_cosine, fixed_product, fixed_products,
};
use rayon::prelude::*;

/// Queries that one task works on: they stay in the second cache. A multiple of four; it changes nothing in the lists.
const PANEL: usize = 64;
/// Scores that are passed over together where none of them matters.
const PASSED: usize = 16;

/// Unit rows with their indices in the whole source.
#[derive(Debug, Clone, Default)]
pub struct UnitRows {
    dim: usize,
    rows: Vec<f64>,
    indices: Vec<u64>,
}

impl UnitRows {
    /// No rows of width `dim`.
    pub fn new(dim: usize) -> Self {
        Self {
            dim,
            ..Self::default()
        }
    }

    /// Forgets the rows, keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.indices.clear();
    }

    /// Adds a row, scaled to length one; a row of length zero stays zero and is near to nothing.
    pub fn push(&mut self, row: &[f64], index: u64) {
        let length = dot(row, row).sqrt();
        let factor = if length > 0.0 { 1.0 / length } else { 0.0 };
        self.rows.extend(row.iter().map(|v| v * factor));
        self.indices.push(index);
    }

    /// Adds row `i` of another set as it is.
    pub fn copy(&mut self, from: &Self, i: usize) {
        self.rows.extend_from_slice(from.row(i));
        self.indices.push(from.indices[i]);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.dim..(i + 1) * self.dim]
    }

    /// All rows, row-major.
    pub fn rows(&self) -> &[f64] {
        &self.rows
    }

    /// Index of each row in its source.
    pub fn indices(&self) -> &[u64] {
        &self.indices
    }
}

/// A block of the corpus, ready to be searched.
pub struct CorpusBlock<'a> {
    rows: &'a UnitRows,
    fixed: FixedCorpus,
    /// The largest of its rounding errors.
    error: f64,
}

impl<'a> CorpusBlock<'a> {
    /// The block of these rows.
    pub fn of(rows: &'a UnitRows) -> Self {
        let fixed = FixedCorpus::of(&rows.rows, rows.dim);
        let error = fixed.errors().iter().copied().fold(0.0, f64::max);
        Self { rows, fixed, error }
    }
}

/// A neighbour: its cosine and its index in the corpus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Cosine with the query.
    pub cosine: f64,
    /// Index in the corpus.
    pub index: u64,
}

/// What a query has found so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The nearest, best first; equal cosines in the order of their indices.
    pub nearest: Vec<Neighbour>,
    /// Rows of other groups that stand before the nearest of the query's own group; its rank is one more.
    pub before_partner: u64,
}

/// The nearest row of the corpus that belongs to a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partner {
    /// Its cosine and its index in the corpus.
    pub nearest: Neighbour,
    /// The group of the query; rows of the corpus with this key are partners as well.
    pub key: u64,
}

/// The group of a row of the corpus by its index.
type KeyOf<'a> = Box<dyn Fn(u64) -> u64 + Send + Sync + 'a>;

/// The k nearest rows of a corpus for each of some queries.
pub struct Search<'a> {
    queries: &'a UnitRows,
    fixed: FixedQueries,
    k: usize,
    /// Whether the corpus holds the queries themselves, which are then no neighbours of their own.
    itself: bool,
    /// The partner of each query that has one, and the groups of the corpus.
    partners: Option<(Vec<Option<Partner>>, KeyOf<'a>)>,
    found: Vec<Found>,
}

impl<'a> Search<'a> {
    /// A search for `k` neighbours; `itself` says that the corpus holds the queries.
    pub fn new(queries: &'a UnitRows, k: usize, itself: bool) -> Self {
        Self {
            queries,
            fixed: FixedQueries::of(&queries.rows, queries.dim),
            k,
            itself,
            partners: None,
            found: vec![Found::default(); queries.len()],
        }
    }

    /// Ranks the partner of each query as well: rows of other groups stand before it when they are nearer, or as near with a
    /// lower index, so that rows which are all alike find nothing by it.
    pub fn ranking(
        mut self,
        partners: Vec<Option<Partner>>,
        key_of: impl Fn(u64) -> u64 + Send + Sync + 'a,
    ) -> Self {
        assert_eq!(partners.len(), self.queries.len(), "a partner or none per query");
        self.partners = Some((partners, Box::new(key_of)));
        self
    }

    /// Looks at a block of the corpus, on the threads of the current rayon pool. The order of blocks changes nothing.
    pub fn visit(&mut self, corpus: &CorpusBlock<'_>) {
        let (queries, fixed, m) = (self.queries, &self.fixed, corpus.rows.len());
        let partners = self.partners.as_ref();
        // of the f64 product that a score is compared with
        let rounding = queries.dim as f64 * f64::EPSILON;
        self.found.par_chunks_mut(PANEL).enumerate().for_each_init(
            Vec::new,
            |scores: &mut Vec<i32>, (panel, found)| {
                let first = panel * PANEL;
                scores.resize(found.len() * m, 0);
                fixed_products(fixed, first..first + found.len(), &corpus.fixed, scores);
                for (i, (found, scores)) in found.iter_mut().zip(scores.chunks_exact(m.max(1))).enumerate() {
                    let query = Query {
                        row: queries.row(first + i),
                        index: queries.indices[first + i],
                        k: self.k,
                        itself: self.itself,
                        partner: partners
                            .and_then(|(all, key_of)| all[first + i].map(|partner| (partner, key_of))),
                        error: fixed_bound(fixed.errors()[first + i], corpus.error) + rounding,
                    };
                    query.visit(scores, corpus.rows, found);
                }
            },
        );
    }

    /// What was found, query by query.
    pub fn finish(self) -> Vec<Found> {
        self.found
    }
}

/// One query before a block of the corpus.
struct Query<'a> {
    row: &'a [f64],
    index: u64,
    k: usize,
    itself: bool,
    partner: Option<(Partner, &'a KeyOf<'a>)>,
    /// How far a score may be from the cosine.
    error: f64,
}

impl Query<'_> {
    fn visit(&self, scores: &[i32], corpus: &UnitRows, found: &mut Found) {
        let mut limit = self.limit(found);
        for (chunk, scores) in scores.chunks(PASSED).enumerate() {
            if scores.iter().fold(i32::MIN, |most, &score| most.max(score)) < limit {
                continue;
            }
            for (i, &score) in scores.iter().enumerate() {
                if score >= limit && self.look(fixed_cosine(score), chunk * PASSED + i, corpus, found) {
                    limit = self.limit(found);
                }
            }
        }
    }

    /// The least score that matters.
    fn limit(&self, found: &Found) -> i32 {
        let worst = Self::worst(self.k, found);
        let least = self
            .partner
            .map_or(worst, |(partner, _)| worst.min(partner.nearest.cosine));
        fixed_product(least - self.error).saturating_sub(1)
    }

    /// Looks at row `j`, whose cosine is about `score`; whether it has entered the list.
    fn look(&self, score: f64, j: usize, corpus: &UnitRows, found: &mut Found) -> bool {
        let index = corpus.indices[j];
        let could_enter = score + self.error >= Self::worst(self.k, found);
        let undecided = match &self.partner {
            None => false,
            Some((partner, _)) if score < partner.nearest.cosine - self.error => false,
            Some((partner, key_of)) if key_of(index) == partner.key => false,
            Some((partner, _)) if score > partner.nearest.cosine + self.error => {
                found.before_partner += 1;
                false
            }
            Some(_) => true,
        };
        if !could_enter && !undecided || self.itself && index == self.index {
            return false;
        }
        let cosine = dot(self.row, corpus.row(j));
        if let Some((Partner { nearest, .. }, _)) = self.partner.as_ref().filter(|_| undecided) {
            found.before_partner += u64::from(Neighbour { cosine, index }.stands_before(nearest));
        }
        if could_enter {
            insert(&mut found.nearest, self.k, Neighbour { cosine, index });
        }
        could_enter
    }

    /// The cosine below which a row cannot enter the list.
    fn worst(k: usize, found: &Found) -> f64 {
        match found.nearest.last() {
            Some(last) if found.nearest.len() == k => last.cosine,
            _ => f64::NEG_INFINITY,
        }
    }
}

/// Keeps the k best, best first, the lower index first among equals.
fn insert(nearest: &mut Vec<Neighbour>, k: usize, new: Neighbour) {
    let at = nearest.partition_point(|old| old.stands_before(&new));
    if at < k {
        nearest.truncate(k - 1);
        nearest.insert(at, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows `first..last`; from 300 on those of the start come again.
    fn rows(first: u64, last: u64, dim: u64) -> UnitRows {
        let mut rows = UnitRows::new(dim as usize);
        for i in first..last {
            let row: Vec<f64> = (0..dim)
                .map(|j| (crate::mix(5 ^ (i % 300 * dim + j)) >> 40) as f64 - 8_388_608.0)
                .collect();
            rows.push(&row, i);
        }
        rows
    }

    /// Against the full sort in f64; some rows stand in the corpus twice, so that there are ties.
    #[test]
    fn lists_equal_a_full_sort() {
        let corpus = rows(0, 400, 24);
        let (queries, partners) = (corpus.clone(), corpus.clone());
        for itself in [true, false] {
            let own = (0..400).map(|i| {
                let cosine = dot(queries.row(i), partners.row(i));
                let (index, key) = (i as u64, i as u64);
                Some(Partner {
                    nearest: Neighbour { cosine, index },
                    key,
                })
            });
            let mut search = Search::new(&queries, 7, itself).ranking(own.collect(), |index| index);
            for first in (0..400).step_by(90) {
                search.visit(&CorpusBlock::of(&rows(first, (first + 90).min(400), 24)));
            }
            for (i, found) in search.finish().iter().enumerate() {
                let mut all: Vec<Neighbour> = (0..400)
                    .filter(|&j| !(itself && i == j))
                    .map(|j| Neighbour {
                        cosine: dot(queries.row(i), corpus.row(j)),
                        index: j as u64,
                    })
                    .collect();
                all.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.index.cmp(&b.index)));
                let own = dot(queries.row(i), partners.row(i));
                let before = all
                    .iter()
                    .filter(|n| n.index != i as u64)
                    .filter(|n| n.cosine > own || n.cosine == own && n.index < i as u64)
                    .count();
                assert_eq!(found.before_partner, before as u64);
                all.truncate(7);
                assert_eq!(found.nearest, all);
            }
        }
    }
}
