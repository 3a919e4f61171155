//! First values of parameters.

use candle_core::{DType, Device, Shape, Tensor};

use crate::{NnError, Result, Rng};

/// N(0, deviation²).
pub fn normal(shape: impl Into<Shape>, deviation: f64, dtype: DType, rng: &mut Rng) -> Result<Tensor> {
    filled(shape.into(), dtype, || deviation * rng.normal())
}

/// Uniform on [−bound, bound).
pub fn uniform(shape: impl Into<Shape>, bound: f64, dtype: DType, rng: &mut Rng) -> Result<Tensor> {
    filled(shape.into(), dtype, || rng.between(-bound, bound))
}

fn filled(shape: Shape, dtype: DType, mut next: impl FnMut() -> f64) -> Result<Tensor> {
    let count = shape.elem_count();
    let mut values: Vec<f64> = Vec::new();
    let room = values.try_reserve_exact(count);
    room.map_err(|_| NnError::BadShape(format!("{count} values of a parameter do not fit into memory")))?;
    values.extend((0..count).map(|_| next()));
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
}
