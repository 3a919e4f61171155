use modality_gap_testing::Lcg;

use super::script::Script;
use super::*;
use crate::files::Gguf;

fn strings() -> Vec<String> {
    serde_json::from_value(golden()["strings"].clone()).unwrap()
}

/// The tokenizer of a GGUF file of tokens only, under another rule of cutting words.
fn of_gguf(name: &str, rule: Option<&str>) -> Result<TextCodec, String> {
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    if let Some(rule) = rule {
        let key = b"tokenizer.ggml.pre";
        let at = bytes.windows(key.len()).position(|window| window == key).unwrap() + key.len() + 4;
        let mut text = (rule.len() as u64).to_le_bytes().to_vec();
        text.extend(rule.as_bytes());
        bytes.splice(at..at + 8 + "smollm".len(), text);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let gguf = Gguf::open(file.path()).unwrap();
    TextCodec::of_metadata(gguf.metadata(), &[2], 1000)
}

fn check(codec: &TextCodec, expected: &Value, what: &str) {
    for (text, expected) in strings().iter().zip(expected.as_array().unwrap()) {
        for (specials, expected) in [true, false].into_iter().zip(expected.as_array().unwrap()) {
            let found = codec.encode(text, specials).unwrap();
            assert_eq!(found, numbers(expected), "{what}: {text:?}, specials {specials}");
        }
    }
}

/// The merges cross words, so that a wrong cut gives other tokens.
#[test]
fn words_are_cut_as_by_llama_cpp_under_every_rule() {
    for (rule, expected) in golden()["rules"].as_object().unwrap() {
        check(&of_gguf("text/words.gguf", Some(rule)).unwrap(), expected, rule);
    }
}

#[test]
fn an_unknown_rule_is_refused_by_name() {
    let reason = of_gguf("text/words.gguf", Some("viking")).err().unwrap();
    assert!(reason.contains("the rule viking"), "{reason}");
}

#[test]
fn pieces_with_scores_are_merged_as_by_sentencepiece() {
    let codec = of_gguf("text/pieces.gguf", None).unwrap();
    check(&codec, &golden()["pieces"], "pieces");
    let marks = codec.marks();
    assert_eq!(
        (marks.bos.as_ref().unwrap().text.as_str(), marks.adds_bos),
        ("<s>", true)
    );
    assert_eq!(marks.ends, [2]);
}

/// `tokenizer.json` of the same pieces: the older kind is SentencePiece's, the newer differs where a text begins with a
/// space, or follows a special token.
#[test]
fn folders_of_both_kinds_give_the_pieces() {
    for name in ["text/pieces-legacy", "text/pieces-first"] {
        let codec = TextCodec::of_folder(&fixture(name), &[], 1000).unwrap();
        let strings = strings();
        for (text, expected) in strings.iter().zip(golden()["pieces"].as_array().unwrap()) {
            if !text.starts_with(' ') && !text.contains('<') {
                assert_eq!(
                    codec.encode(text, true).unwrap(),
                    numbers(&expected[0]),
                    "{name}: {text:?}"
                );
            }
        }
        assert_eq!(codec.marks().eos.as_ref().unwrap().text, "</s>");
    }
}

/// After a special token the older kind puts a space, the newer does not; both as tokenizers does with the whole text.
#[test]
fn text_behind_a_special_token_is_cut_as_in_the_whole() {
    let [legacy, first] = ["legacy", "first"]
        .map(|kind| TextCodec::of_folder(&fixture(&format!("text/pieces-{kind}")), &[], 1000).unwrap());
    for (codec, same) in [(&legacy, true), (&first, false)] {
        let whole = codec.encode("</s>cat", true).unwrap();
        assert_eq!(whole[1..] == codec.encode("cat", false).unwrap(), same);
        let mut script = Script::default();
        script.special(2, false);
        script.text("cat", true);
        assert_eq!(flat(&script.pieces(codec).unwrap()).0, whole);
    }
}

/// Added tokens are found by the longest spelling, as tokenizers does (`MatchKind::LeftmostLongest` of its added vocabulary).
#[test]
fn of_two_special_tokens_the_longer_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let file = fixture("text/pieces-legacy").join(name);
        std::fs::copy(file, folder.path().join(name)).unwrap();
    }
    let file = folder.path().join("tokenizer.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let first = json["model"]["vocab"].as_object().unwrap().len() as u64;
    let spellings = ["<call>", "<call><name>", "<call><name><end>"];
    for (id, content) in (first..).zip(spellings) {
        let mut token = json["added_tokens"][0].clone();
        token["id"] = id.into();
        token["content"] = content.into();
        json["added_tokens"].as_array_mut().unwrap().push(token);
    }
    std::fs::write(&file, json.to_string()).unwrap();
    let codec = TextCodec::of_folder(folder.path(), &[], 1000).unwrap();
    for (id, spelling) in (first as u32..).zip(spellings) {
        assert_eq!(
            codec.first_special(spelling),
            Some((0..spelling.len(), id)),
            "{spelling}"
        );
        assert_eq!(codec.encode(spelling, true).unwrap(), [id], "{spelling}");
    }
}

/// A token is learned when a byte of it is, and no token is cut for it.
#[test]
fn tokens_do_not_depend_on_what_is_learned() {
    let codec = of_gguf("text/words.gguf", None).unwrap();
    let text = "What is it? Two cats.";
    let whole = codec.encode(text, false).unwrap();
    for cut in 0..=text.len() {
        let mut script = Script::default();
        script.text(&text[..cut], false);
        script.text(&text[cut..], true);
        let (ids, learned) = flat(&script.pieces(&codec).unwrap());
        assert_eq!(ids, whole);
        let spans = codec.stretch(text).unwrap();
        let expected: Vec<bool> = spans.iter().map(|(_, bytes)| bytes.end > cut).collect();
        assert_eq!(learned, expected, "{cut}");
    }
}

/// Every string comes back from its tokens; SentencePiece loses nothing but what the normalisation of Qwen composes.
#[test]
fn decoding_undoes_encoding() {
    for codec in [
        of_gguf("text/words.gguf", None).unwrap(),
        of_gguf("text/pieces.gguf", None).unwrap(),
        chat(),
    ] {
        for text in strings() {
            let ids = codec.encode(&text, false).unwrap();
            assert_eq!(codec.decode(&ids, true).unwrap(), text);
        }
    }
}

/// What is said token by token adds up to the whole, and no part is a broken character.
#[test]
fn a_stream_says_the_same_and_never_a_part_of_a_character() {
    for codec in [
        of_gguf("text/words.gguf", None).unwrap(),
        of_gguf("text/pieces.gguf", None).unwrap(),
    ] {
        for text in strings() {
            let ids = codec.encode(&text, true).unwrap();
            let mut decoding = codec.decoding();
            let mut said = String::new();
            for &id in &ids {
                let part = decoding.push(id).unwrap();
                assert!(!part.contains('\u{fffd}'), "{part:?} of {text:?}");
                said += &part;
            }
            said += &decoding.finish().unwrap();
            assert_eq!(said, codec.decode(&ids, false).unwrap());
        }
    }
}

/// Half a character at the end, and bytes that are none: they are said at the end, or when waiting makes no sense.
#[test]
fn bytes_that_are_no_text_do_not_hold_up_a_stream() {
    let codec = of_gguf("text/words.gguf", None).unwrap();
    let half = codec.id("ð").unwrap();
    let mut decoding = codec.decoding();
    assert_eq!(decoding.push(half).unwrap(), "");
    assert_eq!(decoding.finish().unwrap(), "\u{fffd}");
    let mut decoding = codec.decoding();
    let mut said = String::new();
    for _ in 0..100 {
        said += &decoding.push(half).unwrap();
    }
    assert!(said.chars().count() > 80, "{said}");
    said += &decoding.push(codec.id("a").unwrap()).unwrap();
    assert!(said.ends_with('a'));
}

#[test]
fn a_token_that_the_model_lacks_is_an_error() {
    let small = TextCodec::of_folder(&fixture("text/chat"), &[], 9).unwrap();
    let error = small.encode("cat", false).unwrap_err();
    assert_eq!(error.code(), "BAD_OPTION");
    assert_eq!(small.encode("<|im_end|>", true).unwrap(), [4]);
}

#[test]
fn a_special_token_that_the_model_lacks_is_an_error() {
    let small = TextCodec::of_folder(&fixture("text/chat"), &[], 3).unwrap();
    let template = Template::new("chatml", &small, &TemplateOptions::default()).unwrap();
    let error = template
        .pieces(&small, &Conversation::new("s1", &["", ""]))
        .unwrap_err();
    assert_eq!(error.code(), "BAD_OPTION");
    assert!(
        error.to_string().contains("beyond the 3 that the model has"),
        "{error}"
    );
}

/// Every cut of "aaa…" is a merge, a number that goes with the square of the longest piece.
#[test]
fn pieces_with_too_many_merges_are_refused() {
    use crate::files::{Metadata, MetadataValue as Value};
    let good = Gguf::open(&fixture("text/pieces.gguf")).unwrap();
    let texts = |key: &str| good.metadata().texts(key).unwrap().unwrap().to_vec();
    let mut tokens = texts("tokenizer.ggml.tokens");
    tokens.extend((2..1024).map(|length| "Q".repeat(length)));
    let count = tokens.len();
    let mut metadata = Metadata(good.metadata().0.clone());
    for (key, value) in [
        ("tokenizer.ggml.tokens", Value::Texts(tokens)),
        ("tokenizer.ggml.scores", Value::Floats(vec![0.0; count])),
    ] {
        metadata.0.remove(key);
        metadata.0.extend([(key.to_owned(), value)]);
    }
    metadata.0.remove("tokenizer.ggml.token_type");
    let reason = TextCodec::of_metadata(&metadata, &[], 1 << 20).err().unwrap();
    assert!(reason.contains("too many cuts"), "{reason}");
}

/// Vocabularies that contradict themselves.
#[test]
fn damaged_vocabularies_are_refused() {
    use crate::files::{Metadata, MetadataValue as Value};
    let good = Gguf::open(&fixture("text/pieces.gguf")).unwrap();
    let texts = |key: &str| good.metadata().texts(key).unwrap().unwrap().to_vec();
    let tokens = texts("tokenizer.ggml.tokens");
    for (key, value, said) in [
        (
            "tokenizer.ggml.tokens",
            Some(Value::Texts(vec!["a".to_owned(); 3])),
            "stands twice",
        ),
        ("tokenizer.ggml.tokens", None, "tokens is missing"),
        ("tokenizer.ggml.tokens", Some(Value::Int(3)), "is an integer"),
        (
            "tokenizer.ggml.scores",
            Some(Value::Floats(vec![0.0])),
            "have 1 scores",
        ),
        (
            "tokenizer.ggml.scores",
            Some(Value::Floats(vec![f32::NAN; tokens.len()])),
            "not numbers",
        ),
        (
            "tokenizer.ggml.token_type",
            Some(Value::Ints(vec![1; 3])),
            "3 types",
        ),
        (
            "tokenizer.ggml.unknown_token_id",
            Some(Value::Int(1 << 40)),
            "not in the vocabulary",
        ),
        (
            "tokenizer.ggml.bos_token_id",
            Some(Value::Int(1 << 20)),
            "bos_token_id is 1048576",
        ),
        (
            "tokenizer.ggml.merges",
            Some(Value::Texts(vec!["ab".to_owned()])),
            "not a merge",
        ),
        (
            "tokenizer.ggml.merges",
            Some(Value::Texts(vec!["zz qq".to_owned()])),
            "out of vocabulary",
        ),
        (
            "tokenizer.ggml.model",
            Some(Value::Text("t5".to_owned())),
            "tokenizer t5",
        ),
    ] {
        let mut metadata = Metadata(good.metadata().0.clone());
        metadata.0.remove(key);
        metadata.0.extend(value.map(|value| (key.to_owned(), value)));
        let reason = TextCodec::of_metadata(&metadata, &[], 1000).err().unwrap();
        assert!(reason.contains(said), "{said}: {reason}");
    }
}

/// Begin, end and tokens of a text by the files beside `tokenizer.json`, as transformers takes them
/// (fixtures/make_marks.py).
#[test]
fn what_files_say_of_tokens_is_obeyed() {
    let golden = std::fs::read_to_string(fixture("marks.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    for case in golden.as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(
            fixture("text/chat/tokenizer.json"),
            folder.path().join("tokenizer.json"),
        )
        .unwrap();
        for (name, content) in case["files"].as_object().unwrap() {
            let text = content
                .as_str()
                .map_or_else(|| content.to_string(), str::to_owned);
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let codec = TextCodec::of_folder(folder.path(), &[], 1000).unwrap();
        let mark = |mark: &Option<Mark>| mark.as_ref().map_or(Value::Null, |mark| mark.text.clone().into());
        let what = &case["case"];
        assert_eq!(mark(&codec.marks().bos), case["bos"], "{what}");
        assert_eq!(mark(&codec.marks().eos), case["eos"], "{what}");
        let text = case["text"].as_str().unwrap();
        assert_eq!(codec.encode(text, true).unwrap(), numbers(&case["ids"]), "{what}");
        let special: Vec<u32> = (0..1000).filter(|&id| codec.is_special(id)).collect();
        assert_eq!(special, numbers(&case["special"]), "{what}");
    }
}

/// Folders that name a tokenizer class are cut as `AutoTokenizer` of transformers 5 cuts them (fixtures/make_classes.py).
#[test]
fn tokenizer_classes_are_built_as_transformers_builds_them() {
    let golden = std::fs::read_to_string(fixture("classes.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let texts: Vec<&str> = golden["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    let groups = golden["groups"].as_array().unwrap();
    assert!(groups.len() > 12);
    let mut faults = Vec::new();
    for group in groups {
        let source = fixture("text").join(group["tokenizer"].as_str().unwrap());
        let wanted: Vec<Vec<u32>> = group["ids"].as_array().unwrap().iter().map(numbers).collect();
        for case in group["folders"].as_array().unwrap() {
            let folder = tempfile::tempdir().unwrap();
            std::fs::copy(&source, folder.path().join("tokenizer.json")).unwrap();
            let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
            write("tokenizer_config.json", case[0].to_string());
            write(
                "config.json",
                serde_json::json!({ "model_type": case[1] }).to_string(),
            );
            let codec = TextCodec::of_folder(folder.path(), &[], 10_000).unwrap();
            let found: Vec<Vec<u32>> = texts
                .iter()
                .map(|text| codec.encode(text, true).unwrap())
                .collect();
            if found != wanted {
                faults.push(format!("{} {case}\n  {found:?}\n  {wanted:?}", source.display()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// As transformers takes them: the one called `default`, of a list or of an object.
#[test]
fn of_several_templates_the_default_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        fixture("text/chat/tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    let of = |templates: Value| {
        let config = serde_json::json!({ "chat_template": templates });
        std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        TextCodec::of_folder(folder.path(), &[], 1000).map(|codec| codec.marks().chat_template.clone())
    };
    let list = serde_json::json!([
        { "name": "tool_use", "template": "a" }, { "name": "default", "template": "b" },
    ]);
    for several in [list, serde_json::json!({ "tool_use": "a", "default": "b" })] {
        assert_eq!(of(several).unwrap().as_deref(), Some("b"));
    }
    let error = of(serde_json::json!({ "tool_use": "a" }))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("chat_template holds tool_use, and none is called `default`"),
        "{error}"
    );
}

/// As transformers with `sanitize_control_tokens`, but for special tokens that are words: texts say words.
#[test]
fn special_tokens_that_are_words_are_cut_as_the_tokenizer_cuts_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        fixture("text/chat/tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    let config = r#"{ "eos_token": "<|im_end|>", "additional_special_tokens": ["cat", "Human_1"] }"#;
    std::fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
    let codec = TextCodec::of_folder(folder.path(), &[], 1000).unwrap();
    let text = "A cat<|im_end|>, Human_1";
    let defused = codec.defused(text);
    let found: Vec<u32> = codec
        .stretch(&defused)
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let special: Vec<u32> = found.iter().copied().filter(|&id| codec.is_special(id)).collect();
    assert_eq!(special, ["cat", "Human_1"].map(|token| codec.id(token).unwrap()));
    assert_eq!(codec.decode(&found, true).unwrap(), text);
    let (place, id) = codec.first_special(text).unwrap();
    assert_eq!((&text[place], Some(id)), ("<|im_end|>", codec.id("<|im_end|>")));
}

#[test]
fn files_that_contradict_each_other_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        fixture("text/chat/tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    let wrong = r#"{ "added_tokens_decoder": { "7": { "content": "</s>", "special": true } } }"#;
    std::fs::write(folder.path().join("tokenizer_config.json"), wrong).unwrap();
    let error = TextCodec::of_folder(folder.path(), &[], 1000).err().unwrap();
    assert!(error.to_string().contains("\"</s>\" is token 7"), "{error}");
    std::fs::write(
        folder.path().join("tokenizer_config.json"),
        r#"{ "eos_token": "<nowhere>" }"#,
    )
    .unwrap();
    let codec = TextCodec::of_folder(folder.path(), &[], 1000).unwrap();
    assert!(codec.notes()[0].contains("\"<nowhere>\""), "{:?}", codec.notes());
}

/// llama.cpp says so, too; a kind that nobody knows is not a kind.
#[test]
fn what_a_gguf_file_leaves_out_or_nobody_knows_is_told() {
    use crate::files::{Metadata, MetadataValue as Kind};
    let good = Gguf::open(&fixture("text/words.gguf")).unwrap();
    let with = |key: &str, value: Option<Kind>| {
        let mut metadata = Metadata(good.metadata().0.clone());
        metadata.0.remove(key);
        metadata.0.extend(value.map(|value| (key.to_owned(), value)));
        TextCodec::of_metadata(&metadata, &[2], 1000)
    };
    assert!(with("", None).unwrap().notes().is_empty());
    let unnamed = with("tokenizer.ggml.pre", None).unwrap();
    assert!(
        unnamed.notes()[0].contains("tokenizer.ggml.pre"),
        "{:?}",
        unnamed.notes()
    );
    let count = good
        .metadata()
        .texts("tokenizer.ggml.tokens")
        .unwrap()
        .unwrap()
        .len();
    let mut kinds = vec![1; count];
    kinds[5] = 9;
    let reason = with("tokenizer.ggml.token_type", Some(Kind::Ints(kinds)))
        .err()
        .unwrap();
    assert!(reason.contains("of the kind 9"), "{reason}");
    // the end of a text is special whatever its kind
    let plain = with("tokenizer.ggml.token_type", Some(Kind::Ints(vec![1; count]))).unwrap();
    assert_eq!(plain.encode("a<|im_end|>", true).unwrap().last(), Some(&2));
}

/// Damaged in any one place, a tokenizer is read or refused, never a panic.
#[test]
fn damaged_tokenizers_do_not_panic() {
    let good = std::fs::read(fixture("text/chat/tokenizer.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut random = Lcg::new(1);
    for _ in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            let state = random.next_u64();
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = b"0123456789{}[]\",:nulltrue"[(state >> 20) as usize % 25];
        }
        std::fs::write(folder.path().join("tokenizer.json"), bytes).unwrap();
        match TextCodec::of_folder(folder.path(), &[], 1000) {
            Ok(codec) => drop(codec.encode("What is it? 12 cats", true)),
            Err(error) => assert_eq!(error.code(), "BAD_MODEL"),
        }
    }
}
