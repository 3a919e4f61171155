//! Products of rows with a few directions in f64: what XᵀX does to them, without XᵀX.

use crate::dispatch::{Kernel, dispatch};
use crate::isa::Isa;
use crate::reduce::tree;

/// Lanes of a chunk.
const LANES: usize = 16;
/// Rows that share a pass over the directions and over their sums.
const TOGETHER: usize = 4;

/// Adds Σ (e−c)((e−c)·v) for each direction v to its sum.
///
/// # Shapes
/// `rows` each as wide as `center`; `directions` and `sums` k × dim.
///
/// # Precision
/// f64, in a fixed order: the same rows give the same bits on any machine.
pub fn add_projected(rows: &[&[f64]], center: &[f64], directions: &[f64], sums: &mut [f64]) {
    let dim = center.len();
    assert!(
        rows.iter().all(|row| row.len() == dim),
        "rows as wide as the centre"
    );
    assert_eq!(directions.len(), sums.len(), "a sum for each direction");
    assert!(
        dim > 0 && sums.len().is_multiple_of(dim),
        "directions as wide as the centre"
    );
    dispatch(Projected {
        rows,
        center,
        directions,
        sums,
    });
}

struct Projected<'a> {
    rows: &'a [&'a [f64]],
    center: &'a [f64],
    directions: &'a [f64],
    sums: &'a mut [f64],
}

impl Kernel for Projected<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let dim = self.center.len();
        let chunks = dim.div_ceil(LANES);
        let directions = in_chunks(self.directions, dim);
        let mut found = vec![[0.0; LANES]; directions.len()];
        let mut centred = vec![[0.0; LANES]; TOGETHER * chunks];
        for rows in self.rows.chunks(TOGETHER) {
            for (row, to) in rows
                .iter()
                .zip(centred.as_flattened_mut().chunks_exact_mut(chunks * LANES))
            {
                let to = &mut to[..dim];
                // one array at a time: of two sources the compiler cannot tell that they do not overlap the other
                to.copy_from_slice(row);
                for (to, center) in to.iter_mut().zip(self.center) {
                    *to -= center;
                }
            }
            centred[rows.len() * chunks..].fill([0.0; LANES]);
            let of_each = directions
                .chunks_exact(chunks)
                .zip(found.chunks_exact_mut(chunks));
            for (direction, sum) in of_each {
                let mut dots = [[0.0; LANES]; TOGETHER];
                for (dots, rows) in dots
                    .as_chunks_mut::<2>()
                    .0
                    .iter_mut()
                    .zip(centred.chunks_exact(2 * chunks))
                {
                    let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
                    for k in 0..chunks {
                        I::add_products(&mut first, &rows[k], &direction[k]);
                        I::add_products(&mut second, &rows[chunks + k], &direction[k]);
                    }
                    *dots = [first, second];
                }
                let weights: [[f64; LANES]; TOGETHER] = dots.map(|dots| [tree(&dots); LANES]);
                for k in 0..chunks {
                    let mut lanes = sum[k];
                    for i in 0..TOGETHER {
                        I::add_products(&mut lanes, &centred[i * chunks + k], &weights[i]);
                    }
                    sum[k] = lanes;
                }
            }
        }
        let found = found.as_flattened().chunks_exact(chunks * LANES);
        for (sums, found) in self.sums.chunks_exact_mut(dim).zip(found) {
            for k in 0..dim {
                sums[k] += found[k];
            }
        }
    }
}

/// Vectors of `dim` components, each filled up with zeros to whole chunks.
fn in_chunks(vectors: &[f64], dim: usize) -> Vec<[f64; LANES]> {
    let mut chunks = Vec::with_capacity(vectors.len() / dim * dim.div_ceil(LANES));
    for vector in vectors.chunks_exact(dim) {
        let (whole, rest) = vector.as_chunks::<LANES>();
        chunks.extend_from_slice(whole);
        if !rest.is_empty() {
            let mut last = [0.0; LANES];
            last[..rest.len()].copy_from_slice(rest);
            chunks.push(last);
        }
    }
    chunks
}
