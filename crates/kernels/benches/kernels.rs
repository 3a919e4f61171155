//! Bytes of rows per second and core, against a plain copy of the same bytes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use half::f16;
use modality_gap_kernels::{Rows, RowsMut, add_weighted, at_level, combine, lengths_and_dots, levels};

const ROWS: usize = 128;

fn kernels(criterion: &mut Criterion) {
    for dim in [512, 768, 1280] {
        let values: Vec<f64> = (0..ROWS * dim)
            .map(|i| (i as f64 * 0.61).sin() / (dim as f64).sqrt())
            .collect();
        let half: Vec<f16> = values.iter().map(|&v| f16::from_f64(v)).collect();
        let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        block(criterion, "f16", dim, Rows::F16(&half));
        block(criterion, "f32", dim, Rows::F32(&single));
    }
}

fn block(criterion: &mut Criterion, dtype: &str, dim: usize, rows: Rows<'_>) {
    let mut group = criterion.benchmark_group(format!("{dtype}x{dim}"));
    group.throughput(Throughput::Bytes(rows.as_bytes().len() as u64));
    let vector = vec![0.1; dim];
    let mut bytes = vec![0_u8; rows.as_bytes().len()];
    group.bench_function("copy", |b| {
        b.iter(|| bytes.copy_from_slice(black_box(rows.as_bytes())));
    });
    let (mut squares, mut dots, weights) = (vec![0.0; ROWS], vec![0.0; 2 * ROWS], vec![0.5; ROWS]);
    let mut sums = vec![0.0; dim];
    let mut half = vec![f16::ZERO; ROWS * dim];
    for level in levels() {
        let id = |name| BenchmarkId::new(name, level.name());
        group.bench_function(id("lengths"), |b| {
            b.iter(|| at_level(level, || lengths_and_dots(rows, dim, &[], &mut squares, &mut [])));
        });
        group.bench_function(id("lengths and 2 dots"), |b| {
            b.iter(|| {
                at_level(level, || {
                    lengths_and_dots(rows, dim, &[&vector, &vector], &mut squares, &mut dots);
                });
            });
        });
        group.bench_function(id("add_weighted"), |b| {
            b.iter(|| at_level(level, || add_weighted(rows, dim, &weights, &mut sums)));
        });
        group.bench_function(id("combine to f16"), |b| {
            b.iter(|| {
                at_level(level, || {
                    combine(
                        rows,
                        dim,
                        &weights,
                        &dots,
                        &[&vector, &vector],
                        RowsMut::F16(&mut half),
                    );
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
