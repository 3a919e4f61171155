//! Components and nothing else, little-endian, as `numpy.memmap` and `x.tofile` leave them: columns and storage type are
//! given.

use kernels::Dtype;

use crate::error::ShardError;
use crate::foreign;
use crate::input::Input;
use crate::known::Known;
use crate::rows::{Ask, MAX_DIM, Opened};
use crate::strided::{Strided, c_order};

const ADVICE: &str = "give them by options (dim: 768, dtype: 'f32'; --dim 768 --in-dtype f32) or behind the name, FILE#768:f32";

/// Opens a file whose columns and storage type are asked for, or stand in the selector: `768:f32`.
pub(crate) fn open(input: Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let place = input.place();
    let (dim, dtype) = match ask.selector {
        Some(selector) => shape_of(selector).ok_or_else(|| {
            let reason = format!(
                "#{selector} is not a shape of plain bytes; expected columns and storage type, #768:f32, with f16, bf16, f32 or f64"
            );
            ShardError::bad_selector(place, reason)
        })?,
        None => {
            if let (Some(dim), Some(dtype)) = (ask.dim, ask.dtype) {
                (dim, dtype)
            } else {
                let start = input.bytes_at(0, input.len().min(foreign::LOOKED_AT))?;
                let kind = place.path().and_then(|path| foreign::kind_of(&start, path));
                if let Some(kind) = kind {
                    return Err(foreign::refused(place, kind));
                }
                let reason = format!("is plain bytes, which do not say their columns and storage type; {ADVICE}");
                return Err(ShardError::unsupported(place, reason));
            }
        }
    };
    if dim == 0 || dim > MAX_DIM {
        return Err(ShardError::bad_selector(
            place,
            format!("cannot have {dim} columns; rows have 1 to {MAX_DIM}"),
        ));
    }
    let row_bytes = (dim * dtype.size()) as u64;
    if !input.len().is_multiple_of(row_bytes) {
        let reason = format!(
            "has {} bytes, which are not whole rows of {dim} columns of {}",
            input.len(),
            dtype.name()
        );
        return Err(ShardError::bad_format(place, reason));
    }
    let rows = input.len() / row_bytes;
    Ok(Opened {
        shard: Box::new(Strided {
            input,
            data: 0,
            dtype,
            swapped: cfg!(target_endian = "big"),
            lead: 1,
            rows,
            dim,
            strides: c_order(rows, dim),
        }),
        selector: ask.selector.map(str::to_owned),
        known: Known::default(),
    })
}

fn shape_of(selector: &str) -> Option<(usize, Dtype)> {
    let (dim, dtype) = selector.split_once(':')?;
    Some((dim.parse().ok()?, Dtype::from_name(dtype)?))
}
