//! What is said about images, before it becomes tokens.

use crate::{Result, RevisionError};

/// Where an image stands in a text.
pub const IMAGE: &str = "<image>";

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one who asks.
    User,
    /// The language model.
    Assistant,
}

impl Role {
    /// As chat templates call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// What one of them says; every [`IMAGE`] in it is the place of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
    /// Whether the model learns it, where it is the assistant's.
    pub learn: bool,
}

/// A sample: turns of user and assistant one after the other, the user first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its name in the data, for errors.
    pub id: String,
    /// What the assistant is given about itself; the template's default when absent.
    pub system: Option<String>,
    /// The turns.
    pub turns: Vec<Turn>,
}

impl Conversation {
    /// Turns in alternation from `user`, `assistant`, `user`, … texts.
    pub fn new(id: impl Into<String>, texts: &[&str]) -> Self {
        let turn = |(i, text): (usize, &&str)| Turn {
            role: if i % 2 == 0 { Role::User } else { Role::Assistant },
            text: (*text).to_owned(),
            learn: true,
        };
        Self {
            id: id.into(),
            system: None,
            turns: texts.iter().enumerate().map(turn).collect(),
        }
    }

    /// Places of images in all turns.
    pub fn images(&self) -> usize {
        self.turns
            .iter()
            .map(|turn| turn.text.matches(IMAGE).count())
            .sum()
    }

    /// Whether user and assistant alternate, the user first and `last` at the end.
    pub(super) fn check(&self, last: Role) -> Result<()> {
        let mut expected = Role::User;
        for (i, turn) in self.turns.iter().enumerate() {
            if turn.role != expected {
                let (found, wanted) = (turn.role.name(), expected.name());
                return Err(self.bad(format!("turn {} is the {found}'s, not the {wanted}'s", i + 1)));
            }
            expected = match expected {
                Role::User => Role::Assistant,
                Role::Assistant => Role::User,
            };
        }
        match self.turns.last() {
            Some(turn) if turn.role == last => Ok(()),
            Some(turn) => Err(self.bad(format!(
                "it ends with the {}'s turn, not with the {}'s",
                turn.role.name(),
                last.name()
            ))),
            None => Err(self.bad("it has no turns".to_owned())),
        }
    }

    pub(super) fn bad(&self, reason: String) -> RevisionError {
        RevisionError::BadSample {
            id: self.id.clone(),
            reason,
        }
    }
}
