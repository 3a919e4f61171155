//! SmolLM2's tokens and its template, from its GGUF file.

use std::path::Path;

use modality_gap_revision::{Conversation, ModelFiles, Piece, Template, TemplateOptions, TextCodec};
use serde_json::Value;

mod material;

fn golden(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn codec() -> TextCodec {
    TextCodec::open(&ModelFiles::open(material::smollm2()).unwrap()).unwrap()
}

/// As tokenizers gives them with the rules of SmolLM2's tokenizer.json, and llama.cpp for this file.
#[test]
fn tokens_are_those_of_two_others() {
    let (codec, golden) = (codec(), golden("text.json"));
    let strings: Vec<String> = serde_json::from_value(golden["strings"].clone()).unwrap();
    let expected: Vec<[Vec<u32>; 2]> = serde_json::from_value(golden["smollm2"].clone()).unwrap();
    for (text, [parsed, plain]) in strings.iter().zip(&expected) {
        assert_eq!(&codec.encode(text, true).unwrap(), parsed, "{text:?}");
        assert_eq!(&codec.encode(text, false).unwrap(), plain, "{text:?}");
        assert_eq!(&codec.decode(plain, true).unwrap(), text);
    }
}

/// The prompt of the golden logits; its template writes a system text of its own.
#[test]
fn its_own_template_and_chatml_write_the_prompt() {
    let codec = codec();
    let wanted: Vec<u32> =
        serde_json::from_value(golden("smollm2.json")["prompts"]["chat"]["ids"].clone()).unwrap();
    let wanted = [Piece::Tokens {
        ids: wanted,
        learn: false,
    }];
    let mut question = Conversation::new("capital", &["What is the capital of France?"]);
    let template = |name| Template::new(name, &codec, TemplateOptions::default()).unwrap();
    let own = template("model");
    assert_eq!(own.prompt(&codec, &question).unwrap(), wanted);
    assert_eq!(own.ends(), [codec.id("<|im_end|>").unwrap()]);
    question.system = Some("You are a helpful AI assistant named SmolLM, trained by Hugging Face".to_owned());
    assert_eq!(template("chatml").prompt(&codec, &question).unwrap(), wanted);
}
