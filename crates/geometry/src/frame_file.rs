//! The frame's file: eigenvectors and eigenvalues, so that later measurements split the gap in the same frame.

use faer::Mat;
use serde::{Deserialize, Serialize};

use crate::container::{Container, ContainerError, Kind, Named, write};
use crate::frame::Frame;

const KIND: Kind = Kind {
    what: "frame",
    key: "modality-gap-frame",
    version: 1,
};
/// Entries of BᵀB−I beyond this are not rounding of an orthonormal basis.
const ORTHONORMAL: f64 = 1e-8;

/// What a frame's tensors do not hold.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrameInfo {
    dim: usize,
    rank: usize,
    energy: f64,
}

impl Frame {
    /// The frame as a safetensors file: `basis` d × d with one eigenvector per row, `values` d.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(KIND, &self.info(), &self.tensors())
    }

    /// Reads what [`Frame::to_bytes`] wrote, bit for bit; shapes, order and orthonormality are checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContainerError> {
        let file = Container::read(KIND, bytes)?;
        Self::from_container(&file, file.info()?)
    }

    pub(crate) fn info(&self) -> FrameInfo {
        FrameInfo {
            dim: self.dim(),
            rank: self.rank(),
            energy: self.energy(),
        }
    }

    pub(crate) fn tensors(&self) -> Vec<Named> {
        let (dim, basis) = (self.dim(), self.basis());
        let rows = (0..dim).flat_map(|k| (0..dim).map(move |i| basis[(i, k)]));
        vec![
            ("basis", vec![dim, dim], rows.collect()),
            ("values", vec![dim], self.values().to_vec()),
        ]
    }

    pub(crate) fn from_container(file: &Container<'_>, info: FrameInfo) -> Result<Self, ContainerError> {
        let FrameInfo { dim, rank, energy } = info;
        if rank > dim || !(0.0..=1.0 + ORTHONORMAL).contains(&energy) {
            return Err(file.malformed(format!("rank {rank} of {dim} with {energy} of the energy")));
        }
        let square = dim.checked_mul(dim).map(|_| [dim, dim]);
        let square = square.ok_or_else(|| file.malformed(format!("{dim} columns")))?;
        let rows = file.tensor("basis", &square)?;
        let values = file.tensor("values", &[dim])?;
        if !values.is_sorted_by(|a, b| a >= b) {
            return Err(file.malformed("eigenvalues are not in descending order"));
        }
        let basis = Mat::from_fn(dim, dim, |i, k| rows[k * dim + i]);
        let gram = basis.transpose() * &basis;
        let off = Mat::from_fn(dim, dim, |i, j| gram[(i, j)] - f64::from(u8::from(i == j)));
        if dim == 0 || off.norm_max() > ORTHONORMAL {
            return Err(file.malformed("its basis is not orthonormal"));
        }
        Ok(Self::from_parts(basis, rank, energy, values))
    }
}
