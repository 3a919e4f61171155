//! The map of any strategy, applied block by block.

use std::borrow::Cow;

use modality_gap_kernels::{Rows, RowsMut, add_weighted};

use crate::bad_row::{BadRow, Policy};
use crate::moments::Moments;
use crate::row_map::{RowMap, Scratch};
use crate::staged_map::StagedMap;

/// What happens to a row: a combination of the row and fixed vectors, or stages that need more than that.
#[derive(Debug, Clone, PartialEq)]
pub enum Map {
    /// Scale, shift, sphere and offsets.
    Row(RowMap),
    /// Matrices, noise and the like, stage by stage.
    Staged(StagedMap),
}

impl Map {
    /// Rows as they are stored (`Raw`) or scaled to unit length (`Unit`).
    pub fn identity(dim: usize, policy: Policy) -> Self {
        Self::Row(RowMap::identity(dim, policy))
    }

    /// Columns.
    pub fn dim(&self) -> usize {
        match self {
            Self::Row(map) => map.dim(),
            Self::Staged(map) => map.dim(),
        }
    }

    /// The map of pass `epoch` over the rows, counted from 0: noise is keyed by (seed, epoch, row), all else is the same.
    pub fn in_epoch(&self, epoch: u64) -> Cow<'_, Self> {
        match self {
            Self::Staged(map) => map
                .in_epoch(epoch)
                .map_or(Cow::Borrowed(self), |map| Cow::Owned(Self::Staged(map))),
            Self::Row(_) => Cow::Borrowed(self),
        }
    }

    /// Whether every row it gives has length one.
    pub fn gives_unit_rows(&self) -> bool {
        match self {
            Self::Row(map) => map.gives_unit_rows(),
            Self::Staged(map) => map.gives_unit_rows(),
        }
    }

    /// Everything the result depends on, as bytes: equal maps and no others have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Row(map) => map.to_bytes(),
            Self::Staged(map) => map.to_bytes(),
        }
    }

    /// The offsets of the centroid step; a staged map has none of its own.
    pub fn offsets(&self) -> &[Vec<f64>] {
        match self {
            Self::Row(map) => map.offsets(),
            Self::Staged(_) => &[],
        }
    }

    /// Works out into `scratch` what becomes of each row; `first` is the index of the block's first row in the whole
    /// source, which noise is keyed by. Bad rows get zeros and are listed in `bad`.
    pub fn prepare(&self, rows: Rows<'_>, first: u64, scratch: &mut Scratch, bad: &mut Vec<BadRow>) {
        match self {
            Self::Row(map) => map.coefficients(rows, scratch, bad),
            Self::Staged(map) => map.prepare(rows, first, scratch, bad),
        }
    }

    /// Moments of the prepared block's results; rows that `scratch` does not count are left out.
    pub fn moments(&self, rows: Rows<'_>, scratch: &Scratch) -> Moments {
        match self {
            Self::Row(map) => Moments::of_mapped(rows, map, scratch),
            Self::Staged(map) => {
                let mut state = Moments::new(map.dim(), map.gives_unit_rows());
                let ones: Vec<f64> = (0..scratch.lengths.len())
                    .map(|i| f64::from(u8::from(scratch.counted(i))))
                    .collect();
                add_weighted(Rows::F64(&scratch.staged), map.dim(), &ones, &mut state.mean);
                state.finish_block(&[], scratch);
                state
            }
        }
    }

    /// [`Map::write`] and [`Map::moments`] at once, with the bits of both.
    pub fn write_and_count(&self, rows: Rows<'_>, scratch: &Scratch, out: RowsMut<'_>) -> Moments {
        match self {
            Self::Row(map) => {
                let mut state = Moments::new(map.dim(), map.gives_unit_rows());
                map.write_and_add(rows, scratch, out, &mut state.mean);
                state.finish_block(map.vectors(), scratch);
                state
            }
            Self::Staged(map) => {
                map.write(scratch, out);
                self.moments(rows, scratch)
            }
        }
    }

    /// Writes the results of the prepared block; bad rows become zeros.
    pub fn write(&self, rows: Rows<'_>, scratch: &Scratch, out: RowsMut<'_>) {
        match self {
            Self::Row(map) => map.write(rows, scratch, out),
            Self::Staged(map) => map.write(scratch, out),
        }
    }
}

impl From<RowMap> for Map {
    fn from(map: RowMap) -> Self {
        Self::Row(map)
    }
}

impl From<StagedMap> for Map {
    fn from(map: StagedMap) -> Self {
        Self::Staged(map)
    }
}

impl Moments {
    /// Moments of one block after `map`, whose first row is row `first` of its source. Bad rows are listed in `bad` and
    /// not counted.
    ///
    /// # Shapes
    /// `rows` n × map.dim().
    ///
    /// # Precision
    /// Sums in f64 in row order: the same rows give the same bits on any machine.
    pub fn of_block(
        rows: Rows<'_>,
        first: u64,
        map: &Map,
        scratch: &mut Scratch,
        bad: &mut Vec<BadRow>,
    ) -> Self {
        map.prepare(rows, first, scratch, bad);
        map.moments(rows, scratch)
    }
}
