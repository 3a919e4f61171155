//! Files of other programs come out as they went in.

use modality_gap_shards::{Access, Dtype, Format, ShardRef, memory_arrow};

use crate::common::{self, assert_rows, expected, fixture, probe, refused};

fn assert_file(name: &str, selector: Option<&str>, dtype: Dtype, access: Access) -> ShardRef {
    let found = probe(name, selector).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!((found.rows, found.dim, found.dtype), (10, 4, dtype), "{name}");
    let shard = found.open().unwrap();
    assert_eq!(shard.access(), access, "{name}");
    assert_rows(shard.as_ref(), &expected(10, 4));
    found
}

const TYPES: [(&str, Dtype); 3] = [("f16", Dtype::F16), ("f32", Dtype::F32), ("f64", Dtype::F64)];

#[test]
fn npy_of_every_type_order_and_version() {
    for (name, dtype) in TYPES {
        assert_file(&format!("{name}.npy"), None, dtype, Access::Random);
    }
    assert_file("fortran.npy", None, Dtype::F32, Access::Random);
    assert_file("big.npy", None, Dtype::F32, Access::Random);
    assert_file("big-fortran.npy", None, Dtype::F64, Access::Random);
    assert_file("version3.npy", None, Dtype::F32, Access::Random);
}

#[test]
fn the_leading_index_chooses_in_three_dimensions() {
    for name in ["three.npy", "three-fortran.npy"] {
        assert_file(name, Some("0"), Dtype::F32, Access::Random);
        let second = probe(name, Some("1")).unwrap().open().unwrap();
        let wanted: Vec<f64> = expected(10, 4).iter().map(|v| v + 100.0).collect();
        assert_rows(second.as_ref(), &wanted);
        for selector in [None, Some("2"), Some("-1"), Some("x")] {
            let error = refused(name, selector);
            assert_eq!(error.code(), "BAD_SELECTOR");
            assert!(error.to_string().contains("#0 to #1"), "{error}");
        }
    }
    assert_eq!(refused("f32.npy", Some("0")).code(), "BAD_SELECTOR");
}

#[test]
fn npy_without_rows_of_floats_says_so() {
    let cases = [
        ("one.npy", "BAD_FORMAT", "(1, 4)"),
        ("object.npy", "BAD_FORMAT", "object"),
        ("int.npy", "UNSUPPORTED", "<i4"),
        ("rows/bf16-void.npy", "UNSUPPORTED", "bfloat16"),
    ];
    for (name, code, part) in cases {
        let error = refused(name, None);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn npz_stored_by_position_and_deflated_in_order() {
    assert_file("stored.npz", Some("text_emb"), Dtype::F16, Access::Random);
    let found = assert_file("deflated.npz", None, Dtype::F32, Access::Sequential);
    assert_eq!(found.selector.as_deref(), Some("emb"));
    assert_file("deflated-big.npz", None, Dtype::F64, Access::Sequential);
    let error = refused("stored.npz", None);
    assert_eq!(error.code(), "BAD_SELECTOR");
    assert!(error.to_string().contains("#text_emb, #image_emb"), "{error}");
    let error = refused("stored.npz", Some("nothing"));
    assert!(
        error.to_string().contains("#ids, #text_emb, #image_emb"),
        "{error}"
    );
    assert_eq!(refused("stored.npz", Some("ids")).code(), "UNSUPPORTED");
    assert_eq!(refused("deflated-fortran.npz", None).code(), "UNSUPPORTED");
}

#[test]
fn list_columns_of_every_kind() {
    for kind in ["list", "large", "fixed"] {
        for (name, dtype) in TYPES {
            assert_file(&format!("{kind}-{name}.parquet"), None, dtype, Access::Sequential);
            assert_file(&format!("{kind}-{name}.arrow"), None, dtype, Access::Random);
        }
    }
    assert_file(
        "list-f32.parquet",
        Some("embedding"),
        Dtype::F32,
        Access::Sequential,
    );
    assert_file("stream.arrows", None, Dtype::F32, Access::Random);
}

#[test]
fn compressed_tables() {
    for name in [
        "zstd.parquet",
        "gzip.parquet",
        "lz4.parquet",
        "none.parquet",
        "brotli.parquet",
        "zstd.feather",
        "lz4.feather",
    ] {
        assert_file(name, None, Dtype::F32, Access::Sequential);
    }
    for name in ["zstd.arrows", "lz4.arrows"] {
        assert_file(name, None, Dtype::F16, Access::Sequential);
    }
}

#[test]
fn arrow_bytes_in_memory() {
    for name in ["fixed-f16.arrow", "stream.arrows", "lz4.feather"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for column in [None, Some("embedding")] {
            assert_rows(
                memory_arrow(bytes.clone(), column).unwrap().as_ref(),
                &expected(10, 4),
            );
        }
        let error = memory_arrow(bytes, Some("caption")).err().unwrap();
        assert_eq!((error.code(), error.path()), ("UNSUPPORTED", None));
    }
}

#[test]
fn a_column_is_found_behind_every_other_layout() {
    let found = probe("layouts.arrow", None).unwrap();
    assert_eq!(found.selector.as_deref(), Some("embedding"));
    assert_rows(found.open().unwrap().as_ref(), &expected(3, 4));
}

#[test]
fn columns_are_chosen_by_name() {
    let error = refused("two.parquet", None);
    assert!(
        error.to_string().contains("#image_embedding, #text_embedding"),
        "{error}"
    );
    assert!(probe("two.parquet", Some("text_embedding")).is_ok());
    let error = refused("list-f32.parquet", Some("nothing"));
    assert_eq!(error.code(), "BAD_SELECTOR");
    assert!(error.to_string().contains("#caption, #embedding, #id"), "{error}");
    assert_eq!(refused("list-f32.parquet", Some("caption")).code(), "UNSUPPORTED");
}

#[test]
fn safetensors_of_every_type() {
    for (name, dtype) in [TYPES[0], TYPES[1], TYPES[2], ("bf16", Dtype::Bf16)] {
        assert_file(&format!("{name}.safetensors"), None, dtype, Access::Random);
    }
    assert_file("several.safetensors", Some("a"), Dtype::F32, Access::Random);
    let error = refused("several.safetensors", None);
    assert_eq!(error.code(), "BAD_SELECTOR");
    assert_eq!(refused("several.safetensors", Some("bias")).code(), "BAD_FORMAT");
    let error = refused("several.safetensors", Some("c"));
    assert!(error.to_string().contains("#bias"), "{error}");
}

#[test]
fn pickles_of_every_protocol_and_numpy() {
    for protocol in 2..=5 {
        let access = if protocol == 2 {
            Access::Sequential
        } else {
            Access::Random
        };
        assert_file(&format!("protocol{protocol}.pkl"), None, Dtype::F16, access);
        assert_file(
            &format!("numpy1-protocol{protocol}.pkl"),
            None,
            Dtype::F32,
            access,
        );
    }
    for (name, dtype) in [
        TYPES[0],
        TYPES[1],
        TYPES[2],
        ("big", Dtype::F32),
        ("copied", Dtype::F32),
    ] {
        assert_file(&format!("{name}.pkl"), None, dtype, Access::Random);
    }
    assert_file("lists.pkl", None, Dtype::F64, Access::Sequential);
}

#[test]
fn pickles_of_many_records_and_of_shared_arrays() {
    let many = probe("many.pkl", None).unwrap();
    assert_eq!((many.rows, many.dim, many.format), (1200, 2, Format::Pickle));
    let shard = many.open().unwrap();
    assert_eq!(common::read(shard.as_ref(), 0, 1200).unwrap(), expected(1200, 2));
    assert_eq!(
        common::read(shard.as_ref(), 999, 3).unwrap()[..3],
        [999.0, 999.125, 1000.0]
    );
    let shared = probe("shared.pkl", None).unwrap().open().unwrap();
    let row = [0.0, 0.125, 0.25, 0.375];
    assert_rows(shared.as_ref(), &[row; 3].concat());
}

#[test]
fn pickles_without_rows_say_so() {
    let cases = [
        ("odd-object.pkl", "BAD_ROW", "dtype object"),
        ("odd-int.pkl", "BAD_ROW", "no f2, f4 or f8"),
        ("odd-matrix.pkl", "BAD_ROW", "one dimension"),
        (
            "odd-nokey.pkl",
            "BAD_SELECTOR",
            "no record has \"embed\"; the first has \"id\", \"vector\"",
        ),
        (
            "odd-strings.pkl",
            "UNSUPPORTED",
            "a list of something else than dictionaries",
        ),
        ("odd-dict.pkl", "UNSUPPORTED", "a pickle of one dictionary"),
        ("odd-bf16.pkl", "BAD_FORMAT", "ml_dtypes"),
        (
            "protocol0.pkl",
            "UNSUPPORTED",
            "protocol 0 or 1, and 2 to 5 are read",
        ),
    ];
    for (name, code, part) in cases {
        let error = refused(name, None);
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(part), "{name}: {error}");
    }
    assert!(
        probe("odd-nokey.pkl", Some("vector")).is_ok(),
        "another key can be chosen"
    );
}

#[test]
fn a_format_is_known_by_its_first_bytes_where_the_name_does_not_tell() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "f32.npy",
        "deflated.npz",
        "list-f32.parquet",
        "fixed-f16.arrow",
        "stream.arrows",
        "f32.safetensors",
        "f32.pkl",
    ] {
        let path = folder.path().join("file.data");
        std::fs::copy(fixture(name), &path).unwrap();
        assert_eq!(ShardRef::probe(&path, None).unwrap().rows, 10, "{name}");
    }
    let path = folder.path().join("file.data");
    std::fs::write(&path, b"nothing in particular").unwrap();
    assert_eq!(ShardRef::probe(&path, None).unwrap_err().code(), "BAD_FORMAT");
}

#[test]
fn a_reference_survives_json() {
    let found = probe("stored.npz", Some("text_emb")).unwrap();
    let json = serde_json::to_string(&found).unwrap();
    assert!(
        json.contains("\"dtype\":\"f16\"") && json.contains("\"format\":\"npz\""),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<ShardRef>(&json).unwrap(), found);
}
