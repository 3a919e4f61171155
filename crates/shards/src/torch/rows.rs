//! Which tensors of a file are rows.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::file::{TorchFile, TorchTensor};
use super::machine::{Container, Described, Tree, Value};
use crate::apart::{Apart, Places, Vector};
use crate::archive::{Checked, Member};
use crate::error::ShardError;
use crate::fault::Fault;
use crate::growth::grows;
use crate::input::{Input, Stamp};
use crate::known::Known;
use crate::pool::Pool;
use crate::pooled::{States, pooled};
use crate::role::listed;
use crate::row_shape::{RowShape, not_flat, row_shape};
use crate::rows::{Ask, Empty, Opened, Shard};
use crate::strided::Strided;

/// Deepest dictionary or list in another one that is looked into, and most values that are looked at.
const MAX_DEPTH: usize = 6;
const MAX_LOOKED_AT: usize = 1 << 22;
/// Most bytes of the names of all tensors: containers within containers multiply them.
const MAX_NAMES: usize = 64 << 20;
/// Values of a tuple that more often are several things than rows.
const FEW: usize = 3;
/// Values of a list that say what it is.
const FIRST: usize = 1000;

/// What may hold rows, under the keys that lead to it.
enum Found<'a> {
    Tensor(&'a Rc<Described>),
    /// A tensor of one row in each value.
    Stack {
        values: Vec<&'a Value>,
        /// Whether they are a tuple.
        tuple: bool,
    },
}

/// Where the rows of a list stand, and in which members.
struct Index {
    stamp: Stamp,
    places: Arc<Places>,
    members: Vec<Member>,
}

/// Opens the tensor, or the list of rows, that the selector names, or that holds rows.
pub(crate) fn open(input: &Input, ask: &Ask<'_>) -> Result<Opened, ShardError> {
    let known = ask.known.and_then(Known::get::<Index>);
    if let Some(index) = known.filter(|index| index.stamp == input.stamp()) {
        return Ok(stack(input, index, ask.selector.map(str::to_owned)));
    }
    let file = TorchFile::open(input)?;
    let tree = file.tree()?;
    if let Value::Tensor(described) = &tree.root {
        let (shard, states) = tensor(&file, described, ask.selector, ask.pool)?;
        return Ok(Opened {
            shard: pooled(shard, states),
            selector: ask.selector.map(str::to_owned),
            known: Known::default(),
        });
    }
    let mut all = Vec::new();
    find(&tree, &tree.root, "", 0, &mut Looked::default(), &mut all).map_err(|reason| file.bad(reason))?;
    let (name, found) = choose(&file, all, ask)?;
    let selector = Some(name).filter(|name| !name.is_empty());
    match found {
        Found::Tensor(described) => {
            let (shard, states) = tensor(&file, described, None, ask.pool)?;
            Ok(Opened {
                shard: pooled(shard, states),
                selector,
                known: Known::default(),
            })
        }
        Found::Stack { values, .. } => {
            let index = index_of(&file, &values)?;
            Ok(stack(input, Arc::new(index), selector))
        }
    }
}

/// Names of what the file holds beside the chosen rows.
pub(crate) fn beside(input: &Input, chosen: Option<&str>) -> Result<Vec<String>, ShardError> {
    let file = TorchFile::open(input)?;
    let tree = file.tree()?;
    // with nothing chosen the rows are all that there is
    let (Some(held), Some(chosen)) = (held(&tree, &tree.root), chosen) else {
        return Ok(Vec::new());
    };
    let names: Vec<String> = match held {
        Held::List(list) => (0..list.len()).map(|i| i.to_string()).collect(),
        Held::Dict(pairs) => pairs.iter().filter_map(|(key, _)| tree.key(key)).collect(),
    };
    let within = |name: &str| {
        chosen
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    Ok(names.into_iter().filter(|name| !within(name)).collect())
}

/// What a value holds: a tuple is a list.
#[derive(Clone, Copy)]
enum Held<'a> {
    List(&'a [Value]),
    Dict(&'a [(Value, Value)]),
}

fn held<'a>(tree: &'a Tree<'_>, value: &'a Value) -> Option<Held<'a>> {
    match value {
        Value::Tuple(tuple) => Some(Held::List(&tuple.1)),
        Value::Container(index) => Some(match tree.container(*index) {
            Container::List(list) => Held::List(list),
            Container::Dict(pairs) => Held::Dict(pairs),
        }),
        _ => None,
    }
}

/// What a search has looked at.
#[derive(Default)]
struct Looked {
    values: usize,
    /// Bytes of names.
    names: usize,
}

/// Tensors, and lists and dictionaries of rows, by the keys that lead to them.
fn find<'a>(
    tree: &'a Tree<'_>,
    value: &'a Value,
    name: &str,
    depth: usize,
    looked: &mut Looked,
    all: &mut Vec<(String, Found<'a>)>,
) -> Result<(), String> {
    looked.values += 1;
    looked.names += name.len();
    if depth > MAX_DEPTH || looked.values > MAX_LOOKED_AT || looked.names > MAX_NAMES {
        return Err("nests its dictionaries and lists too deeply".to_owned());
    }
    if let Value::Tensor(described) = value {
        all.push((name.to_owned(), Found::Tensor(described)));
        return Ok(());
    }
    let Some(held) = held(tree, value) else {
        return Ok(());
    };
    let (is_list, values): (bool, Vec<&Value>) = match held {
        Held::List(list) => (true, list.iter().collect()),
        Held::Dict(pairs) => (false, pairs.iter().map(|(_, value)| value).collect()),
    };
    looked.values += values.len();
    let rows = values.iter().take(FIRST).filter(|value| is_row(value)).count();
    let is_stack = if is_list {
        rows > 0 && 2 * rows >= values.len().min(FIRST)
    } else {
        rows > 1 && rows == values.len().min(FIRST)
    };
    if is_stack {
        let tuple = matches!(value, Value::Tuple(_));
        all.push((name.to_owned(), Found::Stack { values, tuple }));
        return Ok(());
    }
    for (i, value) in values.into_iter().enumerate() {
        let key = match held {
            Held::List(_) => Some(i.to_string()),
            Held::Dict(pairs) => tree.key(&pairs[i].0),
        };
        let Some(key) = key else { continue };
        let name = if name.is_empty() {
            key
        } else {
            format!("{name}.{key}")
        };
        find(tree, value, &name, depth + 1, looked, all)?;
    }
    Ok(())
}

/// Whether a value is a tensor of one row.
fn is_row(value: &Value) -> bool {
    matches!(value, Value::Tensor(described)
        if described.component.dtype.is_some() && matches!(described.shape[..], [dim] | [1, dim] if dim > 1))
}

fn choose<'a>(
    file: &TorchFile,
    mut all: Vec<(String, Found<'a>)>,
    ask: &Ask<'_>,
) -> Result<(String, Found<'a>), ShardError> {
    let place = file.input().place();
    if let Some(selector) = ask.selector {
        if let Some(at) = all.iter().position(|(name, _)| name == selector) {
            return Ok(all.swap_remove(at));
        }
        let names: Vec<String> = all.into_iter().map(|(name, _)| name).collect();
        let reason = format!("has no tensor #{selector}; it holds {}", listed(&names));
        return Err(ShardError::bad_selector(place, reason));
    }
    let mut failure = None;
    let mut fits = |found: &Found<'_>| match found {
        Found::Stack { .. } => true,
        Found::Tensor(described) => match tensor(file, described, None, ask.pool) {
            Ok(_) => true,
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        },
    };
    all.retain(|(_, found)| fits(found));
    if let (true, Some(error)) = (all.is_empty(), failure) {
        return Err(error);
    }
    if all.is_empty() {
        return Err(ShardError::unsupported(
            place,
            "holds no tensors; save a tensor, or a dictionary or list of tensors, with torch.save",
        ));
    }
    let mut names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    if ask.role.only(&names).is_none() {
        // a mean and a spread, a pair
        let is_few =
            |found: &Found<'_>| matches!(found, Found::Stack { values, tuple: true } if values.len() <= FEW);
        if all.iter().any(|(_, found)| !is_few(found)) {
            all.retain(|(_, found)| !is_few(found));
        }
        names = all.iter().map(|(name, _)| name.clone()).collect();
    }
    let at = ask.role.choose(&names, place)?;
    Ok(all.swap_remove(at))
}

/// The rows of a tensor, or of one matrix of it, with the states of each.
fn tensor(
    file: &TorchFile,
    described: &Rc<Described>,
    selector: Option<&str>,
    pool: Option<Pool>,
) -> Result<(Box<dyn Shard>, States), ShardError> {
    let place = file.input().place();
    let found = file.tensor(described).map_err(|reason| file.bad(reason))?;
    let RowShape { lead, rows, dim } = row_shape(found.shape(), place)?;
    let Some(dtype) = found.dtype() else {
        let reason = format!(
            "holds a tensor of {}; f64, f32, f16 and bf16 are read: save x.float()",
            found.storage()
        );
        return Err(ShardError::unsupported(place, reason));
    };
    if rows == 0 {
        return Ok((Box::new(Empty { dim, dtype }), None));
    }
    let three = found.shape().len() == 3;
    let strides = match *found.strides() {
        [row, column] => [0, row, column],
        [lead, row, column] => [lead, row, column],
        _ => return Err(file.bad("has not as many strides as axes")),
    };
    let mut array = Strided {
        input: file.input().clone(),
        data: found.start(),
        dtype,
        swapped: file.swapped,
        lead,
        rows,
        dim,
        strides,
    };
    let mut states = None;
    match selector.map(|selector| selector.parse::<u64>().ok().filter(|&at| three && at < lead)) {
        Some(Some(at)) => {
            array.data += at * strides[0] * dtype.size() as u64;
            array.lead = 1;
        }
        Some(None) => {
            let exists = if three {
                format!("#0 to #{} choose a matrix", lead - 1)
            } else {
                "the tensor has two dimensions and takes no selector".to_owned()
            };
            let reason = format!("no part is called #{}; {exists}", selector.unwrap_or_default());
            return Err(ShardError::bad_selector(place, reason));
        }
        None if lead != 1 && rows > 1 && pool.is_none() => {
            return Err(not_flat([lead, rows, dim as u64], true, place));
        }
        None => states = pool.filter(|_| three).map(|pool| (rows, pool)),
    }
    let members = file.member(found.key()).cloned().into_iter().collect();
    let shard = Checked::new(file.input().clone(), members, Box::new(array));
    Ok((Box::new(shard), states))
}

fn index_of(file: &TorchFile, values: &[&Value]) -> Result<Index, ShardError> {
    let mut members = BTreeMap::new();
    let mut found = Vec::with_capacity(values.len());
    let mut bytes = 0_u64;
    for (row, value) in values.iter().enumerate() {
        let described = match value {
            Value::Tensor(described) => described,
            Value::None => {
                found.push(Err(Fault::Null));
                continue;
            }
            _ => {
                found.push(Err(Fault::NoNumbers));
                continue;
            }
        };
        let tensor = file.tensor(described);
        let tensor = tensor.map_err(|reason| file.bad(format!("row {row}: {reason}")))?;
        let place = vector(&tensor, file.swapped);
        bytes = bytes.saturating_add(tensor.bytes());
        if place.is_ok() && !members.contains_key(tensor.key()) {
            members.extend(
                file.member(tensor.key())
                    .map(|member| (tensor.key().to_owned(), member.clone())),
            );
        }
        found.push(place);
    }
    // one tensor may be many rows
    if let Some(reason) = grows(file.input().len(), bytes) {
        return Err(file.bad(reason));
    }
    let places = Places::of(found).ok_or_else(|| file.bad("holds no row of a possible width"))?;
    Ok(Index {
        stamp: file.input().stamp(),
        places: Arc::new(places),
        members: members.into_values().collect(),
    })
}

/// The one row of a file with one tensor, with the members that it stands in.
pub(crate) fn row(
    input: &Input,
    members: &mut Vec<Member>,
) -> Result<Result<(u64, Vector), Fault>, ShardError> {
    let file = TorchFile::open(input)?;
    let Value::Tensor(described) = file.tree()?.root else {
        return Ok(Err(Fault::NoNumbers));
    };
    let tensor = file.tensor(&described).map_err(|reason| file.bad(reason))?;
    let found = vector(&tensor, file.swapped);
    if let (Ok(_), Some(member)) = (&found, file.member(tensor.key())) {
        members.push(Member {
            start: input.base() + member.start,
            ..member.clone()
        });
    }
    Ok(found)
}

/// Where the one row of a tensor stands.
fn vector(tensor: &TorchTensor, swapped: bool) -> Result<(u64, Vector), Fault> {
    let ((&[dim], &[stride]) | (&[1, dim], &[_, stride])) = (tensor.shape(), tensor.strides()) else {
        return Err(Fault::Matrix);
    };
    let dtype = tensor.dtype().ok_or(Fault::NoFloats)?;
    match (usize::try_from(dim), u32::try_from(stride)) {
        (Ok(dim), Ok(stride)) if dim > 0 => Ok((
            tensor.start(),
            Vector {
                dim,
                dtype,
                swapped,
                stride,
            },
        )),
        (Ok(0), _) => Err(Fault::Width {
            found: 0,
            expected: 1,
        }),
        _ => Err(Fault::Matrix),
    }
}

fn stack(input: &Input, index: Arc<Index>, selector: Option<String>) -> Opened {
    let rows = Apart {
        input: input.clone(),
        places: index.places.clone(),
    };
    let shard = Checked::new(input.clone(), index.members.clone(), Box::new(rows));
    Opened {
        shard: Box::new(shard),
        selector,
        known: Known::of(index),
    }
}
