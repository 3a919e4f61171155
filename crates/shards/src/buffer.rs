//! The byte buffer that blocks are read into.

use half::{bf16, f16};
use kernels::{Dtype, Rows, RowsMut};

use crate::fault::Fault;

/// A growable byte buffer, aligned to 16 bytes, that is reused between blocks.
#[derive(Debug, Default, Clone)]
pub struct Buffer {
    words: Vec<u128>,
    bytes: usize,
    faults: Vec<(usize, Fault)>,
}

impl Buffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the buffer `bytes` long. It never shrinks its memory; what stood there before stays or is zero.
    pub fn resize(&mut self, bytes: usize) {
        let words = bytes.div_ceil(size_of::<u128>());
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        self.bytes = bytes;
        self.faults.clear();
    }

    /// The rows of the last read that could not be given, ascending by their index in it; they are filled with NaN.
    pub fn faults(&self) -> &[(usize, Fault)] {
        &self.faults
    }

    /// Notes rows that could not be given, ascending, and fills them.
    pub(crate) fn spoil(&mut self, dtype: Dtype, dim: usize, faults: Vec<(usize, Fault)>) {
        for &(row, _) in &faults {
            let row = row * dim..(row + 1) * dim;
            match self.rows_mut(dtype) {
                RowsMut::F16(rows) => rows[row].fill(f16::NAN),
                RowsMut::Bf16(rows) => rows[row].fill(bf16::NAN),
                RowsMut::F32(rows) => rows[row].fill(f32::NAN),
                RowsMut::F64(rows) => rows[row].fill(f64::NAN),
            }
        }
        self.faults = faults;
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.bytes]
    }

    /// The bytes, to be written.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.bytes]
    }

    /// The bytes as components of `dtype`.
    ///
    /// # Panics
    /// When the buffer does not hold whole components.
    pub fn rows(&self, dtype: Dtype) -> Rows<'_> {
        Rows::from_bytes(dtype, self.as_bytes())
    }

    /// The bytes as components of `dtype`, to be written.
    ///
    /// # Panics
    /// When the buffer does not hold whole components.
    pub fn rows_mut(&mut self, dtype: Dtype) -> RowsMut<'_> {
        RowsMut::from_bytes(dtype, self.as_bytes_mut())
    }
}

/// Turns the byte order of every component around.
pub(crate) fn swap_bytes(dtype: Dtype, bytes: &mut [u8]) {
    for component in bytes.chunks_exact_mut(dtype.size()) {
        component.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_any_length_is_aligned_for_the_widest_component() {
        let mut buffer = Buffer::new();
        for bytes in [0, 8, 24, 4096, 16] {
            buffer.resize(bytes);
            assert_eq!(buffer.as_bytes().len(), bytes);
            assert_eq!(buffer.as_bytes().as_ptr() as usize % 16, 0);
            assert_eq!(buffer.rows(Dtype::F64).len(), bytes / 8);
        }
    }

    #[test]
    fn swapping_twice_changes_nothing() {
        let mut bytes: Vec<u8> = (0..16).collect();
        swap_bytes(Dtype::F32, &mut bytes);
        assert_eq!(bytes[..4], [3, 2, 1, 0]);
        swap_bytes(Dtype::F32, &mut bytes);
        assert_eq!(bytes, (0..16).collect::<Vec<u8>>());
    }
}
