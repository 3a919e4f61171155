//! What a model's folder says of its tokenizer beside `tokenizer.json`, put together as `AutoTokenizer` of transformers 5 does.

mod build;
mod class;
mod class_names;
mod config;
mod declared;
mod in_order;
mod models;
mod named;
mod rules;

pub use build::{QWEN2_WORDS, lower_case};
pub use class::Class;
pub use declared::{CONFIG, Declared};
pub use in_order::Pairs;
pub use named::{NAMES, Spelled, further_names, spelled};
pub use rules::TokenizerRules;
