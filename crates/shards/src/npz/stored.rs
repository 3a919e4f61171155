//! Rows of a stored member, by position, once its check sum is known to be right.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use flate2::Crc;
use kernels::Dtype;

use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::input::Input;
use crate::npy::NpyShard;
use crate::rows::{Access, Shard};

use super::member::Member;

/// Bytes that are summed at a time.
const CHUNK: usize = 1 << 20;
/// Members that are remembered; more are checked again.
const MAX_CHECKED: usize = 1 << 14;

/// File with its length and time of change, and where the member starts in it.
type Checked = (PathBuf, (u64, Option<SystemTime>), u64);

/// Members that were found right: a job that reads its rows in several passes checks them once.
static CHECKED: Mutex<BTreeSet<Checked>> = Mutex::new(BTreeSet::new());

pub(super) struct StoredShard {
    input: Input,
    member: Member,
    rows: NpyShard,
    checked: Mutex<bool>,
}

impl StoredShard {
    pub fn new(input: Input, member: Member, rows: NpyShard) -> Self {
        Self {
            input,
            member,
            rows,
            checked: Mutex::new(false),
        }
    }

    /// Sums the member before the first of its rows is given.
    fn check(&self) -> Result<(), ShardError> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if *checked {
            return Ok(());
        }
        let key = self.input.place().path().map(|path| {
            let stamp = self.input.stamp();
            (path.to_path_buf(), stamp, self.member.start)
        });
        let known = || CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
        if !key.as_ref().is_some_and(|key| known().contains(key)) {
            self.sum()?;
            let mut known = known();
            if known.len() == MAX_CHECKED {
                known.clear();
            }
            known.extend(key);
        }
        *checked = true;
        Ok(())
    }

    fn sum(&self) -> Result<(), ShardError> {
        let place = self.input.place();
        let mut bytes = self
            .input
            .reader(self.member.start, self.member.start + self.member.size);
        let (mut crc, mut chunk) = (Crc::new(), vec![0; CHUNK]);
        loop {
            let read = bytes
                .read(&mut chunk)
                .map_err(|error| ShardError::from_read(place, error))?;
            if read == 0 {
                break;
            }
            crc.update(&chunk[..read]);
        }
        if crc.sum() == self.member.crc {
            return Ok(());
        }
        let reason = format!(
            "is damaged: the check sum of #{} differs from its bytes",
            self.member.key
        );
        Err(ShardError::bad_format(place, reason))
    }
}

impl Shard for StoredShard {
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
