//! What tells the files of one source apart: the numbers or names in their file names.
//!
//! `img_emb_0.npy` and `text_emb_0.npy` belong together because both are number 0 of their folder, wherever they stand in
//! it. Words that all files of a source share say nothing; numbers count by value, so `0003` is `3`.

use std::path::Path;

/// The part of each name that the others do not share; equal parts in two sources name the same shard.
///
/// `names` are paths, with a selector behind where one file gives several shards. One name alone shares nothing with others:
/// the numbers of its file name are taken.
pub fn shard_keys(names: &[String]) -> Vec<String> {
    if let [only] = names {
        return vec![numbers_of(only)];
    }
    let words: Vec<Vec<String>> = names.iter().map(|name| words_of(name)).collect();
    let keys = without_shared_places(&words).unwrap_or_else(|| without_shared_words(&words));
    keys.iter().map(|key| key.join(" ")).collect()
}

/// The numbers in a file name, by value.
pub fn numbers_of(name: &str) -> String {
    let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy());
    let words = words_of(stem.as_deref().unwrap_or(name));
    let numbers: Vec<String> = words.into_iter().filter(|word| is_number(word)).collect();
    numbers.join(" ")
}

/// Whether two names may be of one shard: not where each has a number that the other lacks.
pub fn same_numbers(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|name| {
        numbers_of(name)
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let lacks = |these: &[String], those: &[String]| {
        let mut left = those.to_vec();
        these.iter().any(|number| !take(&mut left, number))
    };
    !(lacks(&a, &b) && lacks(&b, &a))
}

/// The number that a key is, where it is one.
pub fn number_of(key: &str) -> Option<u64> {
    key.parse().ok().filter(|_| is_number(key))
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Runs of digits without leading zeros, and runs of other letters in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut kind = None;
    for letter in name.chars() {
        let next = letter.is_alphanumeric().then_some(letter.is_ascii_digit());
        match (next, kind == next, words.last_mut()) {
            (None, ..) => {}
            (Some(_), true, Some(word)) => word.extend(letter.to_lowercase()),
            _ => words.push(letter.to_lowercase().collect()),
        }
        kind = next;
    }
    for word in words.iter_mut().filter(|word| is_number(word)) {
        let zeros = word.bytes().take_while(|&byte| byte == b'0').count();
        word.replace_range(..zeros.min(word.len() - 1), "");
    }
    words
}

/// The words at the places where names differ, where all names have equally many.
fn without_shared_places(words: &[Vec<String>]) -> Option<Vec<Vec<String>>> {
    let (first, rest) = words.split_first()?;
    if rest.iter().any(|other| other.len() != first.len()) {
        return None;
    }
    let differs: Vec<bool> = (0..first.len())
        .map(|place| rest.iter().any(|other| other[place] != first[place]))
        .collect();
    let key = |words: &Vec<String>| {
        let kept = words.iter().zip(&differs).filter(|(_, differs)| **differs);
        kept.map(|(word, _)| word.clone()).collect()
    };
    Some(words.iter().map(key).collect())
}

/// The words that are left when each name gives up what every name has.
fn without_shared_words(words: &[Vec<String>]) -> Vec<Vec<String>> {
    let Some((first, rest)) = words.split_first() else {
        return Vec::new();
    };
    let mut shared = first.clone();
    for other in rest {
        let mut left = other.clone();
        shared.retain(|word| take(&mut left, word));
    }
    let key = |words: &Vec<String>| {
        let mut shared = shared.clone();
        words
            .iter()
            .filter(|word| !take(&mut shared, word))
            .cloned()
            .collect()
    };
    words.iter().map(key).collect()
}

fn take(words: &mut Vec<String>, word: &str) -> bool {
    let found = words.iter().position(|other| other == word);
    found.map(|at| words.swap_remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<String> {
        shard_keys(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_side_the_zeros_and_the_words_that_all_share_do_not_matter() {
        for names in [
            ["img_emb/img_emb_0.npy", "img_emb/img_emb_3.npy"],
            ["text/0000.parquet", "text/0003.parquet"],
            [
                "vit-b-32/part-00000-of-00004.npy",
                "vit-b-32/part-00003-of-00004.npy",
            ],
            ["0_of_3.npy", "3_of_3.npy"],
            ["run1/part0/rows.npy", "run1/part3/rows.npy"],
            ["a.npz#0", "a.npz#3"],
        ] {
            assert_eq!(keys(&names), ["0", "3"], "{names:?}");
        }
        assert_eq!(keys(&["cats_img.npy", "Two-dogs_img.npy"]), ["cats", "two dogs"]);
        assert_eq!(keys(&["1_2.npy", "2_1.npy"]), ["1 2", "2 1"]);
    }

    #[test]
    fn one_name_alone_is_told_by_its_numbers() {
        assert_eq!(keys(&["/data/2024/img_emb_03.npy"]), ["3"]);
        assert_eq!(keys(&["/data/2024/images.npy"]), [""]);
        assert!(
            same_numbers("img_emb_0.npy", "text_emb_000.npy") && same_numbers("vit-b-32_0.npy", "meta_0.csv")
        );
        assert!(same_numbers("0-of-1.npy", "0.npy") && same_numbers("images.npy", "text_1.npy"));
        assert!(!same_numbers("img_emb_0.npy", "text_emb_1.npy") && !same_numbers("b32_0.npy", "b32_1.npy"));
        assert_eq!(number_of("3"), Some(3));
        assert_eq!(
            (number_of(""), number_of("3 4"), number_of("a")),
            (None, None, None)
        );
    }
}
