//! Tensors of a PyTorch file.

use std::io::{BufReader, Read, Seek};

use candle_core::{DType, Device, Tensor};
use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

use super::machine::{Described, tensors};
use crate::finite;

/// Longest pickle; that of a dictionary of tensors has a hundred bytes for each.
const MAX_PICKLE: u64 = 16 << 20;

type Parsed<T> = std::result::Result<T, String>;

/// Tensors of a dictionary that `torch.save` wrote, as f32, in its order: those that `wanted` has a name for, under it.
/// The file is a stream of `len` bytes.
///
/// # Errors
/// A sentence when it is damaged, holds something else, a tensor's values do not lie one after the other, or tensors share
/// so much of a storage that together they are longer than the file.
pub fn read_torch(
    file: impl Read + Seek,
    len: u64,
    wanted: &dyn Fn(&str) -> Option<String>,
) -> Parsed<Vec<(String, Tensor)>> {
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| {
        format!("it is no file that PyTorch 1.6 or later has saved: {error}; save it anew")
    })?;
    let pickle = (0..zip.len()).find_map(|i| {
        let name = zip.name_for_index(i)?.ok()?.into_owned();
        name.ends_with("/data.pkl").then_some(name)
    });
    let pickle = pickle.ok_or("it holds no data.pkl")?;
    let root = pickle
        .strip_suffix("data.pkl")
        .expect("as it was found")
        .to_owned();
    let bytes = whole(&mut zip, &pickle)?;
    let described = tensors(&bytes)?;
    let mut read = Vec::new();
    let mut room = len;
    for (name, described) in described {
        let Some(ours) = wanted(&name) else { continue };
        let values =
            values(&mut zip, &root, &described, &mut room).map_err(|reason| format!("{name}: {reason}"))?;
        finite(&name, &values)?;
        read.push((ours, values));
    }
    Ok(read)
}

/// Values of a tensor, whose bytes are taken from `room`.
fn values<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    root: &str,
    tensor: &Described,
    room: &mut u64,
) -> Parsed<Tensor> {
    let whole_numbers = match tensor.dtype {
        DType::I64 => Some("torch.LongStorage"),
        DType::U8 => Some("torch.ByteStorage"),
        _ => None,
    };
    if let Some(storage) = whole_numbers {
        return Err(format!(
            "it is stored as {storage}, whole numbers, which no weights are"
        ));
    }
    let count = tensor
        .shape
        .iter()
        .try_fold(1_u64, |count, &axis| count.checked_mul(axis));
    let count = count.ok_or_else(|| format!("it cannot have the shape {:?}", tensor.shape))?;
    let mut next = 1_u64;
    for (&axis, &stride) in tensor.shape.iter().zip(&tensor.strides).rev() {
        if axis > 1 && stride != next {
            return Err("its values do not lie one after the other; save it after .contiguous()".to_owned());
        }
        next = next.saturating_mul(axis.max(1));
    }
    let size = tensor.dtype.size_in_bytes() as u64;
    let (start, len) = match (tensor.offset.checked_mul(size), count.checked_mul(size)) {
        (Some(start), Some(len)) if tensor.shape.len() == tensor.strides.len() => (start, len),
        _ => return Err(format!("it cannot have the shape {:?}", tensor.shape)),
    };
    *room = room
        .checked_sub(len)
        .ok_or("together with those before it, it is longer than the file")?;
    let bytes = range(zip, &format!("{root}data/{}", tensor.key), start, len)?;
    let shape: Vec<usize> = tensor.shape.iter().map(|&axis| axis as usize).collect();
    let tensor = Tensor::from_raw_buffer(&bytes, tensor.dtype, &shape, &Device::Cpu);
    let tensor = tensor.and_then(|tensor| tensor.to_dtype(DType::F32));
    tensor.map_err(|error| error.to_string())
}

/// A small member as a whole.
fn whole<R: Read + Seek>(zip: &mut ZipArchive<R>, name: &str) -> Parsed<Vec<u8>> {
    let size = member(zip, name)?.size();
    if size > MAX_PICKLE {
        return Err(format!("{name} has {size} bytes, at most {MAX_PICKLE} are read"));
    }
    range(zip, name, 0, size)
}

/// Bytes `start..start + len` of a member.
fn range<R: Read + Seek>(zip: &mut ZipArchive<R>, name: &str, start: u64, len: u64) -> Parsed<Vec<u8>> {
    let mut member = member(zip, name)?;
    if start.checked_add(len).is_none_or(|end| end > member.size()) {
        return Err(format!(
            "{name} has {} bytes, not {len} from {start}",
            member.size()
        ));
    }
    let skipped = std::io::copy(&mut member.by_ref().take(start), &mut std::io::sink());
    skipped.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = member.take(len).read_to_end(&mut bytes);
    read.map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 == len {
        Ok(bytes)
    } else {
        Err(format!("{name} is truncated"))
    }
}

/// A member that is stored as it is, so that it is no longer than the file.
fn member<'a, R: Read + Seek>(zip: &'a mut ZipArchive<R>, name: &str) -> Parsed<ZipFile<'a, R>> {
    let member = zip.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    if member.compression() == CompressionMethod::Stored && member.size() == member.compressed_size() {
        Ok(member)
    } else {
        Err(format!("{name} is compressed, which PyTorch never does"))
    }
}
