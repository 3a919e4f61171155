//! Where a step's rows come from, and how pairs of them are walked.

use modality_gap_kernels::{Dtype, Rows, RowsMut};
use ndarray::{ArrayView2, s};

use super::TrackError;
use crate::bad_row::{BadRow, Policy};
use crate::row_map::{RowMap, Scratch};

/// Rows of a block; nothing but blocks and d × d matrices is held in memory.
const BLOCK_ROWS: u64 = 1024;

/// Rows that can be read again and again, in blocks.
pub trait RowBlocks {
    /// Why a block could not be read.
    type Error;
    /// Number of rows.
    fn rows(&self) -> u64;
    /// Columns.
    fn dim(&self) -> usize;
    /// Type they are stored in; its rounding is not a variance.
    fn dtype(&self) -> Dtype;
    /// Reads rows `first..first + count` into `out`, row-major and widened to f64.
    fn read(&mut self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), Self::Error>;
}

/// Rows of one side of a step; `E` is why they could not be read.
pub type Source<'a, E> = &'a mut (dyn RowBlocks<Error = E> + Send + 'a);

/// f64 rows in memory, n × d.
impl RowBlocks for ArrayView2<'_, f64> {
    type Error = std::convert::Infallible;

    fn rows(&self) -> u64 {
        self.nrows() as u64
    }

    fn dim(&self) -> usize {
        self.ncols()
    }

    fn dtype(&self) -> Dtype {
        Dtype::F64
    }

    fn read(&mut self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), Self::Error> {
        let first = first as usize;
        out.clear();
        out.extend(self.slice(s![first..first + count, ..]));
        Ok(())
    }
}

/// Gives `body` the blocks of `side` as they are stored, with the index of their first row.
pub(super) fn each_block<E>(
    side: &mut dyn RowBlocks<Error = E>,
    mut body: impl FnMut(u64, &mut Vec<f64>) -> Result<(), TrackError<E>>,
) -> Result<(), TrackError<E>> {
    let (total, mut block) = (side.rows(), Vec::new());
    let mut first = 0;
    while first < total {
        let count = BLOCK_ROWS.min(total - first);
        side.read(first, count as usize, &mut block)
            .map_err(TrackError::Read)?;
        body(first, &mut block)?;
        first += count;
    }
    Ok(())
}

/// Gives `body` the blocks of both sides with every row at unit length, image first.
pub(super) fn each_pair_block<E>(
    image: &mut dyn RowBlocks<Error = E>,
    text: &mut dyn RowBlocks<Error = E>,
    mut body: impl FnMut(u64, &mut [f64], &mut [f64]),
) -> Result<(), TrackError<E>> {
    let unit = RowMap::identity(image.dim(), Policy::Unit);
    let mut scratch = Scratch::default();
    let (mut stored, mut left, mut right) = (Vec::new(), Vec::new(), Vec::new());
    each_block(image, |first, rows| {
        scale(rows, &unit, "image", first, &mut scratch, &mut left)?;
        let count = rows.len() / unit.dim();
        text.read(first, count, &mut stored).map_err(TrackError::Read)?;
        scale(&stored, &unit, "text", first, &mut scratch, &mut right)?;
        body(first, &mut left, &mut right);
        Ok(())
    })
}

fn scale<E>(
    rows: &[f64],
    unit: &RowMap,
    side: &'static str,
    first: u64,
    scratch: &mut Scratch,
    out: &mut Vec<f64>,
) -> Result<(), TrackError<E>> {
    let mut bad = Vec::new();
    unit.coefficients(Rows::F64(rows), scratch, &mut bad);
    if let Some(&BadRow { row, reason }) = bad.first() {
        let row = first + row as u64;
        return Err(TrackError::BadRow { side, row, reason });
    }
    out.resize(rows.len(), 0.0);
    unit.write(Rows::F64(rows), scratch, RowsMut::F64(out));
    Ok(())
}
