//! The model's own template, in Jinja.

use super::templates::{TWO, shown, template};
use super::*;

/// Tokenizers with each of the templates in Jinja.
pub(super) fn own() -> Vec<(String, TextCodec)> {
    ["chatml", "headers", "inst", "marked", "macro"]
        .map(|name| (name.to_owned(), with_template(name)))
        .into()
}

fn with_template(name: &str) -> TextCodec {
    let source = std::fs::read_to_string(fixture(&format!("text/chat/{name}.jinja"))).unwrap();
    with_source(&source)
}

fn with_source(source: &str) -> TextCodec {
    let folder = tempfile::tempdir().unwrap();
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture("text/chat").join(file), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join("chat_template.jinja"), source).unwrap();
    TextCodec::of_folder(folder.path(), &[], 1000).unwrap()
}

fn conversation(turns: &Value) -> Conversation {
    let turns = turns.as_array().unwrap().iter();
    let mut turns: Vec<(&str, &str)> = turns
        .map(|turn| (turn[0].as_str().unwrap(), turn[1].as_str().unwrap()))
        .collect();
    let system = (turns[0].0 == "system").then(|| turns.remove(0).1.to_owned());
    let texts: Vec<&str> = turns.into_iter().map(|(_, text)| text).collect();
    Conversation {
        system,
        ..Conversation::new("golden", &texts)
    }
}

/// Text and tokens of transformers' `apply_chat_template`, samples and prompts; and its mask where it makes one.
///
/// Tokens are compared as text where a token of theirs lies on both sides of a border, which ours never do.
#[test]
fn own_templates_are_written_as_by_transformers() {
    for case in golden()["chat"].as_array().unwrap() {
        let name = case["template"].as_str().unwrap();
        let codec = with_template(name);
        let template = template("model", &codec);
        let conversation = conversation(&case["turns"]);
        let (ids, learned) = flat(&template.pieces(&codec, &conversation).unwrap());
        assert_eq!(
            codec.decode(&ids, true).unwrap(),
            case["text"].as_str().unwrap(),
            "{name}"
        );
        let theirs = numbers(&case["ids"]);
        assert_eq!(ids, theirs, "{name}");
        if !case["mask"].is_null() {
            let mask: Vec<bool> = numbers(&case["mask"]).into_iter().map(|flag| flag == 1).collect();
            assert_eq!(learned, mask, "{name}");
        }
        let mut asked = conversation.clone();
        asked.turns.pop();
        let (prompt, learned) = flat(&template.prompt(&codec, &asked).unwrap());
        assert_eq!(prompt, numbers(&case["prompt"]), "{name}");
        assert!(!learned.contains(&true));
    }
}

/// Found by rendering with and without the answer, or by the template's marks: by hand, the answer and its end.
#[test]
fn own_templates_learn_the_answer_and_its_end() {
    let answers = |name: &str| {
        let codec = with_template(name);
        let pieces = template("model", &codec)
            .pieces(&codec, &Conversation::new("s", &TWO))
            .unwrap();
        let learned = pieces
            .iter()
            .filter(|piece| matches!(piece, Piece::Tokens { learn: true, .. }));
        learned
            .map(|piece| shown(&codec, std::slice::from_ref(piece)))
            .collect::<Vec<_>>()
    };
    assert_eq!(answers("chatml"), ["«A cat.<|im_end|>»", "«Here<|im_end|>»"]);
    assert_eq!(answers("macro"), ["«A cat.<|im_end|>»", "«Here<|im_end|>»"]);
    assert_eq!(answers("headers"), ["«A cat.<|eot_id|>»", "«Here<|eot_id|>»"]);
    assert_eq!(answers("inst"), ["« A cat. </s>»", "« Here </s>»"]);
    assert_eq!(answers("marked"), ["«A cat.<|im_end|>\n»", "«Here<|im_end|>\n»"]);
}

/// The same conversation by the template in Jinja and by ours.
#[test]
fn our_templates_equal_their_jinja() {
    let mut conversation = Conversation::new("s", &TWO);
    conversation.system = Some("Be brief.".to_owned());
    for (jinja, ours) in [("inst", "llama-2"), ("chatml", "chatml")] {
        let codec = with_template(jinja);
        let own = template("model", &codec).pieces(&codec, &conversation).unwrap();
        let mut built_in = template(ours, &codec).pieces(&codec, &conversation).unwrap();
        if ours == "chatml" {
            // the template itself writes no beginning
            let Piece::Tokens { ids, .. } = &mut built_in[0] else {
                unreachable!()
            };
            ids.remove(0);
        }
        assert_eq!(own, built_in, "{jinja}");
    }
}

/// Rewriting earlier answers, as templates that drop thoughts do.
#[test]
fn a_template_that_rewrites_earlier_answers_is_refused() {
    let source = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and not loop.last %}\
                  {{ m.content.split(' ')[-1] }}{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}\
                  {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let codec = with_source(source);
    let template = template("model", &codec);
    assert!(
        template
            .pieces(&codec, &Conversation::new("s", &["a", "b c"]))
            .is_ok()
    );
    let error = template
        .pieces(&codec, &Conversation::new("s", &["a", "b c", "d", "e"]))
        .unwrap_err();
    assert!(
        error.to_string().contains("sample s: ") && error.to_string().contains("message 2, the assistant's"),
        "{error}"
    );
}

/// Templates are code of strangers: what they compute is bounded, and they see nothing.
#[test]
fn hostile_templates_are_stopped() {
    let double = "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}";
    let recursive = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    for source in [
        double,
        nested,
        recursive,
        "{{ 'a' * 999999999999 }}",
        "{{ range(999999999999) | list }}",
    ] {
        let codec = with_source(source);
        let error = template("model", &codec)
            .prompt(&codec, &Conversation::new("s", &["a"]))
            .unwrap_err();
        assert_eq!(error.code(), "BAD_SAMPLE", "{source}: {error}");
    }
    for source in ["{% if %}", "{{", "{% generation %}"] {
        let codec = with_source(source);
        let error = Template::new("model", &codec, &TemplateOptions::default())
            .err()
            .unwrap();
        assert_eq!(error.code(), "BAD_MODEL", "{source}");
        assert!(error.file().unwrap().ends_with("chat_template.jinja"));
    }
    let codec = with_source("{% include '/etc/passwd' %}{{ messages.__class__ }}");
    if let Ok(template) = Template::new("model", &codec, &TemplateOptions::default()) {
        assert!(template.prompt(&codec, &Conversation::new("s", &["a"])).is_err());
    }
    let codec = with_source("{{ raise_exception('no pictures please') }}");
    let error = template("model", &codec)
        .prompt(&codec, &Conversation::new("s", &["a"]))
        .unwrap_err();
    assert!(error.to_string().contains("no pictures please"), "{error}");
}

/// Not one word of it, or not all of it; of the system, the user or the assistant.
#[test]
fn what_a_template_leaves_out_is_an_error() {
    let conversation = Conversation {
        system: Some("Be brief.".to_owned()),
        ..Conversation::new("s", &["what?", "A red fox.", "and now?", "Gone."])
    };
    for (source, message) in [
        (
            "{% if messages|length > 9 %}text{% endif %}",
            "message 1, the system's",
        ),
        (
            "{% for m in messages if m.role != 'system' %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
            "message 1, the system's",
        ),
        (
            "{% for m in messages if m.role != 'user' %}{{ m.content }}\n{% endfor %}",
            "message 2, the user's",
        ),
        (
            "{% for m in messages %}{{ m.content[:8] }}\n{% endfor %}",
            "message 1, the system's",
        ),
        (
            "{% for m in messages[:2] + messages[-1:] %}{{ m.content }}\n{% endfor %}",
            "message 3, the assistant's",
        ),
        (
            "{% for m in messages %}{{ m.text }}\n{% endfor %}",
            "message 1, the system's",
        ),
        (
            "{% for m in messages %}{{ m.content | upper }}\n{% endfor %}",
            "message 1, the system's",
        ),
    ] {
        let codec = with_source(source);
        let error = template("model", &codec)
            .pieces(&codec, &conversation)
            .unwrap_err();
        assert_eq!(error.code(), "BAD_SAMPLE");
        assert!(error.to_string().contains(message), "{source}: {error}");
    }
    let codec = with_source("{{ messages | length }}");
    let error = template("model", &codec)
        .prompt(&codec, &Conversation::new("s", &["what?"]))
        .unwrap_err();
    assert!(error.to_string().contains("message 1, the user's"), "{error}");
}

/// transformers gives a template every token that the files name (special_tokens_map of PreTrainedTokenizerBase).
#[test]
fn a_template_is_told_of_every_named_token() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::copy(
        fixture("text/chat").join("tokenizer.json"),
        place("tokenizer.json"),
    )
    .unwrap();
    let source =
        "{{ audio_token }}{{ image_token }}{{ boi }}{{ cls_token }}{{ sep_token }}|{{ messages[0].content }}";
    let config = serde_json::json!({
        "cls_token": "<s>", "image_token": { "__type": "AddedToken", "content": "</s>" },
        // transformers 5.24 passes over an object that does not say what it is
        "audio_token": { "content": "<s>" }, "extra_special_tokens": { "boi": "<|im_start|>" },
        "add_bos_token": true, "sep_token": null,
    });
    std::fs::write(place("tokenizer_config.json"), config.to_string()).unwrap();
    // where processors kept templates
    let processor = serde_json::json!({ "chat_template": source });
    std::fs::write(place("chat_template.json"), processor.to_string()).unwrap();
    let codec = TextCodec::of_folder(folder.path(), &[], 1000).unwrap();
    let pieces = template("model", &codec)
        .prompt(&codec, &Conversation::new("s", &["a"]))
        .unwrap();
    let (ids, _) = flat(&pieces);
    assert_eq!(codec.decode(&ids, true).unwrap(), "</s><|im_start|><s>|a");
    let config = serde_json::json!({ "split_special_tokens": true });
    std::fs::write(place("tokenizer_config.json"), config.to_string()).unwrap();
    let error = TextCodec::of_folder(folder.path(), &[], 1000).err().unwrap();
    assert!(error.to_string().contains("split_special_tokens"), "{error}");
}

#[test]
fn the_day_is_the_one_that_was_given() {
    let codec = with_source("{{ strftime_now('%d %b %Y') }}{{ messages[0].content }}");
    let options = TemplateOptions {
        now: 951_782_400,
        ..TemplateOptions::default()
    };
    let dated = Template::new("model", &codec, &options).unwrap();
    let pieces = dated.prompt(&codec, &Conversation::new("s", &["a"])).unwrap();
    assert_eq!(shown(&codec, &pieces), "29 Feb 2000a");
}
