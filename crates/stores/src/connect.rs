//! Connections to buckets, containers and servers, made of the usual environment.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::credentials::{self, AwsKeys};
use crate::environment::{STALLED_ENV, set, settings, stalled};
use crate::error::{Kind, StoreError, chain};
use crate::hub;
use crate::runtime::runtime;
use crate::uri::{Scheme, Uri};

/// A connection, and whether its requests carry credentials.
#[derive(Clone)]
pub(crate) struct Connection {
    pub store: Arc<dyn ObjectStore>,
    pub signed: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

/// An object's name as its store has it: web servers have a connection for each address, whose name is empty.
pub(crate) fn key_of(uri: &Uri) -> Result<Key, StoreError> {
    if is_web(uri) {
        return Ok(Key::default());
    }
    // where it stands at an end, the parser leaves it out
    if !uri.key.is_empty() && uri.key.split('/').any(str::is_empty) {
        let reason = "has an empty part (//), which names of objects cannot have here".to_owned();
        return Err(StoreError::new(Kind::Other, reason));
    }
    Key::parse(&uri.key)
        .map_err(|error| StoreError::new(Kind::Other, format!("is not a name of an object: {error}")))
}

pub(crate) fn is_web(uri: &Uri) -> bool {
    matches!(uri.scheme, Scheme::Http | Scheme::Hf)
}

/// The connection that serves `uri`; one for all objects of a bucket.
pub(crate) fn connection(uri: &Uri) -> Result<Connection, StoreError> {
    static OPEN: Mutex<Option<HashMap<(String, u64), Connection>>> = Mutex::new(None);
    // clients need it
    runtime()?;
    if uri.authority.is_empty() {
        let reason = format!("names no bucket; expected {}://BUCKET/NAME", uri.prefix);
        return Err(StoreError::new(Kind::Other, reason));
    }
    if is_web(uri) {
        return web(uri);
    }
    let name = (uri.root(), environment());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let open = open.get_or_insert_default();
    if let Some(connection) = open.get(&name) {
        return Ok(connection.clone());
    }
    let made = match uri.scheme {
        Scheme::S3 => s3(uri),
        Scheme::Gs => gs(uri),
        _ => az(uri),
    }?;
    open.insert(name, made.clone());
    Ok(made)
}

/// Changes when credentials in the environment do.
fn environment() -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in std::env::vars_os() {
        let ours = ["AWS_", "GOOGLE_", "AZURE_", STALLED_ENV];
        if ours.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            (name, value).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// No limit on the time of a whole request, which depends on its size, but on the time without a byte.
fn client() -> Result<ClientOptions, StoreError> {
    let stalled = stalled()?;
    Ok(ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout(stalled)
        .with_connect_timeout(stalled.min(Duration::from_secs(10))))
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_mins(1),
    }
}

/// Unencrypted connections are for servers on this machine, unless the user allows them.
fn plain_allowed(endpoint: &str) -> bool {
    let host = url::Url::parse(endpoint).ok();
    let host = host.as_ref().and_then(url::Url::host_str).unwrap_or_default();
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

/// Whether an endpoint, which the environment names, may be unencrypted; `allow` is the variable that says so for other machines.
fn endpoint(variable: &str, address: &str, allow: Option<&str>) -> Result<bool, StoreError> {
    let found = url::Url::parse(address).ok();
    let served = found.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = served else {
        let reason =
            format!("{variable} is {address:?}; expected the address of a server, http(s)://HOST:PORT");
        return Err(StoreError::new(Kind::Other, reason));
    };
    let allowed = plain_allowed(address) || allow.is_some_and(|name| set(name).is_some());
    if url.scheme() == "http" && !allowed {
        let or = allow.map_or_else(String::new, |name| format!(", or {name}=true where it is safe"));
        let reason = format!("{variable} names a server that does not encrypt; expected https://…{or}");
        return Err(StoreError::new(Kind::Other, reason));
    }
    Ok(allowed)
}

/// Why no connection can be made of the environment.
fn refused(error: &object_store::Error) -> StoreError {
    let said = chain(error);
    let reason = if said.contains("Account must be specified") {
        "the account is not known; set AZURE_STORAGE_ACCOUNT_NAME".to_owned()
    } else {
        format!("the settings of the store cannot be used: {said}; check the environment")
    };
    StoreError::new(Kind::Other, reason)
}

fn s3(uri: &Uri) -> Result<Connection, StoreError> {
    let variables = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let server = variables.iter().find_map(|name| Some((name, set(name)?)));
    let mut builder = settings("AWS_")
        .fold(AmazonS3Builder::new(), |builder, (key, value)| {
            builder.with_config(key, value)
        })
        .with_bucket_name(&uri.authority)
        .with_retry(retry());
    let mut options = client()?;
    if let Some((name, address)) = &server {
        options = options.with_allow_http(endpoint(name, address, Some("AWS_ALLOW_HTTP"))?);
        builder = builder.with_endpoint(address);
    }
    builder = builder.with_client_options(options.clone());
    let found = credentials::aws();
    if let Some(region) = &found.region {
        builder = builder.with_region(region);
    } else if server.is_none() {
        let (bucket, options) = (uri.authority.clone(), options.clone());
        let region = crate::runtime::wait(async move {
            let found = object_store::aws::resolve_bucket_region(&bucket, &options).await;
            Ok(found.unwrap_or_else(|_| "us-east-1".to_owned()))
        })?;
        builder = builder.with_region(region);
    }
    builder = match &found.keys {
        AwsKeys::None => builder.with_skip_signature(true),
        AwsKeys::Environment => builder,
        AwsKeys::File { id, secret, token } => {
            let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            match token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
    };
    Ok(Connection {
        signed: found.keys != AwsKeys::None,
        store: Arc::new(builder.build().map_err(|error| refused(&error))?),
    })
}

fn gs(uri: &Uri) -> Result<Connection, StoreError> {
    let mut builder = settings("GOOGLE_")
        .fold(GoogleCloudStorageBuilder::new(), |builder, (key, value)| {
            builder.with_config(key, value)
        })
        .with_bucket_name(&uri.authority)
        .with_retry(retry());
    let mut options = client()?;
    if let Some(host) = set("STORAGE_EMULATOR_HOST") {
        let host = if host.contains("://") {
            host
        } else {
            format!("http://{host}")
        };
        options = options.with_allow_http(endpoint("STORAGE_EMULATOR_HOST", &host, None)?);
        builder = builder.with_base_url(&host);
    }
    let signed = credentials::google();
    if !signed {
        // uploads carry a token all the same; without one of ours the machine would be asked for its own
        builder = builder.with_skip_signature(true).with_bearer_token("");
    }
    let builder = builder.with_client_options(options);
    Ok(Connection {
        signed,
        store: Arc::new(builder.build().map_err(|error| refused(&error))?),
    })
}

fn az(uri: &Uri) -> Result<Connection, StoreError> {
    let mut builder = settings("AZURE_")
        .fold(MicrosoftAzureBuilder::new(), |builder, (key, value)| {
            builder.with_config(key, value)
        })
        .with_container_name(&uri.authority)
        .with_retry(retry());
    let mut options = client()?;
    if let Some(address) = builder.get_config_value(&AzureConfigKey::Endpoint) {
        options = options.with_allow_http(endpoint("AZURE_STORAGE_ENDPOINT", &address, None)?);
    }
    let signed = credentials::azure();
    if !signed {
        builder = builder.with_skip_signature(true);
    }
    let builder = builder.with_client_options(options);
    Ok(Connection {
        signed,
        store: Arc::new(builder.build().map_err(|error| refused(&error))?),
    })
}

/// Of one address of a web server: its query, which may be a signature, goes with it.
fn web(uri: &Uri) -> Result<Connection, StoreError> {
    let (address, token) = match uri.scheme {
        Scheme::Hf => (hub::address(uri)?, hub::token()),
        _ => (web_address(uri), None),
    };
    let mut options = client()?.with_allow_http(uri.prefix == "http" || plain_allowed(&address));
    if let Some(token) = &token {
        options = options.with_default_headers(hub::bearer(token)?);
    }
    let builder = HttpBuilder::new()
        .with_url(address)
        .with_retry(retry())
        .with_http_connector(SharedClient)
        .with_client_options(options);
    Ok(Connection {
        signed: token.is_some(),
        store: Arc::new(builder.build().map_err(|error| refused(&error))?),
    })
}

fn web_address(uri: &Uri) -> String {
    let query = uri
        .query
        .as_ref()
        .map_or_else(String::new, |query| format!("?{query}"));
    format!("{}/{}{query}", uri.root(), uri.key)
}

/// One client for each set of options, so that addresses of a server share its connections.
#[derive(Debug)]
struct SharedClient;

impl HttpConnector for SharedClient {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<object_store::client::HttpClient> {
        static MADE: Mutex<Option<HashMap<String, object_store::client::HttpClient>>> = Mutex::new(None);
        let name = format!("{options:?}{:?}", options.get_default_headers());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.get_or_insert_default();
        if let Some(client) = made.get(&name) {
            return Ok(client.clone());
        }
        let client = ReqwestConnector::default().connect(options)?;
        made.insert(name, client.clone());
        Ok(client)
    }
}
