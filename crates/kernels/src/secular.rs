//! Sums over the poles of a secular equation, 1/ρ + Σ z²/(d−λ) = 0, for the eigenvalues of a diagonal matrix and one of rank one.
//!
//! λ is given as a pole, `origin`, and the distance from it, `mu`: differences from the other poles are then exact to rounding.

use crate::dispatch::{Kernel, dispatch};
use crate::isa::Isa;
use crate::reduce::tree;

/// Lanes of a sum.
const LANES: usize = 16;

/// Σ z²/((d−origin)−mu) and Σ z²/((d−origin)−mu)².
///
/// # Shapes
/// `d` and `z` n.
///
/// # Precision
/// f64 in sixteen lanes added in a fixed tree.
pub fn secular_sums(d: &[f64], z: &[f64], origin: f64, mu: f64) -> [f64; 2] {
    assert_eq!(d.len(), z.len(), "a weight per pole");
    dispatch(Sums { d, z, origin, mu })
}

/// Writes z/((d−origin)−mu) into `out`, and gives the sum of the squares.
///
/// # Shapes
/// `d`, `z` and `out` n.
///
/// # Precision
/// As [`secular_sums`].
pub fn secular_vector(d: &[f64], z: &[f64], origin: f64, mu: f64, out: &mut [f64]) -> f64 {
    assert_eq!(d.len(), z.len(), "a weight per pole");
    assert_eq!(d.len(), out.len(), "a component per pole");
    dispatch(Vector {
        d,
        z,
        origin,
        mu,
        out,
    })
}

/// Multiplies each of `products` by (λ−d)/(pole−d).
///
/// # Shapes
/// `d` and `products` n; none of `d` is `pole`.
pub fn secular_factors(d: &[f64], pole: f64, origin: f64, mu: f64, products: &mut [f64]) {
    assert_eq!(d.len(), products.len(), "a product per pole");
    dispatch(Factors {
        d,
        pole,
        origin,
        mu,
        products,
    });
}

struct Sums<'a> {
    d: &'a [f64],
    z: &'a [f64],
    origin: f64,
    mu: f64,
}

impl Kernel for Sums<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<I: Isa>(self) -> [f64; 2] {
        let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let (d, d_tail) = self.d.as_chunks::<LANES>();
        let (z, z_tail) = self.z.as_chunks::<LANES>();
        for (d, z) in d.iter().zip(z) {
            for l in 0..LANES {
                let part = z[l] / ((d[l] - self.origin) - self.mu);
                sums[l] += z[l] * part;
                squares[l] += part * part;
            }
        }
        for (l, (d, z)) in d_tail.iter().zip(z_tail).enumerate() {
            let part = z / ((d - self.origin) - self.mu);
            sums[l] += z * part;
            squares[l] += part * part;
        }
        [tree(&sums), tree(&squares)]
    }
}

struct Vector<'a> {
    d: &'a [f64],
    z: &'a [f64],
    origin: f64,
    mu: f64,
    out: &'a mut [f64],
}

impl Kernel for Vector<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let mut squares = [0.0; LANES];
        let (d, d_tail) = self.d.as_chunks::<LANES>();
        let (z, z_tail) = self.z.as_chunks::<LANES>();
        let (out, out_tail) = self.out.as_chunks_mut::<LANES>();
        for (out, (d, z)) in out.iter_mut().zip(d.iter().zip(z)) {
            for l in 0..LANES {
                out[l] = z[l] / ((d[l] - self.origin) - self.mu);
                squares[l] += out[l] * out[l];
            }
        }
        for (l, (out, (d, z))) in out_tail.iter_mut().zip(d_tail.iter().zip(z_tail)).enumerate() {
            *out = z / ((d - self.origin) - self.mu);
            squares[l] += *out * *out;
        }
        tree(&squares)
    }
}

struct Factors<'a> {
    d: &'a [f64],
    pole: f64,
    origin: f64,
    mu: f64,
    products: &'a mut [f64],
}

impl Kernel for Factors<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (product, d) in self.products.iter_mut().zip(self.d) {
            *product *= ((self.origin - d) + self.mu) / (self.pole - d);
        }
    }
}
