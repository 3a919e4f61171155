//! Small row sets, and the passes of a fit over them, without any file.
#![allow(dead_code, reason = "each test file uses its share")]

use std::convert::Infallible;

use faer::Mat;
use modality_gap_geometry::{
    Aligner, Covariance, FitOptions, FitSide, Map, Moments, Passes, Policy, Scratch, as_rows, fit,
};
use modality_gap_kernels::{Rows, RowsMut};
use modality_gap_testing::falling_rows;

pub const DIM: usize = 19;

/// Generated rows whose columns shrink; one column, chosen by the seed, has a mean.
pub fn rows(n: usize, seed: u64, mean: f64) -> Vec<f64> {
    falling_rows(n, DIM, seed, mean)
}

/// Both sides of a fit in memory.
pub struct Both<'a> {
    pub image: &'a [f64],
    pub text: &'a [f64],
    pub passes: usize,
}

impl<'a> Both<'a> {
    pub fn new(image: &'a [f64], text: &'a [f64]) -> Self {
        Self {
            image,
            text,
            passes: 0,
        }
    }

    fn side(&self, side: FitSide) -> &'a [f64] {
        match side {
            FitSide::Target => self.image,
            FitSide::Source => self.text,
        }
    }
}

impl Passes for Both<'_> {
    type Error = Infallible;

    fn moments(&mut self, map: &Map, _: &str) -> Result<Moments, Infallible> {
        self.passes += 1;
        Ok(moments(self.text, map))
    }

    fn covariance(&mut self, side: FitSide, map: &Map, center: &[f64]) -> Result<Covariance, Infallible> {
        let mut covariance = Covariance::about(center);
        covariance.accumulate(as_rows(&mapped(self.side(side), map), DIM));
        Ok(covariance)
    }

    fn cross_covariance(&mut self, target: &[f64], source: &[f64]) -> Result<Mat<f64>, Infallible> {
        let unit = Map::identity(DIM, Policy::Unit);
        let (x, y) = (mapped(self.image, &unit), mapped(self.text, &unit));
        let n = (x.len() / DIM) as f64;
        Ok(Mat::from_fn(DIM, DIM, |i, j| {
            let pairs = x.chunks(DIM).zip(y.chunks(DIM));
            pairs
                .map(|(x, y)| (x[i] - target[i]) * (y[j] - source[j]))
                .sum::<f64>()
                / n
        }))
    }

    fn sample(&mut self, side: FitSide, map: &Map) -> Result<Vec<f64>, Infallible> {
        Ok(mapped(self.side(side), map))
    }
}

pub fn mapped(rows: &[f64], map: &Map) -> Vec<f64> {
    let (mut scratch, mut out, mut bad) = (Scratch::default(), vec![0.0; rows.len()], Vec::new());
    map.prepare(Rows::F64(rows), 0, &mut scratch, &mut bad);
    assert!(bad.is_empty(), "{bad:?}");
    map.write(Rows::F64(rows), &scratch, RowsMut::F64(&mut out));
    out
}

pub fn moments(rows: &[f64], map: &Map) -> Moments {
    let mut bad = Vec::new();
    let state = Moments::of_block(Rows::F64(rows), 0, map, &mut Scratch::default(), &mut bad);
    assert!(bad.is_empty());
    state
}

pub fn unit(rows: &[f64]) -> Moments {
    moments(rows, &Map::identity(DIM, Policy::Unit))
}

pub fn options(value: serde_json::Value) -> FitOptions {
    serde_json::from_value(value).unwrap()
}

pub fn fitted(image: &[f64], text: &[f64], value: serde_json::Value) -> Aligner {
    let mut passes = Both::new(image, text);
    fit(&unit(image), &unit(text), &options(value), None, &mut passes).unwrap()
}

pub fn transformed(aligner: &Aligner, rows: &[f64]) -> Vec<f64> {
    mapped(rows, aligner.map())
}

pub type Row = Vec<f64>;

pub fn normalised(row: &[f64]) -> Row {
    let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
    row.iter().map(|v| v / length).collect()
}

pub fn mean(rows: &[Row]) -> Row {
    (0..DIM)
        .map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / rows.len() as f64)
        .collect()
}

pub fn plus(row: &[f64], shift: &[f64], sign: f64) -> Row {
    row.iter().zip(shift).map(|(v, s)| v + sign * s).collect()
}

pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    plus(a, b, -1.0).iter().map(|v| v * v).sum::<f64>().sqrt()
}
