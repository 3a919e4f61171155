//! Rows like embeddings: unit length, a mean, and variances that fall like 1/k.

use modality_gap_testing::Lcg;

/// `n` seeded rows of `dim` values; `side` chooses the coordinate of the mean.
pub fn rows(n: usize, dim: usize, side: usize) -> Vec<f64> {
    let mut random = Lcg::new(side as u64 + 1);
    let mut values: Vec<f64> = (0..n * dim)
        .map(|i| {
            let noise = f64::from(random.signed_f32());
            let column = i % dim;
            noise / ((1 + column) as f64).sqrt() + if column == side { 2.0 } else { 0.0 }
        })
        .collect();
    for row in values.chunks_exact_mut(dim) {
        let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        for v in row {
            *v /= length;
        }
    }
    values
}
