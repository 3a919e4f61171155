//! Fixtures and shorthands of the integration tests.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use modality_gap_shards::{
    Buffer, Dtype, Format, IdColumn, Ids, OutputSpec, Rows, Shard, ShardError, ShardRef, ShardWriter, create,
};

/// A file written by NumPy, PyArrow, safetensors or pickle.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

pub fn probe(name: &str, selector: Option<&str>) -> Result<ShardRef, ShardError> {
    ShardRef::probe(fixture(name), selector)
}

/// The error of a fixture that must not open.
pub fn refused(name: &str, selector: Option<&str>) -> ShardError {
    probe(name, selector).expect_err(name)
}

/// Row i, column j of the fixtures.
pub fn expected(rows: u64, dim: usize) -> Vec<f64> {
    (0..rows)
        .flat_map(|i| (0..dim).map(move |j| i as f64 + j as f64 / 8.0))
        .collect()
}

/// The ids of a file, all of them: of the column of that name, or of the first usual one.
pub fn ids(path: &Path, name: Option<&str>, usual: &[&str]) -> Result<Vec<String>, ShardError> {
    let column = IdColumn {
        name,
        usual,
        captions: false,
    };
    let mut ids = Ids::open(path, &column)?;
    let mut all = Vec::new();
    while let Some(batch) = ids.next_batch()? {
        all.extend(batch);
    }
    Ok(all)
}

pub fn values(rows: Rows<'_>) -> Vec<f64> {
    match rows {
        Rows::F16(s) => s.iter().map(|v| f64::from(v.to_f32())).collect(),
        Rows::Bf16(s) => s.iter().map(|v| f64::from(v.to_f32())).collect(),
        Rows::F32(s) => s.iter().map(|&v| f64::from(v)).collect(),
        Rows::F64(s) => s.to_vec(),
    }
}

pub fn read(shard: &dyn Shard, first: u64, count: usize) -> Result<Vec<f64>, ShardError> {
    let mut buf = Buffer::new();
    shard.read(first, count, &mut buf)?;
    Ok(values(buf.rows(shard.dtype())))
}

/// Rows in order, out of order and in odd pieces must all be those of `wanted`.
pub fn assert_rows(shard: &dyn Shard, wanted: &[f64]) {
    let (rows, dim) = (shard.rows(), shard.dim());
    assert_eq!(wanted.len(), rows as usize * dim);
    let slice = |first: u64, count: usize| &wanted[first as usize * dim..(first as usize + count) * dim];
    let check = |first: u64, count: usize| {
        assert_eq!(
            read(shard, first, count).unwrap(),
            slice(first, count),
            "{first}+{count}"
        );
    };
    check(0, rows as usize);
    for first in 0..rows {
        check(first, 1);
    }
    for first in (0..rows).rev() {
        check(first, 3.min((rows - first) as usize));
    }
    for first in (0..rows).step_by(3) {
        check(first, 3.min((rows - first) as usize));
    }
    check(rows / 2, 0);
}

/// Bytes of `values` in a storage type.
pub fn stored(dtype: Dtype, values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|&v| match dtype {
            Dtype::F16 => f16::from_f64(v).to_ne_bytes().to_vec(),
            Dtype::Bf16 => bf16::from_f64(v).to_ne_bytes().to_vec(),
            Dtype::F32 => (v as f32).to_ne_bytes().to_vec(),
            Dtype::F64 => v.to_ne_bytes().to_vec(),
        })
        .collect()
}

pub fn spec(path: PathBuf, format: Format, dtype: Dtype, dim: usize, rows: u64) -> OutputSpec {
    OutputSpec {
        path,
        format,
        dtype,
        dim,
        rows,
        like: None,
        dropped: Vec::new(),
    }
}

/// Writes `values` in blocks of `block` rows.
pub fn write(spec: &OutputSpec, values: &[f64], block: usize) -> Result<u64, ShardError> {
    let writer = create(spec)?;
    write_blocks(writer.as_ref(), spec, values, block)?;
    writer.finish(false)
}

pub fn write_blocks(
    writer: &dyn ShardWriter,
    spec: &OutputSpec,
    values: &[f64],
    block: usize,
) -> Result<(), ShardError> {
    let mut buf = Buffer::new();
    for (i, chunk) in values.chunks(block * spec.dim).enumerate() {
        let bytes = stored(spec.dtype, chunk);
        buf.resize(bytes.len());
        buf.as_bytes_mut().copy_from_slice(&bytes);
        writer.write((i * block) as u64, buf.rows(spec.dtype))?;
    }
    Ok(())
}

/// Names of a folder's files, hidden ones too.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether rows of that storage type are written in that format.
pub fn holds(format: Format, dtype: Dtype) -> bool {
    match format {
        Format::Safetensors => true,
        Format::Fvecs => dtype == Dtype::F32,
        _ => format.is_written() && dtype != Dtype::Bf16,
    }
}
