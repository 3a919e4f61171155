//! Covariance: rows per second on all cores, a block at a time as a pass over shards counts them.

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use modality_gap_geometry::{Covariance, Precision, as_rows};

const ROWS: usize = 1024;

fn covariance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("covariance");
    group.throughput(Throughput::Elements(ROWS as u64));
    for dim in [512, 768, 1280] {
        let rows = common::rows(ROWS, dim, 0);
        for (name, precision) in [("rows", Precision::Exact), ("rows in f32", Precision::Single)] {
            let mut state = Covariance::about_in(&rows[..dim], precision);
            group.bench_function(BenchmarkId::new(name, dim), |b| {
                b.iter(|| state.accumulate(as_rows(&rows, dim)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, covariance);
criterion_main!(benches);
