//! Unit rows in 16-bit fixed point and all their dot products: exact integers, so that every instruction set gives the same
//! ones. What rounding to fixed point costs is known row by row.
#![allow(unsafe_code)]

use crate::dispatch::{Kernel, Level, dispatch, level};
use crate::isa::Isa;

/// What a component of one becomes. A sum of products stays below 2³¹ in every order, for rows of length one up to 2²⁸ wide:
/// their rounded lengths are at most 32,000 + ½√2²⁸ = 40,192.
const ONE: f64 = 32_000.0;

/// Added and taken away again it rounds to the nearest whole number, ties to even; the number stands in the lowest bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// Widest rows for which no sum can overflow.
const WIDEST: usize = 1 << 28;

/// Queries of a tile.
const DOWN: usize = 12;
/// Rows of the corpus of a tile.
const ACROSS: usize = 32;

/// Products of a tile, query by query.
type Tile = [[i32; ACROSS]; DOWN];

/// Rows to be multiplied with all [`FixedCorpus`] rows.
pub type FixedQueries = FixedRows<QueryPairs>;

/// Rows that [`FixedQueries`] are multiplied with.
pub type FixedCorpus = FixedRows<CorpusPairs>;

/// Two neighbouring components of each row of a group.
pub trait Pairs: Copy {
    /// Rows of a group.
    const WIDTH: usize;
    /// Zeros.
    const ZERO: Self;
    /// The pair of row `i`.
    fn of_row(&mut self, i: usize) -> &mut [i16; 2];
}

/// Pairs of a tile's queries.
#[derive(Debug, Clone, Copy)]
pub struct QueryPairs([[i16; 2]; DOWN]);

/// Pairs of a tile's rows of the corpus, in whole cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct CorpusPairs([[i16; 2]; ACROSS]);

impl Pairs for QueryPairs {
    const WIDTH: usize = DOWN;
    const ZERO: Self = Self([[0; 2]; DOWN]);

    fn of_row(&mut self, i: usize) -> &mut [i16; 2] {
        &mut self.0[i]
    }
}

impl Pairs for CorpusPairs {
    const WIDTH: usize = ACROSS;
    const ZERO: Self = Self([[0; 2]; ACROSS]);

    fn of_row(&mut self, i: usize) -> &mut [i16; 2] {
        &mut self.0[i]
    }
}

/// Rows of length one, or zero, rounded to multiples of 1/32,000; in groups, whose rows stand side by side pair by pair.
#[derive(Debug, Clone)]
pub struct FixedRows<P> {
    dim: usize,
    errors: Vec<f64>,
    values: Vec<P>,
}

impl<P: Pairs> FixedRows<P> {
    /// Rounds `rows`, n × dim row-major, each of length one or zero.
    pub fn of(rows: &[f64], dim: usize) -> Self {
        assert!(
            (1..=WIDEST).contains(&dim) && rows.len().is_multiple_of(dim),
            "whole rows of at most {WIDEST} columns"
        );
        let (n, pairs) = (rows.len() / dim, dim.div_ceil(2));
        let mut values = vec![P::ZERO; n.div_ceil(P::WIDTH) * pairs];
        let mut rounded = vec![[0; 2]; pairs];
        let errors = rows.chunks_exact(dim).enumerate().map(|(i, row)| {
            let out = &mut rounded.as_flattened_mut()[..dim];
            let squares = dispatch(Round { row, out });
            let group = &mut values[i / P::WIDTH * pairs..][..pairs];
            for (to, pair) in group.iter_mut().zip(&rounded) {
                *to.of_row(i % P::WIDTH) = *pair;
            }
            // the sum of squares itself errs by dim ulps at most
            squares.sqrt() / ONE * (1.0 + 1e-9) + 1e-15
        });
        Self {
            dim,
            errors: errors.collect(),
            values,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Distance of each row from what it was rounded to, or a little more.
    pub fn errors(&self) -> &[f64] {
        &self.errors
    }

    fn groups(&self) -> std::slice::ChunksExact<'_, P> {
        self.values.chunks_exact(self.dim.div_ceil(2))
    }
}

/// Rounds a row; gives the sum of squared roundings.
struct Round<'a> {
    row: &'a [f64],
    out: &'a mut [i16],
}

impl Kernel for Round<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let mut squares = [0.0; 16];
        let (chunks, tail) = self.row.as_chunks::<16>();
        let (out, out_tail) = self.out.as_chunks_mut::<16>();
        for (chunk, out) in chunks.iter().zip(out) {
            for lane in 0..16 {
                let (rounded, square) = round(chunk[lane]);
                out[lane] = rounded;
                squares[lane] += square;
            }
        }
        let mut sum: f64 = squares.iter().sum();
        for (&value, out) in tail.iter().zip(out_tail) {
            let (rounded, square) = round(value);
            *out = rounded;
            sum += square;
        }
        sum
    }
}

/// The nearest multiple, and the square of what that changes.
#[inline(always)]
fn round(value: f64) -> (i16, f64) {
    let scaled = (value * ONE).clamp(-ONE, ONE);
    let whole = scaled + WHOLE;
    let rest = scaled - (whole - WHOLE);
    (whole.to_bits() as i16, rest * rest)
}

/// How far the cosine of two rows may be from [`fixed_cosine`] of their product, by the [`FixedRows::errors`] of both.
pub fn fixed_bound(error: f64, other: f64) -> f64 {
    // x·y − x̂·ŷ = x̂·f + e·ŷ + e·f with x = x̂+e and y = ŷ+f; rounded lengths are at most 1+e and 1+f
    error + other + 3.0 * error * other
}

/// The cosine that a product stands for.
pub fn fixed_cosine(product: i32) -> f64 {
    f64::from(product) / (ONE * ONE)
}

/// Which of its products a row wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedLimits {
    least: i32,
    from: i32,
    to: i32,
}

impl FixedLimits {
    /// Products that may stand for a cosine of at least `least`, and those that may stand for one within `undecided`; products for a
    /// cosine beyond its end are counted. Without `undecided` none is.
    pub fn new(least: f64, undecided: Option<(f64, f64)>) -> Self {
        // one more on either side, for the rounding here; no product is as small or large as the ends of i32
        let below = |cosine: f64| ((cosine * (ONE * ONE)).floor() as i32).saturating_sub(1);
        let above = |cosine: f64| ((cosine * (ONE * ONE)).ceil() as i32).saturating_add(1);
        let (from, to) = undecided.map_or((i32::MAX, i32::MAX), |(from, to)| (below(from), above(to)));
        Self {
            least: below(least).max(i32::MIN + 1),
            from: from.max(i32::MIN + 1),
            to,
        }
    }

    /// Whether the product is one of the undecided ones.
    pub fn leaves_undecided(&self, product: i32) -> bool {
        (self.from..=self.to).contains(&product)
    }
}

/// A product that a row wanted to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FixedHit {
    /// Number of the query.
    pub query: u32,
    /// Number of the row of the corpus.
    pub row: u32,
    /// Their product.
    pub product: i32,
}

/// What the rows of one side look for among the products with the rows of the other.
pub struct FixedWanted<'a> {
    /// What each row wants to see.
    pub limits: &'a [FixedLimits],
    /// How many products stand for a cosine beyond what is undecided, row by row; added to.
    pub beyond: &'a mut [u64],
    /// What was found, in no particular order; added to.
    pub hits: &'a mut Vec<FixedHit>,
}

/// Looks through the products of all queries with all rows of the corpus, for either side or both.
pub fn fixed_search(
    queries: &FixedQueries,
    corpus: &FixedCorpus,
    of_queries: Option<FixedWanted<'_>>,
    of_corpus: Option<FixedWanted<'_>>,
) {
    assert_eq!(queries.dim, corpus.dim, "rows of one width");
    for (wanted, n) in [(&of_queries, queries.len()), (&of_corpus, corpus.len())] {
        assert!(
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.limits.len() == n && wanted.beyond.len() == n),
            "limits and a count for each of {n} rows"
        );
    }
    let task = Task {
        queries,
        corpus,
        of_queries,
        of_corpus,
    };
    match level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level stands for a processor with avx2.
        Level::Avx2 => unsafe { run_avx2(task) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level stands for a processor with avx2, avx512f, avx512bw and avx512vnni.
        Level::Avx512 => unsafe { run_avx512(task) },
        #[cfg(target_arch = "aarch64")]
        Level::Neon => task.run(neon_tile),
        // the level of another platform is never in use
        _ => task.run(plain_tile),
    }
}

struct Task<'a> {
    queries: &'a FixedQueries,
    corpus: &'a FixedCorpus,
    of_queries: Option<FixedWanted<'a>>,
    of_corpus: Option<FixedWanted<'a>>,
}

impl Task<'_> {
    #[inline(always)]
    fn run(mut self, tile: impl Fn(&[QueryPairs], &[CorpusPairs]) -> Tile) {
        for (across, corpus) in self.corpus.groups().enumerate() {
            let columns = across * ACROSS;
            let width = ACROSS.min(self.corpus.len() - columns);
            let mut column = self
                .of_corpus
                .as_ref()
                .map(|wanted| Columns::of(&wanted.limits[columns..]));
            for (down, queries) in self.queries.groups().enumerate() {
                let rows = down * DOWN;
                let height = DOWN.min(self.queries.len() - rows);
                let mut products = tile(queries, corpus);
                if let Some(wanted) = &mut self.of_queries {
                    for (i, products) in products[..height].iter_mut().enumerate() {
                        // less than any limit
                        products[width..].fill(i32::MIN);
                        wanted.sift_row(rows + i, columns, products);
                    }
                }
                if let (Some(wanted), Some(column)) = (&mut self.of_corpus, &mut column) {
                    for (i, products) in products[..height].iter().enumerate() {
                        column.sift(rows + i, columns, &products[..], wanted.hits);
                    }
                }
            }
            if let (Some(wanted), Some(column)) = (&mut self.of_corpus, &column) {
                for (sum, &count) in wanted.beyond[columns..].iter_mut().zip(&column.beyond) {
                    *sum += u64::from(count);
                }
            }
        }
    }
}

impl FixedWanted<'_> {
    /// Looks through the products of query `query` with the rows from `first` on.
    #[inline(always)]
    fn sift_row(&mut self, query: usize, first: usize, products: &[i32; ACROSS]) {
        let FixedLimits { least, from, to } = self.limits[query];
        let (mut any, mut beyond) = (0, 0);
        for &product in products {
            any |= i32::from(product >= least) | (i32::from(product >= from) & i32::from(product <= to));
            beyond += u32::from(product > to);
        }
        self.beyond[query] += u64::from(beyond);
        if any != 0 {
            for (j, &product) in products.iter().enumerate() {
                if product >= least || (from..=to).contains(&product) {
                    self.hits.push(hit(query, first + j, product));
                }
            }
        }
    }
}

/// The limits of a tile's rows of the corpus, side by side; rows that are not there want nothing.
struct Columns {
    least: [i32; ACROSS],
    from: [i32; ACROSS],
    to: [i32; ACROSS],
    beyond: [u32; ACROSS],
}

impl Columns {
    #[inline(always)]
    fn of(limits: &[FixedLimits]) -> Self {
        let mut columns = Self {
            least: [i32::MAX; ACROSS],
            from: [i32::MAX; ACROSS],
            to: [i32::MAX; ACROSS],
            beyond: [0; ACROSS],
        };
        for (j, limits) in limits.iter().take(ACROSS).enumerate() {
            columns.least[j] = limits.least;
            columns.from[j] = limits.from;
            columns.to[j] = limits.to;
        }
        columns
    }

    /// Looks through the products of query `query` with the rows from `first` on.
    #[inline(always)]
    fn sift(&mut self, query: usize, first: usize, products: &[i32], hits: &mut Vec<FixedHit>) {
        let mut any = 0;
        for j in 0..ACROSS {
            let product = products[j];
            any |= i32::from(product >= self.least[j])
                | (i32::from(product >= self.from[j]) & i32::from(product <= self.to[j]));
            self.beyond[j] += u32::from(product > self.to[j]);
        }
        if any != 0 {
            for (j, &product) in products.iter().enumerate() {
                if product >= self.least[j] || (self.from[j]..=self.to[j]).contains(&product) {
                    hits.push(hit(query, first + j, product));
                }
            }
        }
    }
}

fn hit(query: usize, row: usize, product: i32) -> FixedHit {
    FixedHit {
        query: query as u32,
        row: row as u32,
        product,
    }
}

/// By four queries and eight rows, whose sums stay in registers of sixteen bytes.
#[inline(always)]
fn plain_tile(queries: &[QueryPairs], corpus: &[CorpusPairs]) -> Tile {
    let mut tile = [[0; ACROSS]; DOWN];
    for i in (0..DOWN).step_by(4) {
        for j in (0..ACROSS).step_by(8) {
            let mut sums = [[0_i32; 8]; 4];
            for (queries, corpus) in queries.iter().zip(corpus) {
                for (sums, &[a, b]) in sums.iter_mut().zip(&queries.0[i..i + 4]) {
                    for (sum, &[c, d]) in sums.iter_mut().zip(&corpus.0[j..j + 8]) {
                        *sum += i32::from(a) * i32::from(c) + i32::from(b) * i32::from(d);
                    }
                }
            }
            for (row, sums) in tile[i..i + 4].iter_mut().zip(sums) {
                row[j..j + 8].copy_from_slice(&sums);
            }
        }
    }
    tile
}

/// By four queries and sixteen rows: sixteen registers of sums, four of rows and one of queries.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn neon_tile(queries: &[QueryPairs], corpus: &[CorpusPairs]) -> Tile {
    use std::arch::aarch64::{
        vdupq_n_s32, vget_low_s16, vld1q_s16, vld2q_s16, vmlal_high_laneq_s16, vmlal_laneq_s16, vst1q_s32,
    };
    let mut tile = [[0; ACROSS]; DOWN];
    for i in (0..DOWN).step_by(4) {
        for j in (0..ACROSS).step_by(16) {
            // SAFETY: every processor of the platform has NEON; four queries and sixteen rows of the group are read from their
            // starts, and as many products written.
            unsafe {
                let mut sums = [[vdupq_n_s32(0); 4]; 4];
                for (queries, corpus) in queries.iter().zip(corpus) {
                    let of_queries = vld1q_s16(queries.0[i..i + 4].as_ptr().cast());
                    let rows: *const i16 = corpus.0[j..j + 16].as_ptr().cast();
                    for half in 0..2 {
                        let pairs = vld2q_s16(rows.add(16 * half));
                        let (first, second) = (pairs.0, pairs.1);
                        macro_rules! add {
                            ($($query:literal: $first:literal $second:literal),*) => {$(
                                let [low, high] = &mut sums[$query].as_chunks_mut::<2>().0[half];
                                *low = vmlal_laneq_s16::<$first>(*low, vget_low_s16(first), of_queries);
                                *low = vmlal_laneq_s16::<$second>(*low, vget_low_s16(second), of_queries);
                                *high = vmlal_high_laneq_s16::<$first>(*high, first, of_queries);
                                *high = vmlal_high_laneq_s16::<$second>(*high, second, of_queries);
                            )*};
                        }
                        add!(0: 0 1, 1: 2 3, 2: 4 5, 3: 6 7);
                    }
                }
                for (row, sums) in tile[i..i + 4].iter_mut().zip(sums) {
                    for (part, sum) in sums.into_iter().enumerate() {
                        vst1q_s32(row[j + 4 * part..j + 4 * part + 4].as_mut_ptr(), sum);
                    }
                }
            }
        }
    }
    tile
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2(task: Task<'_>) {
    task.run(|queries, corpus| tile_avx2(queries, corpus));
}

/// By six queries and sixteen rows, for sixteen registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn tile_avx2(queries: &[QueryPairs], corpus: &[CorpusPairs]) -> Tile {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    };
    let mut tile = [[[0; 16]; 2]; DOWN];
    for i in [0, 6] {
        for j in 0..2 {
            let mut sums = [[_mm256_setzero_si256(); 2]; 6];
            for (queries, corpus) in queries.iter().zip(corpus) {
                let [half, other] = bytemuck::cast::<_, [[__m256i; 2]; 2]>(corpus.0)[j];
                for (sums, &query) in sums.iter_mut().zip(&queries.0[i..i + 6]) {
                    let query = _mm256_set1_epi32(bytemuck::cast(query));
                    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(query, half));
                    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(query, other));
                }
            }
            for (row, sums) in tile[i..i + 6].iter_mut().zip(sums) {
                row[j] = bytemuck::cast(sums);
            }
        }
    }
    bytemuck::cast(tile)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vnni")]
fn run_avx512(task: Task<'_>) {
    task.run(|queries, corpus| tile_avx512(queries, corpus));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vnni")]
fn tile_avx512(queries: &[QueryPairs], corpus: &[CorpusPairs]) -> Tile {
    use std::arch::x86_64::{
        __m512i, _mm512_dpwssd_epi32, _mm512_load_si512, _mm512_set1_epi32, _mm512_setzero_si512,
        _mm512_storeu_si512,
    };
    let mut sums = [[_mm512_setzero_si512(); 2]; DOWN];
    for (queries, corpus) in queries.iter().zip(corpus) {
        let from: *const __m512i = std::ptr::from_ref(corpus).cast();
        // SAFETY: the pairs of a group are two registers long and aligned to one.
        let (half, other) = unsafe { (_mm512_load_si512(from), _mm512_load_si512(from.add(1))) };
        for (sums, &query) in sums.iter_mut().zip(&queries.0) {
            let query = _mm512_set1_epi32(bytemuck::cast(query));
            // no saturation: the bound on ONE keeps every sum within 32 bits
            sums[0] = _mm512_dpwssd_epi32(sums[0], query, half);
            sums[1] = _mm512_dpwssd_epi32(sums[1], query, other);
        }
    }
    let mut tile = [[0; ACROSS]; DOWN];
    for (row, sums) in tile.iter_mut().zip(sums) {
        #[allow(clippy::cast_ptr_alignment, reason = "stored by the unaligned form")]
        let to: *mut __m512i = row.as_mut_ptr().cast();
        // SAFETY: a row of the tile is two registers long; it is stored unaligned.
        unsafe {
            _mm512_storeu_si512(to, sums[0]);
            _mm512_storeu_si512(to.add(1), sums[1]);
        }
    }
    tile
}

#[cfg(test)]
mod tests;
