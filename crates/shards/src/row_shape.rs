//! How arrays of some shape hold rows.

use crate::error::{Place, ShardError};
use crate::rows::MAX_DIM;

/// Leading lengths up to this one may number modalities or layers; more are rows of tokens.
const MAX_LEADING: u64 = 8;

/// `lead` matrices of `rows` × `dim`; an array of two dimensions is one matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowShape {
    pub lead: u64,
    pub rows: u64,
    /// Columns; 0 only where there is no row.
    pub dim: usize,
}

/// The rows of an array, which has two dimensions, or three whose first chooses.
///
/// # Errors
/// `BAD_FORMAT` for any other shape, with what to do.
pub(crate) fn row_shape(shape: &[u64], place: &Place) -> Result<RowShape, ShardError> {
    let bad = |reason: String| ShardError::bad_format(place, reason);
    let width = |dim: u64| usize::try_from(dim).ok().filter(|&dim| dim <= MAX_DIM);
    if shape.contains(&0) && shape != [0, 0] && shape.last() == Some(&0) && shape.len() > 1 {
        return Err(bad(format!("has rows of an impossible width in shape {shape:?}")));
    }
    if shape.contains(&0) {
        let dim = shape.last().filter(|_| shape.len() > 1).copied().unwrap_or(0);
        return Ok(RowShape {
            lead: 1,
            rows: 0,
            dim: width(dim).unwrap_or(0),
        });
    }
    let (lead, rows, dim) = match *shape {
        [rows, dim] => (1, rows, dim),
        [lead, rows, dim] => (lead, rows, dim),
        [n] => {
            return Err(bad(format!(
                "holds one dimension of {n}; rows need two: reshape it to (1, {n})"
            )));
        }
        _ => return Err(bad(format!("has {} dimensions, rows need two", shape.len()))),
    };
    let dim = width(dim).ok_or_else(|| bad(format!("has rows of an impossible width in shape {shape:?}")))?;
    Ok(RowShape { lead, rows, dim })
}

/// The error of an array of three dimensions none of which says what its rows are; `chooses` where `#index` would.
pub(crate) fn not_flat([lead, rows, dim]: [u64; 3], chooses: bool, place: &Place) -> ShardError {
    let indices = format!("#0 to #{} choose one", lead - 1);
    if chooses && lead <= MAX_LEADING {
        let reason =
            format!("the array has three dimensions: {indices}, --pool makes one row of each {rows}");
        return ShardError::bad_selector(place, reason);
    }
    let mut reason = format!(
        "has the shape ({lead}, {rows}, {dim}), as token states have it: pool each row's {rows} states (--pool mean, first or \
         last; pool: 'mean')"
    );
    if chooses {
        reason = format!("{reason}; {indices} of the {lead} matrices");
    }
    ShardError::bad_selector(place, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(shape: &[u64]) -> Result<(u64, u64, usize), &'static str> {
        let found = row_shape(shape, &Place::MEMORY);
        found
            .map(|s| (s.lead, s.rows, s.dim))
            .map_err(|error| error.code())
    }

    #[test]
    fn two_dimensions_are_rows_and_three_are_matrices_of_them() {
        assert_eq!(shape(&[3, 4]), Ok((1, 3, 4)));
        assert_eq!(shape(&[2, 3, 4]), Ok((2, 3, 4)));
        assert_eq!(shape(&[5, 1, 4]), Ok((5, 1, 4)));
        for wrong in [&[4][..], &[1, 2, 3, 4], &[3, 1 << 40], &[3, 0], &[]] {
            assert_eq!(shape(wrong), Err("BAD_FORMAT"), "{wrong:?}");
        }
    }

    #[test]
    fn an_array_without_rows_has_any_shape() {
        for none in [&[0][..], &[0, 0], &[0, 7, 4], &[0, 4]] {
            assert_eq!(shape(none).unwrap().1, 0, "{none:?}");
        }
        assert_eq!(shape(&[0, 4]), Ok((1, 0, 4)));
    }
}
