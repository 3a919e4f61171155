//! Vectors as the benchmarks of nearest neighbours keep them: `fvecs` and `bvecs`, each row behind its width, and `fbin`,
//! `u8bin` and `i8bin`, all rows behind their number and width.
//!
//! Bytes are given as f32, which holds them exactly.

use std::path::Path;
use std::sync::Mutex;

use kernels::{Dtype, Rows};

use crate::atomic::AtomicFile;
use crate::buffer::Buffer;
use crate::error::{Place, ShardError};
use crate::format::Format;
use crate::input::Input;
use crate::known::Known;
use crate::rows::{Access, MAX_DIM, Opened, Shard, range_bytes};
use crate::writer::{OutputSpec, ShardWriter, check_range};

/// Type of a component.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Component {
    F32,
    U8,
    I8,
}

/// How rows lie in a file, by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kind {
    component: Component,
    /// Whether every row has its width before it, and not the file its number of rows and width.
    widths: bool,
}

const KINDS: [(&str, Kind); 5] = [
    ("fvecs", kind(Component::F32, true)),
    ("bvecs", kind(Component::U8, true)),
    ("fbin", kind(Component::F32, false)),
    ("u8bin", kind(Component::U8, false)),
    ("i8bin", kind(Component::I8, false)),
];

const fn kind(component: Component, widths: bool) -> Kind {
    Kind { component, widths }
}

impl Component {
    const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::U8 | Self::I8 => 1,
        }
    }
}

struct Vectors {
    input: Input,
    kind: Kind,
    rows: u64,
    dim: usize,
}

/// Opens a file whose ending says how its rows lie.
pub(crate) fn open(input: Input) -> Result<Opened, ShardError> {
    let place = input.place().clone();
    let kind = kind_of(&place)?;
    if input.len() == 0 && kind.widths {
        return Ok(Opened::empty());
    }
    let word = |at: u64| -> Result<u32, ShardError> {
        let mut bytes = [0; 4];
        input.read_at(at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    };
    let (promised, dim) = if kind.widths {
        (None, word(0)?)
    } else {
        (Some(u64::from(word(0)?)), word(4)?)
    };
    let dim = dim as usize;
    if dim == 0 || dim > MAX_DIM {
        return Err(ShardError::bad_format(
            &place,
            format!("has rows of {dim} columns, by its first bytes"),
        ));
    }
    let row_bytes = (dim * kind.component.size() + if kind.widths { 4 } else { 0 }) as u64;
    let rows = match promised {
        None => input.len() / row_bytes,
        Some(rows) => rows,
    };
    let header = if kind.widths { 0 } else { 8 };
    if rows
        .checked_mul(row_bytes)
        .and_then(|bytes| bytes.checked_add(header))
        != Some(input.len())
    {
        let reason = format!(
            "has {} bytes, which are not {} rows of {dim} columns; it is truncated or of another kind",
            input.len(),
            promised.map_or_else(|| "whole".to_owned(), |rows| rows.to_string())
        );
        return Err(ShardError::bad_format(&place, reason));
    }
    if rows == 0 {
        return Ok(Opened::empty());
    }
    Ok(Opened {
        shard: Box::new(Vectors {
            input,
            kind,
            rows,
            dim,
        }),
        selector: None,
        known: Known::default(),
    })
}

fn kind_of(place: &Place) -> Result<Kind, ShardError> {
    let ending = place
        .path()
        .and_then(Path::extension)
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let found = KINDS.iter().find(|(name, _)| *name == ending);
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        ShardError::unsupported(place, format!("is named as none of {}", names.join(", ")))
    })
}

impl Shard for Vectors {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn access(&self) -> Access {
        Access::Random
    }

    fn read(&self, first: u64, count: usize, buf: &mut Buffer) -> Result<(), ShardError> {
        buf.resize(range_bytes(self, first, count));
        let (size, before) = (self.kind.component.size(), if self.kind.widths { 4 } else { 0 });
        let row_bytes = before + self.dim * size;
        let mut bytes = vec![0; count * row_bytes];
        let header = if self.kind.widths { 0 } else { 8 };
        self.input
            .read_ahead_at(header + first * row_bytes as u64, &mut bytes)?;
        let out: &mut [f32] = bytemuck::cast_slice_mut(buf.as_bytes_mut());
        for (i, (row, out)) in bytes
            .chunks_exact(row_bytes)
            .zip(out.chunks_exact_mut(self.dim))
            .enumerate()
        {
            let (width, row) = row.split_at(before);
            if let [a, b, c, d] = *width
                && u32::from_le_bytes([a, b, c, d]) as usize != self.dim
            {
                let reason = format!(
                    "row {} says that it has {} columns, the first has {}; rows of several widths are not read",
                    first + i as u64,
                    u32::from_le_bytes([a, b, c, d]),
                    self.dim
                );
                return Err(ShardError::bad_format(self.input.place(), reason));
            }
            for (out, value) in out.iter_mut().zip(row.chunks_exact(size)) {
                *out = match *value {
                    [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
                    [byte] if self.kind.component == Component::I8 => f32::from(byte.cast_signed()),
                    [byte] => f32::from(byte),
                    _ => unreachable!("components have one byte or four"),
                };
            }
        }
        Ok(())
    }
}

/// Writes `fvecs` by position.
pub(crate) struct VectorWriter {
    file: AtomicFile,
    dim: usize,
    rows: u64,
    written: Mutex<u64>,
}

impl VectorWriter {
    pub fn create(spec: &OutputSpec) -> Result<Self, ShardError> {
        let place = Place::from(spec.path.as_path());
        if spec.dtype != Dtype::F32 {
            let reason = format!(
                "fvecs hold f32, not {}; choose the storage type f32",
                spec.dtype.name()
            );
            return Err(ShardError::unsupported(&place, reason));
        }
        if !Format::Fvecs.is_written_as(&spec.path) {
            let reason = "is the name of a layout that is only read; choose a name that ends in .fvecs";
            return Err(ShardError::unsupported(&place, reason));
        }
        let file = AtomicFile::create(&spec.path)?;
        file.reserve(spec.rows * (4 + 4 * spec.dim as u64))?;
        Ok(Self {
            file,
            dim: spec.dim,
            rows: spec.rows,
            written: Mutex::new(0),
        })
    }
}

impl ShardWriter for VectorWriter {
    fn access(&self) -> Access {
        Access::Random
    }

    fn write(&self, first: u64, rows: Rows<'_>) -> Result<(), ShardError> {
        let count = check_range(rows, Dtype::F32, self.dim, first, self.rows);
        let row_bytes = 4 + 4 * self.dim;
        let mut bytes = Vec::with_capacity(count as usize * row_bytes);
        let width = u32::try_from(self.dim).unwrap_or(u32::MAX).to_le_bytes();
        if let Rows::F32(rows) = rows {
            for row in rows.chunks_exact(self.dim) {
                bytes.extend(width);
                bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        self.file.write_at(first * row_bytes as u64, &bytes)?;
        *self
            .written
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) += count;
        Ok(())
    }

    fn finish(self: Box<Self>, sync: bool) -> Result<u64, ShardError> {
        let written = *self
            .written
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        assert_eq!(written, self.rows, "every row is written once");
        self.file.commit(sync)?;
        Ok(self.rows * (4 + 4 * self.dim as u64))
    }
}
