//! How much longer a tokenizer can make a text: rules that replace a letter by a page fill the memory.

use serde_json::Value;

/// Times that all rules of a tokenizer together may lengthen a text. Published ones write three bytes for a space.
const MOST: f64 = 256.0;
/// Most bytes that a rule may put before a text.
const LONGEST: usize = 256;

/// Whether the rules of a `tokenizer.json` keep texts short, those of the way in and of the way back.
pub(super) fn check(text: &str) -> tokenizers::Result<()> {
    let json: Value = serde_json::from_str(text)?;
    for part in ["normalizer", "pre_tokenizer", "decoder"] {
        let times = times(&json[part])?;
        if times > MOST {
            return Err(format!(
                "its {part} can make a text {times:.0} times as long; at most {MOST} are taken"
            )
            .into());
        }
    }
    Ok(())
}

/// Factor of a rule, or of all in a list, each behind the other.
fn times(rule: &Value) -> tokenizers::Result<f64> {
    let lists = ["normalizers", "pretokenizers", "decoders"];
    let mut product = 1.0;
    for inner in lists.iter().filter_map(|list| rule[*list].as_array()).flatten() {
        product *= times(inner)?;
    }
    let content = rule["content"].as_str().unwrap_or_default().len();
    let own = match rule["type"].as_str() {
        Some("Replace") => replaced(rule, content),
        // decompositions of one character: at most 18, of three bytes each
        Some("NFD" | "NFKD" | "NFC" | "NFKC" | "ByteLevel" | "BertNormalizer") => 3.0,
        Some("Prepend") => {
            let length = rule["prepend"].as_str().unwrap_or_default().len();
            if length > LONGEST {
                return Err(format!(
                    "its rule Prepend puts {length} bytes before a text; at most {LONGEST} are taken"
                )
                .into());
            }
            1.0
        }
        _ => 1.0,
    };
    Ok(product * own)
}

/// Factor of a rule that writes `content` bytes for what it finds: a letter at least, or nothing at all by an expression.
fn replaced(rule: &Value, content: usize) -> f64 {
    match rule["pattern"]["String"].as_str() {
        Some(found) => (content as f64 / found.len().max(1) as f64).max(1.0),
        None => content as f64 + 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_multiply_a_text_are_refused_by_name() {
        let replace = |content: &str| serde_json::json!({ "type": "Replace", "pattern": { "String": "a" }, "content": content });
        let with = |part: &str, rules: Vec<Value>| {
            let list = if part == "decoder" {
                "decoders"
            } else {
                "normalizers"
            };
            serde_json::json!({ part: { "type": "Sequence", list: rules } }).to_string()
        };
        let eight = || replace(&"a".repeat(8));
        assert!(check(&with("normalizer", vec![eight(), eight()])).is_ok());
        for part in ["normalizer", "decoder"] {
            let error = check(&with(part, vec![eight(), eight(), eight()])).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains(&format!("its {part} can make a text 512 times")),
                "{error}"
            );
        }
        let long = serde_json::json!({ "normalizer": { "type": "Prepend", "prepend": "a".repeat(1000) } });
        assert!(
            check(&long.to_string())
                .unwrap_err()
                .to_string()
                .contains("Prepend")
        );
        let empty =
            serde_json::json!({ "type": "Replace", "pattern": { "Regex": "" }, "content": "a".repeat(300) });
        assert!(check(&with("normalizer", vec![empty])).is_err());
    }
}
