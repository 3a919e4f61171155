//! Rows as databases and libraries of tables write them, and what the lines of docs/formats.md make of databases, equal NumPy's
//! bit for bit: make_databases.py.

use modality_gap_shards::{Dtype, Format, Pool, Reading, Role, ShardRef};

use crate::common::{assert_rows, fixture, ids, probe, read};

const IDS: &[&str] = &["id"];

#[test]
fn rows_of_databases_are_those_that_numpy_has() {
    let expected = probe("databases/expected.npy", None).unwrap();
    let expected = read(expected.open().unwrap().as_ref(), 0, 13).unwrap();
    assert!(
        expected
            .iter()
            .any(|value| *value == 0.0 && value.is_sign_negative())
    );
    let named: Vec<String> = (0..13).map(|i| format!("r{i:02}")).collect();
    for (name, format) in [
        ("duckdb.parquet", Format::Parquet),
        ("duckdb-list.parquet", Format::Parquet),
        ("duckdb-lines.json", Format::Json),
        ("duckdb-array.json", Format::Json),
        ("duckdb.csv", Format::Csv),
        ("lance.parquet", Format::Parquet),
        ("sqlite.parquet", Format::Parquet),
        ("postgres.parquet", Format::Parquet),
        ("pandas.parquet", Format::Parquet),
        ("pandas.feather", Format::Arrow),
        ("polars-array.parquet", Format::Parquet),
        ("polars-list.parquet", Format::Parquet),
        ("polars-array.arrow", Format::Arrow),
        ("polars-array.arrows", Format::Arrow),
        ("datasets.parquet", Format::Parquet),
        ("faiss.npy", Format::Npy),
        ("h5.npy", Format::Npy),
        ("mat.npy", Format::Npy),
    ] {
        let path = format!("databases/{name}");
        let found = probe(&path, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (found.format, found.rows, found.dim, found.dtype),
            (format, 13, 5, Dtype::F32),
            "{name}"
        );
        let shard = found.open().unwrap();
        assert_rows(shard.as_ref(), &expected);
        let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        let all = read(shard.as_ref(), 0, 13).unwrap();
        assert_eq!(bits(all), bits(expected.clone()), "{name}");
        if format != Format::Npy {
            assert_eq!(ids(&fixture(&path), None, IDS).unwrap(), named, "{name}");
        }
    }
    // a matrix of one row in each record
    let path = fixture("databases/datasets-matrix.parquet");
    let pooled = Reading {
        pool: Some(Pool::Last),
        ..Reading::default()
    };
    let matrix = ShardRef::probe_as(&path, None, Role::Other, pooled).unwrap();
    assert_rows(matrix.open().unwrap().as_ref(), &expected);
}
