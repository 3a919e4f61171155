//! Values left out by chance: Srivastava et al., 2014.

use std::sync::Arc;

use candle_core::Tensor;

use crate::tensor::{host, tensor};
use crate::{Real, Result, Rng, Tape, Var, with_dtype};

/// x with a share of its values at 0 and the others larger, so that the mean stays; which ones follows from `rng` alone.
pub fn dropout(tape: &mut Tape, x: &Var, share: f64, rng: &mut Rng) -> Result<Var> {
    if share == 0.0 {
        return Ok(x.clone());
    }
    let kept: Arc<[bool]> = (0..x.value().elem_count())
        .map(|_| rng.uniform() >= share)
        .collect();
    let value = with_dtype!(x.value(), T => masked::<T>(x.value(), &kept, share))?;
    Ok(tape.push(value, &[x], move |gradient, _| {
        Ok(vec![Some(
            with_dtype!(gradient, T => masked::<T>(gradient, &kept, share))?,
        )])
    }))
}

fn masked<T: Real>(x: &Tensor, kept: &[bool], share: f64) -> Result<Tensor> {
    let larger = T::of(1.0 / (1.0 - share));
    let values = host::<T>(x)?;
    let values = values.iter().zip(kept);
    let values = values.map(|(&v, &kept)| if kept { v * larger } else { T::ZERO });
    tensor(values.collect(), x.shape())
}
