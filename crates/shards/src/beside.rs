//! What a container holds beside its rows, and what of it does not fit into an output of another format.

use std::collections::BTreeSet;

use arrow_schema::Schema;

use crate::error::ShardError;
use crate::format::Format;
use crate::input::Input;
use crate::shard_ref::ShardRef;
use crate::{npz, pickle, safetensors, table, text, torch, webdataset};

/// Names of what `shard` holds beside its rows and an output of `format` does not take along: columns, keys, arrays, tensors.
///
/// # Errors
/// Those of reading a header.
pub fn left_behind(shard: &ShardRef, format: Format) -> Result<Vec<String>, ShardError> {
    let input = Input::open(&shard.path)?;
    let chosen = shard.selector.as_deref();
    let but_chosen = |mut names: Vec<String>| {
        names.retain(|name| Some(name.as_str()) != chosen);
        names
    };
    Ok(match (shard.format, format) {
        (Format::Npy | Format::Fvecs | Format::Raw, _)
        | (Format::Json | Format::Jsonl, Format::Jsonl)
        | (Format::Pickle, Format::Pickle)
        | (Format::Parquet | Format::Arrow, Format::Parquet | Format::Arrow) => Vec::new(),
        (Format::Parquet | Format::Arrow, _) => {
            let schema = table::schema_of(&input, shard.format)?;
            columns(&schema, chosen, format)
        }
        (Format::Npz, _) => but_chosen(npz::names(&input)?),
        (Format::Safetensors, _) => {
            let header = safetensors::Header::read(&input)?;
            let mut names = but_chosen(header.names());
            let mut keys = header.metadata_keys();
            keys.retain(|key| format != Format::Safetensors || safetensors::own_kind(key).is_some());
            names.extend(keys);
            names
        }
        (Format::Pickle, _) => pickle::keys(&input, chosen)?,
        (Format::Torch, _) => torch::beside(&input, chosen)?,
        (Format::Tar, _) => webdataset::beside(&input, chosen)?,
        (Format::Json | Format::Jsonl | Format::Csv, _) => text::beside(&input, shard.format, chosen)?,
    })
}

/// Columns of a table beside the chosen one that a format does not take.
fn columns(schema: &Schema, chosen: Option<&str>, format: Format) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let fields = schema.fields().iter();
    fields
        .filter(|field| {
            // of two columns of one name the first is the chosen one
            let first = seen.insert(field.name().as_str());
            let is_rows = first && Some(field.name().as_str()) == chosen;
            let taken =
                first && format == Format::Pickle && pickle::takes_column(field.name(), field.data_type());
            !is_rows && !taken
        })
        .map(|field| field.name().clone())
        .collect()
}
