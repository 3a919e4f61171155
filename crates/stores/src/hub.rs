//! The Hugging Face hub: addresses of the files of a repository, and its lists of them.

use std::path::PathBuf;

use object_store::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::credentials::{home, text_of};
use crate::entry::Entry;
use crate::environment::{set, stalled};
use crate::error::{Kind, StoreError, chain};
use crate::runtime::{runtime, wait};
use crate::uri::Uri;

/// A repository of the hub, and a path in it.
struct Place {
    /// `datasets/OWNER/NAME`; models stand at the root of addresses, and `models/` at that of the list of them.
    repository: String,
    revision: String,
    path: String,
}

impl Place {
    /// `hf://datasets/OWNER/NAME[@REVISION]/PATH`.
    fn of(uri: &Uri) -> Result<Self, StoreError> {
        let mut parts = uri.key.splitn(3, '/');
        let owner = parts.next().unwrap_or_default();
        let name = parts.next().unwrap_or_default();
        let known = ["datasets", "models", "spaces"].contains(&uri.authority.as_str());
        if !known || owner.is_empty() || name.is_empty() {
            let reason = "names no repository; expected hf://datasets/OWNER/NAME[@REVISION]/PATH";
            return Err(StoreError::new(Kind::Other, reason));
        }
        let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
        Ok(Self {
            repository: format!("{}/{owner}/{name}", uri.authority),
            // branches of pull requests have slashes
            revision: revision.replace("%2F", "/").replace('/', "%2F"),
            path: parts.next().unwrap_or_default().to_owned(),
        })
    }
}

/// Whether it is a whole repository.
pub(crate) fn is_root(uri: &Uri) -> bool {
    uri.key.split('/').count() <= 2
}

fn endpoint() -> String {
    set("HF_ENDPOINT").map_or_else(
        || "https://huggingface.co".to_owned(),
        |named| named.trim_end_matches('/').to_owned(),
    )
}

/// Where the hub serves the bytes of a file.
pub(crate) fn address(uri: &Uri) -> Result<String, StoreError> {
    let place = Place::of(uri)?;
    let repository = place
        .repository
        .strip_prefix("models/")
        .unwrap_or(&place.repository);
    let mut address = url::Url::parse(&endpoint())
        .map_err(|error| StoreError::new(Kind::Other, format!("HF_ENDPOINT is not an address: {error}")))?;
    let base = format!(
        "{}/{repository}/resolve/{}",
        address.path().trim_end_matches('/'),
        place.revision
    );
    address.set_path(&base);
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.extend(place.path.split('/'));
    }
    Ok(address.into())
}

/// The token of the environment, or of `hf auth login`.
pub(crate) fn token() -> Option<String> {
    let file = || {
        let folder = set("HF_HOME").map(PathBuf::from);
        text_of(
            &folder
                .or_else(|| Some(home()?.join(".cache/huggingface")))?
                .join("token"),
        )
    };
    let token = set("HF_TOKEN").or_else(file)?.trim().to_owned();
    (!token.is_empty()).then_some(token)
}

/// The header that carries a token. Clients do not send it on to other hosts.
pub(crate) fn bearer(token: &str) -> Result<HeaderMap, StoreError> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| StoreError::new(Kind::Other, "HF_TOKEN is not a token"))?;
    Ok(HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, value)]))
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
}

/// Files and folders of a folder of a repository; of all below it with `deep`.
pub(crate) fn entries(uri: &Uri, deep: bool) -> Result<Vec<Entry>, StoreError> {
    let place = Place::of(uri)?;
    let start = format!(
        "{}/api/{}/tree/{}/{}?recursive={deep}&limit=1000",
        endpoint(),
        place.repository,
        place.revision,
        place.path
    );
    let base = uri.key.len() - place.path.len();
    let root = uri.key[..base].trim_end_matches('/').to_owned();
    runtime()?;
    let listed = wait(pages(start, token()))?;
    let of = |found: Listed| Entry {
        path: uri.at(&format!("{root}/{}", found.path)).path(),
        folder: found.kind == "directory",
        len: found.size,
    };
    Ok(listed.into_iter().map(of).collect())
}

/// All pages of a list; each names the next one.
async fn pages(start: String, token: Option<String>) -> Result<Vec<Listed>, StoreError> {
    let failed =
        |error: reqwest::Error| StoreError::new(Kind::Other, format!("cannot be listed: {}", chain(&error)));
    let headers = token.as_deref().map_or_else(|| Ok(HeaderMap::new()), bearer)?;
    let client = reqwest::Client::builder()
        .default_headers(headers)
        .read_timeout(stalled()?);
    let client = client.build().map_err(failed)?;
    let mut listed = Vec::new();
    let mut next = Some(start);
    while let Some(address) = next {
        let answer = client.get(&address).send().await.map_err(failed)?;
        match answer.status().as_u16() {
            404 => return Err(StoreError::new(Kind::NotFound, "no such folder")),
            401 | 403 => {
                let reason = "access is denied, or there is no such repository; set HF_TOKEN where it is private or gated";
                return Err(StoreError::new(Kind::Denied, reason));
            }
            _ => {}
        }
        let answer = answer.error_for_status().map_err(failed)?;
        next = next_page(answer.headers());
        let bytes = answer.bytes().await.map_err(failed)?;
        let page: Vec<Listed> = serde_json::from_slice(&bytes).map_err(|error| {
            StoreError::new(
                Kind::Other,
                format!("the hub's list of files is not JSON of one: {error}"),
            )
        })?;
        listed.extend(page);
    }
    Ok(listed)
}

/// `Link: <address>; rel="next"`.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get("link")?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (_, after) = next.split_once('<')?;
    Some(after.split_once('>')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn files_of_a_repository_have_addresses() {
        let address = |path: &str| address(&Uri::of(Path::new(path)).unwrap()).unwrap();
        assert_eq!(
            address("hf://datasets/o/n/data/a b.parquet"),
            "https://huggingface.co/datasets/o/n/resolve/main/data/a%20b.parquet"
        );
        assert_eq!(
            address("hf://models/o/n@refs%2Fpr%2F1/a.npy"),
            "https://huggingface.co/o/n/resolve/refs%2Fpr%2F1/a.npy"
        );
    }
}
