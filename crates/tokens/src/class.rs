//! Tokenizer classes of transformers 5: what they build around the vocabulary of `tokenizer.json`.
//!
//! Most classes take no more of the file than its vocabulary, its merges and its marks of beginning and end, whatever else
//! stands in it.

use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;

use crate::class_names::{NOT_BUILT, OF_BERT, OF_ROBERTA};
use crate::declared::Declared;
use crate::models::Built;

/// A class by what it builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Takes `tokenizer.json` unchanged.
    File,
    /// SentencePiece's own library in transformers: takes the file here, and texts without punctuation.
    Siglip,
    /// Builds a BERT's.
    Bert,
    /// Builds a CLIP's.
    Clip,
    /// Builds a Gemma's.
    Gemma,
    /// Builds that of a SigLIP 2: Gemma's in lower case.
    Siglip2,
    /// Builds that of an XLM-RoBERTa.
    XlmRoberta,
    /// Builds an ALBERT's.
    Albert,
    /// Builds a Llama's.
    Llama,
    /// Builds that of a GPT-2.
    Gpt2,
    /// Builds a RoBERTa's.
    Roberta,
    /// Builds that of a Qwen 2.
    Qwen2,
    /// Builds an MPNet's.
    Mpnet,
    /// Builds a HerBERT's.
    Herbert,
}

/// What transformers has for the type of a model.
enum Registered {
    /// A class, and whether it counts more than the one that a folder names.
    Class(Class, bool),
    File,
    Nothing,
}

impl Class {
    /// By the name that a configuration gives, with or without `Fast`.
    fn named(name: &str, json: &str) -> Built<Self> {
        let plain = name.strip_suffix("Fast").unwrap_or(name);
        Ok(match plain {
            "CLIPTokenizer" => Self::Clip,
            "GemmaTokenizer" => Self::Gemma,
            "SiglipTokenizer" => Self::Siglip,
            "Siglip2Tokenizer" => Self::Siglip2,
            "XLMRobertaTokenizer" => Self::XlmRoberta,
            "AlbertTokenizer" => Self::Albert,
            // files of bytes under this name are Llama 3's, and taken unchanged there, too
            "LlamaTokenizer" if json.contains("\"ByteLevel\"") => Self::File,
            "LlamaTokenizer" => Self::Llama,
            "GPT2Tokenizer" => Self::Gpt2,
            plain if OF_ROBERTA.contains(&plain) => Self::Roberta,
            "Qwen2Tokenizer" => Self::Qwen2,
            "MPNetTokenizer" => Self::Mpnet,
            "HerbertTokenizer" => Self::Herbert,
            plain if OF_BERT.contains(&plain) => Self::Bert,
            plain if NOT_BUILT.contains(&plain) => {
                return Err(format!(
                    "tokenizer_class {name} builds its tokenizer in code of transformers that is not repeated here; save it as \
                     a plain one: python -c \"from transformers import AutoTokenizer as A, PreTrainedTokenizerFast as T; \
                     t = A.from_pretrained('.'); T(tokenizer_object=t.backend_tokenizer, **t.special_tokens_map)\
                     .save_pretrained('.')\""
                ));
            }
            // names that transformers does not know
            _ => Self::File,
        })
    }

    /// The class that `AutoTokenizer` takes: for the name that a folder gives, the `model_type` of its model, and the text of its
    /// `tokenizer.json`.
    ///
    /// # Errors
    /// A class whose code is not repeated here, in a sentence.
    pub fn of(named: Option<&str>, model_type: Option<&str>, json: &str) -> Built<Self> {
        let registered = match model_type {
            Some("bert") => Registered::Class(Self::Bert, false),
            Some("clip") => Registered::Class(Self::Clip, false),
            Some("qwen2") => Registered::Class(Self::Qwen2, true),
            Some("qwen3" | "internvl") => Registered::Class(Self::Qwen2, false),
            Some("llava" | "llava_next" | "vipllava" | "smolvlm" | "mistral" | "mistral3") => {
                Registered::File
            }
            _ => Registered::Nothing,
        };
        match (registered, named) {
            (Registered::Class(class, true), _) | (Registered::Class(class, false), None) => Ok(class),
            (Registered::File, _) | (Registered::Nothing, None) => Ok(Self::File),
            (_, Some(name)) => Self::named(name, json),
        }
    }

    /// The class's own tokens by their keys, for files that name none.
    fn tokens(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::File => &[],
            Self::Siglip => &[
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
                ("pad_token", "</s>"),
            ],
            Self::Bert => &[
                ("unk_token", "[UNK]"),
                ("sep_token", "[SEP]"),
                ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Self::Clip => &[
                ("bos_token", "<|startoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
                ("pad_token", "<|endoftext|>"),
            ],
            Self::Gemma | Self::Siglip2 => &[
                ("bos_token", "<bos>"),
                ("eos_token", "<eos>"),
                ("unk_token", "<unk>"),
                ("pad_token", "<pad>"),
                ("mask_token", "<mask>"),
            ],
            Self::XlmRoberta | Self::Roberta => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
            Self::Albert => &[
                ("bos_token", "[CLS]"),
                ("eos_token", "[SEP]"),
                ("unk_token", "<unk>"),
                ("sep_token", "[SEP]"),
                ("pad_token", "<pad>"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Self::Llama => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
            ],
            Self::Gpt2 => &[
                ("bos_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
            ],
            Self::Qwen2 => &[
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
                ("pad_token", "<|endoftext|>"),
            ],
            Self::Mpnet => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "[UNK]"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
            Self::Herbert => &[
                ("unk_token", "<unk>"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
        }
    }

    /// The class's own padding token.
    pub fn pad(self) -> Option<&'static str> {
        let found = self.tokens().iter().find(|(key, _)| *key == "pad_token");
        found.map(|(_, token)| *token)
    }

    /// Whether `padding` of `tokenizer.json` may name the padding token: classes with an argument of that name pass over it.
    pub fn takes_pad_of_file(self) -> bool {
        matches!(self, Self::File | Self::Siglip | Self::Llama)
    }

    /// Whether texts are padded at their beginning where no file says a side.
    pub fn pads_left(self) -> bool {
        matches!(self, Self::Gemma | Self::Siglip2 | Self::Llama)
    }

    /// Whether a file holds a model of the kind that the class builds.
    pub fn has_model_of(self, file: &Tokenizer) -> bool {
        match self {
            Self::File | Self::Siglip => true,
            Self::Bert | Self::Mpnet => matches!(file.get_model(), ModelWrapper::WordPiece(_)),
            Self::XlmRoberta | Self::Albert => matches!(file.get_model(), ModelWrapper::Unigram(_)),
            _ => matches!(file.get_model(), ModelWrapper::BPE(_)),
        }
    }

    /// Keys of `declared`, and the class's own tokens where they are absent.
    pub fn config(self, declared: &Declared) -> Map<String, Value> {
        let mut config = declared.config().clone();
        for (key, token) in self.tokens() {
            config.entry(*key).or_insert_with(|| json!(token));
        }
        config
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
            (None, Some("bert"), false, Class::Bert),
            (Some("MPNetTokenizerFast"), Some("bert"), false, Class::Mpnet),
            (Some("unheard"), Some("clip"), false, Class::File),
        ] {
            let json = if bytes { "{\"type\": \"ByteLevel\"}" } else { "{}" };
            assert_eq!(
                Class::of(named, model, json),
                Ok(class),
                "{named:?} {model:?} {bytes}"
            );
        }
        let error = Class::of(Some("MBartTokenizer"), Some("bert"), "{}").unwrap_err();
        assert!(error.contains("MBartTokenizer"), "{error}");
    }
}
