//! What is there: objects, and the folders that their names make.

use std::path::Path;
use std::time::SystemTime;

use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::connect::{connection, key_of};
use crate::entry::Entry;
use crate::error::{Kind, StoreError};
use crate::hub;
use crate::runtime::wait;
use crate::uri::{Scheme, Uri};

/// What is known of an object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Bytes.
    pub len: u64,
    /// Time of the last change.
    pub modified: SystemTime,
    /// What the store calls this content.
    pub tag: Option<String>,
}

/// The object `uri`; nothing where there is none of that name.
///
/// # Errors
/// Those of asking.
pub fn object(uri: &Uri) -> Result<Option<Known>, StoreError> {
    if uri.key.is_empty() || (uri.scheme == Scheme::Hf && hub::is_root(uri)) {
        return Ok(None);
    }
    let connected = connection(uri)?;
    let (store, key, name, signed) = (connected.store, key_of(uri)?, uri.clone(), connected.signed);
    let found = wait(async move {
        let error = match store.head(&key).await {
            Ok(meta) => return Ok(meta),
            Err(error) => StoreError::of(&error, &name, signed),
        };
        if error.kind() != Kind::Other {
            return Err(error);
        }
        // the answer to HEAD has no body; that to GET says why
        match store.get_range(&key, 0..1).await {
            Ok(_) => Err(error),
            Err(why) => Err(StoreError::of(&why, &name, signed)),
        }
    });
    match found {
        Ok(meta) => Ok(Some(Known {
            len: meta.size,
            modified: meta.last_modified.into(),
            tag: meta.e_tag,
        })),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there are objects below `uri`; a bucket may be empty.
///
/// # Errors
/// Those of asking.
pub fn is_folder(uri: &Uri) -> Result<bool, StoreError> {
    match uri.scheme {
        Scheme::Http => return Ok(false),
        Scheme::Hf => {
            return match hub::entries(uri, false) {
                Ok(found) => Ok(!found.is_empty()),
                Err(error) if error.kind() == Kind::NotFound => Ok(false),
                Err(error) => Err(error),
            };
        }
        _ => {}
    }
    let connected = connection(uri)?;
    let (store, key, name, signed) = (connected.store, key_of(uri)?, uri.clone(), connected.signed);
    let any = wait(async move {
        let mut objects = store.list(Some(&key));
        let first = objects.next().await.transpose();
        first.map_err(|e| StoreError::of(&e, &name, signed))
    })?;
    Ok(any.is_some() || uri.key.is_empty())
}

/// Objects and folders in the folder `uri`, by name, however many there are.
///
/// # Errors
/// Those of asking; a web server gives no lists.
pub fn entries(uri: &Uri) -> Result<Vec<Entry>, StoreError> {
    let mut found = match uri.scheme {
        Scheme::Hf => hub::entries(uri, false)?,
        Scheme::Http => return Err(no_lists()),
        _ => {
            let connected = connection(uri)?;
            let (store, key, name, signed) = (connected.store, key_of(uri)?, uri.clone(), connected.signed);
            let listed = wait(async move {
                let listed = store.list_with_delimiter(Some(&key)).await;
                listed.map_err(|e| StoreError::of(&e, &name, signed))
            })?;
            let folders = listed.common_prefixes.iter().map(|prefix| Entry {
                path: uri.at(prefix.as_ref()).path(),
                folder: true,
                len: 0,
            });
            folders
                .chain(listed.objects.iter().map(|meta| entry(uri, meta)))
                .collect()
        }
    };
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// All objects below the folder `uri`.
///
/// # Errors
/// As [`entries`].
pub fn tree(uri: &Uri) -> Result<Vec<Entry>, StoreError> {
    match uri.scheme {
        Scheme::Hf => {
            let mut found = hub::entries(uri, true)?;
            found.retain(|entry| !entry.folder);
            return Ok(found);
        }
        Scheme::Http => return Err(no_lists()),
        _ => {}
    }
    let connected = connection(uri)?;
    let (store, key, name, signed) = (connected.store, key_of(uri)?, uri.clone(), connected.signed);
    let listed: Vec<ObjectMeta> = wait(async move {
        let listed = store.list(Some(&key)).try_collect().await;
        listed.map_err(|e| StoreError::of(&e, &name, signed))
    })?;
    Ok(listed.iter().map(|meta| entry(uri, meta)).collect())
}

const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Whether the name of an object has a wildcard; what follows the `?` of a web server's address is not a part of its name.
pub fn has_wildcard(pattern: &Path) -> bool {
    Uri::of(pattern).is_some_and(|uri| uri.key.contains(WILDCARDS))
}

/// The folder before the first part of a pattern that has a wildcard.
pub fn glob_base(pattern: &Path) -> Option<Uri> {
    let uri = Uri::of(pattern)?;
    let fixed: Vec<&str> = uri
        .key
        .split('/')
        .take_while(|part| !part.contains(WILDCARDS))
        .collect();
    Some(uri.at(&fixed.join("/")))
}

fn entry(uri: &Uri, meta: &ObjectMeta) -> Entry {
    Entry {
        path: uri.at(meta.location.as_ref()).path(),
        folder: false,
        len: meta.size,
    }
}

fn no_lists() -> StoreError {
    StoreError::new(Kind::Other, "a web server gives no list of files; name each file")
}
