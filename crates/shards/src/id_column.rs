//! Which column of a table holds the ids.

use crate::error::{Place, ShardError};

/// Which column holds the ids, or what is read like them.
#[derive(Debug, Clone, Copy)]
pub struct IdColumn<'a> {
    /// Its name, where it was given.
    pub name: Option<&'a str>,
    /// Names that are looked for otherwise, in this order.
    pub usual: &'a [&'a str],
    /// Whether its values are captions, which may be long.
    pub captions: bool,
}

/// Bytes of an id at most; what is longer is a caption.
const MAX_ID_BYTES: u32 = 1024;
/// Bytes of a caption at most: half a window of the reader of pickles.
const MAX_CAPTION_BYTES: u32 = 32 << 10;

impl IdColumn<'_> {
    /// Bytes of a value at most, where a file may refer to one text many times.
    pub(crate) const fn longest(&self) -> u32 {
        if self.captions {
            MAX_CAPTION_BYTES
        } else {
            MAX_ID_BYTES
        }
    }

    /// The error of a file that has no such column.
    pub(crate) fn missing(&self, place: &Place, names: &[&str]) -> ShardError {
        const SHOWN: usize = 20;
        let shown = names[..names.len().min(SHOWN)].join(", ");
        let all = match names.len().saturating_sub(SHOWN) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        };
        let reason = match self.name {
            Some(name) => format!("there is no column {name} among {all}"),
            None if self.captions => format!(
                "none of its columns is {}: {all}; rename the one with the captions",
                self.usual.join(" or ")
            ),
            None => format!(
                "none of {} is among {all}; name the column of ids",
                self.usual.join(", ")
            ),
        };
        ShardError::bad_selector(place, reason)
    }
}
