//! Ranges of an object's bytes, all of one content.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::{Kind, StoreError};
use crate::uri::Uri;

/// How often a range is asked for whose bytes did not arrive; the client itself repeats requests that a server refuses for now.
const TRIES: u32 = 4;
/// The pause before the second of them; each further one is four times as long.
const PAUSE: Duration = Duration::from_millis(200);

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
        let bytes = answer.bytes().await;
        Ok((content, bytes.map_err(|error| failed(error).broken())?))
    }

    /// The first bytes, which say what the content is, in one request.
    pub(crate) async fn opening(&self, most: u64) -> Result<(Content, Bytes), StoreError> {
        match self.unbroken(0..most).await {
            Err(error) if error.kind() == Kind::Empty => {
                let found = self.store.head(&self.key).await;
                let meta = found.map_err(|error| StoreError::of(&error, &self.uri, self.signed))?;
                Ok((Content::of(&meta), Bytes::new()))
            }
            other => other,
        }
    }

    /// The bytes of `range` of the content `of`.
    pub(crate) async fn range_of(&self, of: &Content, range: Range<u64>) -> Result<Bytes, StoreError> {
        let wanted = range.end - range.start;
        match self.unbroken(range).await {
            Ok((content, _)) if !of.is(&content) => Err(StoreError::changed()),
            Ok((_, bytes)) if bytes.len() as u64 == wanted => Ok(bytes),
            Ok(_) => Err(StoreError::new(
                Kind::Other,
                "the store sent fewer bytes than were asked for",
            )),
            // it was there, and as long, when it was opened
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Empty) => Err(StoreError::changed()),
            Err(error) => Err(error),
        }
    }

    /// As [`Origin::range`], asked again where the bytes break off.
    async fn unbroken(&self, range: Range<u64>) -> Result<(Content, Bytes), StoreError> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.range(range.clone()).await {
                Err(error) if error.is_broken() => {}
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause *= 4;
        }
        self.range(range).await
    }
}
