//! First values of parameters.

use candle_core::{DType, Device, Shape, Tensor};

use crate::{Result, Rng};

/// N(0, deviation²).
pub fn normal(shape: impl Into<Shape>, deviation: f64, dtype: DType, rng: &mut Rng) -> Result<Tensor> {
    filled(shape.into(), dtype, || deviation * rng.normal())
}

/// Uniform on [−bound, bound).
pub fn uniform(shape: impl Into<Shape>, bound: f64, dtype: DType, rng: &mut Rng) -> Result<Tensor> {
    filled(shape.into(), dtype, || rng.between(-bound, bound))
}

fn filled(shape: Shape, dtype: DType, mut next: impl FnMut() -> f64) -> Result<Tensor> {
    let values: Vec<f64> = (0..shape.elem_count()).map(|_| next()).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
}
