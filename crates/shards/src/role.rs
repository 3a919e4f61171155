//! Sides of a pair, and the choice among several arrays by their names.

use crate::error::{Place, ShardError};

/// Which side of a pair a source is, where a name alone does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// Images: `img_emb/`, `image_embedding`.
    Image,
    /// Texts: `text_emb/`, `text_embedding`.
    Text,
    /// Anything else.
    #[default]
    Other,
}

impl Role {
    /// Folder of a clip-retrieval layout.
    pub(crate) const fn folder(self) -> Option<&'static str> {
        match self {
            Self::Image => Some("img_emb"),
            Self::Text => Some("text_emb"),
            Self::Other => None,
        }
    }

    /// How columns, tensors and keys of that side begin.
    const fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Image => &["image", "img", "vision", "visual"],
            Self::Text => &["text", "txt", "caption"],
            Self::Other => &["emb", "vector"],
        }
    }

    /// Whether an array of this name is of that side.
    pub(crate) fn fits(self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.prefixes().iter().any(|prefix| name.starts_with(prefix))
    }

    /// Which one of several names alone is of that side.
    pub(crate) fn only(self, names: &[String]) -> Option<usize> {
        let mut fitting = (0..names.len()).filter(|&at| self.fits(&names[at]));
        match (fitting.next(), fitting.next()) {
            (only, None) => only,
            _ => None,
        }
    }

    /// Chooses among the names of several arrays of rows.
    pub(crate) fn choose(self, names: &[String], place: &Place) -> Result<usize, ShardError> {
        match (names, self.only(names)) {
            ([_], _) => Ok(0),
            (_, Some(only)) => Ok(only),
            _ => Err(several(names, place)),
        }
    }
}

/// The error of several arrays of which none is the rows without doubt.
pub(crate) fn several(names: &[String], place: &Place) -> ShardError {
    let reason = format!("holds several arrays of rows; choose one: {}", listed(names));
    ShardError::bad_selector(place, reason)
}

/// `#a, #b` of the names, cut where there are too many to read.
pub(crate) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    const CHARACTERS: usize = 300;
    let short = |name: &String| match name.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("#{}…", &name[..end]),
        None => format!("#{name}"),
    };
    let mut text: Vec<String> = names.iter().take(SHOWN).map(short).collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}
