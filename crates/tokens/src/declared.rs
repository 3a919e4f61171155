//! The files beside `tokenizer.json`, and which of them counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use modality_gap_weights::{Result, WeightsError, text_if_there};
use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use crate::named::{
    Order, Spelled, add_numbered, add_special, by_number, by_spelling, lay_over, of_config, special_tokens,
};

/// The tokenizer's configuration.
pub const CONFIG: &str = "tokenizer_config.json";
const MAP: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";

/// What a folder says of its tokenizer beside `tokenizer.json`.
///
/// `special_tokens_map.json` and `added_tokens.json` count where `tokenizer_config.json` has no `added_tokens_decoder`, and
/// there the map counts more.
#[derive(Debug, Default)]
pub struct Declared {
    folder: PathBuf,
    config: Map<String, Value>,
    order: Order,
    /// Tokens of `added_tokens_decoder`.
    decoder: Option<Vec<(u32, AddedToken)>>,
    /// Tokens of `added_tokens.json`.
    added: Vec<(u32, AddedToken)>,
}

impl Declared {
    /// Reads the files of a folder; absent ones say nothing.
    ///
    /// # Errors
    /// `Unreadable`; `Bad` with the file for what is not a JSON object, for tokens that are none, and for `split_special_tokens`.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut order = Order::default();
        let mut config = object(folder, CONFIG, Some(&mut order))?.unwrap_or_default();
        of_config(&mut config);
        let decoder = config.remove("added_tokens_decoder").map(by_number).transpose();
        let decoder = decoder.map_err(|reason| bad(folder, CONFIG, reason))?;
        let mut added = Vec::new();
        if decoder.is_none() {
            let map = object(folder, MAP, Some(&mut order))?;
            lay_over(&mut config, map.unwrap_or_default());
            if let Some(spellings) = object(folder, ADDED, None)? {
                added = by_spelling(&config, &spellings).map_err(|reason| bad(folder, ADDED, reason))?;
            }
        }
        if config.get("split_special_tokens") == Some(&Value::Bool(true)) {
            let reason = "split_special_tokens is true: special tokens would be cut into parts, which is not done here";
            return Err(bad(folder, CONFIG, reason.to_owned()));
        }
        Ok(Self {
            folder: folder.to_owned(),
            config,
            order,
            decoder,
            added,
        })
    }

    /// The keys of `tokenizer_config.json`, with those of `special_tokens_map.json` where they count.
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// Adds what is said of tokens to a tokenizer as `tokenizer.json` has it; also what is worth saying about it.
    ///
    /// # Errors
    /// `Bad` with the file that gives a token another number than it gets.
    pub fn add_to(&self, tokenizer: &mut Tokenizer) -> Result<Vec<String>> {
        if let Some(decoder) = &self.decoder {
            add_numbered(tokenizer, decoder).map_err(|reason| self.contradicts(&reason))?;
        }
        let known = tokenizer.get_added_vocabulary().get_vocab();
        let added = self
            .added
            .iter()
            .filter(|(_, token)| !known.contains_key(&token.content));
        let added: Vec<(u32, AddedToken)> = added.cloned().collect();
        add_numbered(tokenizer, &added).map_err(|reason| self.contradicts(&reason))?;
        let notes = add_special(tokenizer, &self.config, &self.order);
        notes.map_err(|reason| bad(&self.folder, CONFIG, reason))
    }

    /// Adds tokens to a tokenizer that a class has built anew around the vocabulary of `file`: those that have numbers, then
    /// those of `config`, which is this one's with the class's own names.
    pub(crate) fn add_to_new(
        &self,
        tokenizer: &mut Tokenizer,
        file: &Tokenizer,
        config: &Map<String, Value>,
    ) -> Result<()> {
        let special = special_tokens(config, &self.order);
        let mut numbered: BTreeMap<u32, AddedToken> = BTreeMap::new();
        if let Some(decoder) = &self.decoder {
            numbered.extend(decoder.iter().cloned());
        } else {
            numbered.extend(self.added.iter().cloned());
            numbered.extend(file.get_added_tokens_decoder());
        }
        let named = |token: &AddedToken| {
            let mut names = special.iter().filter(|(_, named)| *named);
            names.any(|(name, _)| name.text() == token.content)
        };
        let numbered: Vec<(u32, AddedToken)> = numbered
            .into_iter()
            .map(|(id, token)| {
                let special = token.special || named(&token);
                (id, token.special(special))
            })
            .collect();
        add_numbered(tokenizer, &numbered).map_err(|reason| self.contradicts(&reason))?;
        // what the configuration itself spells twice counts as it is spelled last
        let known = |text: &str| numbered.iter().any(|(_, token)| token.content == text);
        for (token, named) in special.iter().filter(|(token, _)| !known(token.text())) {
            // by a list it is what its own flags say
            let by_place = *named || matches!(token, Spelled::Plain(_));
            let added = tokenizer.add_tokens([token.token(by_place)]);
            added.map_err(|error| bad(&self.folder, CONFIG, error.to_string()))?;
        }
        Ok(())
    }

    /// Texts of the tokens that are special by their place, in order.
    pub fn specials(&self, config: &Map<String, Value>) -> Vec<String> {
        let tokens = special_tokens(config, &self.order);
        tokens.iter().map(|(token, _)| token.text().to_owned()).collect()
    }

    pub(crate) fn bad(&self, file: &str, reason: String) -> WeightsError {
        bad(&self.folder, file, reason)
    }

    /// The file with the numbers does not fit to `tokenizer.json`.
    fn contradicts(&self, reason: &str) -> WeightsError {
        if self.decoder.is_some() {
            self.bad(CONFIG, format!("added_tokens_decoder {reason}"))
        } else {
            self.bad(ADDED, format!("it {reason}"))
        }
    }
}

/// The object in a file of a folder, if it is there; its keys are added to an order.
fn object(folder: &Path, name: &str, order: Option<&mut Order>) -> Result<Option<Map<String, Value>>> {
    let parse = |text: String| {
        order.map_or(Ok(()), |order| order.add(&text))?;
        serde_json::from_str(&text)
    };
    let parsed = text_if_there(&folder.join(name))?.map(parse).transpose();
    parsed.map_err(|error: serde_json::Error| bad(folder, name, error.to_string()))
}

fn bad(folder: &Path, file: &str, reason: String) -> WeightsError {
    WeightsError::Bad {
        file: folder.join(file),
        reason,
    }
}
