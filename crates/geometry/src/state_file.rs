//! Moments as a file, so that shards counted anywhere can be merged later.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::moments::{Lengths, Moments};

const KEY: &str = "modality-gap-state";
const KIND: &str = r#"{"version":1,"state":"moments"}"#;

/// Why bytes are not a state of this package.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("not a moments state: {0}")]
pub struct StateFileError(String);

impl Moments {
    /// The state as a safetensors file; every number keeps its bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let Lengths { min, max, sum } = self.lengths;
        let mean = bytes(&self.mean);
        let scalars = bytes(&[
            self.n as f64,
            self.scatter,
            f64::from(u8::from(self.unit)),
            min,
            max,
            sum,
        ]);
        let views = [("mean", self.mean.len(), &mean), ("scalars", 6, &scalars)].map(|(name, len, bytes)| {
            (
                name,
                TensorView::new(Dtype::F64, vec![len], bytes).expect("shape and bytes agree"),
            )
        });
        let metadata = HashMap::from([(KEY.to_owned(), KIND.to_owned())]);
        safetensors::serialize(views, Some(metadata)).expect("two named tensors")
    }

    /// Reads what [`Moments::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateFileError> {
        let bad = |text: &str| StateFileError(text.to_owned());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| StateFileError(e.to_string()))?;
        if metadata
            .metadata()
            .as_ref()
            .and_then(|m| m.get(KEY))
            .map(String::as_str)
            != Some(KIND)
        {
            return Err(bad("its metadata does not say so, or says a newer version"));
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| StateFileError(e.to_string()))?;
        let read = |name: &str| -> Result<Vec<f64>, StateFileError> {
            let view = file.tensor(name).map_err(|e| StateFileError(e.to_string()))?;
            if view.dtype() != Dtype::F64 || view.shape().len() != 1 {
                return Err(bad("a tensor has the wrong type"));
            }
            let chunks = view.data().chunks_exact(8);
            Ok(chunks
                .map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")))
                .collect())
        };
        let (mean, scalars) = (read("mean")?, read("scalars")?);
        let [n, scatter, unit, min, max, sum] = scalars[..] else {
            return Err(bad("it has the wrong number of scalars"));
        };
        let whole = n >= 0.0 && n.fract() == 0.0 && n < 9.007_199_254_740_992e15;
        if !whole || mean.iter().chain([&scatter, &sum]).any(|v| !v.is_finite()) {
            return Err(bad("a number is out of range"));
        }
        #[allow(clippy::cast_sign_loss, reason = "checked above")]
        let n = n as u64;
        Ok(Self {
            n,
            mean,
            scatter,
            unit: unit == 1.0,
            lengths: Lengths { min, max, sum },
        })
    }
}
