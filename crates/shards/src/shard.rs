//! Opening a shard: its format, its rows, and whether it is still what a reference says.

use std::path::Path;

use crate::error::{Place, ShardError};
use crate::foreign::{self, Sort};
use crate::format::Format;
use crate::input::Input;
use crate::role::Role;
use crate::rows::{Ask, Empty, Opened, Shard};
use crate::shard_ref::{Reading, ShardRef};

impl ShardRef {
    /// Looks at a file's header. With no selector the file must hold one array of rows only.
    pub fn probe(path: impl AsRef<Path>, selector: Option<&str>) -> Result<Self, ShardError> {
        Self::probe_as(path.as_ref(), selector, Role::Other, Reading::default())
    }

    /// Like `probe`; among several arrays of rows the role chooses.
    ///
    /// # Errors
    /// As of [`crate::resolve`].
    pub fn probe_as(
        path: &Path,
        selector: Option<&str>,
        role: Role,
        reading: Reading,
    ) -> Result<Self, ShardError> {
        let input = Input::open(path)?;
        let format = format_of(path, &input)?;
        let bytes = input.len();
        let raw = format == Format::Raw;
        let ask = Ask {
            selector,
            role,
            dim: reading.dim.filter(|_| raw),
            dtype: reading.dtype.filter(|_| raw),
            pool: reading.pool,
            ..Ask::default()
        };
        let opened = open_input(input, format, &ask)?;
        Ok(Self {
            path: path.to_path_buf(),
            selector: opened.selector,
            pool: reading.pool,
            format,
            rows: opened.shard.rows(),
            dim: opened.shard.dim(),
            dtype: opened.shard.dtype(),
            bytes,
            name: stores::without_query(path)
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            listed: false,
            known: opened.known,
        })
    }

    /// Opens the shard, which must still be what the reference says.
    pub fn open(&self) -> Result<Box<dyn Shard>, ShardError> {
        let ask = Ask {
            selector: self.selector.as_deref(),
            dim: Some(self.dim),
            dtype: Some(self.dtype),
            pool: self.pool,
            known: Some(&self.known),
            ..Ask::default()
        };
        let shard = open_input(Input::open(&self.path)?, self.format, &ask)?.shard;
        if self.rows == 0 && shard.rows() == 0 {
            return Ok(Box::new(Empty {
                dim: self.dim,
                dtype: self.dtype,
            }));
        }
        let found = (shard.rows(), shard.dim(), shard.dtype());
        if found != (self.rows, self.dim, self.dtype) {
            let (rows, dim, dtype) = found;
            let reason = format!(
                "has changed: {} × {} {} before, {rows} × {dim} {} now",
                self.rows,
                self.dim,
                self.dtype.name(),
                dtype.name()
            );
            return Err(ShardError::bad_format(&Place::from(self.path.as_path()), reason));
        }
        Ok(shard)
    }
}

fn open_input(input: Input, format: Format, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    match format {
        Format::Npy => crate::npy::open(input, ask),
        Format::Npz => crate::npz::open(input, ask),
        Format::Parquet => crate::table::open_parquet(input, ask),
        Format::Arrow => crate::table::open_arrow(input, ask),
        Format::Safetensors => crate::safetensors::open(&input, ask),
        Format::Pickle => crate::pickle::open(input, ask.selector, ask.known),
        Format::Json | Format::Jsonl | Format::Csv => crate::text::open(input, format, ask),
        Format::Fvecs => crate::vecs::open(input),
        Format::Torch => crate::torch::open(&input, ask),
        Format::Tar => crate::webdataset::open(input, ask),
        Format::Raw => crate::raw::open(input, ask),
    }
}

/// The format of a file by its name, which its first bytes must not contradict, or else by those.
pub(crate) fn format_of(path: &Path, input: &Input) -> Result<Format, ShardError> {
    let start = input.bytes_at(0, input.len().min(foreign::LOOKED_AT))?;
    let found = Format::from_magic(&start);
    let named = Format::from_path(path);
    // packed or not, text is read by its ending
    let text = named.is_some_and(Format::is_text);
    let contradicts = |kind: &foreign::Foreign| match kind.sort {
        Sort::Container(_) => false,
        Sort::Never => true,
        _ if kind.may_be_text() && text => false,
        // plain bytes, and numbers of rows, may begin like anything
        _ => !matches!(named, Some(Format::Raw | Format::Fvecs)) && (named != found || found.is_none()),
    };
    if let Some(kind) = foreign::kind_of(&start, path).filter(contradicts) {
        return Err(foreign::refused(input.place(), kind));
    }
    // what torch saves is called .bin, too
    if let (Some(Format::Raw), Some(found)) = (named, found)
        && found.is_certain(&start)
    {
        return Ok(found);
    }
    match (named, found) {
        (Some(named), Some(found)) if named == found || !found.is_certain(&start) => Ok(named),
        (Some(named), Some(found)) => {
            let reason = format!(
                "is named as {} and holds {}; rename it",
                named.name(),
                found.name()
            );
            Err(ShardError::bad_format(input.place(), reason))
        }
        (Some(named), None) => Ok(named),
        (None, Some(found)) => Ok(found),
        (None, None) => {
            let names = Format::ALL.map(Format::name).join(", ");
            let reason = format!("is named as none of {names}, and does not begin like one");
            Err(ShardError::bad_format(input.place(), reason))
        }
    }
}
