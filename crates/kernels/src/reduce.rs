//! Reductions over rows and over columns.

use crate::dispatch::{Isa, Kernel, Lanes, dispatch};
use crate::{Rows, with_rows};

/// Rows whose columns are summed together before the running sums are stored again; bounded by the L1 cache.
const GROUP: usize = 8;

/// Squared length of each row and its dot products with `vectors`.
///
/// # Shapes
/// `rows` n × dim; `vectors` each dim; `squares` n; `dots` n × vectors.len(), row-major.
///
/// # Precision
/// f64 in sixteen lanes added in a fixed tree; a component that is not finite shows as a square that is not finite.
pub fn lengths_and_dots(
    rows: Rows<'_>,
    dim: usize,
    vectors: &[&[f64]],
    squares: &mut [f64],
    dots: &mut [f64],
) {
    assert_eq!(rows.len(), dim * squares.len(), "whole rows");
    assert_eq!(
        dots.len(),
        vectors.len() * squares.len(),
        "a dot product per row and vector"
    );
    assert!(
        vectors.iter().all(|v| v.len() == dim),
        "vectors as wide as the rows"
    );
    with_rows!(Rows, rows, values => dispatch(LengthsAndDots { values, dim, vectors, squares, dots }));
}

/// Dot product of two f64 vectors, in the kernels' fixed lanes.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() {
        return 0.0;
    }
    let (mut square, mut product) = ([0.0], [0.0]);
    lengths_and_dots(Rows::F64(a), a.len(), &[b], &mut square, &mut product);
    product[0]
}

/// Adds Σᵢ weightᵢ · rowᵢ to `sums`, column by column in row order. A row of weight zero is not looked at, so it may
/// hold components that are not finite.
///
/// # Shapes
/// `rows` n × dim; `weights` n; `sums` dim.
pub fn add_weighted(rows: Rows<'_>, dim: usize, weights: &[f64], sums: &mut [f64]) {
    assert_eq!(rows.len(), dim * weights.len(), "a weight per row");
    assert_eq!(sums.len(), dim, "a sum per column");
    with_rows!(Rows, rows, values => dispatch(AddWeighted { values, dim, weights, sums }));
}

struct LengthsAndDots<'a, E> {
    values: &'a [E],
    dim: usize,
    vectors: &'a [&'a [f64]],
    squares: &'a mut [f64],
    dots: &'a mut [f64],
}

impl<E: Lanes> Kernel for LengthsAndDots<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let m = self.vectors.len();
        for (i, (row, square)) in self.values.chunks_exact(self.dim).zip(self.squares).enumerate() {
            match self.vectors {
                [] => *square = square_of::<I, E>(row),
                // a published aligner has two vectors
                &[first, second] => {
                    let dots = &mut self.dots[i * m..(i + 1) * m];
                    (*square, dots[0], dots[1]) = square_and_two_dots::<I, E>(row, first, second);
                }
                [first, rest @ ..] => {
                    let dots = &mut self.dots[i * m..(i + 1) * m];
                    (*square, dots[0]) = square_and_dot::<I, E>(row, first);
                    for (dot, vector) in dots[1..].iter_mut().zip(rest) {
                        *dot = dot_of::<I, E>(row, vector);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn square_of<I: Isa, E: Lanes>(row: &[E]) -> f64 {
    let mut lanes = [0.0; 16];
    for_chunks::<I, E>(row, |v| add_products(&mut lanes, v, v));
    tree(&lanes)
}

#[inline(always)]
fn dot_of<I: Isa, E: Lanes>(row: &[E], vector: &[f64]) -> f64 {
    let mut dots = [0.0; 16];
    for_chunks_with::<I, E>(row, vector, |v, w| add_products(&mut dots, v, w));
    tree(&dots)
}

#[inline(always)]
fn square_and_dot<I: Isa, E: Lanes>(row: &[E], vector: &[f64]) -> (f64, f64) {
    let (mut squares, mut dots) = ([0.0; 16], [0.0; 16]);
    for_chunks_with::<I, E>(row, vector, |v, w| {
        add_products(&mut squares, v, v);
        add_products(&mut dots, v, w);
    });
    (tree(&squares), tree(&dots))
}

#[inline(always)]
fn square_and_two_dots<I: Isa, E: Lanes>(row: &[E], first: &[f64], second: &[f64]) -> (f64, f64, f64) {
    let (mut squares, mut dots, mut others) = ([0.0; 16], [0.0; 16], [0.0; 16]);
    let (chunks, tail) = row.as_chunks::<16>();
    let (first, first_tail) = first.as_chunks::<16>();
    let (second, second_tail) = second.as_chunks::<16>();
    for ((chunk, v), w) in chunks.iter().zip(first).zip(second) {
        let e = E::widen::<I>(chunk);
        add_products(&mut squares, &e, &e);
        add_products(&mut dots, &e, v);
        add_products(&mut others, &e, w);
    }
    if !tail.is_empty() {
        let e = filled_up(tail);
        add_products(&mut squares, &e, &e);
        add_products(&mut dots, &e, &filled_up(first_tail));
        add_products(&mut others, &e, &filled_up(second_tail));
    }
    (tree(&squares), tree(&dots), tree(&others))
}

#[inline(always)]
fn add_products(sums: &mut [f64; 16], v: &[f64; 16], w: &[f64; 16]) {
    for lane in 0..16 {
        sums[lane] += v[lane] * w[lane];
    }
}

/// Gives `body` the row sixteen components at a time, the last chunk filled up with zeros.
#[inline(always)]
fn for_chunks<I: Isa, E: Lanes>(row: &[E], mut body: impl FnMut(&[f64; 16])) {
    let (chunks, tail) = row.as_chunks::<16>();
    for chunk in chunks {
        body(&E::widen::<I>(chunk));
    }
    if !tail.is_empty() {
        body(&filled_up(tail));
    }
}

/// As [`for_chunks`], beside the same components of `vector`.
#[inline(always)]
fn for_chunks_with<I: Isa, E: Lanes>(
    row: &[E],
    vector: &[f64],
    mut body: impl FnMut(&[f64; 16], &[f64; 16]),
) {
    let (chunks, tail) = row.as_chunks::<16>();
    let (vector_chunks, vector_tail) = vector.as_chunks::<16>();
    for (chunk, w) in chunks.iter().zip(vector_chunks) {
        body(&E::widen::<I>(chunk), w);
    }
    if !tail.is_empty() {
        body(&filled_up(tail), &filled_up(vector_tail));
    }
}

fn filled_up<E: Lanes>(tail: &[E]) -> [f64; 16] {
    std::array::from_fn(|lane| tail.get(lane).map_or(0.0, |v| v.to_f64()))
}

#[inline(always)]
fn tree(lanes: &[f64; 16]) -> f64 {
    let eight: [f64; 8] = std::array::from_fn(|l| lanes[l] + lanes[l + 8]);
    let four: [f64; 4] = std::array::from_fn(|l| eight[l] + eight[l + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

struct AddWeighted<'a, E> {
    values: &'a [E],
    dim: usize,
    weights: &'a [f64],
    sums: &'a mut [f64],
}

impl<E: Lanes> Kernel for AddWeighted<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let dim = self.dim;
        let mut counted = (0..self.weights.len()).filter(|&row| self.weights[row] != 0.0);
        let row_of = |row: usize| self.values[row * dim..(row + 1) * dim].as_chunks::<16>();
        loop {
            let mut group: [&[[E; 16]]; GROUP] = [&[]; GROUP];
            let mut tails: [&[E]; GROUP] = [&[]; GROUP];
            let mut weights = [0.0; GROUP];
            let mut count = 0;
            for row in counted.by_ref().take(GROUP) {
                (group[count], tails[count]) = row_of(row);
                weights[count] = self.weights[row];
                count += 1;
            }
            // a full group is unrolled; its order of additions is that of the rows either way
            if count == GROUP {
                add_group::<I, E>(&group, &tails, &weights, self.sums);
            } else {
                add_group::<I, E>(&group[..count], &tails[..count], &weights, self.sums);
                break;
            }
        }
    }
}

/// Adds the rows of one group, chunk by chunk, so that each running sum is loaded and stored once.
#[inline(always)]
fn add_group<I: Isa, E: Lanes>(
    group: &[&[[E; 16]]],
    tails: &[&[E]],
    weights: &[f64; GROUP],
    sums: &mut [f64],
) {
    let (chunks, rest) = sums.as_chunks_mut::<16>();
    for (k, sums) in chunks.iter_mut().enumerate() {
        let mut lanes = *sums;
        for (i, row) in group.iter().enumerate() {
            let v = E::widen::<I>(&row[k]);
            for lane in 0..16 {
                lanes[lane] += v[lane] * weights[i];
            }
        }
        *sums = lanes;
    }
    for (i, tail) in tails.iter().enumerate() {
        for (sum, v) in rest.iter_mut().zip(*tail) {
            *sum += v.to_f64() * weights[i];
        }
    }
}
