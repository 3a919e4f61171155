//! How values are stored in a GGUF file, and how they become f32.

use candle_core::quantized::{GgmlDType, ggml_file::qtensor_from_ggml};
use candle_core::{DType, Device, Tensor};

/// A storage type: plain numbers, or blocks of small integers under common scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    F32,
    F16,
    Bf16,
    Blocks(GgmlDType),
}

/// Types by their numbers in ggml, those included that later versions have taken out.
const NAMES: [&str; 42] = [
    "F32",
    "F16",
    "Q4_0",
    "Q4_1",
    "Q4_2",
    "Q4_3",
    "Q5_0",
    "Q5_1",
    "Q8_0",
    "Q8_1",
    "Q2_K",
    "Q3_K",
    "Q4_K",
    "Q5_K",
    "Q6_K",
    "Q8_K",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ3_XXS",
    "IQ1_S",
    "IQ4_NL",
    "IQ3_S",
    "IQ2_S",
    "IQ4_XS",
    "I8",
    "I16",
    "I32",
    "I64",
    "F64",
    "IQ1_M",
    "BF16",
    "Q4_0_4_4",
    "Q4_0_4_8",
    "Q4_0_8_8",
    "TQ1_0",
    "TQ2_0",
    "IQ4_NL_4_4",
    "IQ4_NL_4_8",
    "IQ4_NL_8_8",
    "MXFP4",
    "NVFP4",
    "Q1_0",
];

fn name_of(number: u32) -> Option<&'static str> {
    NAMES.get(number as usize).copied()
}

impl Storage {
    /// The type of that number, or what to say of the tensor.
    pub fn of(number: u32) -> Result<Self, String> {
        Ok(match number {
            0 => Self::F32,
            1 => Self::F16,
            30 => Self::Bf16,
            2 => Self::Blocks(GgmlDType::Q4_0),
            3 => Self::Blocks(GgmlDType::Q4_1),
            6 => Self::Blocks(GgmlDType::Q5_0),
            7 => Self::Blocks(GgmlDType::Q5_1),
            8 => Self::Blocks(GgmlDType::Q8_0),
            10 => Self::Blocks(GgmlDType::Q2K),
            11 => Self::Blocks(GgmlDType::Q3K),
            12 => Self::Blocks(GgmlDType::Q4K),
            13 => Self::Blocks(GgmlDType::Q5K),
            14 => Self::Blocks(GgmlDType::Q6K),
            other => {
                let name = name_of(other).map_or(format!("type {other}, which is not known"), str::to_owned);
                return Err(format!(
                    "is stored as {name}; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and Q2_K to Q6_K are read"
                ));
            }
        })
    }

    /// Values and bytes of a block.
    fn block(self) -> (u64, u64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Blocks(kind) => (kind.block_size() as u64, kind.type_size() as u64),
        }
    }

    /// Bytes of a tensor whose first axis runs fastest; `None` when rows are not whole blocks, or nothing fits.
    pub fn bytes(self, axes: &[u64]) -> Option<u64> {
        let (values, bytes) = self.block();
        if axes.first()? % values != 0 {
            return None;
        }
        let count = axes
            .iter()
            .try_fold(1_u64, |count, &axis| count.checked_mul(axis))?;
        // the values as f32 must be addressable, too
        isize::try_from(count.checked_mul(4)?).ok()?;
        (count > 0).then_some(count / values)?.checked_mul(bytes)
    }

    /// The f32 values of `bytes`, which must be as many as the shape needs.
    pub fn decode(self, bytes: &[u8], shape: &[usize]) -> candle_core::Result<Tensor> {
        let device = Device::Cpu;
        let plain = |dtype| Tensor::from_raw_buffer(bytes, dtype, shape, &device)?.to_dtype(DType::F32);
        match self {
            Self::F32 => plain(DType::F32),
            Self::F16 => plain(DType::F16),
            Self::Bf16 => plain(DType::BF16),
            Self::Blocks(kind) => {
                qtensor_from_ggml(kind, bytes, shape.to_vec(), &device)?.dequantize(&device)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of ggml.h, as the package gguf lists them (`GGMLQuantizationType`).
    #[test]
    fn a_type_that_is_not_read_is_refused_by_its_name() {
        for (number, name) in [
            (15, "Q8_K"),
            (16, "IQ2_XXS"),
            (20, "IQ4_NL"),
            (23, "IQ4_XS"),
            (24, "I8"),
            (28, "F64"),
            (29, "IQ1_M"),
            (34, "TQ1_0"),
            (39, "MXFP4"),
        ] {
            let reason = Storage::of(number).unwrap_err();
            assert!(reason.starts_with(&format!("is stored as {name}; ")), "{reason}");
        }
        assert!(
            Storage::of(4_000)
                .unwrap_err()
                .contains("type 4000, which is not known")
        );
    }
}
