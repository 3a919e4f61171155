//! Rows of the tests of this crate, and folders of npy files that hold them.

use std::fs;
use std::path::Path;

use modality_gap_shards::{Dtype, Format, OutputSpec, Role, Rows, create};
use modality_gap_tasks::{OnBadRow, ReadOptions, RowSet};

fn write(path: &Path, dim: usize, rows: &[f32]) {
    let spec = OutputSpec {
        path: path.to_path_buf(),
        format: Format::Npy,
        dtype: Dtype::F32,
        dim,
        rows: (rows.len() / dim) as u64,
        like: None,
        dropped: Vec::new(),
    };
    let writer = create(&spec).unwrap();
    writer.write(0, Rows::F32(rows)).unwrap();
    writer.finish(false).unwrap();
}

/// A folder of npy files that hold `rows`, cut after each of `cuts`.
pub fn shards(folder: &Path, dim: usize, rows: &[f32], cuts: &[usize], on_bad_row: OnBadRow) -> RowSet {
    fs::create_dir_all(folder).unwrap();
    let mut from = 0;
    for (i, &to) in cuts.iter().chain([&(rows.len() / dim)]).enumerate() {
        write(
            &folder.join(format!("rows_{i}.npy")),
            dim,
            &rows[from * dim..to * dim],
        );
        from = to;
    }
    open(folder, on_bad_row)
}

pub fn open(path: &Path, on_bad_row: OnBadRow) -> RowSet {
    let options = ReadOptions {
        on_bad_row,
        ..ReadOptions::default()
    };
    RowSet::open(&[path.to_string_lossy().into_owned()], Role::Other, options).unwrap()
}
