//! Embedding containers, in and out.
//!
//! A source is a list of shards: rows of one width in npy, npz, parquet, Arrow, safetensors, the published
//! pickles, text of JSON or comma-separated values, the vectors of benchmarks, `PyTorch`'s tensors, tar archives and plain
//! bytes. Readers take rows by position
//! where the format allows and stream otherwise, so memory stays at a few blocks. Every file is taken for hostile: sizes are checked before they are used, and nothing in a file is run.
//! Writers fill a temporary file beside the target and rename it when all rows are there.

extern crate modality_gap_kernels as kernels;
extern crate modality_gap_stores as stores;

mod apart;
mod archive;
mod atomic;
mod beside;
mod buffer;
mod card;
mod cells;
mod claim;
mod error;
mod fault;
mod folder;
mod foreign;
mod format;
mod growth;
mod id_column;
mod ids;
mod input;
mod known;
mod lock;
mod manifest;
mod memory;
mod metadata;
mod natural;
mod npy;
mod npz;
mod output;
mod pickle;
mod pool;
mod pooled;
mod raw;
mod resolve;
mod role;
mod row_shape;
mod rows;
mod safetensors;
mod shard;
mod shard_names;
mod shard_ref;
mod sink;
mod splits;
pub mod storage;
mod strided;
mod table;
mod text;
mod torch;
mod vecs;
mod webdataset;
mod writer;
mod yaml;

pub use atomic::{AtomicFile, remove_all_litter, remove_litter};
pub use beside::left_behind;
pub use buffer::Buffer;
pub use card::card_with_files;
pub use claim::{Claim, refuse_link};
pub use error::{Place, ShardError};
pub use fault::Fault;
pub use folder::RUN_FOLDER;
pub use foreign::{ForeignKind, foreign_kind};
pub use format::Format;
pub use id_column::IdColumn;
pub use ids::Ids;
pub use input::{Input, InputReader, Stamp};
pub use kernels::{Dtype, Rows, RowsMut};
pub use lock::{FolderLock, RUN_LOCK, Taken};
pub use memory::{memory, memory_rows};
pub use natural::compare as natural_order;
pub use output::{copy_metadata, create, output_name};
pub use pickle::{PUBLISHED_END, published_records, published_start};
pub use pool::Pool;
pub use resolve::{Layout, Source, Wanted, resolve};
pub use role::Role;
pub use rows::{Access, Shard};
pub use safetensors::{Header as SafetensorsHeader, TensorPlace};
pub use shard_names::{number_of, same_numbers, shard_keys};
pub use shard_ref::{Reading, ShardRef, dtype_name};
pub use splits::split_of_name;
pub use stores::{is_remote, stop_when, without_secrets};
pub use table::{Points, Records, memory_arrow};
pub use torch::{TorchFile, TorchTensor};
pub use webdataset::{is_about_the_archive, not_a_file, sample_key};
pub use writer::{OutputSpec, ShardWriter};
