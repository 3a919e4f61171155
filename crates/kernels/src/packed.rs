//! Products with a fixed matrix: packed once, multiplied by many rows, summed in f32.
//!
//! In bf16 the product of two values is exact in f32, so fusing it into the sum changes nothing: every instruction set
//! gives the same bits, except that AVX-512's bf16 products take subnormal numbers for zero. In f32 another instruction
//! set may change the last bits.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::dispatch::{Unit, unit_of_packed as unit};

/// Columns of a panel: two registers of sixteen.
const PANEL: usize = 32;

/// Bytes of a panel that are multiplied before the next rows: they stay in the second cache, from which they come faster
/// than they are multiplied, and sums seldom have to be put down.
const DEPTH_BYTES: usize = 128 * 1024;

/// A matrix of bf16, two neighbours in depth in each element.
pub type PackedBf16 = Packed<u32>;

/// A matrix of f32.
pub type PackedF32 = Packed<f32>;

/// A matrix of `columns` × `depth`, each of its rows the weights of one column of the product.
///
/// Panels of 32 columns; in a panel, for every element of depth, 32 of them side by side: in bf16 the layout that AVX-512
/// and AMX take. Missing columns and an odd last value are zeros.
#[derive(Debug, Clone)]
pub struct Packed<E> {
    columns: usize,
    depth: usize,
    panels: Vec<E>,
}

/// What a packed matrix is made of.
pub trait Packing: Copy + Default + Send + Sync + 'static {
    /// Values of the depth that one element holds.
    const VALUES: usize;

    /// An element of so many values.
    fn of(values: impl Fn(usize) -> f32) -> Self;

    /// Its values, the first `VALUES` of them.
    fn values(self) -> [f32; 2];

    /// `sums += rows · panel`, as wide as the panel and one slice per row.
    #[doc(hidden)]
    fn add_products(rows: &[&[Self]], panel: &[Self], sums: &mut [[f32; PANEL]]);
}

/// Elements that hold `depth` values.
fn elements<E: Packing>(depth: usize) -> usize {
    depth.div_ceil(E::VALUES)
}

impl<E: Packing> Packed<E> {
    /// Columns that stand together.
    pub const PANEL: usize = PANEL;

    /// Packs `weights`, columns × depth, for x·Wᵀ; bf16 values are rounded to nearest, ties to even.
    pub fn of_rows(weights: &[f32], columns: usize, depth: usize) -> Self {
        assert_eq!(weights.len(), columns * depth, "columns × depth weights");
        Self::pack(columns, depth, |column, at| weights[column * depth + at])
    }

    /// Packs `weights`, depth × columns, for x·W.
    pub fn of_columns(weights: &[f32], depth: usize, columns: usize) -> Self {
        assert_eq!(weights.len(), columns * depth, "depth × columns weights");
        Self::pack(columns, depth, |column, at| weights[at * columns + column])
    }

    fn pack(columns: usize, depth: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let width = elements::<E>(depth);
        let mut panels = vec![E::default(); columns.div_ceil(PANEL) * width * PANEL];
        for (panel, values) in panels.chunks_exact_mut((width * PANEL).max(1)).enumerate() {
            let here = panel * PANEL..columns.min((panel + 1) * PANEL);
            for (element, values) in values.chunks_exact_mut(PANEL).enumerate() {
                for (column, value) in here.clone().zip(values) {
                    *value = E::of(|i| {
                        let at = element * E::VALUES + i;
                        if at < depth { weight(column, at) } else { 0.0 }
                    });
                }
            }
        }
        Self {
            columns,
            depth,
            panels,
        }
    }

    /// Columns of a product.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Values of a row that is multiplied.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.panels[..])
    }

    /// Row `column` of the matrix, as it is kept.
    pub fn row(&self, column: usize) -> Vec<f32> {
        let values = &self.panels[column / PANEL * elements::<E>(self.depth) * PANEL..];
        let of_column = values.iter().skip(column % PANEL).step_by(PANEL);
        let all = of_column.flat_map(|element| element.values().into_iter().take(E::VALUES));
        all.take(self.depth).collect()
    }

    /// `out = rows · matrixᵀ`, n × columns; `rows` of f32 as they are, of bf16 as [`bf16_pairs`] gives them. Runs on the
    /// calling thread; every value of the result has the same bits in whatever company it is computed.
    pub fn multiply(&self, rows: &[E], out: &mut [f32]) {
        self.multiply_part(rows, 0..self.columns, out);
    }

    /// As [`Self::multiply`] for some of the columns, n × `part.len()`; `part` begins at a multiple of
    /// [`Self::PANEL`].
    pub fn multiply_part(&self, rows: &[E], part: Range<usize>, out: &mut [f32]) {
        let width = elements::<E>(self.depth);
        assert!(
            part.start.is_multiple_of(PANEL) && part.end <= self.columns,
            "columns {part:?} of {}",
            self.columns
        );
        if part.is_empty() || width == 0 {
            return out.fill(0.0);
        }
        let n = rows.len() / width;
        assert!(
            rows.len() == n * width && out.len() == n * part.len(),
            "{} elements into {} values: rows of {} to rows of {}",
            rows.len(),
            out.len(),
            self.depth,
            part.len()
        );
        let panels = part.start / PANEL..part.end.div_ceil(PANEL);
        let packed = &self.panels[panels.start * width * PANEL..panels.end * width * PANEL];
        let step = DEPTH_BYTES / PANEL / size_of::<E>();
        for from in (0..width).step_by(step) {
            let depth = from..width.min(from + step);
            for (panel, values) in packed.chunks_exact(width * PANEL).enumerate() {
                let task = Task {
                    rows,
                    width,
                    panel: &values[depth.start * PANEL..depth.end * PANEL],
                    depth: depth.clone(),
                    columns: panel * PANEL..part.len().min((panel + 1) * PANEL),
                    stride: part.len(),
                };
                task.run(n, out);
            }
        }
    }
}

/// A panel's part of a product, for some of the depth.
struct Task<'a, E> {
    rows: &'a [E],
    /// Elements of a row.
    width: usize,
    panel: &'a [E],
    depth: Range<usize>,
    columns: Range<usize>,
    /// Columns of the result.
    stride: usize,
}

impl<E: Packing> Task<'_, E> {
    fn run(&self, n: usize, out: &mut [f32]) {
        let tall = unit().tile_rows();
        let mut row = 0;
        while row < n {
            // the last rows share a tile of their own height, so that none is computed for nothing
            let height = tall.min(n - row);
            self.tile(row, height, out);
            row += height;
        }
    }

    /// `height` rows from `row` on: what earlier depths gave, plus this one's products.
    fn tile(&self, row: usize, height: usize, out: &mut [f32]) {
        let mut sums = [[0.0; PANEL]; MOST_ROWS];
        let wide = self.columns.len();
        if self.depth.start > 0 {
            for (i, sums) in sums[..height].iter_mut().enumerate() {
                let at = (row + i) * self.stride + self.columns.start;
                copy(&mut sums[..wide], &out[at..at + wide]);
            }
        }
        let rows: [&[E]; MOST_ROWS] = std::array::from_fn(|i| {
            let at = (row + i.min(height - 1)) * self.width;
            &self.rows[at + self.depth.start..at + self.depth.end]
        });
        let rows = &rows[..height];
        assert!(
            rows.iter().all(|row| row.len() * PANEL == self.panel.len()),
            "rows as deep as the panel"
        );
        E::add_products(rows, self.panel, &mut sums[..height]);
        for (i, sums) in sums[..height].iter().enumerate() {
            let at = (row + i) * self.stride + self.columns.start;
            copy(&mut out[at..at + wide], &sums[..wide]);
        }
    }
}

/// Copies values of one panel; of a whole one the length is known, and no function is called for it.
#[inline(always)]
fn copy(to: &mut [f32], from: &[f32]) {
    match (to.first_chunk_mut::<PANEL>(), from.first_chunk::<PANEL>()) {
        (Some(to), Some(from)) => *to = *from,
        _ => to.copy_from_slice(from),
    }
}

/// Rows of the tallest tile: with two registers of sums each they fill AVX-512's registers but for what is multiplied.
const MOST_ROWS: usize = 12;

/// The name of the unit that multiplies here, for reports.
pub fn packed_unit() -> &'static str {
    match unit() {
        Unit::Portable => "scalar",
        #[cfg(target_arch = "aarch64")]
        Unit::Neon => "neon",
        #[cfg(target_arch = "x86_64")]
        Unit::Fma => "avx2",
        #[cfg(target_arch = "x86_64")]
        Unit::Avx512 => "avx512",
        #[cfg(target_arch = "x86_64")]
        Unit::Avx512Bf16 => "avx512bf16",
    }
}

impl Unit {
    fn tile_rows(self) -> usize {
        match self {
            // thirty-two registers of four: six rows of sixteen sums leave eight
            #[cfg(target_arch = "aarch64")]
            Self::Neon => 6,
            // sixteen registers of eight: six rows of sixteen sums leave four
            #[cfg(target_arch = "x86_64")]
            Self::Fma => 6,
            Self::Portable => 2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx512Bf16 => MOST_ROWS,
        }
    }
}

impl Packing for u32 {
    const VALUES: usize = 2;

    #[inline(always)]
    fn of(values: impl Fn(usize) -> f32) -> Self {
        pair_of(values(0), values(1))
    }

    #[inline(always)]
    fn values(self) -> [f32; 2] {
        [low(self), high(self)]
    }

    fn add_products(rows: &[&[Self]], panel: &[Self], sums: &mut [[f32; PANEL]]) {
        match unit() {
            Unit::Portable => each_height(Portable, rows, panel, sums),
            #[cfg(target_arch = "aarch64")]
            // SAFETY: every processor of the platform has NEON.
            Unit::Neon => unsafe { neon::pairs_neon(rows, panel, sums) },
            // SAFETY: `unit_of_packed` has seen these features on this processor.
            #[cfg(target_arch = "x86_64")]
            Unit::Fma => unsafe { x86::pairs_fma(rows, panel, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx512 => unsafe { x86::pairs_avx512(rows, panel, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx512Bf16 => unsafe { x86::pairs_avx512_bf16(rows, panel, sums) },
        }
    }
}

impl Packing for f32 {
    const VALUES: usize = 1;

    #[inline(always)]
    fn of(values: impl Fn(usize) -> f32) -> Self {
        values(0)
    }

    #[inline(always)]
    fn values(self) -> [f32; 2] {
        [self, 0.0]
    }

    fn add_products(rows: &[&[Self]], panel: &[Self], sums: &mut [[f32; PANEL]]) {
        match unit() {
            Unit::Portable => each_height(Portable, rows, panel, sums),
            #[cfg(target_arch = "aarch64")]
            // SAFETY: every processor of the platform has NEON.
            Unit::Neon => unsafe { neon::singles_neon(rows, panel, sums) },
            // SAFETY: `unit_of_packed` has seen these features on this processor.
            #[cfg(target_arch = "x86_64")]
            Unit::Fma => unsafe { x86::singles_fma(rows, panel, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Unit::Avx512 | Unit::Avx512Bf16 => unsafe { x86::singles_avx512(rows, panel, sums) },
        }
    }
}

/// A body for a tile of a fixed number of rows, inlined into the instruction set that it is called from.
trait Tile<E>: Copy {
    fn add<const M: usize>(self, rows: &[&[E]; M], panel: &[E], sums: &mut [[f32; PANEL]; M]);
}

/// Calls the body for the number of rows at hand.
#[inline(always)]
fn each_height<E, T: Tile<E>>(tile: T, rows: &[&[E]], panel: &[E], sums: &mut [[f32; PANEL]]) {
    macro_rules! heights {
        ($($m:literal)*) => {
            match rows.len() {
                $($m => tile.add::<$m>(rows.try_into().expect("of that length"), panel, sums.try_into().expect("of that length")),)*
                other => unreachable!("a tile of {other} rows"),
            }
        };
    }
    heights!(1 2 3 4 5 6 7 8 9 10 11 12);
}

/// Plain code, product and sum rounded apart.
#[derive(Clone, Copy)]
struct Portable;

impl<E: Packing> Tile<E> for Portable {
    #[inline(always)]
    fn add<const M: usize>(self, rows: &[&[E]; M], panel: &[E], sums: &mut [[f32; PANEL]; M]) {
        let mut local = *sums;
        let (panel, _) = panel.as_chunks::<PANEL>();
        for (at, weights) in panel.iter().enumerate() {
            for i in 0..M {
                let value = rows[i][at].values();
                for j in 0..PANEL {
                    let weight = weights[j].values();
                    // the second of a pair first, as AVX-512 does
                    for k in (0..E::VALUES).rev() {
                        local[i][j] += value[k] * weight[k];
                    }
                }
            }
        }
        *sums = local;
    }
}

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Pairs that hold `depth` values.
pub fn pairs(depth: usize) -> usize {
    depth.div_ceil(2)
}

/// Rows of `depth` values as pairs of bf16, rounded to nearest, ties to even; an odd last value has a zero beside it.
#[inline(always)]
pub fn bf16_pairs(rows: &[f32], depth: usize, out: &mut [u32]) {
    if depth == 0 {
        return;
    }
    assert_eq!(out.len(), rows.len() / depth * pairs(depth), "pairs for all rows");
    for (row, out) in rows.chunks_exact(depth).zip(out.chunks_exact_mut(pairs(depth))) {
        let (whole, rest) = row.as_chunks::<2>();
        for (&[even, odd], out) in whole.iter().zip(out.iter_mut()) {
            *out = pair_of(even, odd);
        }
        if let (&[last], Some(out)) = (rest, out.last_mut()) {
            *out = pair_of(last, 0.0);
        }
    }
}

#[inline(always)]
fn pair_of(even: f32, odd: f32) -> u32 {
    bf16_bits(even) | bf16_bits(odd) << 16
}

/// The nearest bf16, ties to even; a NaN stays one.
#[inline(always)]
fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    // rounding a NaN could make it infinite
    if bits & 0x7fff_ffff > 0x7f80_0000 {
        bits >> 16 | 0x40
    } else {
        rounded
    }
}

#[inline(always)]
fn low(pair: u32) -> f32 {
    f32::from_bits(pair << 16)
}

#[inline(always)]
fn high(pair: u32) -> f32 {
    f32::from_bits(pair & 0xffff_0000)
}

#[cfg(test)]
mod tests;
