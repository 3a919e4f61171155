//! Rows of a stored member, by position, once its check sum is known to be right.

use std::io::Read;

use flate2::Crc;
use kernels::Dtype;

use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::input::Input;
use crate::npy::NpyShard;
use crate::rows::{Access, Shard};

use super::checked::Check;
use super::member::Member;

/// Bytes that are summed at a time.
const CHUNK: usize = 1 << 20;

pub(super) struct StoredShard {
    input: Input,
    member: Member,
    rows: NpyShard,
    check: Check,
}

impl StoredShard {
    pub fn new(input: Input, member: Member, rows: NpyShard) -> Self {
        Self {
            input,
            member,
            rows,
            check: Check::default(),
        }
    }

    fn sum(&self) -> Result<u32, ShardError> {
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
        Ok(crc.sum())
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
        self.check.once(&self.input, &self.member, || self.sum())?;
        self.rows.read(first, count, buf)
    }
}
