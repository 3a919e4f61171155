//! Loops over rows on a fixed grid, for any number of threads.

use rayon::prelude::*;

use crate::Real;

/// Rows that are summed at a time; fixed, so that sums do not depend on the threads.
const ROWS: usize = 64;

/// Values that one task works on where nothing is summed over rows.
const TASK_VALUES: usize = 1 << 14;

/// Rows of such a task.
fn task_rows(width: usize) -> usize {
    TASK_VALUES.div_ceil(width.max(1))
}

/// `n` zeros. The threads write many of them together, or all would wait for one to fetch the memory.
pub(crate) fn zeros<T: Real>(n: usize) -> Vec<T> {
    const EACH: usize = 1 << 15;
    if n < 2 * EACH {
        return vec![T::ZERO; n];
    }
    rayon::iter::repeat_n(T::ZERO, n).with_min_len(EACH).collect()
}

/// Runs `body` compiled for the best instruction set of this processor; `body` must inline whatever it loops over.
#[inline(always)]
pub(crate) fn simd<R>(body: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(body)
}

/// Gives every task its rows of `out` and the index of the first of them.
pub(crate) fn each_row_block<T: Real>(out: &mut [T], width: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    let count = task_rows(width);
    out.par_chunks_mut(count * width.max(1))
        .enumerate()
        .for_each(|(block, rows)| simd(|| body(block * count, rows)));
}

/// As [`each_row_block`] with two outputs of their own widths.
pub(crate) fn each_row_block2<T: Real>(
    (a, width_a): (&mut [T], usize),
    (b, width_b): (&mut [T], usize),
    body: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    a.par_chunks_mut(ROWS * width_a.max(1))
        .zip(b.par_chunks_mut(ROWS * width_b.max(1)))
        .enumerate()
        .for_each(|(block, (a, b))| simd(|| body(block * ROWS, a, b)));
}

/// A vector of n values.length `width` that `body` adds to for every block of rows; blocks are added in their order.
pub(crate) fn sum_row_blocks<T: Real>(
    rows: usize,
    width: usize,
    body: impl Fn(std::ops::Range<usize>, &mut [T]) + Sync,
) -> Vec<T> {
    let partial: Vec<Vec<T>> = (0..rows.div_ceil(ROWS))
        .into_par_iter()
        .map(|block| {
            let mut sum = vec![T::ZERO; width];
            simd(|| body(block * ROWS..rows.min((block + 1) * ROWS), &mut sum));
            sum
        })
        .collect();
    let mut total = vec![T::ZERO; width];
    for sum in &partial {
        add(&mut total, sum);
    }
    total
}

/// `to += from`.
#[inline(always)]
pub(crate) fn add<T: Real>(to: &mut [T], from: &[T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// Σ a·b, in sixteen lanes added in a fixed tree.
#[inline(always)]
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::ZERO; 16];
    let (a16, a_rest) = a.as_chunks::<16>();
    let (b16, b_rest) = b.as_chunks::<16>();
    for (a, b) in a16.iter().zip(b16) {
        for i in 0..16 {
            lanes[i] += a[i] * b[i];
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    tree(lanes)
}

/// Σ a, as [`dot`].
#[inline(always)]
pub(crate) fn sum<T: Real>(a: &[T]) -> T {
    let mut lanes = [T::ZERO; 16];
    let (whole, rest) = a.as_chunks::<16>();
    for a in whole {
        for i in 0..16 {
            lanes[i] += a[i];
        }
    }
    for (lane, &a) in lanes.iter_mut().zip(rest) {
        *lane += a;
    }
    tree(lanes)
}

#[inline(always)]
fn tree<T: Real>(mut lanes: [T; 16]) -> T {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            let other = lanes[i + half];
            lanes[i] += other;
        }
    }
    lanes[0]
}
