//! PyTorch's files of tensors, in and out.

use std::io::Write;
use std::path::Path;

use candle_core::Tensor;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::out::{Stored, failed, write};
use super::source::Source;
use crate::Result;

/// Tensors of a dictionary that `torch.save` wrote, as f32, in its order: those that `wanted` has a name for, under it.
///
/// # Errors
/// `BAD_MODEL` when it is damaged or holds something else, or tensors share
/// so much of a storage that together they are longer than the file.
pub(crate) fn read_torch(
    file: &Path,
    wanted: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Tensor)>> {
    let source = Source::open(file)?;
    let read = modality_gap_weights::read_torch(source.input(), wanted);
    read.map_err(|error| source.of_shard(error))
}

/// Writes tensors in f32; `torch.load(file, weights_only=True)` gives them back as a dictionary.
pub(crate) fn write_torch(file: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let io = |error: zip::result::ZipError| failed(file, error.into());
    write(file, |out| {
        let mut zip = ZipWriter::new(out);
        // as PyTorch lays them out, so that it can map them
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment(64)
            .large_file(false);
        let mut member = |name: &str, bytes: &[u8]| -> Result<()> {
            zip.start_file(format!("archive/{name}"), options).map_err(io)?;
            zip.write_all(bytes).map_err(|error| failed(file, error))
        };
        member("data.pkl", &pickle(tensors))?;
        member("byteorder", b"little")?;
        for (i, (_, tensor)) in tensors.iter().enumerate() {
            member(&format!("data/{i}"), &Stored::F32.bytes(tensor)?)?;
        }
        member("version", b"3\n")?;
        zip.finish().map_err(io)?;
        Ok(())
    })
}

/// Protocol 2: a dictionary from names to calls of `_rebuild_tensor_v2`.
fn pickle(tensors: &[(String, Tensor)]) -> Vec<u8> {
    let mut out = vec![0x80, 2, b'}', b'('];
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &i.to_string());
        text(&mut out, "cpu");
        int(&mut out, tensor.elem_count());
        out.extend(b"tQ");
        int(&mut out, 0);
        sizes(&mut out, tensor.dims());
        let strides: Vec<usize> = (0..tensor.rank())
            .map(|axis| tensor.dims()[axis + 1..].iter().product())
            .collect();
        sizes(&mut out, &strides);
        // no gradient, no hooks; the call
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn int(out: &mut Vec<u8>, value: usize) {
    if let Ok(small) = i32::try_from(value) {
        out.push(b'J');
        out.extend(small.to_le_bytes());
    } else {
        // in eight bytes: the highest bit, which would be a sign, is never set
        out.extend([0x8a, 8]);
        out.extend((value as u64).to_le_bytes());
    }
}

fn sizes(out: &mut Vec<u8>, sizes: &[usize]) {
    out.push(b'(');
    for &size in sizes {
        int(out, size);
    }
    out.push(b't');
}
