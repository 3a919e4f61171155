//! Pairs that cannot be used: all of them in one error, or left out and counted.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Dropped, SHOWN};
use crate::error::{EncoderError, Result};

/// What becomes of pairs that cannot be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum OnBadPair {
    /// The job stops and names them.
    #[default]
    Error,
    /// They are left out, counted and named.
    Drop,
}

/// Collects pairs that cannot be used.
#[derive(Debug, Default)]
pub struct BadPairs {
    policy: OnBadPair,
    first: Option<EncoderError>,
    found: Dropped,
}

impl BadPairs {
    /// A collector with this policy.
    pub fn new(policy: OnBadPair) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// Counts a pair by its error; an error of something else than one pair is given back.
    pub fn add(&mut self, error: EncoderError) -> Result<()> {
        if !error.is_of_a_pair() {
            return Err(error);
        }
        self.found.count += 1;
        if self.found.first.len() < SHOWN {
            self.found.first.push(error.to_string());
        }
        self.first.get_or_insert(error);
        Ok(())
    }

    /// Keeps a good pair, counts a bad one.
    pub fn keep<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.add(error).map(|()| None),
        }
    }

    /// Whether the job has failed already and continues only to name the other bad pairs.
    pub fn has_failed(&self) -> bool {
        self.policy == OnBadPair::Error && self.first.is_some()
    }

    /// Counts those of `other`, found after its own.
    pub fn merge(&mut self, other: Self) {
        self.found.add(&other.found);
        if self.first.is_none() {
            self.first = other.first;
        }
    }

    /// Counts what an earlier run has left out.
    pub fn add_dropped(&mut self, dropped: &Dropped) {
        self.found.add(dropped);
    }

    /// What was found up to now.
    pub fn found(&self) -> &Dropped {
        &self.found
    }

    /// Those that were left out.
    ///
    /// # Errors
    /// The one bad pair, or all of them, unless they are dropped.
    pub fn finish(self) -> Result<Dropped> {
        match (self.policy, self.first) {
            (OnBadPair::Error, Some(first)) if self.found.count == 1 => Err(first),
            (OnBadPair::Error, Some(first)) => Err(EncoderError::BadPairs {
                first: Box::new(first),
                found: self.found,
            }),
            _ => Ok(self.found),
        }
    }
}
