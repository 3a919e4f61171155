//! Operations per second and core of products with a packed matrix, in the shapes of a small language model.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use modality_gap_kernels::{
    FixedCorpus, FixedLimits, FixedQueries, FixedWanted, PackedBf16, PackedF32, at_level, bf16_pairs,
    fixed_search, levels, packed_unit, pairs,
};

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("x·Wᵀ");
    for (rows, depth, columns) in [
        (144, 576, 960),
        (144, 576, 3_072),
        (144, 1_536, 576),
        (144, 3_072, 576),
        (64, 576, 49_152),
        (64, 49_152, 576),
        (1, 576, 3_072),
    ] {
        let value = |i: usize| (i as f32 * 0.61).sin();
        let weights: Vec<f32> = (0..columns * depth).map(value).collect();
        let x: Vec<f32> = (0..rows * depth).map(value).collect();
        let mut out = vec![0.0; rows * columns];
        group.throughput(Throughput::Elements((2 * rows * depth * columns) as u64));
        let shape = format!("{rows} × {depth} × {columns}");

        let matrix = PackedBf16::of_rows(&weights, columns, depth);
        let mut x_pairs = vec![0; rows * pairs(depth)];
        bf16_pairs(&x, depth, &mut x_pairs);
        group.bench_function(BenchmarkId::new(format!("bf16 {}", packed_unit()), &shape), |b| {
            b.iter(|| matrix.multiply(black_box(&x_pairs), &mut out));
        });
        let matrix = PackedF32::of_rows(&weights, columns, depth);
        group.bench_function(BenchmarkId::new(format!("f32 {}", packed_unit()), &shape), |b| {
            b.iter(|| matrix.multiply(black_box(&x), &mut out));
        });
    }
    group.finish();
}

/// Neighbours: a panel of queries against a block of a corpus, for both sides, where nothing is near enough.
fn fixed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fixed point");
    let (queries, corpus) = (96, 512);
    for dim in [512, 768, 1_280] {
        let rows = |n: usize| -> Vec<f64> {
            let values = (0..n * dim).map(|i| (i as f64 * 0.61).sin() / (dim as f64).sqrt());
            values.collect()
        };
        let (left, right) = (
            FixedQueries::of(&rows(queries), dim),
            FixedCorpus::of(&rows(corpus), dim),
        );
        let limits = vec![FixedLimits::new(1.5, Some((1.6, 1.7))); corpus];
        let (mut down, mut across, mut hits) = (vec![0; queries], vec![0; corpus], [Vec::new(), Vec::new()]);
        group.throughput(Throughput::Elements((2 * queries * corpus * dim) as u64));
        for level in levels() {
            group.bench_function(BenchmarkId::new(level.name(), dim), |b| {
                b.iter(|| {
                    let [of_queries, of_corpus] = &mut hits;
                    let of_queries = FixedWanted {
                        limits: &limits[..queries],
                        beyond: &mut down,
                        hits: of_queries,
                    };
                    let of_corpus = FixedWanted {
                        limits: &limits,
                        beyond: &mut across,
                        hits: of_corpus,
                    };
                    at_level(level, || {
                        fixed_search(black_box(&left), &right, Some(of_queries), Some(of_corpus));
                    });
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, products, fixed);
criterion_main!(benches);
