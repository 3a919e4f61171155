//! Objects written whole: what is not complete is not there.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::connect::{Connection, connection, key_of};
use crate::error::{Kind, StoreError};
use crate::list::tree;
use crate::runtime::wait;
use crate::uri::{Scheme, Uri};

/// An object of at most so many bytes is sent in one request.
const ONE: u64 = 8 << 20;
/// Most parts of an object.
const PARTS: u64 = 9_000;
/// Parts that are sent at a time.
const AT_A_TIME: u64 = 4;

/// What must stand where an object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything, or nothing.
    Anything,
    /// Nothing: of several that write at once, one succeeds. Stores that know no such condition take any.
    Nothing,
}

/// Writes a small object.
///
/// # Errors
/// `Exists` where something stands against what is expected, and those of the network.
pub fn put(uri: &Uri, bytes: Vec<u8>, expect: Expect) -> Result<(), StoreError> {
    let connected = writable(uri)?;
    put_bytes(&connected, uri, bytes.into(), expect)
}

fn put_bytes(connected: &Connection, uri: &Uri, bytes: Bytes, expect: Expect) -> Result<(), StoreError> {
    let (store, key, name, signed) = (
        Arc::clone(&connected.store),
        key_of(uri)?,
        uri.clone(),
        connected.signed,
    );
    wait(async move {
        let payload = PutPayload::from_bytes(bytes);
        let mode = match expect {
            Expect::Nothing => PutMode::Create,
            Expect::Anything => PutMode::Overwrite,
        };
        let put = store
            .put_opts(&key, payload.clone(), PutOptions::from(mode))
            .await;
        let put = match put {
            Err(object_store::Error::NotImplemented { .. }) => store.put(&key, payload).await,
            other => other,
        };
        put.map(drop)
            .map_err(|error| StoreError::of(&error, &name, signed))
    })
}

/// Writes the bytes of a file as an object: in parts that become an object when all are there.
///
/// # Errors
/// As [`put`], and those of reading the file.
pub fn put_file(uri: &Uri, file: &File, len: u64) -> Result<(), StoreError> {
    let connected = writable(uri)?;
    let mut file = file;
    let read = |error: io::Error| {
        StoreError::new(
            Kind::Other,
            format!("the file it is made from cannot be read: {error}"),
        )
    };
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    if len <= ONE {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        file.read_exact(&mut bytes).map_err(read)?;
        return put_bytes(&connected, uri, bytes.into(), Expect::Anything);
    }
    let part = ONE.max(len.div_ceil(PARTS));
    let (store, key, name, signed) = (
        Arc::clone(&connected.store),
        key_of(uri)?,
        uri.clone(),
        connected.signed,
    );
    let failed = move |error: object_store::Error| StoreError::of(&error, &name, signed);
    let begin = failed.clone();
    let mut upload = wait(async move { store.put_multipart(&key).await.map_err(begin) })?;
    let mut sent = 0;
    while sent < len {
        let mut parts = Vec::new();
        while sent < len && (parts.len() as u64) < AT_A_TIME {
            let mut bytes = vec![0; part.min(len - sent) as usize];
            file.read_exact(&mut bytes).map_err(read)?;
            sent += bytes.len() as u64;
            parts.push(upload.put_part(bytes.into()));
        }
        let failed = failed.clone();
        if let Err(error) = wait(async move { try_join_all(parts).await.map_err(failed) }) {
            // what was sent is not left for the owner to pay for
            let _ = wait(async move {
                let _ = upload.abort().await;
                Ok(())
            });
            return Err(error);
        }
    }
    wait(async move { upload.complete().await.map(drop).map_err(failed) })
}

/// Removes an object, if it is there.
///
/// # Errors
/// Those of the network.
pub fn remove(uri: &Uri) -> Result<(), StoreError> {
    let connected = writable(uri)?;
    let (store, key, name, signed) = (connected.store, key_of(uri)?, uri.clone(), connected.signed);
    let removed = wait(async move {
        store
            .delete(&key)
            .await
            .map_err(|error| StoreError::of(&error, &name, signed))
    });
    match removed {
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes all objects below a folder.
///
/// # Errors
/// As [`remove`].
pub fn remove_tree(uri: &Uri) -> Result<(), StoreError> {
    tree(uri)?
        .iter()
        .filter_map(|entry| Uri::of(&entry.path))
        .try_for_each(|uri| remove(&uri))
}

fn writable(uri: &Uri) -> Result<Connection, StoreError> {
    let reason = match uri.scheme {
        Scheme::Hf => "the hub is read only here; write to a folder, and send that with hf upload",
        Scheme::Http => "web servers are read only; write to a folder or a bucket",
        _ => return connection(uri),
    };
    Err(StoreError::new(Kind::Other, reason))
}
