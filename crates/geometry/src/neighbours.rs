//! Nearest neighbours by cosine, exact, over any number of rows seen block by block.
//!
//! Scores are first computed in 16-bit fixed point; a row that could be among the k best within the bound of that
//! rounding is scored again in f64. So the lists are those of f64 arithmetic. One product serves both of its rows where both
//! ask: a query finds the row of the corpus, and that row finds the query.

use modality_gap_kernels::{
    FixedHit, FixedLimits, FixedWanted, dot, fixed_bound, fixed_cosine, fixed_search,
};
use rayon::prelude::*;

use crate::unit_rows::{CorpusBlock, PANEL, Queries, UnitRows};

/// Rows whose finds one task settles.
const SETTLED: usize = 16;
/// How many times more queries pass by rows that know no neighbours yet, before their limits are drawn again.
const GROWTH: usize = 8;

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

/// The nearest row of the corpus that belongs to a query: no other row of its group is nearer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partner {
    /// Its cosine and its index in the corpus.
    pub nearest: Neighbour,
    /// The group of the query; rows of the corpus with this key are partners as well.
    pub key: u64,
}

/// The group of a row of the corpus by its index.
type KeyOf<'a> = Box<dyn Fn(u64) -> u64 + Send + Sync + 'a>;

/// The k nearest rows of a corpus for each of some rows, by their place in the order of those that ask.
pub struct Search<'a> {
    asking: Asking<'a>,
    found: Vec<Found>,
}

/// Which finds of a block count: those of queries before place `until`, and those of its rows among queries before `known`.
#[derive(Clone, Copy)]
struct Rule {
    until: usize,
    known: usize,
}

/// Some queries before a block of the corpus; the first of them asks from `place` on.
#[derive(Clone, Copy)]
struct Pass<'a> {
    queries: &'a Queries,
    place: usize,
    corpus: &'a CorpusBlock,
    rule: Rule,
}

/// What the rows of a block find among the queries of a panel.
struct Back {
    hits: Vec<FixedHit>,
    beyond: Vec<u64>,
}

impl<'a> Search<'a> {
    /// A search for `k` neighbours; `itself` says that the corpus holds the rows that ask.
    pub fn new(k: usize, itself: bool) -> Self {
        assert!(k > 0, "a neighbour at least");
        let asking = Asking {
            k,
            itself,
            partners: None,
        };
        Self {
            asking,
            found: Vec::new(),
        }
    }

    /// Ranks the partner of each row as well, by the groups of the corpus: rows of other groups stand before it when they are
    /// nearer, or as near with a lower index, so that rows which are all alike find nothing by it.
    #[must_use]
    pub fn ranking(mut self, key_of: impl Fn(u64) -> u64 + Send + Sync + 'a) -> Self {
        self.asking.partners = Some((Vec::new(), Box::new(key_of)));
        self
    }

    /// Lets `n` more rows ask, behind those that ask already; where partners are ranked, with a partner or none for each.
    pub fn extend(&mut self, n: usize, partners: Option<Vec<Option<Partner>>>) {
        self.found.resize(self.found.len() + n, Found::default());
        if let Some((all, _)) = &mut self.asking.partners {
            all.extend(partners.into_iter().flatten());
            assert_eq!(all.len(), self.found.len(), "a partner or none per row");
        }
    }

    /// Number of rows that ask.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether none asks.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, in the order of those that ask.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Looks at a block of the corpus for queries that ask from `place` on, on the threads of the current rayon pool. The order
    /// of blocks changes nothing.
    pub fn visit(&mut self, queries: &Queries, place: usize, corpus: &CorpusBlock) {
        let rule = Rule {
            until: usize::MAX,
            known: 0,
        };
        let pass = Pass {
            queries,
            place,
            corpus,
            rule,
        };
        self.look(pass, 0..queries.panels.len(), None);
    }

    /// As [`Self::visit`], and the rows of the block, which ask from `corpus_place` on, look at the queries for `other`.
    pub fn visit_both(
        &mut self,
        queries: &Queries,
        place: usize,
        corpus: &CorpusBlock,
        other: &mut Search<'_>,
        corpus_place: usize,
    ) {
        let rule = Rule {
            until: usize::MAX,
            known: usize::MAX,
        };
        let pass = Pass {
            queries,
            place,
            corpus,
            rule,
        };
        for panels in other.rounds(pass, corpus_place) {
            let limits = other.limits(pass, corpus_place);
            let back = self.look(pass, panels, Some(&limits));
            other.settle(pass, corpus_place, &back);
        }
    }

    /// As [`Self::visit_both`], where all rows ask among one another. Every pair has been looked at once when all queries, in order,
    /// have seen the blocks from their own first on.
    pub fn visit_among(
        &mut self,
        queries: &Queries,
        place: usize,
        corpus: &CorpusBlock,
        corpus_place: usize,
    ) {
        assert!(
            self.asking.partners.is_none(),
            "no row has a partner among its own"
        );
        let rule = Rule {
            until: corpus_place + corpus.len(),
            known: corpus_place,
        };
        let pass = Pass {
            queries,
            place,
            corpus,
            rule,
        };
        for panels in self.rounds(pass, corpus_place) {
            let limits = self.limits(pass, corpus_place);
            let back = self.look(pass, panels, Some(&limits));
            self.settle(pass, corpus_place, &back);
        }
    }

    /// Panels in parts, as the rows of the block look at them. Where their lists are not full, everything would enter; after a few
    /// queries little does.
    fn rounds(&self, pass: Pass<'_>, place: usize) -> Vec<std::ops::Range<usize>> {
        let before = pass.rule.until.saturating_sub(pass.place);
        let end = pass.queries.panels.len().min(before.div_ceil(PANEL));
        let found = &self.found[place..place + pass.corpus.len()];
        let mut rounds = Vec::new();
        let mut start = 0;
        if found.iter().any(|found| found.nearest.len() < self.asking.k) {
            let mut next = rayon::current_num_threads();
            while next < end {
                rounds.push(start..next);
                (start, next) = (next, next * GROWTH);
            }
        }
        rounds.push(start..end);
        rounds
    }

    /// What the rows of the block want to see.
    fn limits(&self, pass: Pass<'_>, place: usize) -> Vec<FixedLimits> {
        let found = &self.found[place..place + pass.corpus.len()];
        let rows = pass.corpus.parts.iter();
        let rows = rows.flat_map(|(rows, fixed)| (0..rows.len()).map(move |j| (rows, fixed.errors()[j], j)));
        rows.zip(found)
            .enumerate()
            .map(|(at, ((rows, error, j), found))| {
                let query = self
                    .asking
                    .query(rows, j, place + at, [error, pass.queries.error]);
                query.limits(found)
            })
            .collect()
    }

    /// What the queries of some panels find in the block, and what its rows, whose limits are `back`, see of them.
    fn look(
        &mut self,
        pass: Pass<'_>,
        panels: std::ops::Range<usize>,
        back: Option<&[FixedLimits]>,
    ) -> Vec<Back> {
        let Pass { queries, place, .. } = pass;
        let asking = &self.asking;
        let first = panels.start * PANEL;
        let last = (panels.end * PANEL).min(queries.rows.len());
        self.found[place + first..place + last]
            .par_chunks_mut(PANEL)
            .enumerate()
            .map(|(at, found)| asking.panel(pass, panels.start + at, found, back))
            .collect()
    }

    /// Takes what the rows of the block have seen.
    fn settle(&mut self, pass: Pass<'_>, place: usize, back: &[Back]) {
        let Pass { queries, corpus, .. } = pass;
        let hits = back.iter().flat_map(|back| &back.hits);
        let groups = Groups::of(hits, corpus.len(), |hit| hit.row);
        let rows = corpus.parts.iter();
        let rows: Vec<_> = rows
            .flat_map(|(rows, fixed)| (0..rows.len()).map(move |j| (rows, fixed.errors()[j], j)))
            .collect();
        let asking = &self.asking;
        self.found[place..place + corpus.len()]
            .par_chunks_mut(SETTLED)
            .enumerate()
            .for_each(|(chunk, found)| {
                for (i, found) in found.iter_mut().enumerate() {
                    let at = chunk * SETTLED + i;
                    found.before_partner += back.iter().map(|back| back.beyond[at]).sum::<u64>();
                    let (rows, error, j) = rows[at];
                    let query = asking.query(rows, j, place + at, [error, queries.error]);
                    let mut hits = groups.hits[groups.range(at)].to_vec();
                    query.settle(&mut hits, |hit| (&queries.rows, hit.query as usize), found);
                }
            });
    }
}

/// What all rows that ask have in common.
struct Asking<'a> {
    k: usize,
    /// Whether the corpus holds the rows that ask, which are then no neighbours of their own.
    itself: bool,
    /// The partner of each row that has one, and the groups of the corpus.
    partners: Option<(Vec<Option<Partner>>, KeyOf<'a>)>,
}

impl Asking<'_> {
    /// Row `i` of `rows`, which asks at `place`; `errors` are its own and the largest of those it meets.
    fn query<'s>(&'s self, rows: &'s UnitRows, i: usize, place: usize, errors: [f64; 2]) -> Query<'s> {
        let partners = self.partners.as_ref();
        // of the f64 product that a score is compared with
        let rounding = rows.dim as f64 * f64::EPSILON;
        let error = fixed_bound(errors[0], errors[1]) + rounding;
        let partner = partners.and_then(|(all, key_of)| all[place].map(|partner| (partner, key_of)));
        let undecided =
            partner.map(|(Partner { nearest, .. }, _)| (nearest.cosine - error, nearest.cosine + error));
        Query {
            row: rows.row(i),
            index: rows.indices[i],
            k: self.k,
            itself: self.itself,
            partner,
            undecided,
            error,
        }
    }

    fn panel(&self, pass: Pass<'_>, at: usize, found: &mut [Found], back: Option<&[FixedLimits]>) -> Back {
        let Pass {
            queries,
            corpus,
            rule,
            ..
        } = pass;
        let (panel, first) = (&queries.panels[at], at * PANEL);
        let place = pass.place + first;
        let asked: Vec<Query<'_>> = (0..found.len())
            .map(|i| {
                let errors = [panel.errors()[i], corpus.error];
                self.query(&queries.rows, first + i, place + i, errors)
            })
            .collect();
        let mut seen = Back {
            hits: Vec::new(),
            beyond: vec![0; back.map_or(0, <[_]>::len)],
        };
        let (mut hits, mut hits_back, mut start) = (Vec::new(), Vec::new(), 0);
        for (rows, fixed) in &corpus.parts {
            let part = start..start + rows.len();
            let limits: Vec<FixedLimits> = asked
                .iter()
                .zip(&*found)
                .map(|(query, found)| query.limits(found))
                .collect();
            let mut beyond = vec![0; found.len()];
            hits.clear();
            let of_queries = FixedWanted {
                limits: &limits,
                beyond: &mut beyond,
                hits: &mut hits,
            };
            let of_corpus = back.map(|limits| FixedWanted {
                limits: &limits[part.clone()],
                beyond: &mut seen.beyond[part],
                hits: &mut hits_back,
            });
            fixed_search(panel, fixed, Some(of_queries), of_corpus);
            let mut groups = Groups::of(hits.iter(), found.len(), |hit| hit.query);
            for (i, (query, found)) in asked.iter().zip(&mut *found).enumerate() {
                if place + i < rule.until {
                    found.before_partner += beyond[i];
                    let range = groups.range(i);
                    query.settle(&mut groups.hits[range], |hit| (rows, hit.row as usize), found);
                }
            }
            let known = hits_back
                .drain(..)
                .filter(|hit| place + (hit.query as usize) < rule.known);
            seen.hits.extend(known.map(|hit| FixedHit {
                query: hit.query + first as u32,
                row: hit.row + start as u32,
                ..hit
            }));
            start += rows.len();
        }
        seen
    }
}

/// Hits by the row that has seen them.
struct Groups {
    hits: Vec<FixedHit>,
    ends: Vec<usize>,
}

impl Groups {
    fn of<'h>(
        hits: impl Iterator<Item = &'h FixedHit> + Clone,
        rows: usize,
        row_of: impl Fn(&FixedHit) -> u32,
    ) -> Self {
        let mut ends = vec![0; rows];
        for hit in hits.clone() {
            ends[row_of(hit) as usize] += 1;
        }
        let mut total = 0;
        for end in &mut ends {
            (*end, total) = (total, total + *end);
        }
        let none = FixedHit {
            query: 0,
            row: 0,
            product: 0,
        };
        let mut sorted = vec![none; total];
        for hit in hits {
            let at = &mut ends[row_of(hit) as usize];
            sorted[*at] = *hit;
            *at += 1;
        }
        Self { hits: sorted, ends }
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[row]
    }
}

/// One row that asks, before some rows.
struct Query<'a> {
    row: &'a [f64],
    index: u64,
    k: usize,
    itself: bool,
    partner: Option<(Partner, &'a KeyOf<'a>)>,
    /// Cosines by which a score cannot say whether a row stands before the partner.
    undecided: Option<(f64, f64)>,
    /// How far a score may be from the cosine.
    error: f64,
}

impl Query<'_> {
    /// The scores that matter.
    fn limits(&self, found: &Found) -> FixedLimits {
        FixedLimits::new(self.worst(found) - self.error, self.undecided)
    }

    /// Looks at the rows of `hits`, which `other` finds.
    fn settle<'r>(
        &self,
        hits: &mut [FixedHit],
        other: impl Fn(&FixedHit) -> (&'r UnitRows, usize),
        found: &mut Found,
    ) {
        // after the best of many the others cannot enter
        if hits.len() > self.k {
            hits.select_nth_unstable_by_key(self.k - 1, |hit| std::cmp::Reverse(hit.product));
        }
        let limits = self.limits(found);
        for hit in hits {
            let (rows, i) = other(hit);
            self.look(
                hit.product,
                limits.leaves_undecided(hit.product),
                rows.row(i),
                rows.indices[i],
                found,
            );
        }
    }

    /// Looks at a row by its product in fixed point; where it is one of the undecided ones, whether the row stands before the
    /// partner.
    fn look(&self, product: i32, undecided: bool, row: &[f64], index: u64, found: &mut Found) {
        let could_enter = fixed_cosine(product) + self.error >= self.worst(found);
        let partner = self
            .partner
            .as_ref()
            .filter(|(partner, key_of)| undecided && key_of(index) != partner.key);
        if !could_enter && partner.is_none() || self.itself && index == self.index {
            return;
        }
        let cosine = dot(self.row, row);
        if let Some((Partner { nearest, .. }, _)) = partner {
            found.before_partner += u64::from(Neighbour { cosine, index }.stands_before(nearest));
        }
        if could_enter {
            insert(&mut found.nearest, self.k, Neighbour { cosine, index });
        }
    }

    /// The cosine below which a row cannot enter the list.
    fn worst(&self, found: &Found) -> f64 {
        match found.nearest.last() {
            Some(last) if found.nearest.len() == self.k => last.cosine,
            _ => f64::NEG_INFINITY,
        }
    }
}

/// Keeps the k best, best first, the lower index first among equals.
fn insert(nearest: &mut Vec<Neighbour>, k: usize, new: Neighbour) {
    let at = nearest.partition_point(|old| old.stands_before(&new));
    if at < k {
        nearest.reserve_exact(k - nearest.len());
        nearest.truncate(k - 1);
        nearest.insert(at, new);
    }
}

#[cfg(test)]
mod tests;
