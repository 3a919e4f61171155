//! Pairs of images and captions: lists of them, and their pixels.

mod bad;
mod batches;
mod dropped;
mod folder;
mod list;
mod names;
mod pair;
mod pixels;
mod table;
mod webdataset;

pub use bad::{BadPairs, OnBadPair};
pub use batches::batches;
pub use dropped::{Dropped, SHOWN};
pub use list::read_pairs;
pub use pair::{ImagePlace, Pair, TRAIN};
pub(crate) use pixels::picture;
pub use pixels::{Augment, Pictures};
