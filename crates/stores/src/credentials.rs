//! Credentials in the environment and in the files of the stores' own programs.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::environment::set;

/// Longest file of profiles that is read.
const MOST: u64 = 1 << 20;

/// Where the keys of S3 come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AwsKeys {
    /// The environment, or a service that it names: web identity, a container's role, the machine's role.
    Environment,
    /// A profile in a file.
    File {
        id: String,
        secret: String,
        token: Option<String>,
    },
    /// Nowhere: requests are not signed.
    None,
}

/// Keys and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aws {
    pub keys: AwsKeys,
    pub region: Option<String>,
}

/// Credentials of S3. The machine's role is asked for only where `AWS_EC2_METADATA_DISABLED=false` says that there is one: elsewhere
/// nobody answers, and every first read would wait for it.
pub(crate) fn aws() -> Aws {
    let profile = set("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let file = |name: &str, default: &str| {
        set(name)
            .map(PathBuf::from)
            .or_else(|| Some(home()?.join(default)))
    };
    let read =
        |path: Option<PathBuf>, section: &str| path.and_then(|path| section_of(&text_of(&path)?, section));
    let credentials = read(file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), &profile);
    let section = if profile == "default" {
        profile
    } else {
        format!("profile {profile}")
    };
    let config = read(file("AWS_CONFIG_FILE", ".aws/config"), &section).unwrap_or_default();
    let region = set("AWS_REGION")
        .or_else(|| set("AWS_DEFAULT_REGION"))
        .or_else(|| config.get("region").cloned());
    Aws {
        keys: aws_keys(credentials.as_ref().unwrap_or(&config)),
        region,
    }
}

fn aws_keys(profile: &HashMap<String, String>) -> AwsKeys {
    if set("AWS_SKIP_SIGNATURE")
        .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str()))
    {
        return AwsKeys::None;
    }
    let from_service = set("AWS_WEB_IDENTITY_TOKEN_FILE").is_some()
        || set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some()
        || set("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_some()
        || set("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("false"));
    let of_profile = || {
        Some(AwsKeys::File {
            id: profile.get("aws_access_key_id")?.clone(),
            secret: profile.get("aws_secret_access_key")?.clone(),
            token: profile.get("aws_session_token").cloned(),
        })
    };
    if set("AWS_ACCESS_KEY_ID").is_some() {
        return AwsKeys::Environment;
    }
    match of_profile() {
        Some(keys) => keys,
        None if from_service => AwsKeys::Environment,
        None => AwsKeys::None,
    }
}

/// Whether there are credentials of Google's: a file that the environment names, or what gcloud has left.
pub(crate) fn google() -> bool {
    let named = [
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_BEARER_TOKEN",
    ];
    named.iter().any(|name| set(name).is_some())
        || home().is_some_and(|home| {
            home.join(".config/gcloud/application_default_credentials.json")
                .is_file()
        })
}

/// Whether there are credentials of Azure's.
pub(crate) fn azure() -> bool {
    std::env::vars_os().any(|(name, value)| {
        let name = name.to_string_lossy();
        let ends = [
            "_KEY",
            "_SECRET",
            "_TOKEN",
            "_TOKEN_FILE",
            "_CLI",
            "_EMULATOR",
            "MSI_ENDPOINT",
            "IDENTITY_ENDPOINT",
        ];
        name.starts_with("AZURE_") && !value.is_empty() && ends.iter().any(|end| name.ends_with(end))
    })
}

pub(crate) fn home() -> Option<PathBuf> {
    std::env::home_dir()
}

/// A small text file.
pub(crate) fn text_of(path: &std::path::Path) -> Option<String> {
    let small = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= MOST);
    small.then(|| std::fs::read_to_string(path).ok()).flatten()
}

/// The keys and values of one section of a file of profiles.
fn section_of(text: &str, section: &str) -> Option<HashMap<String, String>> {
    let mut inside = false;
    let mut found = None::<HashMap<String, String>>;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            inside = name.0.trim() == section;
            if inside {
                found.get_or_insert_default();
            }
        } else if let (true, Some((key, value)), false) =
            (inside, line.split_once('='), line.starts_with(['#', ';']))
        {
            let keys = found.get_or_insert_default();
            keys.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_from_its_section() {
        let text = "[default]\naws_access_key_id = A\n# no = key\n\n[ other ]\naws_access_key_id=B\nregion = eu-west-1\n";
        let default = section_of(text, "default").unwrap();
        assert_eq!(default.get("aws_access_key_id").map(String::as_str), Some("A"));
        assert_eq!(default.len(), 1);
        let other = section_of(text, "other").unwrap();
        assert_eq!(other.get("aws_access_key_id").map(String::as_str), Some("B"));
        assert_eq!(other.get("region").map(String::as_str), Some("eu-west-1"));
        assert!(section_of(text, "absent").is_none());
    }
}
