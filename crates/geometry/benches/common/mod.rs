//! Rows like embeddings: unit length, a mean, and variances that fall like 1/k.

/// `n` seeded rows of `dim` values; `side` chooses the coordinate of the mean.
pub fn rows(n: usize, dim: usize, side: usize) -> Vec<f64> {
    let mut state = side as u64 + 1;
    let mut values: Vec<f64> = (0..n * dim)
        .map(|i| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 40) as f64 / f64::from(1_u32 << 23) - 1.0;
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
