//! A tracker's state as a file, so that a run continues after an interruption as if there had been none.

use std::sync::Arc;

use faer::Mat;
use serde::{Deserialize, Serialize};

use super::groups::{GroupedBy, PairGroups};
use super::window::Window;
use super::{Frozen, Tracker, TrackerOptions};
use crate::Frame;
use crate::container::{Container, ContainerError, Kind, Named, write};
use crate::frame_file::FrameInfo;
use crate::items::Items;

const KIND: Kind = Kind {
    what: "tracker state",
    key: "modality-gap-tracker",
    version: 1,
};

/// What the tensors do not hold.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Info {
    options: TrackerOptions,
    dim: usize,
    last: Option<u64>,
    frozen: Option<FrozenInfo>,
    window: Option<WindowInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<GroupsInfo>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupsInfo {
    by: GroupedBy,
    pairs: usize,
    /// Which sides have equal rows, where these have joined the pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    equal: Option<[bool; 2]>,
}

/// Tensors with the first row that equals each row of a side.
const EQUAL_ROWS: [&str; 2] = ["equal_image", "equal_text"];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrozenInfo {
    step: u64,
    frame: FrameInfo,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WindowInfo {
    from: u64,
    steps: u64,
    gradient_steps: u64,
    storage_floor: f64,
}

impl Tracker {
    /// The state as a safetensors file; equal states have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let dim = self.previous.as_ref().map_or(0, |biases| biases[0].len());
        let info = Info {
            options: self.options.clone(),
            dim,
            last: self.last,
            frozen: self.frozen.as_ref().map(|frozen| FrozenInfo {
                step: frozen.step,
                frame: frozen.frame.info(),
            }),
            window: self.window.as_ref().map(|window| WindowInfo {
                from: window.from,
                steps: window.steps,
                gradient_steps: window.gradient_steps,
                storage_floor: window.storage_floor,
            }),
            groups: self.groups().map(|groups| GroupsInfo {
                by: groups.by(),
                pairs: groups.keys().len(),
                equal: match groups.rows() {
                    Items::Groups => None,
                    Items::EqualRows(sides) => Some(sides.each_ref().map(Option::is_some)),
                },
            }),
        };
        let mut tensors: Vec<Named> = Vec::new();
        let mut vector = |name, values: &[f64]| tensors.push((name, vec![values.len()], values.to_vec()));
        if let Some([active, passive]) = &self.previous {
            vector("active", active);
            vector("passive", passive);
        }
        if let Some(Frozen {
            biases: [active, passive],
            ..
        }) = &self.frozen
        {
            vector("frozen_active", active);
            vector("frozen_passive", passive);
        }
        if let Some(groups) = self.groups() {
            let whole = |rows: &[u32]| rows.iter().map(|&row| f64::from(row)).collect::<Vec<_>>();
            vector("items", &whole(groups.keys()));
            if let Items::EqualRows(sides) = groups.rows() {
                for (name, rows) in EQUAL_ROWS.into_iter().zip(sides) {
                    if let Some(rows) = rows {
                        vector(name, &whole(rows));
                    }
                }
            }
        }
        if let Some(window) = &self.window {
            vector("window_mean", &window.mean);
            tensors.push(("window_differences", vec![dim, dim], entries(&window.differences)));
            tensors.push(("window_gradients", vec![dim, dim], entries(&window.gradients)));
        }
        if let Some(frozen) = &self.frozen {
            tensors.extend(frozen.frame.tensors());
        }
        write(KIND, &info, &tensors)
    }

    /// Reads what [`Tracker::to_bytes`] wrote; the tracker continues with the same bits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContainerError> {
        let file = Container::read(KIND, bytes)?;
        let info: Info = file.info()?;
        let dim = info.dim;
        let vector = |name| file.tensor(name, &[dim]);
        let matrix = |name| -> Result<Mat<f64>, ContainerError> {
            let values = file.tensor(name, &[dim, dim])?;
            Ok(Mat::from_fn(dim, dim, |i, j| values[i * dim + j]))
        };
        info.options
            .check()
            .map_err(|error| file.malformed(error.to_string()))?;
        let frozen = info.frozen.map(|frozen| -> Result<Frozen, ContainerError> {
            let frame = Frame::from_container(&file, frozen.frame)?;
            if frame.dim() != dim {
                return Err(file.malformed("its frame has another width"));
            }
            Ok(Frozen {
                step: frozen.step,
                frame: Arc::new(frame),
                biases: [vector("frozen_active")?, vector("frozen_passive")?],
            })
        });
        let window = info.window.map(|window| -> Result<Window, ContainerError> {
            if window.gradient_steps > window.steps || !window.storage_floor.is_finite() {
                return Err(file.malformed("its window counts more than there was"));
            }
            Ok(Window {
                from: window.from,
                steps: window.steps,
                gradient_steps: window.gradient_steps,
                storage_floor: window.storage_floor,
                differences: matrix("window_differences")?,
                mean: vector("window_mean")?,
                gradients: matrix("window_gradients")?,
            })
        });
        let previous = info
            .last
            .map(|_| Ok::<_, ContainerError>([vector("active")?, vector("passive")?]));
        let groups = info.groups.map(|groups| -> Result<_, ContainerError> {
            let whole = |name: &str| -> Result<Vec<u32>, ContainerError> {
                let numbers = file.tensor(name, &[groups.pairs])?;
                let whole = |&v: &f64| v >= 0.0 && v < f64::from(u32::MAX) && v.fract() == 0.0;
                if !numbers.iter().all(whole) {
                    return Err(file.malformed("its items are not numbers of items"));
                }
                #[allow(clippy::cast_sign_loss, reason = "they were just compared")]
                Ok(numbers.iter().map(|&v| v as u32).collect())
            };
            let rows = match groups.equal {
                None => Items::Groups,
                Some([image, text]) => {
                    let of = |name, given: bool| given.then(|| whole(name).map(Arc::new)).transpose();
                    Items::EqualRows([of(EQUAL_ROWS[0], image)?, of(EQUAL_ROWS[1], text)?])
                }
            };
            PairGroups::new(groups.by, &whole("items")?, rows)
                .map_err(|error| file.malformed(error.to_string()))
        });
        Ok(Self {
            groups: groups.transpose()?.flatten().map(Arc::new),
            options: info.options,
            last: info.last,
            frozen: frozen.transpose()?,
            previous: previous.transpose()?,
            window: window.transpose()?,
            chance: None,
        })
    }
}

fn entries(matrix: &Mat<f64>) -> Vec<f64> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    (0..rows)
        .flat_map(|i| (0..columns).map(move |j| matrix[(i, j)]))
        .collect()
}
