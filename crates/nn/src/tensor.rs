//! Tensors as slices of the host.

use candle_core::{Device, Shape, Storage, StorageRef, Tensor};

use crate::{Real, Result};

/// The values of a tensor on the host: borrowed where they lie there in row-major order, else copied.
pub struct Host<'a, T: Real>(Values<'a, T>);

enum Values<'a, T> {
    Borrowed(StorageRef<'a>, std::ops::Range<usize>),
    Copied(Vec<T>),
}

impl<T: Real> std::ops::Deref for Host<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Values::Borrowed(guard, range) => match &**guard {
                Storage::Cpu(values) => &values.as_slice::<T>().expect("checked by `host`")[range.clone()],
                _ => unreachable!("only storage of the host is borrowed"),
            },
            Values::Copied(values) => values,
        }
    }
}

/// The values of `tensor` in row-major order.
///
/// # Errors
/// When its element type is not `T`.
pub fn host<T: Real>(tensor: &Tensor) -> Result<Host<'_, T>> {
    let (guard, layout) = tensor.storage_and_layout();
    if let (Storage::Cpu(values), Some((from, to))) = (&*guard, layout.contiguous_offsets()) {
        values.as_slice::<T>()?;
        return Ok(Host(Values::Borrowed(guard, from..to)));
    }
    drop(guard);
    Ok(Host(Values::Copied(tensor.flatten_all()?.to_vec1()?)))
}

/// A tensor of the host from its values in row-major order.
pub(crate) fn tensor<T: Real>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape.into(), &Device::Cpu)?)
}

/// Rows and columns of a matrix.
pub(crate) fn shape_of(matrix: &Tensor) -> Result<(usize, usize)> {
    Ok(matrix.dims2()?)
}

/// Runs a body with `T` standing for a tensor's element type, f32 or f64.
#[macro_export]
macro_rules! with_dtype {
    ($tensor:expr, $T:ident => $body:expr) => {
        match $tensor.dtype() {
            candle_core::DType::F32 => {
                type $T = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $T = f64;
                $body
            }
            other => Err(candle_core::Error::UnsupportedDTypeForOp(other, "training").into()),
        }
    };
}
