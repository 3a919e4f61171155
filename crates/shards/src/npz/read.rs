//! The members of an npz archive and the one that holds rows.

use flate2::read::DeflateDecoder;
use zip::CompressionMethod;

use crate::archive::{Checked, Kind, Member, find, members};
use crate::error::ShardError;
use crate::input::Input;
use crate::known::Known;
use crate::npy::array;
use crate::npy::header::{self, Header};
use crate::pool::Pool;
use crate::pooled::pooled;
use crate::rows::{Ask, Opened, Shard};

use super::deflated::DeflatedShard;

/// Each member costs a read of its header.
const KIND: Kind = Kind {
    name: "npz",
    advice: "save all arrays with one numpy.savez",
    most: 4096,
};

/// Opens the member called `selector`, or the one that holds rows.
pub(crate) fn open(input: Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let members = arrays(&input)?;
    let (member, header) = match ask.selector {
        Some(key) => {
            let member = find(members, key.strip_suffix(".npy").unwrap_or(key), &input)?;
            let header = member_header(&input, &member, ask.pool)?;
            (member, header)
        }
        None => choose(&input, members, ask)?,
    };
    let (selector, states) = (Some(member.key.clone()), header.states(ask.pool));
    let shard: Box<dyn Shard> = if member.method == CompressionMethod::Stored {
        let header = Header {
            data: member.start + header.data,
            ..header
        };
        let rows = array(input.clone(), &header, None)?;
        Box::new(Checked::new(input, vec![member], Box::new(rows)))
    } else {
        Box::new(DeflatedShard::new(input, member, header)?)
    };
    Ok(Opened {
        shard: pooled(shard, states),
        selector,
        known: Known::default(),
    })
}

/// Names of its arrays.
pub(crate) fn names(input: &Input) -> Result<Vec<String>, ShardError> {
    Ok(arrays(input)?.into_iter().map(|member| member.key).collect())
}

fn arrays(input: &Input) -> Result<Vec<Member>, ShardError> {
    let members = members(input, KIND, &|name| name.strip_suffix(".npy").map(str::to_owned))?;
    if members.is_empty() {
        return Err(ShardError::empty(input.place(), "holds no npy arrays"));
    }
    Ok(members)
}

fn member_header(input: &Input, member: &Member, pool: Option<Pool>) -> Result<Header, ShardError> {
    let place = input.place();
    if member.encrypted {
        return Err(ShardError::unsupported(
            place,
            format!("#{} is encrypted", member.key),
        ));
    }
    let mut bytes = input.reader(member.start, member.start + member.compressed);
    let header = match member.method {
        CompressionMethod::Stored => header::read(&mut bytes, place),
        CompressionMethod::Deflated => header::read(&mut DeflateDecoder::new(bytes), place),
        other => {
            let reason = format!(
                "#{} is compressed by {other}; stored and deflated members are read",
                member.key
            );
            Err(ShardError::unsupported(place, reason))
        }
    }?;
    let header = header.flat(pool, place)?;
    if header
        .data
        .checked_add(header.bytes)
        .is_none_or(|end| end > member.size)
    {
        let reason = format!(
            "#{} is truncated: its shape promises more than its {} bytes",
            member.key, member.size
        );
        return Err(ShardError::bad_format(place, reason));
    }
    header.check_end(member.size, &format!("#{} ", member.key), place)?;
    Ok(header)
}

/// The only member that holds rows, or the one that the role points to.
fn choose(input: &Input, members: Vec<Member>, ask: &Ask<'_>) -> Result<(Member, Header), ShardError> {
    let mut fitting = Vec::new();
    let mut failure = None;
    for member in members {
        match member_header(input, &member, ask.pool) {
            Ok(header) => fitting.push((member, header)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let (true, Some(error)) = (fitting.is_empty(), failure) {
        return Err(error);
    }
    let keys: Vec<String> = fitting.iter().map(|(member, _)| member.key.clone()).collect();
    let index = ask.role.choose(&keys, input.place())?;
    Ok(fitting.swap_remove(index))
}
