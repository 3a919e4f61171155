//! Members whose check sum was compared with their bytes before rows of them were given.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::error::ShardError;
use crate::input::Input;

use super::member::Member;

/// Members that are remembered; more are checked again.
const MAX_CHECKED: usize = 1 << 14;

/// File with its length and time of change, and where the member starts in it.
type Checked = (PathBuf, (u64, Option<SystemTime>), u64);

/// Members that were found right: a job that reads its rows in several passes checks them once.
static CHECKED: Mutex<BTreeSet<Checked>> = Mutex::new(BTreeSet::new());

/// The check of one opened member.
#[derive(Default)]
pub(super) struct Check(Mutex<bool>);

impl Check {
    /// Compares the check sum that `sum` computes, unless it is known to be right.
    ///
    /// # Errors
    /// `BAD_FORMAT` where it differs, and those of `sum`.
    pub fn once(
        &self,
        input: &Input,
        member: &Member,
        sum: impl FnOnce() -> Result<u32, ShardError>,
    ) -> Result<(), ShardError> {
        let mut done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *done {
            return Ok(());
        }
        let path = input.place().path();
        let key = path.map(|path| (path.to_path_buf(), input.stamp(), member.start));
        let known = || CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
        if !key.as_ref().is_some_and(|key| known().contains(key)) {
            compare(sum()?, input, member)?;
            let mut known = known();
            if known.len() == MAX_CHECKED {
                known.clear();
            }
            known.extend(key);
        }
        *done = true;
        Ok(())
    }
}

/// Compares the check sum of a member's bytes with that of the archive.
pub(super) fn compare(sum: u32, input: &Input, member: &Member) -> Result<(), ShardError> {
    if sum == member.crc {
        return Ok(());
    }
    let reason = format!(
        "is damaged: the check sum of #{} differs from its bytes",
        member.key
    );
    Err(ShardError::bad_format(input.place(), reason))
}
