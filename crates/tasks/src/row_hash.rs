//! Rows known again by the bits that are stored.

use modality_gap_kernels::Rows;
use twox_hash::XxHash3_64;

/// Hash of a row that cannot be used and equals none.
pub(crate) const UNUSABLE: u64 = 0;

/// Hash of the stored bits of each row of `dim` columns; [`UNUSABLE`] where `usable` says so.
pub(crate) fn hashes_of(rows: Rows<'_>, dim: usize, usable: impl Fn(usize) -> bool) -> Vec<u64> {
    let bytes = rows.as_bytes();
    let width = bytes.len() / (rows.len() / dim).max(1);
    let rows = bytes.chunks_exact(width.max(1)).enumerate();
    rows.map(|(row, bytes)| {
        if usable(row) {
            XxHash3_64::oneshot(bytes).max(UNUSABLE + 1)
        } else {
            UNUSABLE
        }
    })
    .collect()
}
