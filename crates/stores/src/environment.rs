//! What the environment says.

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Kind, StoreError};

/// A read that brings nothing for so long has stalled.
const STALLED: Duration = Duration::from_secs(20);
/// Overrides it, in seconds.
pub(crate) const STALLED_ENV: &str = "MODALITY_GAP_NETWORK_TIMEOUT";

/// A variable of the environment; an empty one counts as not set.
pub(crate) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Settings of a store by the names that `object_store` knows, from variables that begin with `start`. Its own `from_env` takes an empty
/// variable for a setting.
pub(crate) fn settings<K: FromStr>(start: &str) -> impl Iterator<Item = (K, String)> {
    settings_in(std::env::vars_os(), start)
}

fn settings_in<K: FromStr>(
    variables: impl Iterator<Item = (OsString, OsString)>,
    start: &str,
) -> impl Iterator<Item = (K, String)> {
    variables.filter_map(move |(name, value)| {
        let (name, value) = (name.to_str()?, value.to_str()?);
        let key = name.starts_with(start).then(|| name.to_ascii_lowercase())?;
        (!value.is_empty()).then_some((key.parse().ok()?, value.to_owned()))
    })
}

/// The longest time without a byte.
pub(crate) fn stalled() -> Result<Duration, StoreError> {
    seconds(set(STALLED_ENV))
}

fn seconds(named: Option<String>) -> Result<Duration, StoreError> {
    let Some(named) = named else {
        return Ok(STALLED);
    };
    let seconds = named.parse().ok().filter(|&seconds: &u64| seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let reason =
            format!("unknown {STALLED_ENV} `{named}`; expected a whole number of seconds, at least 1");
        StoreError::new(Kind::Other, reason)
    })
}

#[cfg(test)]
mod tests {
    use object_store::aws::AmazonS3ConfigKey;
    use object_store::azure::AzureConfigKey;

    use super::*;

    #[test]
    fn an_empty_variable_makes_no_setting() {
        let variables = || {
            [
                ("AWS_ENDPOINT_URL", ""),
                ("AWS_SESSION_TOKEN", ""),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_SOMETHING_ELSE", "1"),
                ("AZURE_STORAGE_ENDPOINT", ""),
                ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
                ("REGION", "us-east-1"),
            ]
            .map(|(name, value)| (name.into(), value.into()))
            .into_iter()
        };
        let of_s3: Vec<(AmazonS3ConfigKey, String)> = settings_in(variables(), "AWS_").collect();
        assert_eq!(of_s3, [(AmazonS3ConfigKey::Region, "eu-west-1".to_owned())]);
        let of_azure: Vec<(AzureConfigKey, String)> = settings_in(variables(), "AZURE_").collect();
        assert_eq!(of_azure, [(AzureConfigKey::AccountName, "account".to_owned())]);
    }

    #[test]
    fn a_time_out_is_whole_seconds() {
        assert_eq!(seconds(None).unwrap(), STALLED);
        assert_eq!(seconds(Some("7".to_owned())).unwrap(), Duration::from_secs(7));
        for wrong in ["0", "-1", "1.5", "soon"] {
            let refused = seconds(Some(wrong.to_owned())).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("unknown {STALLED_ENV} `{wrong}`")),
                "{refused}"
            );
        }
    }
}
