//! What the environment says.

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
    use super::*;

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
