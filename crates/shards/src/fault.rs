//! Rows that a container holds and cannot give.

use std::fmt;

/// Why a row of a container cannot be given. It is a bad row like one that is not finite: readers fill it with NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The whole row is null or `None`.
    Null,
    /// A component is null or `None`.
    NullComponent {
        /// Its column.
        column: usize,
    },
    /// The row has another number of components than the others.
    Width {
        /// Its components.
        found: usize,
        /// Those of the others.
        expected: usize,
    },
    /// The record of a table has another number of cells than its header.
    Cells {
        /// Its cells.
        found: usize,
        /// Those of the header, or of the first record.
        expected: usize,
    },
    /// The record has no row under the key.
    Missing,
    /// The element of the list is not a record.
    NoRecord,
    /// The row is stored otherwise than the others, for instance as f64 among f32.
    OtherType,
    /// The row is not a list of numbers.
    NoNumbers,
    /// A cell of a numbered column is not a number.
    NotANumber {
        /// Its component.
        column: usize,
    },
    /// The row is an array of something else than f2, f4 or f8.
    NoFloats,
    /// The row is an array of more than one row.
    Matrix,
    /// The row is an array of Python objects, which are never loaded.
    Objects,
    /// The row refers to a value that is shared with something else in the file.
    Shared,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("is null"),
            Self::NullComponent { column } => write!(f, "column {column} is null"),
            Self::Width { found: 0, .. } => f.write_str("is empty"),
            Self::Width { found, expected } => write!(f, "has {found} columns, the others {expected}"),
            Self::Cells { found, expected } => write!(f, "has {found} cells, the first line {expected}"),
            Self::Missing => f.write_str("the record has no row under the key"),
            Self::NoRecord => f.write_str("is not a record"),
            Self::OtherType => f.write_str("has another storage type than the others"),
            Self::NoNumbers => f.write_str("is not a list of numbers"),
            Self::NotANumber { column } => write!(f, "column {column} is not a number"),
            Self::NoFloats => f.write_str("its array holds no f2, f4 or f8"),
            Self::Matrix => f.write_str("its array has not one dimension"),
            Self::Objects => {
                f.write_str("is an array of Python objects (dtype object), which are never loaded")
            }
            Self::Shared => f.write_str(
                "is one object with something else in the file, as pickle keeps what is there twice: save copies \
                 (copy.deepcopy of each record)",
            ),
        }
    }
}
