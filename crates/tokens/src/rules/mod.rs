//! What a `tokenizer.json` may do to a text, checked before the tokenizers library builds it: rules that replace a letter by a
//! page fill the memory, and patterns that try every way take minutes.

mod pattern;
mod words;

use serde::Deserialize;
use serde_json::Value;

use words::Words;

/// Times that all rules of one part together may lengthen a text. Published ones stay below 100.
const MOST_GROWTH: f64 = 256.0;
/// Rules of a file; published ones have about ten.
const MOST_RULES: usize = 256;
/// Bytes that a rule may put before a text or a word, or behind it.
const LONGEST_AFFIX: usize = 256;
/// Tokens that a file may put around a text.
const MOST_MARKS: usize = 256;
/// Letters of a word that WordPiece cuts; it tries all parts of a word. Published ones have 100.
const LONGEST_WORD: u64 = 512;
/// Bytes of a token; the longest of published vocabularies have 300.
const LONGEST_TOKEN: usize = 2048;
/// Bytes of all added tokens together, once the rules have lengthened them.
const MOST_ADDED: f64 = 256e6;
/// Bytes of a text that is made into tokens.
const LONGEST_TEXT: usize = 4 << 20;
/// The same, once the rules have lengthened it.
const LONGEST_GROWN: f64 = 64e6;

/// The rules of a tokenizer, found to be bounded.
#[derive(Debug, Clone, Copy)]
pub struct TokenizerRules {
    growth: f64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    normalizer: Value,
    pre_tokenizer: Value,
    post_processor: Value,
    decoder: Value,
    added_tokens: Vec<Value>,
    model: Model,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Model {
    vocab: Words,
    continuing_subword_prefix: Value,
    end_of_word_suffix: Value,
    max_input_chars_per_word: Value,
}

impl TokenizerRules {
    /// Checks the rules of a `tokenizer.json`.
    ///
    /// # Errors
    /// What a rule does beyond its bound, or why the file is not JSON of a tokenizer.
    pub fn check(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let parts = [
            ("normalizer", &file.normalizer),
            ("pre_tokenizer", &file.pre_tokenizer),
            ("decoder", &file.decoder),
            ("post_processor", &file.post_processor),
        ];
        let rules: usize = parts.iter().map(|(_, part)| count(part)).sum();
        if rules > MOST_RULES {
            return Err(format!("it has {rules} rules; at most {MOST_RULES} are taken"));
        }
        let mut growth = 1.0;
        for (name, part) in &parts[..3] {
            let times = times(part)?;
            if times > MOST_GROWTH {
                return Err(format!(
                    "its {name} can make a text {times:.0} times as long; at most {MOST_GROWTH} are taken"
                ));
            }
            // what the decoder does is done to answers
            if *name != "decoder" {
                growth *= times;
            }
        }
        marks(&file.post_processor)?;
        file.model.check()?;
        added(&file.added_tokens, growth)?;
        Ok(Self { growth })
    }

    /// Whether a text is short enough to be made into tokens in bounded memory.
    ///
    /// # Errors
    /// How long the text is, and how long it may be.
    pub fn takes(&self, text: &str) -> Result<(), String> {
        let bytes = text.len();
        #[allow(clippy::cast_sign_loss, reason = "both are positive")]
        let most = LONGEST_TEXT.min((LONGEST_GROWN / self.growth) as usize);
        if bytes > most {
            return Err(format!("a text has {bytes} bytes; at most {most} are taken"));
        }
        Ok(())
    }
}

impl Default for TokenizerRules {
    /// Those of a tokenizer that is built here: it writes three bytes for a blank.
    fn default() -> Self {
        Self { growth: 3.0 }
    }
}

/// Rules in a list.
fn inner(rule: &Value) -> impl Iterator<Item = &Value> {
    ["normalizers", "pretokenizers", "decoders", "processors"]
        .into_iter()
        .filter_map(|list| rule[list].as_array())
        .flatten()
}

fn count(rule: &Value) -> usize {
    1 + inner(rule).map(count).sum::<usize>()
}

/// How often as long a rule makes a text, or all in a list, each behind the other.
fn times(rule: &Value) -> Result<f64, String> {
    let mut product = 1.0;
    for each in inner(rule) {
        product *= times(each)?;
    }
    let least = match rule["pattern"]["Regex"].as_str() {
        Some(expression) => pattern::check(expression)?,
        None => rule["pattern"]["String"].as_str().map_or(0, str::len),
    };
    let own = match rule["type"].as_str() {
        Some("Replace") => {
            let content = rule["content"].as_str().unwrap_or_default().len() as f64;
            // what matches nothing at all is found between all letters
            if least == 0 {
                content + 1.0
            } else {
                (content / least as f64).max(1.0)
            }
        }
        // decompositions of one character: at most 18, of three bytes each
        Some("NFD" | "NFKD" | "NFC" | "NFKC" | "ByteLevel" | "BertNormalizer") => 3.0,
        Some("Precompiled") => words::longest_of_charsmap(&rule["precompiled_charsmap"])?,
        Some("Prepend") => {
            affix("Prepend", &rule["prepend"])?;
            1.0
        }
        _ => 1.0,
    };
    Ok(product * own)
}

fn affix(what: &str, value: &Value) -> Result<(), String> {
    let bytes = value.as_str().unwrap_or_default().len();
    if bytes > LONGEST_AFFIX {
        return Err(format!(
            "its {what} has {bytes} bytes; at most {LONGEST_AFFIX} are taken"
        ));
    }
    Ok(())
}

/// A text may stand once in a template, between a bounded number of tokens.
fn marks(rule: &Value) -> Result<(), String> {
    for each in inner(rule) {
        marks(each)?;
    }
    for kind in ["single", "pair"] {
        let pieces: &[Value] = rule[kind].as_array().map_or(&[], Vec::as_slice);
        let mut texts = [0, 0];
        let mut tokens = 0;
        for piece in pieces {
            if let Some(id) = piece["Sequence"]["id"].as_str() {
                texts[usize::from(id == "B")] += 1;
            } else if let Some(id) = piece["SpecialToken"]["id"].as_str() {
                tokens += rule["special_tokens"][id]["ids"].as_array().map_or(1, Vec::len);
            }
        }
        if texts.iter().any(|&count| count > 1) {
            return Err(format!("its post_processor repeats a text ({kind})"));
        }
        if tokens > MOST_MARKS {
            return Err(format!(
                "its post_processor puts {tokens} tokens around a text; at most {MOST_MARKS} are taken"
            ));
        }
    }
    Ok(())
}

impl Model {
    fn check(&self) -> Result<(), String> {
        affix("continuing_subword_prefix", &self.continuing_subword_prefix)?;
        affix("end_of_word_suffix", &self.end_of_word_suffix)?;
        let letters = &self.max_input_chars_per_word;
        if letters
            .as_f64()
            .is_some_and(|letters| letters > LONGEST_WORD as f64)
        {
            return Err(format!(
                "max_input_chars_per_word is {letters}; at most {LONGEST_WORD} are taken"
            ));
        }
        token_length(self.vocab.longest)
    }
}

fn token_length(bytes: usize) -> Result<(), String> {
    if bytes > LONGEST_TOKEN {
        return Err(format!(
            "it has a token of {bytes} bytes; at most {LONGEST_TOKEN} are taken"
        ));
    }
    Ok(())
}

/// Added tokens are normalized as texts are, all of them when the file is opened.
fn added(tokens: &[Value], growth: f64) -> Result<(), String> {
    let lengths = tokens
        .iter()
        .map(|token| token["content"].as_str().map_or(0, str::len));
    token_length(lengths.clone().max().unwrap_or_default())?;
    let all = lengths.sum::<usize>() as f64 * growth;
    if all > MOST_ADDED {
        return Err(format!(
            "its added tokens become {all:.0} bytes; at most {MOST_ADDED:.0} are taken"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(file: &Value) -> String {
        TokenizerRules::check(&file.to_string()).unwrap_err()
    }

    fn replace(content: &str) -> Value {
        json!({ "type": "Replace", "pattern": { "String": "a" }, "content": content })
    }

    #[test]
    fn rules_that_multiply_a_text_are_refused_by_name() {
        let with = |part: &str, rules: Vec<Value>| {
            let list = if part == "decoder" {
                "decoders"
            } else {
                "normalizers"
            };
            json!({ part: { "type": "Sequence", list: rules } })
        };
        let eight = || replace(&"a".repeat(8));
        let two = with("normalizer", vec![eight(), eight()]);
        let rules = TokenizerRules::check(&two.to_string()).unwrap();
        assert!(rules.takes(&"a".repeat(900_000)).is_ok());
        assert!(
            rules
                .takes(&"a".repeat(1_100_000))
                .unwrap_err()
                .contains("at most 1000000")
        );
        for part in ["normalizer", "decoder"] {
            let error = refused(&with(part, vec![eight(), eight(), eight()]));
            assert!(
                error.contains(&format!("its {part} can make a text 512 times")),
                "{error}"
            );
        }
        let empty = json!({ "type": "Replace", "pattern": { "Regex": "" }, "content": "a".repeat(300) });
        assert!(refused(&with("normalizer", vec![empty])).contains("301 times"));
        let spaces = json!({ "type": "Replace", "pattern": { "Regex": " {2,}" }, "content": " " });
        assert!(TokenizerRules::check(&with("normalizer", vec![spaces; 20]).to_string()).is_ok());
        let many = with("normalizer", vec![json!({ "type": "Lowercase" }); 300]);
        assert!(refused(&many).contains("rules; at most 256"));
    }

    #[test]
    fn what_stands_before_behind_and_around_a_text_is_bounded() {
        let long = "a".repeat(1000);
        assert!(
            refused(&json!({ "normalizer": { "type": "Prepend", "prepend": long } })).contains("Prepend")
        );
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            assert!(refused(&json!({ "model": { key: long } })).contains(key));
        }
        let template = |pieces: Vec<Value>| {
            json!({ "post_processor": { "type": "Sequence", "processors": [
                { "type": "TemplateProcessing", "single": pieces, "pair": [],
                  "special_tokens": { "<s>": { "id": "<s>", "ids": vec![1; 100], "tokens": vec!["<s>"; 100] } } }
            ] } })
        };
        let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
        let mark = json!({ "SpecialToken": { "id": "<s>", "type_id": 0 } });
        assert!(refused(&template(vec![text.clone(), text.clone()])).contains("repeats a text (single)"));
        let marks = template(vec![mark.clone(), mark.clone(), text.clone(), mark.clone()]);
        assert!(refused(&marks).contains("puts 300 tokens"));
        let fits = template(vec![mark.clone(), text, mark]);
        assert!(TokenizerRules::check(&fits.to_string()).is_ok());
    }

    #[test]
    fn words_and_tokens_are_bounded() {
        let word = json!({ "model": { "max_input_chars_per_word": 1e9 } });
        assert!(refused(&word).contains("max_input_chars_per_word is 1000000000"));
        let long = "a".repeat(3000);
        for vocab in [
            json!({ "b": 0, long.as_str(): 1 }),
            json!([["b", 0.0], [long, -1.5]]),
        ] {
            assert!(refused(&json!({ "model": { "vocab": vocab } })).contains("a token of 3000 bytes"));
        }
        for vocab in [
            json!(null),
            json!([1, [], [2, "a"]]),
            json!({ "a": [] }),
            json!("a"),
            json!(true),
        ] {
            assert!(TokenizerRules::check(&json!({ "model": { "vocab": vocab } }).to_string()).is_ok());
        }
        assert!(refused(&json!({ "added_tokens": [{ "content": long }] })).contains("3000 bytes"));
        let token = json!({ "content": "a".repeat(2000) });
        let many = json!({ "normalizer": replace(&"a".repeat(200)), "added_tokens": vec![token; 700] });
        assert!(refused(&many).contains("added tokens become 280000000"));
    }

    #[test]
    fn a_file_that_is_none_is_an_error() {
        for text in ["", "7", "{\"added_tokens\": 1}"] {
            assert!(TokenizerRules::check(text).is_err(), "{text}");
        }
    }
}
