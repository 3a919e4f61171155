//! Reductions over rows and over columns.

use crate::dispatch::{Kernel, dispatch};
use crate::isa::{Isa, Lanes};
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
    assert_eq!(a.len(), b.len(), "vectors of one length");
    dispatch(Dot { a, b })
}

struct Dot<'a> {
    a: &'a [f64],
    b: &'a [f64],
}

impl Kernel for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        dot_of::<I, f64>(self.a, self.b)
    }
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

/// Adds weight·4^e to each of `sums` for the exponent e of the component there, which is taken to be at least `least`; gives all bits that
/// some component uses.
///
/// # Shapes
/// `row` and `sums` dim.
pub fn add_squared_powers(row: &[f64], least: i64, weight: f64, sums: &mut [f64]) -> u64 {
    assert_eq!(row.len(), sums.len(), "a sum per column");
    dispatch(SquaredPowers {
        row,
        least,
        weight,
        sums,
    })
}

struct SquaredPowers<'a> {
    row: &'a [f64],
    least: i64,
    weight: f64,
    sums: &'a mut [f64],
}

impl Kernel for SquaredPowers<'_> {
    type Output = u64;

    #[inline(always)]
    fn run<I: Isa>(self) -> u64 {
        const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
        let mut used = 0;
        for (sum, v) in self.sums.iter_mut().zip(self.row) {
            let bits = v.to_bits();
            used |= bits;
            let exponent = (((bits >> FRACTION) & 0x7ff).cast_signed() - 1023).max(self.least);
            let power = f64::from_bits((2 * exponent + 1023).cast_unsigned() << FRACTION);
            *sum += power * self.weight;
        }
        used
    }
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
            let dots = &mut self.dots[i * m..(i + 1) * m];
            // a published aligner has two vectors
            match *self.vectors {
                [] => *square = square_and_dots::<I, E, 0>(row, [], dots),
                [v] => *square = square_and_dots::<I, E, 1>(row, [v], dots),
                [v, w] => *square = square_and_dots::<I, E, 2>(row, [v, w], dots),
                [v, w, ref rest @ ..] => {
                    let (first, others) = dots.split_at_mut(2);
                    *square = square_and_dots::<I, E, 2>(row, [v, w], first);
                    for (dot, vector) in others.iter_mut().zip(rest) {
                        *dot = dot_of::<I, E>(row, vector);
                    }
                }
            }
        }
    }
}

/// Squared length of `row`; its dot products with `vectors` go into `dots`.
#[inline(always)]
pub(crate) fn square_and_dots<I: Isa, E: Lanes, const M: usize>(
    row: &[E],
    vectors: [&[f64]; M],
    dots: &mut [f64],
) -> f64 {
    let (mut squares, mut products) = ([0.0; 16], [[0.0; 16]; M]);
    let (chunks, tail) = row.as_chunks::<16>();
    let vectors = vectors.map(|vector| vector.as_chunks::<16>());
    // no closure: it would be compiled apart, without the instruction set
    for (k, chunk) in chunks.iter().enumerate() {
        let e = E::widen::<I>(chunk);
        add_squares::<I, E>(&mut squares, &e);
        for m in 0..M {
            I::add_products(&mut products[m], &e, &vectors[m].0[k]);
        }
    }
    if !tail.is_empty() {
        let e = filled_up(tail);
        add_squares::<I, E>(&mut squares, &e);
        for m in 0..M {
            I::add_products(&mut products[m], &e, &filled_up(vectors[m].1));
        }
    }
    for m in 0..M {
        dots[m] = tree(&products[m]);
    }
    tree(&squares)
}

#[inline(always)]
fn dot_of<I: Isa, E: Lanes>(row: &[E], vector: &[f64]) -> f64 {
    let mut products = [0.0; 16];
    let (chunks, tail) = row.as_chunks::<16>();
    let (vector_chunks, vector_tail) = vector.as_chunks::<16>();
    for (chunk, w) in chunks.iter().zip(vector_chunks) {
        I::add_products(&mut products, &E::widen::<I>(chunk), w);
    }
    if !tail.is_empty() {
        I::add_products(&mut products, &filled_up(tail), &filled_up(vector_tail));
    }
    tree(&products)
}

#[inline(always)]
fn add_squares<I: Isa, E: Lanes>(sums: &mut [f64; 16], v: &[f64; 16]) {
    if E::SHORT {
        I::add_exact_products(sums, v, v);
    } else {
        I::add_products(sums, v, v);
    }
}

/// The last chunk, filled up with zeros.
fn filled_up<E: Lanes>(tail: &[E]) -> [f64; 16] {
    std::array::from_fn(|lane| tail.get(lane).map_or(0.0, |v| v.to_f64()))
}

#[inline(always)]
pub(crate) fn tree(lanes: &[f64; 16]) -> f64 {
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
        let Self {
            values,
            dim,
            weights,
            sums,
        } = self;
        let row_of = |row: usize| &values[row * dim..(row + 1) * dim];
        let mut group = [0; GROUP];
        let mut count = 0;
        for row in (0..weights.len()).filter(|&row| weights[row] != 0.0) {
            group[count] = row;
            count += 1;
            if count == GROUP {
                add_group::<I, E, GROUP>(group.map(row_of), group.map(|row| weights[row]), sums);
                count = 0;
            }
        }
        // the order of additions is that of the rows either way
        for &row in &group[..count] {
            add_group::<I, E, 1>([row_of(row)], [weights[row]], sums);
        }
    }
}

/// Adds Σ weightᵢ · rowᵢ to `sums`, in row order.
#[inline(always)]
pub(crate) fn add_group<I: Isa, E: Lanes, const N: usize>(
    rows: [&[E]; N],
    weights: [f64; N],
    sums: &mut [f64],
) {
    // so are those of a mean over a block of rows
    if E::SHORT && weights.iter().all(|&weight| is_power_of_two(weight)) {
        add_rows::<I, E, N, true>(rows, weights, sums);
    } else {
        add_rows::<I, E, N, false>(rows, weights, sums);
    }
}

/// Whether products with components of 24 bits are exact: the ends of f64 are far from both.
fn is_power_of_two(weight: f64) -> bool {
    const MANTISSA: u64 = (1 << (f64::MANTISSA_DIGITS - 1)) - 1;
    weight.to_bits() & MANTISSA == 0 && (1e-100..1e100).contains(&weight)
}

/// Adds rows chunk by chunk, so that each running sum is loaded and stored once. `EXACT` says that no product rounds.
#[inline(always)]
fn add_rows<I: Isa, E: Lanes, const N: usize, const EXACT: bool>(
    rows: [&[E]; N],
    weights: [f64; N],
    sums: &mut [f64],
) {
    let (sums, sums_tail) = sums.as_chunks_mut::<16>();
    let split = rows.map(|row| row.as_chunks::<16>());
    // as long as the sums, said once and not in every turn of the loop
    let chunks = split.map(|(chunks, _)| &chunks[..sums.len()]);
    for (k, sums) in sums.iter_mut().enumerate() {
        let mut lanes = *sums;
        for i in 0..N {
            let (v, weight) = (E::widen::<I>(&chunks[i][k]), [weights[i]; 16]);
            if EXACT {
                I::add_exact_products(&mut lanes, &v, &weight);
            } else {
                I::add_products(&mut lanes, &v, &weight);
            }
        }
        *sums = lanes;
    }
    for i in 0..N {
        for (sum, v) in sums_tail.iter_mut().zip(split[i].1) {
            *sum += v.to_f64() * weights[i];
        }
    }
}
