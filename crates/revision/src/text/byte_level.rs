//! Byte-level BPE from the metadata of a GGUF file.
//!
//! The file names the rule by which text is cut into words before merging; the rules are llama.cpp's and those of the
//! models' own `tokenizer.json`. A name that is not known is refused: another rule would give other tokens silently.

use modality_gap_tokens::QWEN2_WORDS;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use crate::files::Metadata;

/// Words of Llama 3: digits in groups of three.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Words of Mistral's Tekken: capitals begin a word.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// GPT-2's words.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// What llama.cpp does for files that name no rule, cut after cut.
const DEFAULT: [&str; 4] = [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"];

/// A rule by its name in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Llama3,
    Tekken,
    Qwen2,
    SmolLm,
    Gpt2,
    Default,
}

impl Rule {
    fn of(metadata: &Metadata) -> Result<Self, String> {
        Ok(match metadata.text("tokenizer.ggml.pre")? {
            Some("llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" | "dbrx") => Self::Llama3,
            Some("tekken") => Self::Tekken,
            Some("qwen2" | "deepseek-r1-qwen" | "megrez" | "stablelm2") => Self::Qwen2,
            Some("smollm" | "starcoder" | "refact" | "codeshell") => Self::SmolLm,
            Some("gpt-2" | "mpt" | "olmo" | "phi-2") => Self::Gpt2,
            Some("default") | None => Self::Default,
            Some(other) => {
                return Err(format!(
                    "words are cut by the rule {other} (tokenizer.ggml.pre), which is not known here; llama-bpe, \
                     tekken, qwen2, smollm, gpt-2 and default are"
                ));
            }
        })
    }

    /// Whether a word that is a token is taken as it is, before any merge.
    fn whole_words(self) -> bool {
        matches!(self, Self::Llama3 | Self::Tekken)
    }

    fn pre_tokenizer(self) -> Result<PreTokenizerWrapper, String> {
        let cut = |pattern: &str| {
            let pattern = SplitPattern::Regex(pattern.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
            split
                .map(PreTokenizerWrapper::from)
                .map_err(|error| error.to_string())
        };
        let mut stages = match self {
            Self::Llama3 => vec![cut(LLAMA3)?],
            Self::Tekken => vec![cut(TEKKEN)?],
            Self::Qwen2 => vec![cut(QWEN2_WORDS)?],
            Self::SmolLm => vec![Digits::new(true).into(), cut(GPT2)?],
            Self::Gpt2 => vec![cut(GPT2)?],
            Self::Default => DEFAULT.into_iter().map(cut).collect::<Result<_, _>>()?,
        };
        stages.push(ByteLevel::new(false, true, false).into());
        Ok(Sequence::new(stages).into())
    }
}

/// Whether a text begins with the mark of its start when the file does not say.
pub(super) fn adds_bos(metadata: &Metadata) -> Result<bool, String> {
    let rule = Rule::of(metadata)?;
    Ok(matches!(rule, Rule::Llama3 | Rule::Tekken))
}

/// The tokenizer of a file whose model is `gpt2`, and what is worth saying about it.
pub(super) fn build(metadata: &Metadata) -> Result<(Tokenizer, Vec<String>), String> {
    let rule = Rule::of(metadata)?;
    let unnamed = metadata.text("tokenizer.ggml.pre")?.is_none();
    let note = "the file does not say how words are cut (tokenizer.ggml.pre); they are cut as llama.cpp does by default, \
                which gives other tokens than the model was trained on unless it is an old GPT-2";
    let notes = unnamed.then(|| note.to_owned()).into_iter().collect();
    let vocabulary = vocabulary(metadata)?;
    let merges = metadata.texts("tokenizer.ggml.merges")?;
    let merges = merges.ok_or("tokenizer.ggml.merges is missing")?;
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, pairs(merges)?)
        .ignore_merges(rule.whole_words())
        .build()
        .map_err(|error| error.to_string())?;
    let mut tokenizer = Tokenizer::new(model);
    if rule == Rule::Qwen2 {
        tokenizer
            .with_normalizer(Some(NFC))
            .map_err(|error| error.to_string())?;
    }
    tokenizer.with_pre_tokenizer(Some(rule.pre_tokenizer()?));
    tokenizer.with_decoder(Some(ByteLevel::new(false, true, false)));
    tokenizer
        .add_tokens(added(metadata)?)
        .map_err(|error| error.to_string())?;
    Ok((tokenizer, notes))
}

/// Numbers of the tokens by their spelling.
pub(super) fn vocabulary(metadata: &Metadata) -> Result<Vocab, String> {
    let tokens = metadata.texts("tokenizer.ggml.tokens")?;
    let tokens = tokens.ok_or("tokenizer.ggml.tokens is missing")?;
    let mut numbers = Vocab::with_capacity(tokens.len());
    for (id, token) in (0_u32..).zip(tokens) {
        if numbers.insert(token.clone(), id).is_some() {
            return Err(format!("the token {token:?} stands twice"));
        }
    }
    Ok(numbers)
}

/// Merges of two tokens; the first may be a space.
pub(super) fn pairs(merges: &[String]) -> Result<Vec<(String, String)>, String> {
    let pair = |merge: &String| {
        let cut = merge.char_indices().skip(1).find(|&(_, letter)| letter == ' ');
        let (at, _) = cut.ok_or_else(|| format!("{merge:?} is not a merge of two tokens"))?;
        Ok((merge[..at].to_owned(), merge[at + 1..].to_owned()))
    };
    merges.iter().map(pair).collect()
}

/// The tokens that are found in a text before anything else: control tokens, and words that the file's maker added.
pub(super) fn added(metadata: &Metadata) -> Result<Vec<AddedToken>, String> {
    // numbers of llama.cpp's LLAMA_TOKEN_TYPE
    const NORMAL: i64 = 1;
    const UNKNOWN: i64 = 2;
    const CONTROL: i64 = 3;
    const ADDED: i64 = 4;
    const UNUSED: i64 = 5;
    const BYTE: i64 = 6;
    let tokens = metadata.texts("tokenizer.ggml.tokens")?.unwrap_or_default();
    let kinds = metadata.ints("tokenizer.ggml.token_type")?.unwrap_or_default();
    if !kinds.is_empty() && kinds.len() != tokens.len() {
        return Err(format!("{} tokens have {} types", tokens.len(), kinds.len()));
    }
    let mut marked = Vec::new();
    for (token, &kind) in tokens.iter().zip(kinds) {
        match kind {
            UNKNOWN | CONTROL | ADDED if token.is_empty() => {}
            UNKNOWN | CONTROL => marked.push(AddedToken::from(token.clone(), true)),
            ADDED => marked.push(AddedToken::from(token.clone(), false).normalized(false)),
            NORMAL | UNUSED | BYTE => {}
            other => {
                return Err(format!(
                    "the token {token:?} is of the kind {other} (tokenizer.ggml.token_type); normal, unknown, control, \
                     user-defined, unused and byte (1 to 6) are known"
                ));
            }
        }
    }
    Ok(marked)
}
