//! Npy files, written by position.

use std::sync::atomic::{AtomicU64, Ordering};

use kernels::{Dtype, Rows};

use crate::atomic::AtomicFile;
use crate::error::{Place, ShardError};
use crate::rows::Access;
use crate::writer::{OutputSpec, ShardWriter, check_range};

/// An array at a fixed position of a file; the header is written when it is created.
pub(crate) struct NpyWriter {
    file: AtomicFile,
    data: u64,
    dim: usize,
    dtype: Dtype,
    rows: u64,
    written: AtomicU64,
}

impl NpyWriter {
    pub fn create(spec: &OutputSpec) -> Result<Self, ShardError> {
        let header = header_bytes(spec)?;
        Self::after_header(spec, &header)
    }

    /// A file that starts with `header` and continues with the rows.
    pub fn after_header(spec: &OutputSpec, header: &[u8]) -> Result<Self, ShardError> {
        let OutputSpec { dim, dtype, rows, .. } = *spec;
        let file = AtomicFile::create(&spec.path)?;
        let data = header.len() as u64;
        file.reserve(data + rows * (dim * dtype.size()) as u64)?;
        file.write_at(0, header)?;
        Ok(Self {
            file,
            data,
            dim,
            dtype,
            rows,
            written: AtomicU64::new(0),
        })
    }
}

/// Header of version 1, padded so that the rows start at a multiple of 64 as `NumPy` does.
pub(crate) fn header_bytes(spec: &OutputSpec) -> Result<Vec<u8>, ShardError> {
    let kind = match spec.dtype {
        Dtype::F16 => "f2",
        Dtype::F32 => "f4",
        Dtype::F64 => "f8",
        Dtype::Bf16 => {
            let reason = "NumPy arrays hold no bf16; choose f16, f32 or f64, or write safetensors";
            return Err(ShardError::unsupported(&Place::from(spec.path.as_path()), reason));
        }
    };
    let order = if cfg!(target_endian = "little") { '<' } else { '>' };
    let (rows, dim) = (spec.rows, spec.dim);
    let mut text =
        format!("{{'descr': '{order}{kind}', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    let padded = (10 + text.len() + 1).next_multiple_of(64) - 10;
    text.extend(std::iter::repeat_n(' ', padded - text.len() - 1));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    Ok(bytes)
}

impl ShardWriter for NpyWriter {
    fn access(&self) -> Access {
        Access::Random
    }

    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError> {
        let count = check_range(rows, self.dtype, self.dim, first, self.rows);
        let offset = self.data + first * (self.dim * self.dtype.size()) as u64;
        self.file.write_at(offset, rows.as_bytes())?;
        self.written.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    fn finish(self: Box<Self>, sync: bool) -> Result<u64, ShardError> {
        assert_eq!(
            self.written.load(Ordering::Relaxed),
            self.rows,
            "every row is written once"
        );
        self.file.commit(sync)?;
        Ok(self.data + self.rows * (self.dim * self.dtype.size()) as u64)
    }
}
