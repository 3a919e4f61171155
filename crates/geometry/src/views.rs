//! Rows with their shape: what public functions of this crate take, n × d.

use std::borrow::Cow;

use ndarray::ArrayView2;

/// The view of `values`, rows of `dim` columns one after another.
///
/// # Panics
/// When they are not whole rows.
pub fn as_rows(values: &[f64], dim: usize) -> ArrayView2<'_, f64> {
    let rows = values.len().checked_div(dim).unwrap_or(0);
    ArrayView2::from_shape((rows, dim), values).expect("whole rows")
}

/// The values row after row; a view that has them otherwise is copied.
pub(crate) fn row_major<'a>(rows: &ArrayView2<'a, f64>) -> Cow<'a, [f64]> {
    rows.to_slice()
        .map_or_else(|| rows.iter().copied().collect(), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_order_in_any_layout() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let rows = as_rows(&values, 3);
        assert_eq!(rows.dim(), (2, 3));
        assert!(matches!(row_major(&rows), Cow::Borrowed(_)));
        // columns one after another, and every other column
        assert_eq!(*row_major(&rows.t()), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(
            *row_major(&rows.slice(ndarray::s![.., ..;2])),
            [1.0, 3.0, 4.0, 6.0]
        );
        assert_eq!(as_rows(&[], 3).dim(), (0, 3));
    }
}
