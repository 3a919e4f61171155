//! Rows that each stand in a place of their own in a file.

use std::sync::Arc;

use kernels::Dtype;

use crate::buffer::{Buffer, swap_bytes};
use crate::error::ShardError;
use crate::fault::Fault;
use crate::input::Input;
use crate::rows::{Access, MAX_DIM, Shard, range_bytes};
use crate::strided::Strided;

/// Rows that are looked at for what most of them are.
const LOOKED_AT: usize = 1000;

/// What the components of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vector {
    pub dim: usize,
    pub dtype: Dtype,
    /// Components are in the other byte order than this machine's.
    pub swapped: bool,
    /// Distance of components.
    pub stride: u32,
}

/// Where the rows stand, or why one cannot be given.
#[derive(Debug)]
pub(crate) struct Places {
    kind: Vector,
    rows: Vec<Result<u64, Fault>>,
}

impl Places {
    /// The places of rows of what most of the first ones are; `None` where none of them can be given.
    pub fn of(found: Vec<Result<(u64, Vector), Fault>>) -> Option<Self> {
        let mut kinds: Vec<(Vector, usize)> = Vec::new();
        for (_, kind) in found.iter().flatten().take(LOOKED_AT) {
            match kinds.iter_mut().find(|(known, _)| known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((*kind, 1)),
            }
        }
        // of equally many the first
        let most = kinds.iter().map(|&(_, count)| count).max()?;
        let (kind, _) = *kinds.iter().find(|&&(_, count)| count == most)?;
        let place = |found: Result<(u64, Vector), Fault>| match found? {
            (at, other) if other == kind => Ok(at),
            (_, other) if other.dim != kind.dim => Err(Fault::Width {
                found: other.dim,
                expected: kind.dim,
            }),
            _ => Err(Fault::OtherType),
        };
        (kind.dim <= MAX_DIM).then(|| Self {
            kind,
            rows: found.into_iter().map(place).collect(),
        })
    }
}

/// Rows at such places.
pub(crate) struct Apart {
    pub input: Input,
    pub places: Arc<Places>,
}

impl Shard for Apart {
    fn rows(&self) -> u64 {
        self.places.rows.len() as u64
    }

    fn dim(&self) -> usize {
        self.places.kind.dim
    }

    fn dtype(&self) -> Dtype {
        self.places.kind.dtype
    }

    fn access(&self) -> Access {
        Access::Random
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        let Vector {
            dim,
            dtype,
            swapped,
            stride,
        } = self.places.kind;
        let (mut faults, mut row) = (Vec::new(), Buffer::new());
        let places = &self.places.rows[first as usize..first as usize + count];
        for ((i, out), place) in buf
            .as_bytes_mut()
            .chunks_exact_mut(dim * dtype.size())
            .enumerate()
            .zip(places)
        {
            match *place {
                Ok(at) if stride == 1 => self.input.read_at(at, out)?,
                Ok(data) => {
                    let vector = Strided {
                        input: self.input.clone(),
                        data,
                        dtype,
                        swapped: false,
                        lead: 1,
                        rows: 1,
                        dim,
                        strides: [0, 0, stride.into()],
                    };
                    vector.read(0, 1, &mut row)?;
                    out.copy_from_slice(row.as_bytes());
                }
                Err(fault) => faults.push((i, fault)),
            }
        }
        if swapped {
            swap_bytes(dtype, buf.as_bytes_mut());
        }
        buf.spoil(dtype, dim, faults);
        Ok(())
    }
}
