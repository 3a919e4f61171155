//! Folders of encoders in every layout that is read, against transformers 5 and sentence-transformers, and those that are
//! refused by name: `fixtures/make_folders.py`.

use std::fs;
use std::path::{Path, PathBuf};

use modality_gap_encoder::Embedder;
use modality_gap_encoder::data::{ImagePlace, Pair, TRAIN};
use serde_json::Value;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn cases() -> Value {
    cases_of("cases.json")
}

fn cases_of(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixtures().join("folders").join(name)).unwrap()).unwrap()
}

/// The folder of a case: its base, and what is laid over it.
fn laid(case: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let removed = case["remove"].as_array().unwrap();
    for entry in fs::read_dir(fixtures().join(case["base"].as_str().unwrap())).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap();
        if name != "expected.safetensors" && !removed.iter().any(|removed| removed == name) {
            fs::copy(&file, folder.path().join(name)).unwrap();
        }
    }
    for (path, value) in case["files"].as_object().unwrap() {
        let target = folder.path().join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        match value {
            Value::String(name) => {
                fs::copy(fixtures().join("folders").join(name), target).unwrap();
            }
            json => fs::write(target, json.to_string()).unwrap(),
        }
    }
    folder
}

fn texts_of(value: &Value) -> Vec<&str> {
    let texts = value.as_array().unwrap().iter();
    texts.map(|text| text.as_str().unwrap()).collect()
}

fn image(file: &Path) -> Pair {
    Pair {
        image: ImagePlace::File(file.to_owned()),
        captions: Vec::new(),
        split: TRAIN.to_owned(),
        fields: serde_json::Map::new(),
    }
}

/// The smallest cosine of unit rows and expected ones.
fn cosine(found: &[f32], expected: &Value) -> f64 {
    let expected = expected.as_array().unwrap();
    let dim = expected[0].as_array().unwrap().len();
    assert_eq!(found.len(), expected.len() * dim, "rows of {dim} columns");
    let cosines = found.chunks_exact(dim).zip(expected).map(|(found, expected)| {
        let expected = expected.as_array().unwrap().iter();
        let products = found
            .iter()
            .zip(expected)
            .map(|(&a, b)| f64::from(a) * b.as_f64().unwrap());
        products.sum::<f64>()
    });
    cosines.fold(1.0, f64::min)
}

/// Both compute in f32; pixels are equal to the bit, so rows differ by rounding only.
#[test]
fn rows_are_those_of_transformers_in_every_layout() {
    let all = cases();
    let (texts, pictures) = (texts_of(&all["texts"]), texts_of(&all["pictures"]));
    let (mut compared, mut wrong) = (0, Vec::new());
    for case in all["cases"].as_array().unwrap() {
        if case.get("refused").is_some() {
            continue;
        }
        let name = case["name"].as_str().unwrap();
        let folder = laid(case);
        let encoder = match Embedder::open(folder.path()) {
            Ok(encoder) => encoder,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        if let Some(expected) = case.get("texts") {
            let rows = encoder.texts(&texts, case["prompt"].as_str()).unwrap();
            let cosine = cosine(&rows, expected);
            compared += 1;
            if cosine < 0.999_999 {
                wrong.push(format!("{name}: texts {cosine}"));
            }
        }
        if let Some(expected) = case.get("images") {
            let count = expected.as_array().unwrap().len();
            let files = pictures[..count].iter();
            let pairs: Vec<Pair> = files
                .map(|name| image(&fixtures().join("pictures").join(name)))
                .collect();
            let rows = encoder.images(&pairs.iter().collect::<Vec<_>>()).unwrap();
            let cosine = cosine(&rows, expected);
            compared += 1;
            if cosine < 0.999_999 {
                wrong.push(format!("{name}: images {cosine}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 80, "{compared}");
}

/// Tokenizers by chance with their classes and the files beside them: `fixtures/make_random_folders.py`. A folder is read as
/// transformers reads it, or refused; few are.
#[test]
fn random_tokenizers_give_the_rows_of_transformers() {
    let all = cases_of("random.json");
    let texts = texts_of(&all["texts"]);
    let (mut compared, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for case in all["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let folder = laid(case);
        let encoder = match Embedder::open(folder.path()) {
            Ok(encoder) => encoder,
            Err(error) => {
                refused.push(format!("{name}: {error}"));
                continue;
            }
        };
        let rows: Result<Vec<Vec<f32>>, _> = texts.iter().map(|text| encoder.texts(&[text], None)).collect();
        match rows {
            Ok(rows) => {
                let cosine = cosine(&rows.concat(), &case["texts"]);
                compared += 1;
                if cosine < 0.999_999 {
                    wrong.push(format!("{name}: {cosine}"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    println!("{compared} folders equal, {} refused", refused.len());
    assert!(wrong.is_empty(), "{}\n\n{}", wrong.join("\n"), refused.join("\n"));
    assert!(compared > refused.len() * 5, "{compared}\n{}", refused.join("\n"));
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let (mut refused, mut wrong) = (0, Vec::new());
    for case in cases()["cases"].as_array().unwrap() {
        let Some(said) = case.get("refused") else { continue };
        let (name, said) = (case["name"].as_str().unwrap(), said.as_str().unwrap());
        refused += 1;
        match Embedder::open(laid(case).path()) {
            Ok(_) => wrong.push(format!("{name}: read")),
            Err(error) if !error.to_string().contains(said) => wrong.push(format!("{name}: {error}")),
            Err(error) if !["BAD_MODEL", "NOT_FOUND"].contains(&error.code()) => {
                wrong.push(format!("{name}: {}", error.code()));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 50, "{refused}");
}

#[test]
fn an_unknown_prompt_names_those_that_there_are() {
    let all = cases();
    let case = all["cases"].as_array().unwrap().iter();
    let case = case
        .clone()
        .find(|case| case["name"] == "a prompt by name")
        .unwrap();
    let folder = laid(case);
    let encoder = Embedder::open(folder.path()).unwrap();
    assert_eq!(encoder.prompts(), ["document", "query"]);
    let error = encoder.texts(&["red"], Some("passage")).unwrap_err();
    assert_eq!(error.code(), "BAD_OPTION");
    assert_eq!(
        error.to_string(),
        "unknown prompt `passage`; expected document, query"
    );
}

/// A damaged folder is an error with its file, never a panic and never rows that are not finite.
#[test]
fn a_folder_changed_anywhere_never_panics() {
    let all = cases();
    let plain = all["cases"].as_array().unwrap().iter();
    let plain = plain.clone().find(|case| case["name"] == "plain").unwrap();
    let folder = laid(plain);
    for name in [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "preprocessor_config.json",
    ] {
        let file = folder.path().join(name);
        let good = fs::read(&file).unwrap();
        for at in (0..good.len()).step_by(3) {
            for value in [b'0', b'"', b'9', 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                fs::write(&file, &bytes).unwrap();
                if let Ok(encoder) = Embedder::open(folder.path())
                    && let Ok(rows) = encoder.texts(&["red car", ""], None)
                {
                    assert!(rows.iter().all(|value| value.is_finite()), "{name} {at}");
                }
            }
        }
        fs::write(&file, &good).unwrap();
    }
}
