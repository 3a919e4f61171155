//! Why a store did not do what it was asked, in words that say what to do.

use std::error::Error;
use std::io;

use crate::uri::{Scheme, Uri};

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no such object.
    NotFound,
    /// Access is refused.
    Denied,
    /// The object is another one than when it was opened.
    Changed,
    /// An object stands there already, or has been replaced by somebody else.
    Exists,
    /// A range was asked for of an object without bytes.
    Empty,
    /// The thread was asked to stop.
    Stopped,
    /// All else: the network, the server, what it cannot do.
    Other,
}

/// A failure, without the name of the object.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct StoreError {
    kind: Kind,
    reason: String,
    /// Whether the bytes broke off, so that another request may bring them.
    broken: bool,
}

impl StoreError {
    pub(crate) fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            broken: false,
        }
    }

    pub(crate) fn stopped() -> Self {
        Self::new(Kind::Stopped, "stopped")
    }

    pub(crate) fn changed() -> Self {
        let reason = "has changed while it was read; read it again when nobody writes it";
        Self::new(Kind::Changed, reason)
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Of bytes that broke off.
    pub(crate) fn broken(self) -> Self {
        Self { broken: true, ..self }
    }

    /// What `error` means for `uri`; `signed` says whether requests carried credentials.
    pub(crate) fn of(error: &object_store::Error, uri: &Uri, signed: bool) -> Self {
        use object_store::Error as E;
        let said = chain(error);
        if let Some(known) = known(&said, uri) {
            return known;
        }
        match error {
            E::NotFound { .. } => Self::new(Kind::NotFound, "no such object"),
            E::AlreadyExists { .. } | E::Precondition { .. } => {
                Self::new(Kind::Exists, "somebody else has written it meanwhile")
            }
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                Self::new(Kind::Denied, denied(uri, signed))
            }
            _ if said.contains("non-partial response") || matches!(error, E::NotSupported { .. }) => {
                let reason = "the server does not serve ranges of bytes; download the file and name the copy";
                Self::new(Kind::Other, reason)
            }
            _ if said.contains("Range Not Satisfiable") => Self::new(Kind::Empty, "has no bytes there"),
            _ => Self::new(Kind::Other, said),
        }
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            Kind::NotFound => io::ErrorKind::NotFound,
            Kind::Denied => io::ErrorKind::PermissionDenied,
            Kind::Changed => io::ErrorKind::InvalidData,
            Kind::Exists => io::ErrorKind::AlreadyExists,
            // not `Interrupted`: readers would try again
            Kind::Empty | Kind::Stopped | Kind::Other => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Codes of S3 that say what to do, and what its relatives answer likewise.
fn known(said: &str, uri: &Uri) -> Option<StoreError> {
    let has = |code: &str| said.contains(code);
    let bucket = &uri.authority;
    if has("NoSuchBucket") || has("ContainerNotFound") {
        let (what, variable) = match uri.scheme {
            Scheme::Az => ("container", "AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ENDPOINT"),
            Scheme::Gs => ("bucket", "STORAGE_EMULATOR_HOST"),
            _ => ("bucket", "AWS_ENDPOINT_URL"),
        };
        let reason = format!("there is no {what} {bucket:?}; check its name, and the server ({variable})");
        return Some(StoreError::new(Kind::Other, reason));
    }
    let reason = if has("ExpiredToken") || has("TokenRefreshRequired") {
        "the credentials have expired; get new ones (aws sso login, or a new AWS_SESSION_TOKEN)"
    } else if has("InvalidAccessKeyId") {
        "the store does not know the access key; check AWS_ACCESS_KEY_ID or AWS_PROFILE"
    } else if has("SignatureDoesNotMatch") {
        "the secret key does not fit the access key; check AWS_SECRET_ACCESS_KEY"
    } else if has("RequestTimeTooSkewed") {
        "the clock of this machine differs from that of the store; set it"
    } else if has("PermanentRedirect") || has("BareRedirect") || has("AuthorizationHeaderMalformed") {
        "the bucket is in another region; set AWS_REGION to it"
    } else {
        return None;
    };
    Some(StoreError::new(Kind::Denied, reason))
}

fn denied(uri: &Uri, signed: bool) -> String {
    let how = match uri.scheme {
        Scheme::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile (AWS_PROFILE)",
        Scheme::Gs => "GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login",
        Scheme::Az => "AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_KEY",
        Scheme::Hf => "HF_TOKEN",
        Scheme::Http => return "access is denied (401 or 403)".to_owned(),
    };
    if signed {
        format!("access is denied (401 or 403): the credentials do not allow it ({how})")
    } else {
        format!("access is denied (401 or 403), and no credentials were found: set {how}")
    }
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        next = cause.source();
    }
    said
}
