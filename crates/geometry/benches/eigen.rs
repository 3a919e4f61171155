//! Eigenvalues and eigenvectors of a covariance, checked as every decomposition is.

mod common;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use modality_gap_geometry::{Covariance, Eigen, as_rows};

fn eigen(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("eigen");
    group.sample_size(10);
    for dim in [512, 768, 1280] {
        let rows = common::rows(2 * dim, dim, 0);
        let mut covariance = Covariance::about(&vec![0.0; dim]);
        covariance.accumulate(as_rows(&rows, dim));
        let matrix = covariance.matrix();
        group.bench_function(BenchmarkId::new("full", dim), |b| {
            b.iter(|| Eigen::of(matrix.as_ref()).expect("a finite matrix"));
        });
    }
    group.finish();
}

criterion_group!(benches, eigen);
criterion_main!(benches);
