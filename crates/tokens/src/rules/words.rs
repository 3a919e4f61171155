//! Lengths of what a tokenizer holds: the tokens of its vocabulary, and what its table of characters writes.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The longest token of a vocabulary; a vocabulary of another kind has none, and the tokenizers library refuses it.
#[derive(Default)]
pub(super) struct Words {
    pub longest: usize,
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Vocabulary)
    }
}

/// Reads `{"token": 0}` of BPE, WordPiece and WordLevel, and `[["token", -1.5]]` of Unigram, without keeping them.
struct Vocabulary;

impl<'de> Visitor<'de> for Vocabulary {
    type Value = Words;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a vocabulary")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Words, M::Error> {
        let mut longest = 0;
        while let Some((token, IgnoredAny)) = map.next_entry::<Cow<str>, _>()? {
            longest = longest.max(token.len());
        }
        Ok(Words { longest })
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Words, S::Error> {
        let mut longest = 0;
        while let Some(piece) = list.next_element::<Value>()? {
            longest = longest.max(piece[0].as_str().map_or(0, str::len));
        }
        Ok(Words { longest })
    }

    fn visit_unit<E>(self) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Words, E> {
        Ok(Words::default())
    }
}

/// Bytes of the longest text that a table of SentencePiece writes for a character, at least one.
///
/// The table is a size of 32 bits, a trie of so many bytes, and texts that end in a zero; a character may point anywhere into
/// the texts.
pub(super) fn longest_of_charsmap(table: &Value) -> Result<f64, String> {
    let Some(text) = table.as_str() else {
        return Ok(1.0);
    };
    let bad = |reason: &str| format!("its precompiled_charsmap {reason}");
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|error| bad(&format!("is not base64: {error}")))?;
    let (size, rest) = bytes.split_first_chunk().ok_or_else(|| bad("is too short"))?;
    let trie = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
    let texts = rest.get(trie..).ok_or_else(|| bad("is shorter than it says"))?;
    let longest = texts.split(|&byte| byte == 0).map(<[u8]>::len).max();
    Ok(longest.unwrap_or_default().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_of_a_table_counts() {
        let table = |size: u32, rest: &[u8]| {
            let bytes = [&size.to_le_bytes(), rest].concat();
            Value::from(BASE64_STANDARD.encode(bytes))
        };
        assert_eq!(longest_of_charsmap(&table(4, b"\0\0\0\0a\0bcd\0e")), Ok(3.0));
        assert_eq!(longest_of_charsmap(&table(4, b"\0\0\0\0")), Ok(1.0));
        assert_eq!(longest_of_charsmap(&Value::Null), Ok(1.0));
        let long = [b"\0\0\0\0".as_slice(), &[b'a'; 1000]].concat();
        assert_eq!(longest_of_charsmap(&table(4, &long)), Ok(1000.0));
        for (text, said) in [
            (Value::from("??"), "not base64"),
            (Value::from("AAA="), "too short"),
            (table(u32::MAX, b"\0"), "shorter than it says"),
        ] {
            let error = longest_of_charsmap(&text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
