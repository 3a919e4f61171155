//! Tensors of a PyTorch file.

use candle_core::{DType, Device, Tensor};
use modality_gap_shards::{Dtype, Input, ShardError, TorchFile};

use crate::finite;

/// Tensors of a dictionary that `torch.save` wrote, as f32, in its order: those that `wanted` has a name for, under it.
///
/// # Errors
/// `BAD_FORMAT` when it is damaged or holds something else, or tensors share so much of a storage that together they are
/// longer than the file.
pub fn read_torch(
    input: &Input,
    wanted: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Tensor)>, ShardError> {
    let bad = |name: &str, reason: String| ShardError::BadFormat {
        place: input.place().clone(),
        reason: format!("{name}: {reason}"),
    };
    let file = TorchFile::open(input)?;
    let mut read = Vec::new();
    let mut room = input.len();
    for (name, tensor) in file.dictionary(&|name| wanted(name).is_some())? {
        let Some(ours) = wanted(&name) else { continue };
        let dtype = match tensor.dtype() {
            Some(Dtype::F16) => DType::F16,
            Some(Dtype::Bf16) => DType::BF16,
            Some(Dtype::F32) => DType::F32,
            Some(Dtype::F64) => DType::F64,
            None => {
                let reason = format!("it is stored as {}, which no weights are", tensor.storage());
                return Err(bad(&name, reason));
            }
        };
        room = room.checked_sub(tensor.bytes()).ok_or_else(|| {
            bad(
                &name,
                "together with those before it, it is longer than the file".to_owned(),
            )
        })?;
        let bytes = file.components(&tensor)?;
        let shape: Vec<usize> = tensor.shape().iter().map(|&axis| axis as usize).collect();
        let values = Tensor::from_raw_buffer(&bytes, dtype, &shape, &Device::Cpu);
        let values = values.and_then(|values| values.to_dtype(DType::F32));
        let values = values.map_err(|error| bad(&name, error.to_string()))?;
        finite(&name, &values).map_err(|reason| bad(&name, reason))?;
        read.push((ours, values));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    /// Any number of names may stand for one storage; they are read only as far as the file is long, and as they are wanted.
    #[test]
    fn names_that_share_a_storage_do_not_multiply_it() {
        let one: &[u8] = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuM\x00\x04tQK\x00M\x00\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR";
        let mut pickle = b"\x80\x02}(".to_vec();
        for name in b'a'..=b'z' {
            pickle.extend([b'X', 1, 0, 0, 0, name]);
            pickle.extend(one);
        }
        pickle.extend(b"u.");
        let mut bytes = Vec::new();
        let mut zip = ZipWriter::new(std::io::Cursor::new(&mut bytes));
        for (name, content) in [("x/data.pkl", &pickle[..]), ("x/data/0", &[0_u8; 4096][..])] {
            let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            zip.start_file(name, stored).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        let file = Input::memory(bytes);
        let error = read_torch(&file, &|name| Some(name.to_owned())).unwrap_err();
        assert!(error.to_string().contains("longer than the file"), "{error}");
        let some = |name: &str| (name == "c").then(|| "ours".to_owned());
        let read = read_torch(&file, &some).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].0.as_str(), read[0].1.dims()), ("ours", &[1024][..]));
    }
}
