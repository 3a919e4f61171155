//! A pair, and where its image is.

use std::path::PathBuf;

/// Where an image lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImagePlace {
    /// A file of its own.
    File(PathBuf),
    /// Bytes inside a tar file.
    Tar {
        /// The tar file.
        file: PathBuf,
        /// The member's name.
        name: String,
        /// Where its bytes begin.
        offset: u64,
        /// How many there are.
        bytes: u64,
    },
}

impl ImagePlace {
    /// The name that errors and listings show.
    pub fn shown(&self) -> PathBuf {
        match self {
            Self::File(file) => file.clone(),
            Self::Tar { file, name, .. } => file.join(name),
        }
    }
}

/// An image with what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The image.
    pub image: ImagePlace,
    /// At least one caption; training takes one by chance, embedding all of them, evaluation the first.
    pub captions: Vec<String>,
    /// `train`, or the name of a held-out part.
    pub split: String,
    /// The record's other fields, for listings.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// The split that is trained on.
pub const TRAIN: &str = "train";
