//! An array of an archive.

use zip::CompressionMethod;

/// One array of an archive.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Name without `.npy`, as `numpy.load` gives it.
    pub key: String,
    /// Where its bytes start in the archive.
    pub start: u64,
    /// Bytes in the archive.
    pub compressed: u64,
    /// Bytes of the npy file inside.
    pub size: u64,
    pub crc: u32,
    pub method: CompressionMethod,
    pub encrypted: bool,
}
