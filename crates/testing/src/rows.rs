//! Rows that look a little like embeddings.

use crate::lcg::Lcg;

/// `n` rows of `dim` values whose column j has the spread 1/(1+j); column `seed` mod `dim` has the mean `mean`.
pub fn falling_rows(n: usize, dim: usize, seed: u64, mean: f64) -> Vec<f64> {
    let mut random = Lcg::new(seed);
    (0..n * dim)
        .map(|i| {
            let column = i % dim;
            random.signed() / (1 + column) as f64 + if column == seed as usize % dim { mean } else { 0.0 }
        })
        .collect()
}

/// The same in steps that f32 holds, with a mean of 0.4.
pub fn side_rows(n: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut random = Lcg::new(seed);
    (0..n * dim)
        .map(|i| {
            let column = i % dim;
            random.signed_f32() / (1 + column) as f32 + if column == seed as usize % dim { 0.4 } else { 0.0 }
        })
        .collect()
}
