//! Whether weights are numbers.

use candle_core::Tensor;

/// Whether all values of an f32 tensor of that name are numbers; a reason when not.
pub fn finite(name: &str, tensor: &Tensor) -> std::result::Result<(), String> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
    let values = values.map_err(|error| error.to_string())?;
    let Some(at) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    let columns = tensor.dims().last().copied().unwrap_or(1).max(1);
    Err(format!(
        "tensor {name} holds a value that is not finite ({}, in row {} and column {})",
        values[at],
        at / columns,
        at % columns
    ))
}
