//! Rows by their number, in any order.

use std::path::Path;

use modality_gap_geometry::{Map, Scratch};
use modality_gap_kernels::{Rows, RowsMut};

use crate::bad_rows::{Searched, with_all_bad_rows};
use crate::moments::reason_of;
use crate::walk::{Joined, Stored};
use crate::{Control, RowSet, TaskError};

/// A source whose rows are read one by one, each through a map. Only as many rows are held as are asked for at a time.
pub struct Picker {
    rows: Joined,
    source: RowSet,
    map: Map,
}

impl Picker {
    /// Opens a source. Formats that are decoded in order start anew for a row that lies before the last one: bring them
    /// into another format first.
    ///
    /// # Errors
    /// `WIDTH_MISMATCH` when the map takes rows of another width.
    pub fn open(source: &RowSet, map: Map) -> Result<Self, TaskError> {
        source.check_dim(map.dim(), "the aligner")?;
        Ok(Self {
            rows: Joined::in_part(source),
            source: source.clone(),
            map,
        })
    }

    /// Columns of a row.
    pub fn dim(&self) -> usize {
        self.map.dim()
    }

    /// Rows `indices`, mapped, in that order: k × dim.
    ///
    /// # Errors
    /// `BAD_OPTION` for an index beyond the rows; `BAD_ROW` for a row that is not finite or has no length, with its file and with all other
    /// such rows of the source.
    pub fn pick(&self, indices: &[u64]) -> Result<Vec<f32>, TaskError> {
        self.pick_in_epoch(indices, 0)
    }

    /// The same in pass `epoch` over the rows, counted from 0, for maps that draw noise anew in every pass.
    ///
    /// # Errors
    /// As [`Picker::pick`].
    pub fn pick_in_epoch(&self, indices: &[u64], epoch: u64) -> Result<Vec<f32>, TaskError> {
        let map = self.map.in_epoch(epoch);
        let (mut stored, mut row) = (Stored::default(), Vec::new());
        let (mut scratch, mut bad) = (Scratch::default(), Vec::new());
        let mut picked = vec![0.0; indices.len() * self.dim()];
        for (&index, out) in indices.iter().zip(picked.chunks_exact_mut(self.dim())) {
            if index >= self.source.rows() {
                let text = format!(
                    "there is no row {index} among {} {}",
                    self.source.rows(),
                    self.source.label()
                );
                return Err(TaskError::BadOption(text));
            }
            self.rows.read(index, 1, &mut stored, &mut row)?;
            let rows = Rows::F64(&row);
            map.prepare(rows, index, &mut scratch, &mut bad);
            if let Some(bad) = bad.first() {
                let starts = self.source.starts();
                let shard = starts.partition_point(|&start| start <= index) - 1;
                let part = &self.source.parts[shard];
                let error = TaskError::BadRow {
                    file: part.file().map(Path::to_path_buf),
                    row: index - starts[shard],
                    reason: reason_of(bad, stored.faults()),
                };
                let all = Searched::strict([&self.source]);
                return Err(with_all_bad_rows(error, &all, &Control::quiet(0)?));
            }
            map.write(rows, &scratch, RowsMut::F32(out));
        }
        Ok(picked)
    }
}

#[cfg(test)]
mod tests {
    use modality_gap_geometry::Policy;
    use modality_gap_shards::memory_rows;

    use super::*;
    use crate::ReadOptions;

    fn picker(values: &[f32]) -> Picker {
        let shard = std::sync::Arc::from(memory_rows(Rows::F32(values), 2, Vec::new()).unwrap());
        let source = RowSet::memory(shard, ReadOptions::default());
        Picker::open(&source, Map::identity(2, Policy::Unit)).unwrap()
    }

    #[test]
    fn rows_come_in_the_order_asked_and_at_unit_length() {
        let picker = picker(&[3.0, 4.0, 0.0, 2.0, -5.0, 0.0]);
        assert_eq!(picker.pick(&[2, 0, 2]).unwrap(), [-1.0, 0.0, 0.6, 0.8, -1.0, 0.0]);
    }

    #[test]
    fn a_bad_row_and_one_that_is_not_there_are_named() {
        let picker = picker(&[3.0, 4.0, 0.0, 0.0]);
        let message = picker.pick(&[0, 1]).unwrap_err().to_string();
        assert!(message.contains("row 1"), "{message}");
        assert!(picker.pick(&[2]).unwrap_err().to_string().contains("no row 2"));
    }
}
