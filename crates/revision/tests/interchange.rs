//! Files of others read, and ours as others read them.
//!
//! fixtures/theirs was written by torch, safetensors, peft and gguf; fixtures/ours by these tests, and read by the same
//! packages and by transformers: fixtures/make_interchange.py does both.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use modality_gap_revision::{
    LoraConfig, Marks, ModelFiles, Position, ProjectorConfig, ProjectorNames, Samples, SaveOptions, Sequence,
    Session, SessionOptions, Stored, TextCodec, llava_keys, read_adapters, read_projector, save_model,
    weight_shapes, write_adapters, write_projector,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Where the tests write; the same place for every run, so that what changed can be looked at.
fn written(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ours").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

/// Whether what was just written is, byte for byte, what others have read.
fn check(name: &str) {
    let (new, old) = (written(name), fixture("ours").join(name));
    assert!(
        std::fs::read(&new).unwrap() == std::fs::read(&old).unwrap_or_default(),
        "{} differs from {}: if that is meant, copy it there and run make_interchange.py, which reads it",
        new.display(),
        old.display()
    );
}

/// Values that every type of four digits and more holds exactly: −1, −31/32, …
fn values(shape: &[usize], start: usize) -> Tensor {
    let value = |i: usize| ((start + i) % 64) as f32 / 32.0 - 1.0;
    let count: usize = shape.iter().product();
    Tensor::from_vec((0..count).map(value).collect(), shape, &Device::Cpu).unwrap()
}

const DIM: usize = 6;
const HIDDEN: usize = 4;

fn config(kind: &str) -> ProjectorConfig {
    let (dim, hidden) = (DIM, HIDDEN);
    ProjectorConfig {
        kind: kind.to_owned(),
        dim,
        hidden,
        tokens: 1,
        distinct: false,
        scale: 1.0,
    }
}

fn projector(kind: &str) -> Vec<(String, Tensor)> {
    let shapes = config(kind).tensors().unwrap().into_iter().enumerate();
    shapes
        .map(|(i, (name, shape))| (name, values(&shape, 7 * i)))
        .collect()
}

fn assert_same(found: &[(String, Tensor)], wanted: &[(String, Tensor)], what: &str) {
    let names = |all: &[(String, Tensor)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(wanted), "{what}");
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for ((name, a), (_, b)) in found.iter().zip(wanted) {
        assert_eq!((a.dims(), flat(a)), (b.dims(), flat(b)), "{what} {name}");
    }
}

#[test]
fn projectors_of_others_are_read() {
    for (file, kind) in [
        ("mm_projector.bin", "mlp2x_gelu"),
        ("non_lora_trainables.bin", "mlp2x_gelu"),
        ("linear.bin", "linear"),
        ("llava.safetensors", "mlp2x_gelu"),
        ("llava-hf-old.safetensors", "mlp2x_gelu"),
        ("llava-hf-new.safetensors", "mlp2x_gelu"),
        ("mmproj.gguf", "mlp2x_gelu"),
    ] {
        let found = read_projector(&fixture("theirs").join(file)).unwrap();
        assert_eq!(found.config, config(kind), "{file}");
        assert_same(&found.tensors, &projector(kind), file);
    }
}

/// Values that do not lie one after the other in the file come in the order of the tensor.
#[test]
fn a_transposed_tensor_is_read_in_its_own_order() {
    let found = read_projector(&fixture("theirs/transposed.bin")).unwrap();
    let wanted = values(&[DIM, HIDDEN], 0).t().unwrap().contiguous().unwrap();
    let mut tensors = projector("mlp2x_gelu");
    tensors[0].1 = wanted;
    assert_same(&found.tensors, &tensors, "transposed.bin");
}

/// What would run code, is stored in another way, or is not a projector; each error names the file and what is wrong.
#[test]
fn other_files_are_refused() {
    for (file, said) in [
        ("evil.bin", "posix.system"),
        ("legacy.bin", "PyTorch 1.6"),
        ("list.bin", "no dictionary"),
        ("integers.bin", "torch.LongStorage"),
        ("gap.bin", "mm_projector.4.weight"),
        ("half.bin", "the weight or the bias only"),
    ] {
        let error = read_projector(&fixture("theirs").join(file)).unwrap_err();
        assert_eq!(error.code(), "BAD_MODEL", "{file}");
        assert!(
            error.to_string().contains(said) && error.to_string().contains(file),
            "{error}"
        );
    }
    let error = read_projector(&fixture("llama-tied")).unwrap_err();
    assert!(error.to_string().contains("holds no projector"), "{error}");
}

#[test]
fn projectors_are_written_as_others_read_them() {
    for (name, names, kind) in [
        ("mm_projector.bin", ProjectorNames::Llava, "mlp2x_gelu"),
        ("linear.bin", ProjectorNames::Llava, "linear"),
        ("mm_projector.safetensors", ProjectorNames::Llava, "mlp3x_gelu"),
        ("llava-hf.safetensors", ProjectorNames::HuggingFace, "mlp2x_gelu"),
        ("mmproj.gguf", ProjectorNames::LlamaCpp, "mlp2x_gelu"),
    ] {
        write_projector(&written(name), names, &config(kind), &projector(kind)).unwrap();
        check(name);
        let back = read_projector(&written(name)).unwrap();
        assert_eq!(back.config, config(kind));
        assert_same(&back.tensors, &projector(kind), name);
    }
}

/// Our own file says what names cannot; for others the factor stands in the first map, and nothing is lost silently.
#[test]
fn what_names_cannot_say_is_kept_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut odd = ProjectorConfig {
        tokens: 3,
        distinct: true,
        scale: 2.0,
        ..config("mlp2x_gelu")
    };
    let tensors = |config: &ProjectorConfig| {
        let shapes = config.tensors().unwrap().into_iter();
        shapes
            .map(|(name, shape)| (name, values(&shape, 5)))
            .collect::<Vec<_>>()
    };
    let own = folder.path().join("own.safetensors");
    write_projector(&own, ProjectorNames::Llava, &odd, &tensors(&odd)).unwrap();
    let back = read_projector(&own).unwrap();
    assert_eq!(back.config, odd);
    assert_same(&back.tensors, &tensors(&odd), "own");
    let bin = folder.path().join("theirs.bin");
    let refused = write_projector(&bin, ProjectorNames::Llava, &odd, &tensors(&odd)).unwrap_err();
    assert_eq!(refused.code(), "BAD_OPTION");
    odd.distinct = false;
    write_projector(&bin, ProjectorNames::Llava, &odd, &tensors(&odd)).unwrap();
    let back = read_projector(&bin).unwrap();
    assert_eq!((back.config.scale, back.config.tokens), (1.0, 1));
    let twice = (&tensors(&odd)[0].1 * 2.0).unwrap();
    assert_same(
        &back.tensors[..1],
        &[("mm_projector.0.weight".to_owned(), twice)],
        "factor",
    );
    let three = config("mlp3x_gelu");
    let hf = write_projector(
        &folder.path().join("a.safetensors"),
        ProjectorNames::HuggingFace,
        &three,
        &tensors(&three),
    );
    assert!(
        hf.unwrap_err()
            .to_string()
            .contains("mm_projector.4.weight has no such name")
    );
    let ending = write_projector(
        &folder.path().join("a.onnx"),
        ProjectorNames::Llava,
        &three,
        &tensors(&three),
    );
    assert!(ending.unwrap_err().to_string().contains(".onnx"));
    let identity = ProjectorConfig {
        hidden: DIM,
        ..config("identity")
    };
    write_projector(&own, ProjectorNames::Llava, &identity, &[]).unwrap();
    assert_eq!(read_projector(&own).unwrap().config, identity);
}

fn lora() -> LoraConfig {
    let targets = ["q_proj", "v_proj", "down_proj"].map(str::to_owned).to_vec();
    LoraConfig {
        rank: 2,
        alpha: 8.0,
        dropout: 0.0,
        targets,
        ..LoraConfig::default()
    }
}

/// Adapters of the two layers of llama-tied: A of rank × in, B of out × rank.
fn adapters() -> Vec<(String, Tensor)> {
    let mut all = Vec::new();
    for layer in 0..2 {
        for (i, (map, rows, columns)) in [
            ("mlp.down_proj", 16, 24),
            ("self_attn.q_proj", 16, 16),
            ("self_attn.v_proj", 8, 16),
        ]
        .into_iter()
        .enumerate()
        {
            let at = format!("lora.model.layers.{layer}.{map}");
            all.push((format!("{at}.lora_A.weight"), values(&[2, columns], layer + i)));
            all.push((format!("{at}.lora_B.weight"), values(&[rows, 2], layer + i + 9)));
        }
    }
    all
}

#[test]
fn adapters_are_read_from_peft_and_written_for_it() {
    let (config, tensors) = read_adapters(&fixture("theirs/peft")).unwrap();
    let mut sorted = config.clone();
    sorted.targets.sort_unstable();
    assert_eq!(
        (config.rank, config.alpha, sorted.targets),
        (
            2,
            8.0,
            vec!["down_proj".to_owned(), "q_proj".to_owned(), "v_proj".to_owned()]
        )
    );
    assert_same(&tensors, &adapters(), "peft");
    write_adapters(&written("peft"), &lora(), "llama-tied", &adapters()).unwrap();
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        check(&format!("peft/{file}"));
    }
    let (config, tensors) = read_adapters(&written("peft")).unwrap();
    assert_eq!(config, lora());
    assert_same(&tensors, &adapters(), "ours");
}

#[test]
fn adapters_of_another_kind_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    write_adapters(folder.path(), &lora(), "base", &adapters()).unwrap();
    let file = folder.path().join("adapter_config.json");
    let good = std::fs::read_to_string(&file).unwrap();
    for (key, value) in [
        ("use_dora", "true"),
        // PEFT 0.21 takes an empty section for one with its defaults
        ("kasa_config", "{}"),
        ("velora_config", "{}"),
        ("lora_alpha", "null"),
        ("bias", "\"all\""),
        ("lora_bias", "true"),
        ("fan_in_fan_out", "true"),
        ("modules_to_save", "[\"lm_head\"]"),
        ("init_lora_weights", "\"pissa\""),
        ("init_lora_weights", "\"pissa_niter_16\""),
        ("init_lora_weights", "\"olora\""),
        ("init_lora_weights", "\"corda\""),
        ("init_lora_weights", "\"loftq\""),
        ("alora_invocation_tokens", "[1, 2]"),
        ("trainable_token_indices", "[1]"),
        ("target_parameters", "[\"mlp.experts\"]"),
        ("layer_replication", "[[0, 2]]"),
        ("layers_pattern", "\"h\""),
        ("an_option_of_tomorrow", "0.5"),
        ("peft_type", "\"IA3\""),
    ] {
        let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
        json[key] = serde_json::from_str(value).unwrap();
        if key == "layers_pattern" {
            json["layers_to_transform"] = 0.into();
        }
        std::fs::write(&file, json.to_string()).unwrap();
        let error = read_adapters(folder.path()).unwrap_err();
        assert_eq!(error.code(), "BAD_MODEL");
        assert!(error.to_string().contains(key), "{error}");
    }
    // what chooses maps has to choose those that there are adapters for
    for (key, value) in [
        ("exclude_modules", "[\"v_proj\"]"),
        ("layers_to_transform", "[1]"),
        ("target_modules", "[\"q_proj\"]"),
        ("target_modules", "\".*\\\\.self_attn\\\\..*\""),
    ] {
        let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
        json[key] = serde_json::from_str(value).unwrap();
        std::fs::write(&file, json.to_string()).unwrap();
        let error = read_adapters(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("there is an adapter for model.layers."),
            "{key}: {error}"
        );
    }
    // idle or empty: nothing is asked
    let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
    for (key, value) in [
        ("corda_config", "null"),
        ("eva_config", "{\"rho\": 2.0}"),
        ("init_lora_weights", "\"gaussian\""),
        ("an_option_of_tomorrow", "false"),
        ("another", "null"),
        ("modules_to_save", "[]"),
        ("rank_pattern", "{}"),
        ("peft_version", "\"0.21.0\""),
        ("layers_to_transform", "[0, 1]"),
    ] {
        json[key] = serde_json::from_str(value).unwrap();
    }
    std::fs::write(&file, json.to_string()).unwrap();
    let (config, _) = read_adapters(folder.path()).unwrap();
    assert_eq!(config.targets.len(), 6);
    let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
    json["r"] = 3.into();
    std::fs::write(&file, json.to_string()).unwrap();
    assert!(
        read_adapters(folder.path())
            .unwrap_err()
            .to_string()
            .contains("at rank 3")
    );
}

/// Losses of one sequence of llama-tied with adapters that PEFT wrote (fixtures/make_adapters.py), in f32 against f64; and
/// again with what is written of them.
#[test]
fn adapters_with_scales_and_maps_of_their_own_are_those_of_peft() {
    let golden = std::fs::read_to_string(fixture("theirs/adapters.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    let ids: Vec<u32> = serde_json::from_value(golden["ids"].clone()).unwrap();
    let positions = ids
        .iter()
        .enumerate()
        .map(|(i, &id)| Position::Token { id, learn: i > 0 });
    let sequence = Sequence {
        id: "s".to_owned(),
        positions: positions.collect(),
        images: 0,
    };
    let nats = |adapter: &Path| {
        let options = serde_json::json!({
            "path": fixture("llama-tied"), "adapter": adapter, "dim": 4, "dtype": "f32", "template": "plain",
        });
        let mut session = Session::open(serde_json::from_value::<SessionOptions>(options).unwrap()).unwrap();
        let samples = Samples {
            sequences: std::slice::from_ref(&sequence),
            embeddings: &[],
        };
        session.evaluate(samples, 0, &|| false).unwrap().losses[0]
    };
    let kinds = golden["nats"].as_object().unwrap();
    assert!(kinds.len() >= 6);
    for (kind, wanted) in kinds {
        let folder = fixture("theirs").join(format!("adapter-{kind}"));
        let wanted = wanted.as_f64().unwrap();
        assert!(
            (nats(&folder) - wanted).abs() < 1e-4,
            "{kind}: {} {wanted}",
            nats(&folder)
        );
        let (config, tensors) = read_adapters(&folder).unwrap();
        let again = tempfile::tempdir().unwrap();
        write_adapters(again.path(), &config, "llama-tied", &tensors).unwrap();
        assert!((nats(again.path()) - wanted).abs() < 1e-4, "{kind}, written");
    }
    let folder = tempfile::tempdir().unwrap();
    let source = fixture("theirs/adapter-order");
    let weights = "adapter_model.safetensors";
    std::fs::copy(source.join(weights), folder.path().join(weights)).unwrap();
    for edit in golden["edits"].as_array().unwrap() {
        let text = edit["config"].as_str().unwrap();
        std::fs::write(folder.path().join("adapter_config.json"), text).unwrap();
        let what = &edit["edit"];
        if let Some(named) = edit["refused"].as_str() {
            let error = read_adapters(folder.path()).unwrap_err();
            assert_eq!(error.code(), "BAD_MODEL", "{what}");
            assert!(error.to_string().contains(named), "{what}: {error}");
            continue;
        }
        let (found, wanted) = (nats(folder.path()), edit["nats"].as_f64().unwrap());
        assert!((found - wanted).abs() < 1e-4, "{what}: {found} {wanted}");
    }
}

/// A folder in parts, a GGUF file, one with stretched frequencies: written, and read again as the same model.
#[test]
fn models_are_written_as_transformers_reads_them() {
    for (source, name, part_bytes) in [
        ("llama-untied", "llama-untied", 16_000),
        ("gguf/qwen2-f16.gguf", "qwen2", usize::MAX),
        ("gguf/llama3-rope-f16.gguf", "llama3-rope", usize::MAX),
    ] {
        let mut files = ModelFiles::open(fixture(source)).unwrap();
        let folder = written(name);
        let _ = std::fs::remove_dir_all(&folder);
        let mut options = SaveOptions {
            stored: Stored::F16,
            part_bytes,
            ..SaveOptions::default()
        };
        if name == "llama-untied" {
            options.stored = Stored::Bf16;
            options.keys = llava_keys(&config("mlp2x_gelu"), None);
            let theirs = |(name, tensor): (String, Tensor)| (format!("model.{name}"), tensor);
            options.tensors = projector("mlp2x_gelu").into_iter().map(theirs).collect();
        }
        let weights = &mut ModelFiles::open(fixture(source)).unwrap();
        save_model(&folder, &files, weights, &options).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap() {
            check(&format!(
                "{name}/{}",
                entry.unwrap().file_name().into_string().unwrap()
            ));
        }
        let mut back = ModelFiles::open(&folder).unwrap();
        assert_eq!(back.config(), files.config(), "{name}");
        for (weight, shape) in weight_shapes(files.config()) {
            let pair = [
                files.take(&weight, &shape).unwrap(),
                back.take(&weight, &shape).unwrap(),
            ];
            let [a, b] = pair.map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            assert_eq!(a, b, "{name} {weight}");
        }
        let (old, new) = (TextCodec::open(&files).unwrap(), TextCodec::open(&back).unwrap());
        let marks = |codec: &TextCodec| Marks {
            template_file: None,
            ..codec.marks().clone()
        };
        assert_eq!(marks(&old), marks(&new), "{name}");
        let text = "What is 12 in <|im_end|>?";
        assert_eq!(old.encode(text, true).unwrap(), new.encode(text, true).unwrap());
        assert_eq!(back.ends().unwrap(), files.ends().unwrap());
    }
    let projector = read_projector(&written("llama-untied")).unwrap();
    assert_eq!(projector.config.kind, "mlp2x_gelu");
}

/// Written in parts over a single file, and the other way round: nothing of the earlier model is left to be taken for it.
#[test]
fn a_model_written_over_another_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = ModelFiles::open(fixture("llama-tied")).unwrap();
    for part_bytes in [usize::MAX, 8_000, usize::MAX] {
        let mut weights = ModelFiles::open(fixture("llama-tied")).unwrap();
        let options = SaveOptions {
            part_bytes,
            ..SaveOptions::default()
        };
        save_model(folder.path(), &files, &mut weights, &options).unwrap();
        let single = folder.path().join("model.safetensors").exists();
        assert_eq!(single, part_bytes == usize::MAX);
        assert_eq!(
            folder.path().join("model.safetensors.index.json").exists(),
            !single
        );
        ModelFiles::open(folder.path()).unwrap();
    }
}
