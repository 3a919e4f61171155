//! Seconds of a covariance of f16 rows, of a decomposition or of a frame, the Rust side of `benches/peers/numerics_numpy.py`:
//! `cargo run --release -p modality-gap-geometry --example numerics -- covariance|covariance-f32|eigen|frame DIM [runs] [threads]`.

use std::time::Instant;

use half::f16;
use modality_gap_geometry::{Covariance, Eigen, Frame, FrameSize, Precision, as_rows};
use modality_gap_kernels::{Rows, RowsMut, combine};
use rayon::prelude::*;

#[path = "../benches/common/mod.rs"]
mod common;

/// Rows of the covariance.
const ROWS: usize = 65_536;
/// Rows that are widened and counted at a time.
const BLOCK: usize = 2048;
/// Of each of these a thread widens one at a time.
const PIECE: usize = 256;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: usize| {
        arguments
            .get(at)
            .map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (dim, runs, threads) = (number(1, 1280), number(2, 3), number(3, 2));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("threads");
    let mut seconds = pool.install(|| match arguments.first().map(String::as_str) {
        Some("covariance") => covariance(dim, runs, Precision::Exact),
        Some("covariance-f32") => covariance(dim, runs, Precision::Single),
        Some("eigen") => {
            let matrix = counted(dim, 0).matrix();
            timed(runs, || {
                drop(Eigen::of(matrix.as_ref()).expect("a finite matrix"));
            })
        }
        Some("frame") => {
            let (x, y) = (counted(dim, 0), counted(dim, 1));
            timed(runs, || {
                drop(Frame::of(&x, &y, FrameSize::Energy(0.99)).expect("finite"));
            })
        }
        other => panic!("unknown work {other:?}; expected covariance, covariance-f32, eigen or frame"),
    });
    seconds.sort_by(f64::total_cmp);
    println!("{{\"median\": {}}}", seconds[seconds.len() / 2]);
}

fn timed(runs: usize, mut work: impl FnMut()) -> Vec<f64> {
    (0..runs)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect()
}

fn counted(dim: usize, side: usize) -> Covariance {
    let mut covariance = Covariance::about(&vec![0.0; dim]);
    covariance.accumulate(as_rows(&common::rows(2 * dim, dim, side), dim));
    covariance
}

/// From stored rows to Σ, as a pass over shards counts it.
fn covariance(dim: usize, runs: usize, precision: Precision) -> Vec<f64> {
    let block: Vec<f16> = common::rows(BLOCK, dim, 0)
        .into_iter()
        .map(f16::from_f64)
        .collect();
    let rows: Vec<f16> = block.iter().copied().cycle().take(ROWS * dim).collect();
    let mut wide = vec![0.0; BLOCK * dim];
    timed(runs, || {
        let mut covariance = Covariance::about_in(&vec![0.0; dim], precision);
        for block in rows.chunks(BLOCK * dim) {
            let wide = &mut wide[..block.len()];
            let pieces = block
                .par_chunks(PIECE * dim)
                .zip(wide.par_chunks_mut(PIECE * dim));
            pieces.for_each(|(rows, wide)| {
                let ones = vec![1.0; rows.len() / dim];
                combine(Rows::F16(rows), dim, &ones, &[], &[], RowsMut::F64(wide));
            });
            covariance.accumulate(as_rows(wide, dim));
        }
        drop(covariance.matrix());
    })
}
