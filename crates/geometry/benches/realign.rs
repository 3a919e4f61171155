//! ReAlign on one thread, rows in memory: moments and fit, and the map applied to one row and to blocks.

mod common;

use std::convert::Infallible;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faer::Mat;
use modality_gap_geometry::{
    Aligner, Covariance, FitOptions, FitSide, Map, Moments, Passes, Policy, Scratch, fit,
};
use modality_gap_kernels::{Rows, RowsMut};

const ROWS: usize = 8192;
/// Rows that `tasks` works on at a time.
const BLOCK: usize = 128;

fn realign(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("realign");
    for dim in [512, 768, 1280] {
        let [image, text] = [0, 1].map(|side| {
            let rows = common::rows(ROWS, dim, side);
            rows.iter().map(|&v| v as f32).collect::<Vec<f32>>()
        });
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function(BenchmarkId::new("fit", dim), |b| {
            b.iter(|| fitted(&image, &text, dim));
        });
        let aligner = fitted(&image, &text, dim);
        let mut out = vec![0.0_f32; ROWS * dim];
        group.bench_function(BenchmarkId::new("apply", dim), |b| {
            b.iter(|| apply(aligner.map(), &text, &mut out));
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("apply one", dim), |b| {
            b.iter(|| apply(aligner.map(), &text[..dim], &mut out[..dim]));
        });
    }
    group.finish();
}

fn fitted(image: &[f32], text: &[f32], dim: usize) -> Aligner {
    let unit = Map::identity(dim, Policy::Unit);
    let mut passes = Text(text);
    fit(
        &moments(image, &unit),
        &moments(text, &unit),
        &FitOptions::default(),
        None,
        &mut passes,
    )
    .expect("good rows")
}

fn apply(map: &Map, rows: &[f32], out: &mut [f32]) {
    let (mut scratch, mut bad, size) = (Scratch::default(), Vec::new(), BLOCK * map.dim());
    for (rows, out) in rows.chunks(size).zip(out.chunks_mut(size)) {
        map.prepare(Rows::F32(rows), 0, &mut scratch, &mut bad);
        map.write(Rows::F32(rows), &scratch, RowsMut::F32(out));
    }
    assert!(bad.is_empty());
}

fn moments(rows: &[f32], map: &Map) -> Moments {
    let (mut scratch, mut bad) = (Scratch::default(), Vec::new());
    let mut all = Moments::new(map.dim(), map.gives_unit_rows());
    for block in rows.chunks(BLOCK * map.dim()) {
        all.merge(&Moments::of_block(
            Rows::F32(block),
            0,
            map,
            &mut scratch,
            &mut bad,
        ));
    }
    assert!(bad.is_empty());
    all
}

/// The text side; ReAlign asks for its moments only.
struct Text<'a>(&'a [f32]);

impl Passes for Text<'_> {
    type Error = Infallible;

    fn moments(&mut self, map: &Map, _: &str) -> Result<Moments, Infallible> {
        Ok(moments(self.0, map))
    }

    fn covariance(&mut self, _: FitSide, _: &Map, _: &[f64]) -> Result<Covariance, Infallible> {
        unreachable!("ReAlign needs no covariance")
    }

    fn cross_covariance(&mut self, _: &[f64], _: &[f64]) -> Result<Mat<f64>, Infallible> {
        unreachable!("ReAlign needs no pairs")
    }

    fn sample(&mut self, _: FitSide, _: &Map) -> Result<Vec<f64>, Infallible> {
        unreachable!("ReAlign needs no sample")
    }
}

criterion_group!(benches, realign);
criterion_main!(benches);
