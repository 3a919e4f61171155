//! Members whose check sum was compared with their bytes before rows of them were given.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use kernels::Dtype;

use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::input::{Input, Stamp};
use crate::rows::{Access, Shard};

use super::member::Member;

/// Members that are remembered; more are checked again.
const MAX_CHECKED: usize = 1 << 14;

/// File with its length and time of change, and where the member starts in it.
type Known = (PathBuf, Stamp, u64);

/// Members that were found right: a job that reads its rows in several passes checks them once.
static CHECKED: Mutex<BTreeSet<Known>> = Mutex::new(BTreeSet::new());

/// The check of one opened member.
#[derive(Default)]
pub(crate) struct Check(Mutex<bool>);

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
        let start = input.base() + member.start;
        let key = path.map(|path| (path.to_path_buf(), input.stamp(), start));
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
pub(crate) fn compare(sum: u32, input: &Input, member: &Member) -> Result<(), ShardError> {
    if sum == member.crc {
        return Ok(());
    }
    let reason = format!(
        "is damaged: the check sum of #{} differs from its bytes",
        member.key
    );
    Err(ShardError::bad_format(input.place(), reason))
}

/// Rows of stored members, which are given once the check sums are known to be right.
pub(crate) struct Checked {
    input: Input,
    members: Vec<Member>,
    check: Mutex<bool>,
    rows: Box<dyn Shard>,
}

impl Checked {
    /// `rows`, whose bytes stand in these members.
    pub fn new(input: Input, members: Vec<Member>, rows: Box<dyn Shard>) -> Self {
        Self {
            input,
            members,
            check: Mutex::new(false),
            rows,
        }
    }

    fn check(&self) -> Result<(), ShardError> {
        let mut done = self.check.lock().unwrap_or_else(PoisonError::into_inner);
        if !*done {
            for member in &self.members {
                Check::default().once(&self.input, member, || member.sum(&self.input))?;
            }
            *done = true;
        }
        Ok(())
    }
}

impl Shard for Checked {
    fn rows(&self) -> u64 {
        self.rows.rows()
    }

    fn dim(&self) -> usize {
        self.rows.dim()
    }

    fn dtype(&self) -> Dtype {
        self.rows.dtype()
    }

    fn access(&self) -> Access {
        self.rows.access()
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        self.check()?;
        self.rows.read(first, count, buf)
    }
}
