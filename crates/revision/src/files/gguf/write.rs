//! GGUF files that are written: a few values and tensors in f32.

use std::io::Write;
use std::path::Path;

use candle_core::Tensor;

use crate::Result;
use crate::files::out::{Stored, failed, write};

/// A value of the metadata.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written<'a> {
    U32(u32),
    Bool(bool),
    Text(&'a str),
}

const ALIGNMENT: usize = 32;

/// Writes a file of version 3.
pub(crate) fn write_gguf(file: &Path, pairs: &[(&str, Written)], tensors: &[(String, Tensor)]) -> Result<()> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        text(&mut bytes, key);
        match value {
            Written::U32(number) => {
                bytes.extend(4_u32.to_le_bytes());
                bytes.extend(number.to_le_bytes());
            }
            Written::Bool(flag) => {
                bytes.extend(7_u32.to_le_bytes());
                bytes.push((*flag).into());
            }
            Written::Text(value) => {
                bytes.extend(8_u32.to_le_bytes());
                text(&mut bytes, value);
            }
        }
    }
    let mut offset = 0_u64;
    for (name, tensor) in tensors {
        text(&mut bytes, name);
        bytes.extend((tensor.rank() as u32).to_le_bytes());
        for &axis in tensor.dims().iter().rev() {
            bytes.extend((axis as u64).to_le_bytes());
        }
        // type 0 is f32
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        offset += (4 * tensor.elem_count()).next_multiple_of(ALIGNMENT) as u64;
    }
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    write(file, |out| {
        out.write_all(&bytes).map_err(|error| failed(file, error))?;
        for (_, tensor) in tensors {
            let mut values = Stored::F32.bytes(tensor)?;
            values.resize(values.len().next_multiple_of(ALIGNMENT), 0);
            out.write_all(&values).map_err(|error| failed(file, error))?;
        }
        Ok(())
    })
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}
