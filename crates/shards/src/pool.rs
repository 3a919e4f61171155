//! Ways to make one row of several states.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How the states of a row become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// Their mean.
    Mean,
    /// The first, as of a class token.
    First,
    /// The last.
    Last,
}

impl Pool {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Mean, Self::First, Self::Last];

    /// The name used in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::First => "first",
            Self::Last => "last",
        }
    }

    /// The way of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pool| pool.name() == name)
    }
}
