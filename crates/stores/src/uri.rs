//! Names of objects.

use std::fmt;
use std::path::{Path, PathBuf};

/// What serves an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    S3,
    Gs,
    Az,
    /// A web server.
    Http,
    /// The Hugging Face hub.
    Hf,
}

/// The name of an object, or of a folder of them: `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    pub(crate) scheme: Scheme,
    /// What stands before `://`.
    pub(crate) prefix: &'static str,
    /// Bucket, container or host.
    pub(crate) authority: String,
    /// Name in it, without the slash that a folder ends with.
    pub(crate) key: String,
    /// What follows a `?` in the address of a web server, such as a signature.
    pub(crate) query: Option<String>,
}

const SCHEMES: [(&str, Scheme); 6] = [
    ("s3", Scheme::S3),
    ("gs", Scheme::Gs),
    ("az", Scheme::Az),
    ("https", Scheme::Http),
    ("http", Scheme::Http),
    ("hf", Scheme::Hf),
];

/// Whether a path is the URI of an object or of a folder of objects.
pub fn is_remote(path: &Path) -> bool {
    Uri::of(path).is_some()
}

/// The path without what is secret in the address of a web server: a password, and what follows its `?`, such as a signature.
pub fn without_secrets(path: &Path) -> PathBuf {
    Uri::of(path).map_or_else(|| path.to_path_buf(), |uri| uri.path())
}

/// The path whose end is the name of a file: what follows the `?` in the address of a web server is not a part of it.
pub fn without_query(path: &Path) -> PathBuf {
    match Uri::of(path) {
        Some(uri) if uri.query.is_some() => uri.at(&uri.key).path(),
        _ => path.to_path_buf(),
    }
}

impl Uri {
    /// The URI that a path is, unless it is one of the file system.
    pub fn of(path: &Path) -> Option<Self> {
        let text = path.to_str()?;
        let (prefix, rest) = text.split_once(':')?;
        let &(prefix, scheme) = SCHEMES.iter().find(|(name, _)| *name == prefix)?;
        // joining paths and taking parents may leave other slashes
        let rest = rest.replace('\\', "/");
        let rest = rest.strip_prefix("//")?;
        let (rest, query) = match (scheme, rest.split_once('?')) {
            (Scheme::Http, Some((rest, query))) => (rest, Some(query.to_owned())),
            _ => (rest, None),
        };
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self {
            scheme,
            prefix,
            authority: authority.to_owned(),
            // one slash at the end is that of a folder; an empty part of a name is refused where it is asked for
            key: key.strip_suffix('/').unwrap_or(key).to_owned(),
            query,
        })
    }

    /// Another name in the same bucket, container or server.
    pub(crate) fn at(&self, key: &str) -> Self {
        Self {
            key: key.trim_matches('/').to_owned(),
            query: None,
            ..self.clone()
        }
    }

    /// As a path, as the user names it.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }

    /// The root of the bucket, container or server.
    pub(crate) fn root(&self) -> String {
        format!("{}://{}", self.prefix, self.authority)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // so is what stands before the host of a web server: a name and a password
        match (self.scheme, self.authority.rsplit_once('@')) {
            (Scheme::Http, Some((_, host))) => write!(f, "{}://…@{host}", self.prefix)?,
            _ => write!(f, "{}://{}", self.prefix, self.authority)?,
        }
        if !self.key.is_empty() {
            write!(f, "/{}", self.key)?;
        }
        // a signature is a secret
        if self.query.is_some() {
            f.write_str("?…")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_kept_by_the_operations_of_paths() {
        let folder = Path::new("s3://bucket/rows/");
        let file = folder.join("a b#1.npy");
        let uri = Uri::of(&file).unwrap();
        assert_eq!(uri.to_string(), "s3://bucket/rows/a b#1.npy");
        assert_eq!(Uri::of(file.parent().unwrap()), Uri::of(folder));
        assert_eq!(
            (uri.authority.as_str(), uri.key.as_str()),
            ("bucket", "rows/a b#1.npy")
        );
        assert!(Uri::of(Path::new("s3://bucket")).unwrap().key.is_empty());
        for (path, key) in [
            ("s3://bucket//a", "/a"),
            ("s3://bucket/a//", "a/"),
            ("https://host//a", "/a"),
        ] {
            assert_eq!(Uri::of(Path::new(path)).unwrap().key, key, "{path}");
        }
    }

    #[test]
    fn paths_of_the_file_system_are_none() {
        for path in [
            "rows/a.npy",
            "/s3/bucket",
            "s3:bucket",
            "C:\\rows",
            "ftp://host/a",
            "file:///a",
        ] {
            assert!(!is_remote(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_signature_is_not_printed() {
        let uri = Uri::of(Path::new("https://host/a.npy?X-Amz-Signature=secret")).unwrap();
        assert_eq!(uri.to_string(), "https://host/a.npy?…");
        assert_eq!(uri.query.as_deref(), Some("X-Amz-Signature=secret"));
        let plain = without_query(Path::new("https://host/a.npy?X-Amz-Signature=secret"));
        assert_eq!(plain, Path::new("https://host/a.npy"));
        let uri = Uri::of(Path::new("https://name:secret@host:80/a.npy")).unwrap();
        assert_eq!(uri.to_string(), "https://…@host:80/a.npy");
        for path in ["s3://bucket/a?b", "a@b/c", "https://host/a@b"] {
            assert_eq!(without_secrets(Path::new(path)), Path::new(path), "{path}");
        }
    }
}
