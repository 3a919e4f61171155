//! A map as a file, so that rows can be mapped by another process with the same bits.

use serde::{Deserialize, Serialize};

use crate::aligner_header::{AlignerFileError, usable};
use crate::bad_row::Policy;
use crate::container::{Container, ContainerError, Kind, write};
use crate::map::Map;
use crate::row_map::RowMap;
use crate::stage_file::{StageInfo, Tensor, infos_of, map_of, tensors_of};

const KIND: Kind = Kind {
    what: "map",
    key: "modality-gap-map",
    version: 1,
};
/// Columns and offsets beyond this are none of a map.
const MAX_SIDE: usize = 1 << 20;

/// What stands in the metadata; vectors and matrices are tensors.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Info {
    dim: usize,
    raw: bool,
    scale: f64,
    onto_sphere: bool,
    shifted: bool,
    offsets: usize,
    /// Absent where scale, shift and offsets are all.
    stages: Option<Vec<StageInfo>>,
}

impl Map {
    /// The map as a safetensors file; every number keeps its bits.
    pub fn to_file(&self) -> Vec<u8> {
        let dim = self.dim();
        let mut info = Info {
            dim,
            raw: false,
            scale: 1.0,
            onto_sphere: false,
            shifted: false,
            offsets: 0,
            stages: None,
        };
        let tensors: Vec<Tensor> = match self {
            Self::Row(map) => {
                info.raw = map.policy() == Policy::Raw;
                info.scale = map.scale();
                info.onto_sphere = map.onto_sphere();
                info.shifted = map.shift().is_some();
                info.offsets = map.offsets().len();
                let shift = map
                    .shift()
                    .map(|shift| ("shift".to_owned(), vec![dim], shift.to_vec()));
                let offsets = (info.offsets > 0).then(|| {
                    let shape = vec![info.offsets, dim];
                    ("offsets".to_owned(), shape, map.offsets().concat())
                });
                shift.into_iter().chain(offsets).collect()
            }
            Self::Staged(map) => {
                info.stages = Some(infos_of(map));
                tensors_of(map)
            }
        };
        write(KIND, &info, &tensors)
    }

    /// Reads what [`Map::to_file`] wrote; every shape and value is checked.
    ///
    /// # Errors
    /// What is wrong with the file, or that it is newer.
    pub fn from_file(bytes: &[u8]) -> Result<Self, ContainerError> {
        let file = Container::read(KIND, bytes)?;
        let info: Info = file.info()?;
        let dim = info.dim;
        if dim == 0 || dim > MAX_SIDE || info.offsets > MAX_SIDE || !usable(info.scale) {
            return Err(file.malformed("its sizes or its scale are none of a map"));
        }
        if let Some(stages) = &info.stages {
            let read = |name: &str, shape: &[usize]| {
                let tensor = file.tensor(name, shape);
                tensor.map_err(|error| AlignerFileError::Malformed(error.to_string()))
            };
            let map = map_of(dim, stages, read).map_err(|error| file.malformed(error.to_string()))?;
            return Ok(map.into());
        }
        let shift = info.shifted.then(|| file.tensor("shift", &[dim])).transpose()?;
        let offsets = match info.offsets {
            0 => Vec::new(),
            count => file.tensor("offsets", &[count, dim])?,
        };
        let policy = if info.raw { Policy::Raw } else { Policy::Unit };
        let offsets = offsets.chunks_exact(dim).map(<[f64]>::to_vec).collect();
        Ok(RowMap::new(dim, policy, info.scale, shift, info.onto_sphere, offsets).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staged_map::{Stage, StagedMap};

    #[test]
    fn maps_keep_their_bits() {
        let offsets = vec![vec![0.1, -1e-300], vec![f64::MIN_POSITIVE, 3.0]];
        let maps: [Map; 4] = [
            Map::identity(2, Policy::Raw),
            Map::identity(2, Policy::Unit),
            RowMap::new(
                2,
                Policy::Unit,
                0.1 + 0.2,
                Some(vec![1.0 / 3.0, -0.0]),
                true,
                offsets,
            )
            .into(),
            StagedMap::new(
                2,
                vec![
                    Stage::Scale(1.0 / 7.0),
                    Stage::Add(vec![0.5, 1.0 / 3.0]),
                    Stage::Linear(vec![1.0, 0.1, 0.2, 0.3]),
                    Stage::Noise {
                        sigma: 0.1,
                        seed: u64::MAX,
                    },
                    Stage::Sphere,
                ],
            )
            .into(),
        ];
        for map in maps {
            let read = Map::from_file(&map.to_file()).unwrap();
            assert_eq!(read.to_bytes(), map.to_bytes());
            assert_eq!(read, map);
        }
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let whole = Map::identity(3, Policy::Unit).to_file();
        assert!(Map::from_file(&whole[..whole.len() - 1]).is_err());
        assert!(Map::from_file(b"").is_err());
        let info = Info {
            dim: usize::MAX,
            raw: false,
            scale: 1.0,
            onto_sphere: false,
            shifted: true,
            offsets: 0,
            stages: None,
        };
        assert!(Map::from_file(&write(KIND, &info, &[] as &[Tensor])).is_err());
        let info = Info { dim: 2, ..info };
        let shift = ("shift".to_owned(), vec![3], vec![0.0; 3]);
        assert!(Map::from_file(&write(KIND, &info, &[shift])).is_err());
    }
}
