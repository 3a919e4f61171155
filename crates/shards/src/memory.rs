//! Rows that stand in memory.

use kernels::{Dtype, Rows};

use crate::buffer::Buffer;
use crate::error::{Place, ShardError};
use crate::fault::Fault;
use crate::rows::{Access, MAX_DIM, Shard, range_bytes};

struct Memory {
    bytes: Vec<u8>,
    dtype: Dtype,
    dim: usize,
    /// Rows that could not be given, ascending.
    faults: Vec<(u64, Fault)>,
}

/// A shard over `bytes`: whole rows of `dim` components of `dtype`, row-major, in native byte order.
///
/// # Errors
/// `BAD_FORMAT` when the bytes are not whole rows, `EMPTY` when there is none.
pub fn memory(bytes: Vec<u8>, dtype: Dtype, dim: usize) -> Result<Box<dyn Shard>, ShardError> {
    checked(bytes, dtype, dim, Vec::new())
}

fn checked(
    bytes: Vec<u8>,
    dtype: Dtype,
    dim: usize,
    faults: Vec<(u64, Fault)>,
) -> Result<Box<dyn Shard>, ShardError> {
    if dim == 0 || dim > MAX_DIM {
        return Err(ShardError::bad_format(
            &Place::MEMORY,
            format!("cannot have {dim} columns"),
        ));
    }
    if bytes.is_empty() {
        return Err(ShardError::empty(&Place::MEMORY, "there is no row"));
    }
    if !bytes.len().is_multiple_of(dim * dtype.size()) {
        let components = bytes.len() / dtype.size();
        return Err(ShardError::bad_format(
            &Place::MEMORY,
            format!("{components} components are not whole rows of {dim}"),
        ));
    }
    Ok(Box::new(Memory {
        bytes,
        dtype,
        dim,
        faults,
    }))
}

/// A shard over a copy of `rows`, whole rows of `dim` components; `faults` are the rows that their owner could not give,
/// ascending. Errors as of [`memory`].
pub fn memory_rows(
    rows: Rows<'_>,
    dim: usize,
    faults: Vec<(u64, Fault)>,
) -> Result<Box<dyn Shard>, ShardError> {
    checked(rows.as_bytes().to_vec(), rows.dtype(), dim, faults)
}

impl Shard for Memory {
    fn rows(&self) -> u64 {
        (self.bytes.len() / (self.dim * self.dtype.size())) as u64
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn access(&self) -> Access {
        Access::Random
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        let len = range_bytes(self, first, count);
        let start = first as usize * self.dim * self.dtype.size();
        buf.resize(len);
        buf.as_bytes_mut()
            .copy_from_slice(&self.bytes[start..start + len]);
        let end = first + count as u64;
        let here = self
            .faults
            .iter()
            .filter(|&&(row, _)| (first..end).contains(&row));
        let here = here
            .map(|&(row, fault)| ((row - first) as usize, fault))
            .collect();
        buf.spoil(self.dtype, self.dim, here);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_rows_is_copied_out() {
        let shard = memory_rows(
            Rows::F32(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            2,
            vec![(2, Fault::Null)],
        )
        .unwrap();
        let mut buf = Buffer::new();
        shard.read(1, 2, &mut buf).unwrap();
        assert_eq!(shard.rows(), 3);
        assert!(matches!(buf.rows(Dtype::F32), Rows::F32([3.0, 4.0, a, b]) if a.is_nan() && b.is_nan()));
        assert_eq!(buf.faults(), [(1, Fault::Null)]);
    }

    #[test]
    fn part_of_a_row_or_no_row_is_refused() {
        assert_eq!(
            memory(vec![0; 12], Dtype::F32, 2).err().unwrap().code(),
            "BAD_FORMAT"
        );
        assert_eq!(
            memory(vec![0; 12], Dtype::F32, 0).err().unwrap().code(),
            "BAD_FORMAT"
        );
        assert_eq!(memory(Vec::new(), Dtype::F32, 2).err().unwrap().code(), "EMPTY");
    }
}
