//! What rows are called, and what other arrays of numbers are: keys of records, columns of tables.

/// Last words of the names of arrays that are no rows unless they are chosen: shapes, places, tokens, packed bits.
const NOT_ROWS: [&str; 12] = [
    "bbox", "binary", "box", "dims", "ids", "mask", "shape", "size", "sort", "strides", "tokens", "ubinary",
];

/// Whether a word of a key is one that rows are called by: `image_embedding`, `textVec`, `clip_emb`, `vectors`; not `members`.
pub(super) fn is_called_row(key: &str) -> bool {
    const ENDS: [&str; 10] = [
        "emb",
        "embs",
        "embed",
        "embeds",
        "embedding",
        "embeddings",
        "vec",
        "vecs",
        "vector",
        "vectors",
    ];
    words(key).any(|word| {
        ["emb", "vec"].iter().any(|begin| word.starts_with(begin))
            || ENDS.iter().any(|end| word.ends_with(end))
    })
}

/// Whether the last word of a key is one that rows are called by.
pub(super) fn ends_as_row(key: &str) -> bool {
    words(key).last().is_some_and(|word| is_called_row(&word))
}

/// Words of a key in small letters, each with what follows it: `imageSize` and `image_size` end in `size`.
fn words(key: &str) -> impl Iterator<Item = String> {
    let parts = key.split(|c: char| !c.is_alphanumeric());
    parts.flat_map(|part| {
        let next = part.char_indices().skip(1);
        let humps = part
            .chars()
            .zip(next)
            .filter(|(before, (_, c))| before.is_lowercase() && c.is_uppercase());
        let begins = std::iter::once(0).chain(humps.map(|(_, (at, _))| at));
        begins.map(|at| part[at..].to_lowercase())
    })
}

/// Whether a key ends in a word that other arrays of numbers are called by.
pub(super) fn is_no_row(key: &str) -> bool {
    words(key)
        .last()
        .is_some_and(|word| NOT_ROWS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_called_by_whole_words() {
        for key in [
            "embedding",
            "image_embedding",
            "imageEmbedding",
            "clip_emb",
            "textVec",
            "imgvec",
            "VECTORS",
            "emb0",
            "e5-embeddings",
            "vec_512",
            "sentenceembedding",
        ] {
            assert!(is_called_row(key), "{key}");
        }
        for key in [
            "members",
            "ensemble_scores",
            "member_ids",
            "September",
            "convection",
            "features",
            "",
        ] {
            assert!(!is_called_row(key), "{key}");
        }
    }
}
