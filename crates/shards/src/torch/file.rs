//! A PyTorch file: its members and its tensors.

use std::collections::HashMap;
use std::rc::Rc;

use kernels::Dtype;
use zip::CompressionMethod;

use super::machine::{Container, Described, Tree, Value, text_at, tree};
use crate::archive::{Kind, Member, members};
use crate::buffer::Buffer;
use crate::error::ShardError;
use crate::input::Input;
use crate::rows::Shard;
use crate::strided::Strided;

/// Longest pickle; that of tensors has a hundred bytes for each.
const MAX_PICKLE: u64 = 64 << 20;

const KIND: Kind = Kind {
    name: "file of PyTorch 1.6 or later",
    advice: "save it anew with torch.save",
    most: 1 << 20,
};

/// The tensors of a PyTorch file.
pub struct TorchFile {
    input: Input,
    pickle: Vec<u8>,
    /// Members under `data/`.
    members: HashMap<String, Member>,
    /// Components are in the other byte order than this machine's.
    pub(super) swapped: bool,
}

/// A tensor of such a file, whose bytes are there.
#[derive(Debug, Clone)]
pub struct TorchTensor {
    described: Rc<Described>,
    /// Position of the first component.
    start: u64,
}

impl TorchTensor {
    /// Length of each axis.
    pub fn shape(&self) -> &[u64] {
        &self.described.shape
    }

    /// Distances of components along each axis.
    pub(super) fn strides(&self) -> &[u64] {
        &self.described.strides
    }

    /// Storage type, unless it holds no floating-point numbers.
    pub fn dtype(&self) -> Option<Dtype> {
        self.described.component.dtype
    }

    /// The class of its storage.
    pub fn storage(&self) -> String {
        format!("torch.{}", self.described.component.name)
    }

    /// Bytes of its components.
    pub fn bytes(&self) -> u64 {
        self.shape().iter().product::<u64>() * self.described.component.size
    }

    /// The member of the archive that holds them.
    pub(super) fn key(&self) -> &str {
        &self.described.key
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }
}

impl TorchFile {
    /// Reads the members and the pickle.
    ///
    /// # Errors
    /// `BAD_FORMAT` for what PyTorch does not write.
    pub fn open(input: &Input) -> Result<Self, ShardError> {
        let bad = |reason: String| ShardError::bad_format(input.place(), reason);
        let all = members(input, KIND, &|name| Some(name.to_owned()))?;
        let root = all.iter().find_map(|member| member.key.strip_suffix("data.pkl"));
        let root = root.filter(|root| root.ends_with('/'));
        let root = root
            .ok_or_else(|| bad("holds no data.pkl".to_owned()))?
            .to_owned();
        let mut inside: HashMap<String, Member> = HashMap::new();
        for mut member in all {
            if let Some(name) = member.key.strip_prefix(&root) {
                let key = name.to_owned();
                member.key.clone_from(&key);
                inside.insert(key, member);
            }
        }
        let whole = |name: &str, most: u64| -> Result<Option<Vec<u8>>, ShardError> {
            let Some(member) = inside.get(name) else {
                return Ok(None);
            };
            stored(member).map_err(bad)?;
            if member.size > most {
                return Err(bad(format!(
                    "its {name} has {} bytes, at most {most} are read; save one tensor, torch.stack(…)",
                    member.size
                )));
            }
            input.bytes_at(member.start, member.size).map(Some)
        };
        let pickle = whole("data.pkl", MAX_PICKLE)?.unwrap_or_default();
        let order = whole("byteorder", 64)?;
        let big = match order.as_deref() {
            None | Some(b"little") => false,
            Some(b"big") => true,
            Some(_) => return Err(bad("names a byte order that is neither little nor big".to_owned())),
        };
        Ok(Self {
            input: input.clone(),
            pickle,
            members: inside,
            swapped: big != cfg!(target_endian = "big"),
        })
    }

    /// The tensors of its dictionary that are `wanted` by name, in their order.
    ///
    /// # Errors
    /// `BAD_FORMAT` when it holds no dictionary, asks for something that is never loaded, or is damaged.
    pub fn dictionary(
        &self,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(String, TorchTensor)>, ShardError> {
        let tree = self.tree()?;
        let pairs = match tree.root {
            Value::Container(index) => match tree.container(index) {
                Container::Dict(pairs) => Some(pairs),
                Container::List(_) => None,
            },
            _ => None,
        };
        let pairs = pairs.ok_or_else(|| self.bad("holds no dictionary of tensors"))?;
        let mut tensors = Vec::new();
        for (key, value) in pairs {
            if let (Value::Text(start, len), Value::Tensor(described)) = (key, value) {
                let name = tree.text(*start, *len);
                if !wanted(name) {
                    continue;
                }
                let tensor = self.tensor(described);
                let tensor = tensor.map_err(|reason| self.bad(format!("{name}: {reason}")))?;
                tensors.push((name.to_owned(), tensor));
            }
        }
        Ok(tensors)
    }

    /// The components of a tensor, row-major, in the machine's byte order.
    ///
    /// # Errors
    /// `BAD_FORMAT` when they lie apart in more ways than three, and those of reading.
    pub fn components(&self, tensor: &TorchTensor) -> Result<Vec<u8>, ShardError> {
        let Some(dtype) = tensor.dtype() else {
            return Err(self.bad(format!("is stored as {}", tensor.storage())));
        };
        if tensor.bytes() == 0 {
            return Ok(Vec::new());
        }
        let axes = merged(tensor.shape(), tensor.strides());
        let (mut shape, mut strides) = ([1; 3], [1; 3]);
        let Some(first) = 3_usize.checked_sub(axes.len()) else {
            return Err(
                self.bad("holds a tensor whose values lie apart in many ways; save it after .contiguous()")
            );
        };
        for (at, (len, stride)) in axes.into_iter().enumerate() {
            (shape[first + at], strides[first + at]) = (len, stride);
        }
        let [lead, rows, dim] = shape;
        let strided = Strided {
            input: self.input.clone(),
            data: tensor.start,
            dtype,
            swapped: self.swapped,
            lead,
            rows,
            dim: dim as usize,
            strides,
        };
        let mut buffer = Buffer::new();
        strided.read(0, (lead * rows) as usize, &mut buffer)?;
        Ok(buffer.as_bytes().to_vec())
    }

    /// The whole numbers of a tensor of one dimension; `None` where it is another one.
    pub(super) fn whole_numbers(&self, tensor: &TorchTensor) -> Result<Option<Vec<i64>>, ShardError> {
        let (&[len], &[stride]) = (tensor.shape(), tensor.strides()) else {
            return Ok(None);
        };
        let size = tensor.described.component.size as usize;
        let signed = match tensor.described.component.name {
            "LongStorage" | "IntStorage" | "ShortStorage" | "CharStorage" => true,
            "ByteStorage" => false,
            _ => return Ok(None),
        };
        let span = (len.max(1) - 1) * stride + 1;
        let bytes = self
            .input
            .bytes_at(tensor.start, if len == 0 { 0 } else { span * size as u64 })?;
        let step = (stride.max(1) as usize) * size;
        let number = |i: u64| {
            let at = if stride == 0 { 0 } else { i as usize * step };
            let mut value = bytes[at..at + size].to_vec();
            if self.swapped != cfg!(target_endian = "big") {
                value.reverse();
            }
            let negative = signed && value[size - 1] >= 0x80;
            value.resize(8, if negative { 0xff } else { 0 });
            i64::from_le_bytes(value.try_into().expect("eight bytes"))
        };
        Ok(Some((0..len).map(number).collect()))
    }

    pub(super) fn input(&self) -> &Input {
        &self.input
    }

    pub(super) fn tree(&self) -> Result<Tree<'_>, ShardError> {
        tree(&self.pickle).map_err(|reason| self.bad(reason))
    }

    /// A text of the pickle, by its place in it.
    pub(super) fn text(&self, start: u32, len: u32) -> &str {
        text_at(&self.pickle, start, len)
    }

    pub(super) fn member(&self, key: &str) -> Option<&Member> {
        self.members.get(&format!("data/{key}"))
    }

    /// A described tensor whose components all stand in its member.
    pub(super) fn tensor(&self, described: &Rc<Described>) -> Result<TorchTensor, String> {
        let Described {
            component,
            key,
            offset,
            shape,
            strides,
        } = &**described;
        let impossible = || format!("it cannot have the shape {shape:?}");
        if shape.len() != strides.len() {
            return Err(impossible());
        }
        let member = self
            .member(key)
            .ok_or_else(|| format!("there is no data/{key}"))?;
        stored(member)?;
        let none = shape.contains(&0);
        let count = shape.iter().try_fold(1_u64, |count, &len| count.checked_mul(len));
        let bytes = count.and_then(|count| count.checked_mul(component.size));
        let bytes = bytes.ok_or_else(impossible)?;
        let last = shape
            .iter()
            .zip(strides)
            .try_fold(*offset, |last, (len, stride)| {
                last.checked_add(len.saturating_sub(1).checked_mul(*stride)?)
            });
        let end = last.and_then(|last| last.checked_add(1)?.checked_mul(component.size));
        let end = end.ok_or_else(impossible)?;
        if !none && (end > member.size || bytes > member.size) {
            return Err(if bytes > member.size && end <= member.size {
                "several of its values are one in the file; save it after .contiguous()".to_owned()
            } else {
                format!(
                    "data/{key} has {} bytes, and its tensor of {bytes} ends at {end}",
                    member.size
                )
            });
        }
        Ok(TorchTensor {
            start: if none {
                0
            } else {
                member.start + offset * component.size
            },
            described: described.clone(),
        })
    }

    pub(super) fn bad(&self, reason: impl Into<String>) -> ShardError {
        ShardError::bad_format(self.input.place(), reason)
    }
}

/// A member that is stored as it is, so that it is no longer than the file.
fn stored(member: &Member) -> Result<(), String> {
    if member.method == CompressionMethod::Stored && !member.encrypted {
        Ok(())
    } else {
        Err(format!("{} is compressed, which PyTorch never does", member.key))
    }
}

/// Axes without those of length one, neighbours that lie one after the other as one.
fn merged(shape: &[u64], strides: &[u64]) -> Vec<(u64, u64)> {
    let mut axes: Vec<(u64, u64)> = Vec::new();
    for (&len, &stride) in shape.iter().zip(strides).filter(|&(&len, _)| len != 1) {
        match axes.last_mut() {
            Some((outer, distance)) if *distance == len.saturating_mul(stride) => {
                (*outer, *distance) = (*outer * len, stride);
            }
            _ => axes.push((len, stride)),
        }
    }
    axes
}
