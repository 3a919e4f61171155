//! Fused writes of transformed rows.

use crate::dispatch::{Isa, Kernel, Lanes, dispatch};
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
    with_rows!(Rows, rows, values => {
        with_rows!(RowsMut, out, out => {
            dispatch(Combine { values, dim, factors, coefficients, vectors, out });
        });
    });
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
