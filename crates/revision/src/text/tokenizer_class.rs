//! Tokenizer classes of transformers 5 that folders of language models name: they are built anew around the vocabulary and the
//! merges of `tokenizer.json`, whatever else it says.

use serde_json::{Map, Value, json};
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::byte_level::QWEN2;

/// A class, as `AutoTokenizer` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Gpt2,
    Llama,
    Qwen2,
    /// Takes `tokenizer.json` unchanged.
    File,
}

/// What transformers has for the type of a model.
enum Registered {
    /// A class, and whether it counts more than the one that a folder names.
    Class(Class, bool),
    File,
    Nothing,
}

impl Class {
    /// The class for the name that a folder gives, the type of its model, and a `tokenizer.json` that is of bytes or not.
    pub fn of(named: Option<&str>, model_type: Option<&str>, byte_level: bool) -> Self {
        let registered = match model_type {
            Some("qwen2") => Registered::Class(Self::Qwen2, true),
            Some("qwen3" | "internvl") => Registered::Class(Self::Qwen2, false),
            Some("llava" | "llava_next" | "vipllava" | "smolvlm" | "mistral" | "mistral3") => {
                Registered::File
            }
            _ => Registered::Nothing,
        };
        match (registered, named.map(|name| name.trim_end_matches("Fast"))) {
            (Registered::Class(class, true), _) | (Registered::Class(class, false), None) => class,
            (Registered::File, _) | (Registered::Nothing, None) => Self::File,
            (_, Some("LlamaTokenizer")) if byte_level => Self::File,
            (_, Some(name)) => match name {
                "GPT2Tokenizer" => Self::Gpt2,
                "LlamaTokenizer" => Self::Llama,
                "Qwen2Tokenizer" => Self::Qwen2,
                _ => Self::File,
            },
        }
    }

    /// Tokens that the class has where a folder names none, by their keys.
    pub fn tokens(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Gpt2 => &[
                ("bos_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
            ],
            Self::Llama => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
            ],
            Self::Qwen2 => &[
                ("eos_token", "<|endoftext|>"),
                ("pad_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
            ],
            Self::File => &[],
        }
    }

    /// Builds what the class builds. A tokenizer that is no BPE stays as its file has it.
    pub fn build(self, tokenizer: &mut Tokenizer, config: &Map<String, Value>) -> Result<(), String> {
        let ModelWrapper::BPE(bpe) = tokenizer.get_model() else {
            return Ok(());
        };
        if self == Self::File {
            return Ok(());
        }
        let flag = |key: &str, usual: bool| match config.get(key) {
            None | Some(Value::Null) => Ok(usual),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(format!("{key} is {other}; expected true or false")),
        };
        let pieces = self == Self::Llama;
        let mut bpe = bpe.clone();
        bpe.dropout = None;
        bpe.unk_token = None;
        bpe.continuing_subword_prefix = None;
        bpe.end_of_word_suffix = None;
        bpe.fuse_unk = pieces;
        bpe.byte_fallback = pieces;
        bpe.ignore_merges = false;
        let before = flag("add_prefix_space", pieces)?;
        let cut = match self {
            Self::Llama => {
                let scheme = match (before, flag("legacy", false)?) {
                    (false, _) => "never",
                    (true, true) => "always",
                    (true, false) => "first",
                };
                json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false })
            }
            Self::Qwen2 => json!({ "type": "Sequence", "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": QWEN2 }, "behavior": "Isolated", "invert": false },
                { "type": "ByteLevel", "add_prefix_space": before, "trim_offsets": true, "use_regex": false },
            ] }),
            Self::Gpt2 | Self::File => {
                json!({ "type": "ByteLevel", "add_prefix_space": before, "trim_offsets": true, "use_regex": true })
            }
        };
        let cut: PreTokenizerWrapper = serde_json::from_value(cut).map_err(|error| error.to_string())?;
        tokenizer.with_model(bpe);
        tokenizer.with_pre_tokenizer(Some(cut));
        let normalizer = (self == Self::Qwen2).then(|| NormalizerWrapper::from(NFC));
        let set = tokenizer.with_normalizer(normalizer);
        set.map(|_| ()).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    /// As AutoTokenizer of transformers 5.24 chooses.
    #[test]
    fn the_class_follows_from_its_name_and_the_model() {
        for (named, model, bytes, class) in [
            (None, Some("qwen2"), true, Class::Qwen2),
            (Some("TokenizersBackend"), Some("qwen2"), true, Class::Qwen2),
            (None, Some("qwen3"), true, Class::Qwen2),
            (Some("PreTrainedTokenizerFast"), Some("qwen3"), true, Class::File),
            (Some("LlamaTokenizerFast"), Some("qwen3"), false, Class::Llama),
            (Some("LlamaTokenizerFast"), Some("llama"), false, Class::Llama),
            (Some("LlamaTokenizerFast"), Some("llama"), true, Class::File),
            (Some("LlamaTokenizer"), Some("mistral"), false, Class::File),
            (Some("LlamaTokenizer"), Some("llava"), false, Class::File),
            (Some("GPT2Tokenizer"), Some("llama"), true, Class::Gpt2),
            (Some("Qwen2Tokenizer"), None, true, Class::Qwen2),
            (None, Some("llama"), true, Class::File),
            (None, None, true, Class::File),
        ] {
            assert_eq!(
                Class::of(named, model, bytes),
                class,
                "{named:?} {model:?} {bytes}"
            );
        }
    }
}
