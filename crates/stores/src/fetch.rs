//! Ranges of an object's bytes, all of one content.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use crate::error::{Kind, StoreError};
use crate::uri::Uri;

/// How often a range is asked for whose bytes did not arrive; the client itself repeats requests that a server refuses for now.
const TRIES: u32 = 4;

/// What tells one content of an object from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub len: u64,
    pub tag: Option<String>,
    pub modified: SystemTime,
}

impl Content {
    pub(crate) fn of(meta: &ObjectMeta) -> Self {
        Self {
            len: meta.size,
            tag: meta.e_tag.clone(),
            modified: meta.last_modified.into(),
        }
    }

    /// By the tag, and by the time where a server gives none; one that gives no time says that it is 1970 or now.
    fn is(&self, other: &Self) -> bool {
        let same = match (&self.tag, &other.tag) {
            (Some(tag), Some(other)) => tag == other,
            _ => self.modified == other.modified,
        };
        self.len == other.len && same
    }
}

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub uri: Uri,
    pub store: Arc<dyn ObjectStore>,
    pub signed: bool,
    pub key: Key,
}

impl Origin {
    /// The bytes of `range`, and the content that they are of.
    pub(crate) async fn range(&self, range: Range<u64>) -> Result<(Content, Bytes), StoreError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let failed = |error| StoreError::of(&error, &self.uri, self.signed);
        let answer = self.store.get_opts(&self.key, options).await.map_err(failed)?;
        let content = Content::of(&answer.meta);
        Ok((content, answer.bytes().await.map_err(failed)?))
    }

    /// The same of the content `of`, tried again where the network fails.
    pub(crate) async fn range_of(&self, of: &Content, range: Range<u64>) -> Result<Bytes, StoreError> {
        let mut pause = Duration::from_millis(200);
        for left in (0..TRIES).rev() {
            match self.range(range.clone()).await {
                Ok((content, _)) if !of.is(&content) => return Err(StoreError::changed()),
                Ok((_, bytes)) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
                Ok(_) if left == 0 => {
                    return Err(StoreError::new(
                        Kind::Other,
                        "the store sent fewer bytes than were asked for",
                    ));
                }
                // it was there when it was opened
                Err(error) if error.kind() == Kind::NotFound => return Err(StoreError::changed()),
                Err(error) if left == 0 || !error.is_passing() => return Err(error),
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 4;
        }
        Err(StoreError::new(Kind::Other, "the store did not answer"))
    }
}
