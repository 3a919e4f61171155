//! A forward reader over an input, with a window of it in memory.

use crate::error::ShardError;
use crate::input::Input;

/// Large enough for few system calls, small enough for the second-level cache.
const WINDOW: usize = 64 << 10;

pub(super) struct Cursor {
    pub input: Input,
    window: Vec<u8>,
    /// Position of the window in the input.
    start: u64,
    /// Position of the next byte.
    at: u64,
}

impl Cursor {
    pub fn new(input: Input) -> Self {
        Self {
            input,
            window: Vec::new(),
            start: 0,
            at: 0,
        }
    }

    /// Position of the next byte.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Position of the window.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Goes to a position.
    pub fn seek(&mut self, to: u64) {
        self.at = to;
    }

    /// The next `n` bytes, at most a window of them.
    pub fn take(&mut self, n: usize) -> Result<&[u8], ShardError> {
        let mut from = self.at.wrapping_sub(self.start);
        if self.at < self.start || from + n as u64 > self.window.len() as u64 {
            self.fill(n)?;
            from = 0;
        }
        self.at += n as u64;
        Ok(&self.window[from as usize..from as usize + n])
    }

    /// Passes over bytes that the input must hold.
    pub fn skip(&mut self, n: u64) -> Result<(), ShardError> {
        match self.at.checked_add(n).filter(|&end| end <= self.input.len()) {
            Some(end) => self.at = end,
            None => return Err(self.bad(&format!("{n} bytes are promised, but the file ends before"))),
        }
        Ok(())
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ShardError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub fn byte(&mut self) -> Result<u8, ShardError> {
        Ok(self.take(1)?[0])
    }

    /// The place and length of the line up to the next newline, which is passed over.
    pub fn line(&mut self) -> Result<(u64, u32), ShardError> {
        const LONGEST: u32 = 256;
        let start = self.at;
        for len in 0..=LONGEST {
            if self.byte()? == b'\n' {
                return Ok((start, len));
            }
        }
        Err(self.bad("a name is too long"))
    }

    /// An error at the byte before the cursor.
    pub fn bad(&self, reason: &str) -> ShardError {
        let at = self.at.saturating_sub(1);
        ShardError::bad_format(
            self.input.place(),
            format!("is not a valid pickle of records: {reason} (byte {at})"),
        )
    }

    fn fill(&mut self, n: usize) -> Result<(), ShardError> {
        let left = self.input.len().saturating_sub(self.at);
        if n > WINDOW || n as u64 > left {
            return Err(self.bad("the file ends too early"));
        }
        self.window.resize(left.min(WINDOW as u64) as usize, 0);
        self.start = self.at;
        self.input.read_at(self.start, &mut self.window)
    }
}
