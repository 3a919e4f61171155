//! Fused writes of transformed rows.

use crate::dispatch::{Isa, Kernel, Lanes, dispatch};
use crate::{Rows, RowsMut, with_rows};

/// Writes `out` = factorᵢ · rowᵢ + Σₖ coefficientᵢₖ · vectorₖ for every row i.
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
        let m = self.vectors.len();
        let rows = self
            .values
            .chunks_exact(self.dim)
            .zip(self.out.chunks_exact_mut(self.dim));
        for (i, (row, out)) in rows.enumerate() {
            let factor = self.factors[i];
            let coefficients = &self.coefficients[i * m..(i + 1) * m];
            let (chunks, tail) = row.as_chunks::<16>();
            let (out_chunks, out_tail) = out.as_chunks_mut::<16>();
            for (k, (chunk, out)) in chunks.iter().zip(out_chunks).enumerate() {
                let mut v = E::widen::<I>(chunk).map(|e| factor * e);
                for (c, vector) in coefficients.iter().zip(self.vectors) {
                    let w = vector[k * 16..].first_chunk::<16>().expect("as wide as the row");
                    for lane in 0..16 {
                        v[lane] += c * w[lane];
                    }
                }
                *out = O::narrow::<I>(&v);
            }
            let done = chunks.len() * 16;
            for (j, (e, out)) in tail.iter().zip(out_tail).enumerate() {
                let mut v = factor * e.to_f64();
                for (c, vector) in coefficients.iter().zip(self.vectors) {
                    v += c * vector[done + j];
                }
                *out = O::from_f64(v);
            }
        }
    }
}
