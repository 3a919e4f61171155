//! Files of torch, tar archives, plain bytes and states of tokens, equal NumPy's values bit for bit.

use modality_gap_shards::{
    Access, Buffer, Dtype, Fault, Format, Pool, Reading, Role, Shard, ShardRef, Wanted, left_behind, resolve,
};

use crate::common::{assert_rows, fixture, ids, probe, read, refused};

/// Values that `make_torch.py` has written with NumPy.
fn expected(name: &str) -> Vec<f64> {
    let found = probe(&format!("torch/expected-{name}.npy"), None).unwrap();
    read(found.open().unwrap().as_ref(), 0, found.rows as usize).unwrap()
}

fn opened(name: &str, selector: Option<&str>, role: Role, reading: Reading) -> (ShardRef, Box<dyn Shard>) {
    let found = ShardRef::probe_as(&fixture(&format!("torch/{name}")), selector, role, reading);
    let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
    let shard = found.open().unwrap_or_else(|error| panic!("{name}: {error}"));
    (found, shard)
}

#[test]
fn tensors_are_read_as_torch_has_saved_them() {
    for (name, selector, wanted, dtype) in [
        ("f16.pt", None, "f16", Dtype::F16),
        ("bf16.pt", None, "bf16", Dtype::Bf16),
        ("f32.pt", None, "f32", Dtype::F32),
        ("f64.pt", None, "f64", Dtype::F64),
        ("big.pt", None, "x", Dtype::F32),
        ("sliced.pth", None, "sliced", Dtype::F32),
        ("stepped.pt", None, "stepped", Dtype::F32),
        ("transposed.pt", None, "x", Dtype::F32),
        ("single.pt", None, "x", Dtype::F32),
        ("parameter.pt", None, "x", Dtype::F32),
        ("pair.pt", Some("0"), "x", Dtype::F32),
        ("pair.pt", Some("1"), "y", Dtype::F32),
        ("dict.pt", Some("text"), "y", Dtype::F32),
        ("nested.pt", None, "x", Dtype::F32),
        ("nested.pt", Some("model.embeddings"), "x", Dtype::F32),
        ("list.pt", None, "x", Dtype::F32),
        ("views.pt", None, "x", Dtype::F32),
        ("by-id.pt", None, "x", Dtype::F32),
        ("ids.pt", None, "x", Dtype::F32),
    ] {
        let (found, shard) = opened(name, selector, Role::Other, Reading::default());
        assert_eq!(
            (found.format, found.rows, found.dim, found.dtype),
            (Format::Torch, 13, 5, dtype),
            "{name}"
        );
        assert_rows(shard.as_ref(), &expected(wanted));
        assert_eq!(shard.access(), Access::Random);
    }
    let (found, shard) = opened("dict.pt", None, Role::Image, Reading::default());
    assert_eq!(found.selector.as_deref(), Some("image"));
    assert_rows(shard.as_ref(), &expected("x"));
    let mut beside = left_behind(&found, Format::Npy).unwrap();
    beside.sort();
    assert_eq!(beside, ["label", "text"]);
}

#[test]
fn what_is_no_tensor_of_rows_is_named() {
    for (name, selector, code, said) in [
        ("dict.pt", None, "BAD_SELECTOR", "choose one: #image, #text"),
        ("dict.pt", Some("none"), "BAD_SELECTOR", "#image, #text"),
        ("dict.pt", Some("label"), "BAD_FORMAT", "one dimension of 13"),
        ("pair.pt", None, "BAD_SELECTOR", "#0 to #1 choose one"),
        ("pair.pt", Some("2"), "BAD_SELECTOR", "#0 to #1"),
        ("states.pt", None, "BAD_SELECTOR", "pool"),
        ("expanded.pt", None, "BAD_FORMAT", ".contiguous()"),
        ("none.pt", None, "UNSUPPORTED", "holds no tensors"),
        ("whole.pt", None, "UNSUPPORTED", "torch.LongStorage"),
        ("one.pt", None, "BAD_FORMAT", "reshape it to (1, 5)"),
        (
            "module.pt",
            None,
            "BAD_FORMAT",
            "torch.nn.modules.linear.Linear, which is never loaded",
        ),
        ("legacy.pt", None, "UNSUPPORTED", "before version 1.6"),
        ("rows.bin", None, "UNSUPPORTED", "--dim 768 --in-dtype f32"),
        ("rows.bin", Some("5"), "BAD_SELECTOR", "#768:f32"),
        ("rows.bin", Some("0:f32"), "BAD_SELECTOR", "0 columns"),
        ("rows.bin", Some("7:f32"), "BAD_FORMAT", "not whole rows of 7"),
        ("fields.tar", None, "BAD_SELECTOR", "#image.npy, #text.npy"),
        (
            "fields.tar",
            Some("sound"),
            "BAD_SELECTOR",
            "#image.npy, #text.npy",
        ),
    ] {
        let error = refused(&format!("torch/{name}"), selector);
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(said), "{name}: {error}");
    }
}

#[test]
fn ids_stand_beside_tensors_or_are_their_keys() {
    let usual = ["id", "ids", "image_id"];
    let of = |name: &str, column: Option<&str>| ids(&fixture(&format!("torch/{name}")), column, &usual);
    let named: Vec<String> = (0..13).map(|i| format!("img {i}")).collect();
    assert_eq!(of("by-id.pt", None).unwrap(), named);
    assert_eq!(of("ids.pt", None).unwrap(), named);
    let whole: Vec<String> = (-2..11).map(|i: i32| i.to_string()).collect();
    assert_eq!(of("whole-ids.pt", None).unwrap(), whole);
    assert_eq!(of("whole-ids.pt", Some("image_id")).unwrap(), whole);
    for (name, column) in [("dict.pt", None), ("f32.pt", None), ("ids.pt", Some("key"))] {
        assert_eq!(of(name, column).unwrap_err().code(), "BAD_SELECTOR", "{name}");
    }
    assert_eq!(of("ids.pt", Some("embeddings")).unwrap_err().code(), "BAD_FORMAT");
    let keys: Vec<String> = (0..13).map(|i| format!("{i:06}")).collect();
    assert_eq!(of("rows.tar", None).unwrap(), keys);
}

fn faults(name: &str) -> Vec<(usize, Fault)> {
    let (found, shard) = opened(name, None, Role::Other, Reading::default());
    let mut buffer = Buffer::new();
    shard.read(0, found.rows as usize, &mut buffer).unwrap();
    buffer.faults().to_vec()
}

#[test]
fn a_tensor_or_member_of_another_shape_is_a_bad_row() {
    let narrow = Fault::Width {
        found: 3,
        expected: 5,
    };
    assert_eq!(
        faults("bad-list.pt"),
        [
            (1, Fault::Null),
            (2, narrow),
            (3, Fault::NoNumbers),
            (5, Fault::OtherType),
            (6, Fault::Matrix)
        ]
    );
    assert_eq!(
        faults("bad.tar"),
        [
            (1, Fault::Missing),
            (2, narrow),
            (3, Fault::Matrix),
            (4, Fault::OtherType),
            (5, Fault::NoFloats)
        ]
    );
}

#[test]
fn members_of_a_tar_archive_are_rows_in_the_order_of_their_keys() {
    for (name, selector, role, wanted) in [
        ("rows.tar", None, Role::Other, "x"),
        ("rows-pt.tar", None, Role::Other, "x"),
        ("fields.tar", Some("image"), Role::Other, "x"),
        ("fields.tar", Some("text.npy"), Role::Other, "y"),
        ("fields.tar", None, Role::Text, "y"),
    ] {
        let (found, shard) = opened(name, selector, role, Reading::default());
        assert_eq!(
            (found.format, found.rows, found.dim, found.dtype),
            (Format::Tar, 13, 5, Dtype::F32),
            "{name}"
        );
        assert_rows(shard.as_ref(), &expected(wanted));
    }
    let (found, _) = opened("rows.tar", None, Role::Other, Reading::default());
    assert_eq!(left_behind(&found, Format::Npy).unwrap(), ["json"]);
}

#[test]
fn plain_bytes_have_the_columns_and_type_that_are_given() {
    let reading = |dim: usize, dtype: Dtype| Reading {
        dim: Some(dim),
        dtype: Some(dtype),
        pool: None,
    };
    for (name, selector, reading, wanted) in [
        ("rows.bin", None, reading(5, Dtype::F32), "x"),
        ("rows.bin", Some("5:f32"), Reading::default(), "x"),
        ("rows.dat", None, reading(5, Dtype::F16), "f16"),
        ("rows.dat", Some("5:f16"), Reading::default(), "f16"),
    ] {
        let (found, shard) = opened(name, selector, Role::Other, reading);
        assert_eq!(
            (found.format, found.rows, found.dim),
            (Format::Raw, 13, 5),
            "{name}"
        );
        assert_rows(shard.as_ref(), &expected(wanted));
    }
    let path = fixture("torch/f32.pt").display().to_string();
    let wanted = Wanted {
        reading: reading(5, Dtype::F32),
        ..Wanted::default()
    };
    let error = resolve(&[path], wanted).unwrap_err();
    assert_eq!(error.code(), "BAD_OPTION", "{error}");
}

#[test]
fn states_are_pooled_where_that_is_asked_for() {
    let pooled = |pool: Pool| Reading {
        pool: Some(pool),
        ..Reading::default()
    };
    for name in [
        "states.npy",
        "states-fortran.npy",
        "states.npz",
        "states-deflated.npz",
        "states.safetensors",
        "states.pt",
        "states-tensor.parquet",
        "states-tensor.arrow",
        "states-nested.parquet",
    ] {
        let plain = ShardRef::probe(fixture(&format!("torch/{name}")), None).unwrap_err();
        assert!(plain.to_string().contains("--pool"), "{name}: {plain}");
        for pool in Pool::ALL {
            let (found, shard) = opened(name, None, Role::Other, pooled(pool));
            assert_eq!(
                (found.rows, found.dim, found.dtype),
                (13, 5, Dtype::F32),
                "{name}"
            );
            assert_rows(shard.as_ref(), &expected(pool.name()));
        }
    }
    let (found, shard) = opened("states-f16.npy", None, Role::Other, pooled(Pool::Mean));
    assert_eq!(found.dtype, Dtype::F32);
    assert_rows(shard.as_ref(), &expected("mean-f16"));
    let nested = fixture("torch/states-nested.arrow");
    let error = ShardRef::probe_as(&nested, None, Role::Other, pooled(Pool::Mean)).unwrap_err();
    assert!(error.to_string().contains("parquet only"), "{error}");
    // two dimensions stay what they are, and so does one state a row
    for name in ["f32.pt", "single.pt"] {
        let (_, shard) = opened(name, None, Role::Other, pooled(Pool::Mean));
        assert_rows(shard.as_ref(), &expected("x"));
    }
}
