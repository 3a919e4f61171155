//! Fused writes of transformed rows.

use crate::dispatch::{Kernel, dispatch};
use crate::isa::{Isa, Lanes};
use crate::reduce::add_group;
use crate::{Rows, RowsMut, with_rows};

/// Writes `out` = factorᵢ · rowᵢ + Σₖ coefficientᵢₖ · vectorₖ for every row i. A row whose factor and coefficients are
/// all zero becomes zero, whatever it holds.
///
/// # Shapes
/// `rows` and `out` n × dim; `factors` n; `coefficients` n × vectors.len(), row-major; `vectors` each dim.
///
/// # Precision
/// Computed in f64, terms added in order, rounded once to the type of `out` (the 16-bit types by way of f32).
pub fn combine(
    rows: Rows<'_>,
    dim: usize,
    factors: &[f64],
    coefficients: &[f64],
    vectors: &[&[f64]],
    out: RowsMut<'_>,
) {
    check_shapes(rows, dim, factors, coefficients, vectors, &out);
    with_rows!(Rows, rows, values => {
        with_rows!(RowsMut, out, out => {
            dispatch(Combine { values, dim, factors, coefficients, vectors, out });
        });
    });
}

/// As [`combine`], and adds Σ factorᵢ · rowᵢ to `sums` on the way: the bits of `combine` and of
/// [`add_weighted`](crate::add_weighted), for little more than the time of the one.
///
/// # Shapes
/// As for `combine`; `sums` dim.
pub fn combine_and_add(
    rows: Rows<'_>,
    dim: usize,
    factors: &[f64],
    coefficients: &[f64],
    vectors: &[&[f64]],
    out: RowsMut<'_>,
    sums: &mut [f64],
) {
    // a published aligner has two vectors
    let &[v, w] = vectors else {
        crate::add_weighted(rows, dim, factors, sums);
        return combine(rows, dim, factors, coefficients, vectors, out);
    };
    check_shapes(rows, dim, factors, coefficients, vectors, &out);
    assert_eq!(sums.len(), dim, "a sum per column");
    with_rows!(Rows, rows, values => {
        with_rows!(RowsMut, out, out => {
            dispatch(CombineAndAdd { values, dim, factors, coefficients, vectors: [v, w], out, sums });
        });
    });
}

fn check_shapes(
    rows: Rows<'_>,
    dim: usize,
    factors: &[f64],
    coefficients: &[f64],
    vectors: &[&[f64]],
    out: &RowsMut<'_>,
) {
    assert_eq!(rows.len(), dim * factors.len(), "a factor per row");
    assert_eq!(rows.len(), out.len(), "as many components out as in");
    assert_eq!(
        coefficients.len(),
        vectors.len() * factors.len(),
        "a coefficient per row and vector"
    );
    assert!(
        vectors.iter().all(|v| v.len() == dim),
        "vectors as wide as the rows"
    );
}

struct Combine<'a, E, O> {
    values: &'a [E],
    dim: usize,
    factors: &'a [f64],
    coefficients: &'a [f64],
    vectors: &'a [&'a [f64]],
    out: &'a mut [O],
}

impl<E: Lanes, O: Lanes> Kernel for Combine<'_, E, O> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let (dim, m) = (self.dim, self.vectors.len());
        let rows = self.values.chunks_exact(dim).zip(self.out.chunks_exact_mut(dim));
        for (i, (row, out)) in rows.enumerate() {
            let (factor, c) = (self.factors[i], &self.coefficients[i * m..(i + 1) * m]);
            if factor == 0.0 && c.iter().all(|&c| c == 0.0) {
                out.fill(O::from_f64(0.0));
                continue;
            }
            // a published aligner has two vectors; their terms then stay in registers
            match (self.vectors, c) {
                ([], []) => row_of::<I, E, O, 0>(row, factor, [], [], out),
                (&[v], &[c]) => row_of::<I, E, O, 1>(row, factor, [c], [v], out),
                (&[v, w], &[c, d]) => row_of::<I, E, O, 2>(row, factor, [c, d], [v, w], out),
                (vectors, c) => row_of_many::<I, E, O>(row, factor, c, vectors, out),
            }
        }
    }
}

#[inline(always)]
fn row_of<I: Isa, E: Lanes, O: Lanes, const M: usize>(
    row: &[E],
    factor: f64,
    coefficients: [f64; M],
    vectors: [&[f64]; M],
    out: &mut [O],
) {
    let (chunks, tail) = row.as_chunks::<16>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<16>();
    let vector_chunks = vectors.map(|vector| vector.as_chunks::<16>().0);
    for (k, (chunk, out)) in chunks.iter().zip(out_chunks).enumerate() {
        let mut v = E::widen::<I>(chunk).map(|e| factor * e);
        for m in 0..M {
            add_scaled(&mut v, coefficients[m], &vector_chunks[m][k]);
        }
        *out = O::narrow::<I>(&v);
    }
    tail_of(tail, factor, &coefficients, &vectors, chunks.len() * 16, out_tail);
}

#[inline(always)]
fn row_of_many<I: Isa, E: Lanes, O: Lanes>(
    row: &[E],
    factor: f64,
    coefficients: &[f64],
    vectors: &[&[f64]],
    out: &mut [O],
) {
    let (chunks, tail) = row.as_chunks::<16>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<16>();
    for (k, (chunk, out)) in chunks.iter().zip(out_chunks).enumerate() {
        let mut v = E::widen::<I>(chunk).map(|e| factor * e);
        for (&c, vector) in coefficients.iter().zip(vectors) {
            add_scaled(&mut v, c, &vector.as_chunks::<16>().0[k]);
        }
        *out = O::narrow::<I>(&v);
    }
    tail_of(tail, factor, coefficients, vectors, chunks.len() * 16, out_tail);
}

#[inline(always)]
fn add_scaled(v: &mut [f64; 16], c: f64, w: &[f64; 16]) {
    for lane in 0..16 {
        v[lane] += c * w[lane];
    }
}

#[inline(always)]
fn tail_of<E: Lanes, O: Lanes>(
    tail: &[E],
    factor: f64,
    coefficients: &[f64],
    vectors: &[&[f64]],
    done: usize,
    out: &mut [O],
) {
    for (j, (e, out)) in tail.iter().zip(out).enumerate() {
        let mut v = factor * e.to_f64();
        for (c, vector) in coefficients.iter().zip(vectors) {
            v += c * vector[done + j];
        }
        *out = O::from_f64(v);
    }
}

struct CombineAndAdd<'a, E, O> {
    values: &'a [E],
    dim: usize,
    factors: &'a [f64],
    coefficients: &'a [f64],
    vectors: [&'a [f64]; 2],
    out: &'a mut [O],
    sums: &'a mut [f64],
}

impl<E: Lanes, O: Lanes> Kernel for CombineAndAdd<'_, E, O> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let dim = self.dim;
        let (coefficients, _) = self.coefficients.as_chunks::<2>();
        let rows = self.values.chunks(2 * dim).zip(self.out.chunks_mut(2 * dim));
        for (pair, (rows, out)) in rows.enumerate() {
            let first = 2 * pair;
            if rows.len() == 2 * dim && self.factors[first] != 0.0 && self.factors[first + 1] != 0.0 {
                let (r, s) = rows.split_at(dim);
                let (p, q) = out.split_at_mut(dim);
                let factors = [self.factors[first], self.factors[first + 1]];
                let c = [coefficients[first], coefficients[first + 1]];
                pair_of::<I, E, O>([r, s], factors, c, self.vectors, [p, q], self.sums);
                continue;
            }
            for (i, (row, out)) in rows.chunks(dim).zip(out.chunks_mut(dim)).enumerate() {
                let (factor, c) = (self.factors[first + i], coefficients[first + i]);
                if factor == 0.0 && c == [0.0; 2] {
                    out.fill(O::from_f64(0.0));
                    continue;
                }
                row_of::<I, E, O, 2>(row, factor, c, self.vectors, out);
                if factor != 0.0 {
                    add_group::<I, E, 1>([row], [factor], self.sums);
                }
            }
        }
    }
}

/// Two rows at once, so that the running sums are loaded and stored half as often.
#[inline(always)]
fn pair_of<I: Isa, E: Lanes, O: Lanes>(
    rows: [&[E]; 2],
    factors: [f64; 2],
    coefficients: [[f64; 2]; 2],
    vectors: [&[f64]; 2],
    out: [&mut [O]; 2],
    sums: &mut [f64],
) {
    let (sums, sums_tail) = sums.as_chunks_mut::<16>();
    let n = sums.len();
    let rows = rows.map(|row| row.as_chunks::<16>());
    let vector_chunks = vectors.map(|vector| &vector.as_chunks::<16>().0[..n]);
    let chunks = rows.map(|(chunks, _)| &chunks[..n]);
    let [(p, p_tail), (q, q_tail)] = out.map(|out| out.as_chunks_mut::<16>());
    let out = [&mut p[..n], &mut q[..n]];
    for (k, sums) in sums.iter_mut().enumerate() {
        let mut lanes = *sums;
        for i in 0..2 {
            let mut v = E::widen::<I>(&chunks[i][k]).map(|e| factors[i] * e);
            for lane in 0..16 {
                lanes[lane] += v[lane];
            }
            for m in 0..2 {
                add_scaled(&mut v, coefficients[i][m], &vector_chunks[m][k]);
            }
            out[i][k] = O::narrow::<I>(&v);
        }
        *sums = lanes;
    }
    for (i, out) in [p_tail, q_tail].into_iter().enumerate() {
        let tail = rows[i].1;
        for (sum, e) in sums_tail.iter_mut().zip(tail) {
            *sum += e.to_f64() * factors[i];
        }
        tail_of(tail, factors[i], &coefficients[i], &vectors, 16 * n, out);
    }
}
