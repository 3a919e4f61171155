//! What the first opening of a file found out and a later one need not find again.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The index of a file: dear to make, of no meaning elsewhere, and no part of what a reference says.
#[derive(Clone, Default)]
pub(crate) struct Known(Option<Arc<dyn Any + Send + Sync>>);

impl Known {
    pub fn of<T: Any + Send + Sync>(index: Arc<T>) -> Self {
        Self(Some(index))
    }

    /// The index, where it is one of that format.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone()?.downcast().ok()
    }
}

impl PartialEq for Known {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "index" } else { "nothing" })
    }
}
