//! Rows of a deflated member, decoded in order.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use kernels::Dtype;

use crate::archive::{Check, Member, compare};
use crate::buffer::{Buffer, swap_bytes};
use crate::error::ShardError;
use crate::input::{Input, InputReader};
use crate::npy::header::Header;
use crate::rows::{Access, Shard, range_bytes};

/// Bytes that are decoded at once when rows are passed over.
const SKIP_BYTES: usize = 16 << 10;

pub(super) struct DeflatedShard {
    input: Input,
    member: Member,
    header: Header,
    check: Check,
    decoder: Mutex<Option<Decoder>>,
}

struct Decoder {
    stream: DeflateDecoder<InputReader>,
    crc: Crc,
    /// The row that comes next.
    row: u64,
}

impl DeflatedShard {
    pub fn new(input: Input, member: Member, header: Header) -> Result<Self, ShardError> {
        if header.fortran && header.lead * header.rows > 1 {
            let reason = "is deflated and in Fortran order; save it in C order or uncompressed";
            return Err(ShardError::unsupported(input.place(), reason));
        }
        Ok(Self {
            input,
            member,
            header,
            check: Check::default(),
            decoder: Mutex::new(None),
        })
    }

    fn start(&self) -> Result<Decoder, ShardError> {
        let bytes = self
            .input
            .reader(self.member.start, self.member.start + self.member.compressed);
        let mut decoder = Decoder {
            stream: DeflateDecoder::new(bytes),
            crc: Crc::new(),
            row: 0,
        };
        decoder.skip(self.header.data).map_err(|e| self.failed(e))?;
        Ok(decoder)
    }

    fn decode(
        &self,
        mut decoder: Decoder,
        first: u64,
        count: u64,
        bytes: &mut [u8],
    ) -> Result<Decoder, ShardError> {
        let row_bytes = (self.header.dim * self.header.dtype.size()) as u64;
        decoder
            .skip((first - decoder.row) * row_bytes)
            .map_err(|e| self.failed(e))?;
        decoder.fill(bytes).map_err(|e| self.failed(e))?;
        decoder.row = first + count;
        if decoder.row == self.rows() {
            self.check_sum(&mut decoder)?;
        }
        Ok(decoder)
    }

    /// After the last row the whole member has passed, so that its check sum is known.
    fn check_sum(&self, decoder: &mut Decoder) -> Result<(), ShardError> {
        decoder
            .skip(self.member.size - self.header.data - self.header.bytes)
            .map_err(|e| self.failed(e))?;
        compare(decoder.crc.sum(), &self.input, &self.member)
    }

    /// The check sum of the whole member.
    fn sum(&self) -> Result<u32, ShardError> {
        let mut decoder = self.start()?;
        decoder
            .skip(self.member.size - self.header.data)
            .map_err(|e| self.failed(e))?;
        Ok(decoder.crc.sum())
    }

    fn failed(&self, error: io::Error) -> ShardError {
        let place = self.input.place();
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ShardError::bad_format(place, "ends before its last row"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                ShardError::bad_format(place, format!("is damaged: {error}"))
            }
            _ => ShardError::from_read(place, error),
        }
    }
}

impl Decoder {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.stream.read_exact(bytes)?;
        self.crc.update(bytes);
        Ok(())
    }

    fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        let mut scratch = [0; SKIP_BYTES];
        while bytes > 0 {
            let n = bytes.min(SKIP_BYTES as u64);
            self.fill(&mut scratch[..n as usize])?;
            bytes -= n;
        }
        Ok(())
    }
}

impl Shard for DeflatedShard {
    fn rows(&self) -> u64 {
        self.header.lead * self.header.rows
    }

    fn dim(&self) -> usize {
        self.header.dim
    }

    fn dtype(&self) -> Dtype {
        self.header.dtype
    }

    fn access(&self) -> Access {
        Access::Sequential
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        let mut slot = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        // rows one after the other end in the check sum; of others the last may never come
        if first != 0 && slot.as_ref().is_none_or(|decoder| decoder.row != first) {
            self.check.once(&self.input, &self.member, || self.sum())?;
        }
        // taken out, so that a failed read leaves no half-read decoder behind
        let decoder = match slot.take() {
            Some(decoder) if decoder.row <= first => decoder,
            _ => self.start()?,
        };
        *slot = Some(self.decode(decoder, first, count as u64, buf.as_bytes_mut())?);
        if self.header.swapped {
            swap_bytes(self.header.dtype, buf.as_bytes_mut());
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ShardError> {
        self.check.once(&self.input, &self.member, || self.sum())
    }
}
