//! Rows of an npy array by position.

use crate::error::ShardError;
use crate::input::Input;
use crate::known::Known;
use crate::pooled::pooled;
use crate::rows::{Ask, Opened};
use crate::strided::{Strided, c_order};

use super::header::{self, Header};

pub(crate) fn open(input: Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let header = header::read(&mut input.reader(0, input.len()), input.place())?;
    header.check_end(input.len(), "", input.place())?;
    let (header, lead) = match ask.selector {
        None => (header.flat(ask.pool, input.place())?, None),
        Some(selector) => {
            let lead = leading_index(&input, &header, selector)?;
            (header, Some(lead))
        }
    };
    let states = header.states(ask.pool.filter(|_| lead.is_none()));
    Ok(Opened {
        selector: ask.selector.map(str::to_owned),
        shard: pooled(Box::new(array(input, &header, lead)?), states),
        known: Known::default(),
    })
}

/// The array of a header whose `data` is the absolute position of its first component, or one matrix of it.
///
/// # Errors
/// `BAD_FORMAT` when the file ends before the array does.
pub(crate) fn array(input: Input, header: &Header, index: Option<u64>) -> Result<Strided, ShardError> {
    let &Header {
        dtype,
        swapped,
        lead,
        rows,
        dim,
        data,
        bytes,
        ..
    } = header;
    if data + bytes > input.len() {
        let reason = format!(
            "is truncated: its header promises {} bytes, there are {}",
            data + bytes,
            input.len()
        );
        return Err(ShardError::bad_format(input.place(), reason));
    }
    let strides = if header.fortran {
        [1, lead, lead * rows]
    } else {
        c_order(rows, dim)
    };
    Ok(Strided {
        input,
        data: data + index.unwrap_or(0) * strides[0] * dtype.size() as u64,
        dtype,
        swapped,
        lead: if index.is_some() { 1 } else { lead },
        rows,
        dim,
        strides,
    })
}

/// The part of an array of three dimensions that a selector names.
fn leading_index(input: &Input, header: &Header, selector: &str) -> Result<u64, ShardError> {
    let exists = if header.three {
        match selector.parse().ok() {
            Some(index) if index < header.lead => return Ok(index),
            _ => format!(
                "the array has three dimensions: #0 to #{} choose one",
                header.lead.saturating_sub(1)
            ),
        }
    } else {
        "the array has two dimensions and takes no selector".to_owned()
    };
    let reason = format!("no part is called #{selector}; {exists}");
    Err(ShardError::bad_selector(input.place(), reason))
}
