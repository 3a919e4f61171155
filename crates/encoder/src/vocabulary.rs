//! Words of the captions, numbered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What stands for a word that the vocabulary does not hold; a text without any word is this one.
const UNKNOWN: u32 = 0;

/// Words in the order of their frequency; word 0 is the unknown one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Vocabulary {
    words: Vec<String>,
    index: HashMap<String, u32>,
}

impl From<Vec<String>> for Vocabulary {
    fn from(words: Vec<String>) -> Self {
        let index = words.iter().zip(1..).map(|(word, i)| (word.clone(), i)).collect();
        Self { words, index }
    }
}

impl From<Vocabulary> for Vec<String> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.words
    }
}

/// Texts as numbers, padded to the longest of them.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// n × width word numbers.
    pub ids: Arc<[u32]>,
    /// Words of each text, at least one.
    pub lengths: Arc<[usize]>,
    /// Words of the longest text.
    pub width: usize,
}

impl Vocabulary {
    /// Every word of `texts`, the frequent ones first, ties in alphabetical order.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for word in texts.flat_map(words) {
            *counts.entry(word).or_default() += 1;
        }
        let mut counted: Vec<_> = counts.into_iter().collect();
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counted
            .into_iter()
            .map(|(word, _)| word)
            .collect::<Vec<_>>()
            .into()
    }

    /// Entries, the unknown word included.
    pub fn len(&self) -> usize {
        self.words.len() + 1
    }

    /// Whether there is no word but the unknown one.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Numbers of the first `most` words of each text.
    pub fn tokens<'a>(&self, texts: impl Iterator<Item = &'a str>, most: usize) -> Tokens {
        let mut rows: Vec<Vec<u32>> = texts
            .map(|text| {
                let known = words(text).map(|word| self.index.get(&word).copied().unwrap_or(UNKNOWN));
                known.take(most).collect()
            })
            .collect();
        for row in rows.iter_mut().filter(|row| row.is_empty()) {
            row.push(UNKNOWN);
        }
        let width = rows.iter().map(Vec::len).max().unwrap_or(1);
        let lengths = rows.iter().map(Vec::len).collect();
        for row in &mut rows {
            row.resize(width, UNKNOWN);
        }
        Tokens {
            ids: rows.concat().into(),
            lengths,
            width,
        }
    }
}

/// Runs of letters and digits, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_come_first_and_unknown_ones_are_zero() {
        let vocabulary = Vocabulary::of(["red Car", "blue car!", "red-car"].into_iter());
        let tokens = vocabulary.tokens(["car red green", "", "blue"].into_iter(), 2);
        assert_eq!(*tokens.ids, [1, 2, 0, 0, 3, 0]);
        assert_eq!((&*tokens.lengths, tokens.width), (&[2, 1, 1][..], 2));
        let again: Vocabulary = serde_json::from_str(&serde_json::to_string(&vocabulary).unwrap()).unwrap();
        assert_eq!(again.len(), 4);
    }
}
