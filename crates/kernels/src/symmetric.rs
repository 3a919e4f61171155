//! Product of a symmetric matrix with a vector, which reads one triangle of the matrix once.
#![allow(unsafe_code)]

use crate::dispatch::{Unit, unit};

/// Columns that are read together: their sums stay in registers.
pub const SYMMETRIC_COLUMNS: usize = 4;
const COLUMNS: usize = SYMMETRIC_COLUMNS;
/// Rows that are read together.
const LANES: usize = 8;

/// `out` = A·v for the symmetric A whose lower triangle stands in `matrix`: columns `stride` apart, each from the first row of A on.
/// `phase` is the place of that row in a line of the cache of eight values, where `stride` is a multiple of eight: the order of the sums
/// depends on it, and never on the address.
///
/// Only entries of the first `columns` columns count, and those that stand for them above the diagonal: what the columns after them add
/// is the product of the symmetric matrix that begins there.
///
/// # Shapes
/// A n × n; `v` and `out` n; `columns` a multiple of [`SYMMETRIC_COLUMNS`] below n, or n.
///
/// # Precision
/// f64; an instruction set that fuses products into sums may change the last bits.
pub fn symmetric_times(
    matrix: &[f64],
    stride: usize,
    phase: usize,
    columns: usize,
    v: &[f64],
    out: &mut [f64],
) {
    let n = v.len();
    assert_eq!(out.len(), n, "as many components out as in");
    assert!(
        n == 0 || (stride >= n && matrix.len() >= (n - 1) * stride + n),
        "{n} columns of {n} rows"
    );
    assert!(
        columns == n || (columns < n && columns.is_multiple_of(SYMMETRIC_COLUMNS)),
        "{columns} of {n} columns"
    );
    let task = SymmetricTimes {
        matrix,
        stride,
        phase,
        columns,
        v,
        out,
    };
    match unit() {
        #[cfg(target_arch = "aarch64")]
        Unit::Neon => task.run::<neon::Doubles>(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `unit` has seen avx2, fma and avx512f.
        Unit::Avx512 => unsafe { run_avx512(task) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `unit` has seen avx2 and fma.
        Unit::Fma => unsafe { run_fma(task) },
        _ => task.run::<Portable>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_fma(task: SymmetricTimes<'_>) {
    task.run::<x86::Wide256>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f")]
fn run_avx512(task: SymmetricTimes<'_>) {
    task.run::<x86::Wide512>();
}

/// Eight rows of the columns: what they add to the result, and to the dot products with v.
trait Rows {
    /// Sums of the dot products.
    type Sums;
    fn zero() -> Self::Sums;
    fn add(
        columns: [&[f64; LANES]; COLUMNS],
        v: &[f64; LANES],
        of_columns: &[f64; COLUMNS],
        out: &mut [f64; LANES],
        sums: &mut Self::Sums,
    );
    fn lanes(sums: Self::Sums) -> [[f64; LANES]; COLUMNS];
}

struct Portable;

impl Rows for Portable {
    type Sums = [[f64; LANES]; COLUMNS];

    #[inline(always)]
    fn zero() -> Self::Sums {
        [[0.0; LANES]; COLUMNS]
    }

    #[inline(always)]
    fn add(
        columns: [&[f64; LANES]; COLUMNS],
        v: &[f64; LANES],
        of_columns: &[f64; COLUMNS],
        out: &mut [f64; LANES],
        sums: &mut Self::Sums,
    ) {
        for k in 0..COLUMNS {
            for l in 0..LANES {
                out[l] += columns[k][l] * of_columns[k];
                sums[k][l] += columns[k][l] * v[l];
            }
        }
    }

    #[inline(always)]
    fn lanes(sums: Self::Sums) -> [[f64; LANES]; COLUMNS] {
        sums
    }
}

/// [`Rows`] in so many registers of so many lanes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! rows {
    ($name:ident, $register:ty, $parts:literal, $lanes:literal, $zero:ident, $load:ident, $store:ident, $set:ident, $fma:ident) => {
        /// For functions with the features of its register only.
        pub(super) struct $name;

        impl Rows for $name {
            type Sums = [[$register; $parts]; COLUMNS];

            #[inline(always)]
            fn zero() -> Self::Sums {
                // SAFETY: this body is inlined into functions with the features of the register.
                [[unsafe { $zero() }; $parts]; COLUMNS]
            }

            #[inline(always)]
            fn add(
                columns: [&[f64; LANES]; COLUMNS],
                v: &[f64; LANES],
                of_columns: &[f64; COLUMNS],
                out: &mut [f64; LANES],
                sums: &mut Self::Sums,
            ) {
                for part in 0..$parts {
                    let at = part * $lanes;
                    // SAFETY: as in `zero`; a part's lanes lie within the eight.
                    unsafe {
                        let mut to = $load(out.as_ptr().add(at));
                        let v = $load(v.as_ptr().add(at));
                        for k in 0..COLUMNS {
                            let a = $load(columns[k].as_ptr().add(at));
                            to = $fma(a, $set(of_columns[k]), to);
                            sums[k][part] = $fma(a, v, sums[k][part]);
                        }
                        $store(out.as_mut_ptr().add(at), to);
                    }
                }
            }

            #[inline(always)]
            fn lanes(sums: Self::Sums) -> [[f64; LANES]; COLUMNS] {
                sums.map(|parts| {
                    let mut lanes = [0.0; LANES];
                    for (part, register) in parts.into_iter().enumerate() {
                        // SAFETY: as in `add`.
                        unsafe { $store(lanes.as_mut_ptr().add(part * $lanes), register) };
                    }
                    lanes
                })
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256d, __m512d, _mm256_fmadd_pd, _mm256_loadu_pd, _mm256_set1_pd, _mm256_setzero_pd,
        _mm256_storeu_pd, _mm512_fmadd_pd, _mm512_loadu_pd, _mm512_set1_pd, _mm512_setzero_pd,
        _mm512_storeu_pd,
    };

    use crate::symmetric::{COLUMNS, LANES, Rows};

    rows!(
        Wide256,
        __m256d,
        2,
        4,
        _mm256_setzero_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_set1_pd,
        _mm256_fmadd_pd
    );
    rows!(
        Wide512,
        __m512d,
        1,
        8,
        _mm512_setzero_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_set1_pd,
        _mm512_fmadd_pd
    );
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{float64x2_t, vdupq_n_f64, vfmaq_f64, vld1q_f64, vst1q_f64};

    use crate::symmetric::{COLUMNS, LANES, Rows};

    #[inline(always)]
    unsafe fn zero() -> float64x2_t {
        // SAFETY: every processor of the platform has NEON.
        unsafe { vdupq_n_f64(0.0) }
    }

    #[inline(always)]
    unsafe fn add_product(left: float64x2_t, right: float64x2_t, sum: float64x2_t) -> float64x2_t {
        // SAFETY: as in `zero`.
        unsafe { vfmaq_f64(sum, left, right) }
    }

    rows!(
        Doubles,
        float64x2_t,
        4,
        2,
        zero,
        vld1q_f64,
        vst1q_f64,
        vdupq_n_f64,
        add_product
    );
}

struct SymmetricTimes<'a> {
    matrix: &'a [f64],
    stride: usize,
    phase: usize,
    columns: usize,
    v: &'a [f64],
    out: &'a mut [f64],
}

impl SymmetricTimes<'_> {
    #[inline(always)]
    fn run<R: Rows>(self) {
        let Self {
            matrix,
            stride,
            phase,
            columns,
            v,
            out,
        } = self;
        let n = v.len();
        out.fill(0.0);
        let mut first = 0;
        while first < columns {
            let wide = COLUMNS.min(columns - first);
            let below = first + wide;
            // the square on the diagonal
            for j in first..below {
                out[j] += matrix[j * stride + j] * v[j];
                for i in j + 1..below {
                    let a = matrix[j * stride + i];
                    out[i] += a * v[j];
                    out[j] += a * v[i];
                }
            }
            if wide == COLUMNS {
                let columns: [&[f64]; COLUMNS] =
                    std::array::from_fn(|k| &matrix[(first + k) * stride + below..(first + k) * stride + n]);
                let of_columns: [f64; COLUMNS] = std::array::from_fn(|k| v[first + k]);
                let sums =
                    below_diagonal::<R>(columns, phase + below, &v[below..], of_columns, &mut out[below..]);
                for (out, sum) in out[first..below].iter_mut().zip(sums) {
                    *out += sum;
                }
            }
            first = below;
        }
    }
}

/// Adds the columns times `of_columns` to `out`; gives their dot products with `v`.
#[inline(always)]
fn below_diagonal<R: Rows>(
    columns: [&[f64]; COLUMNS],
    place: usize,
    v: &[f64],
    of_columns: [f64; COLUMNS],
    out: &mut [f64],
) -> [f64; COLUMNS] {
    let n = v.len();
    // up to the line of the cache that all columns share, so that no access of theirs takes two
    let head = (place.next_multiple_of(LANES) - place).min(n);
    let mut dots = [0.0; COLUMNS];
    for i in (0..head).chain(head + (n - head) / LANES * LANES..n) {
        for k in 0..COLUMNS {
            out[i] += columns[k][i] * of_columns[k];
            dots[k] += columns[k][i] * v[i];
        }
    }
    let (v, _) = v[head..].as_chunks::<LANES>();
    let (out, _) = out[head..].as_chunks_mut::<LANES>();
    let chunks = columns.map(|column| &column[head..].as_chunks::<LANES>().0[..v.len()]);
    let out = &mut out[..v.len()];
    let mut sums = R::zero();
    for r in 0..v.len() {
        R::add(
            chunks.map(|chunk| &chunk[r]),
            &v[r],
            &of_columns,
            &mut out[r],
            &mut sums,
        );
    }
    for (dot, lanes) in dots.iter_mut().zip(R::lanes(sums)) {
        let four: [f64; 4] = std::array::from_fn(|l| lanes[l] + lanes[l + 4]);
        *dot += (four[0] + four[2]) + (four[1] + four[3]);
    }
    dots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_level;
    use crate::dispatch::levels;

    /// Orders about those of a group of columns and of a chunk, at every level; what lies above the diagonal is not read.
    #[test]
    fn products_are_plain_sums() {
        for level in levels() {
            at_level(level, || {
                for n in [0, 1, 3, 4, 5, 11, 12, 13, 20, 67] {
                    let stride = n + 3;
                    let entry =
                        |i: usize, j: usize| ((i.max(j) * 31 + i.min(j) * 7) % 97) as f64 / 97.0 - 0.5;
                    let mut matrix = vec![f64::NAN; stride * n];
                    for j in 0..n {
                        for i in j..n {
                            matrix[j * stride + i] = entry(i, j);
                        }
                    }
                    let v: Vec<f64> = (0..n).map(|i| ((i * 13) % 29) as f64 / 29.0 - 0.4).collect();
                    let mut out = vec![f64::NAN; n];
                    symmetric_times(&matrix, stride, n % 11, n, &v, &mut out);
                    let cut = n / 8 * SYMMETRIC_COLUMNS;
                    let mut in_parts = vec![f64::NAN; n];
                    symmetric_times(&matrix, stride, n % 11, cut, &v, &mut in_parts);
                    let mut rest = vec![f64::NAN; n - cut];
                    let from = (cut * stride + cut).min(matrix.len());
                    symmetric_times(
                        &matrix[from..],
                        stride,
                        n % 11 + cut,
                        n - cut,
                        &v[cut..],
                        &mut rest,
                    );
                    for (part, rest) in in_parts[cut..].iter_mut().zip(rest) {
                        *part += rest;
                    }
                    for (found, part) in out.iter().zip(in_parts) {
                        assert!(
                            (found - part).abs() <= 2.0 * n as f64 * f64::EPSILON,
                            "{level:?} {n}"
                        );
                    }
                    for (i, found) in out.iter().enumerate() {
                        let plain: f64 = (0..n).map(|j| entry(i, j) * v[j]).sum();
                        // n products below one half
                        assert!((found - plain).abs() <= n as f64 * f64::EPSILON, "{level:?} {n}");
                    }
                }
            });
        }
    }
}
