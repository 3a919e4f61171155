//! The byte buffer that blocks are read into.

use kernels::{Dtype, Rows, RowsMut};

/// A growable byte buffer, aligned to 16 bytes, that is reused between blocks.
#[derive(Debug, Default, Clone)]
pub struct Buffer {
    words: Vec<u128>,
    bytes: usize,
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
