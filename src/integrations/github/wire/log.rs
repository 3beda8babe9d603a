//! In: an address that GitHub gave for a log. Out: the log's end. Never: our token, more in memory than was asked for.

use reqwest::header::USER_AGENT;
use url::Url;

use super::AGENT;
use crate::integrations::{ApiError, Failure};

/// How much of a log is read to get to its end, in bytes.
const READ_BYTES_MAX: u64 = 256 << 20;

/// The end of a long text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Its last bytes, in whole lines; what is not UTF-8 in them is replaced.
    pub text: String,
    /// Bytes of the whole.
    pub bytes: u64,
    /// There is more before.
    pub truncated: bool,
}

impl LogEnd {
    /// The end of `whole`, of at most `bytes_max`.
    pub(in crate::integrations::github) fn of(whole: &[u8], bytes_max: usize) -> Self {
        Self::new(whole, whole.len() as u64, bytes_max)
    }

    /// `kept` are the last bytes of `bytes`.
    fn new(kept: &[u8], bytes: u64, bytes_max: usize) -> Self {
        let end = kept
            .get(kept.len().saturating_sub(bytes_max)..)
            .unwrap_or_default();
        let truncated = bytes > end.len() as u64;
        let whole_lines = match end.iter().position(|byte| *byte == b'\n') {
            Some(newline) if truncated => end.get(newline + 1..).unwrap_or_default(),
            _ => end,
        };
        Self {
            text: String::from_utf8_lossy(whole_lines).into_owned(),
            bytes,
            truncated,
        }
    }
}

/// The address, if it is encrypted or on the API's own host.
pub(in crate::integrations::github) fn safe_address(base_url: &str, location: &str) -> Result<Url, ApiError> {
    let host = |url: &Url| url.host_str().map(str::to_owned).zip(url.port_or_known_default());
    let base = Url::parse(base_url).ok();
    let address = base.as_ref().and_then(|base| base.join(location).ok());
    address
        .filter(|url| url.scheme() == "https" || host(url) == base.as_ref().and_then(host))
        .ok_or_else(|| {
            ApiError::new(
                Failure::Unavailable,
                "GitHub sent us for the log to an address that is not safe to read from",
            )
        })
}

/// Reads a text to its end and keeps its last bytes.
pub(in crate::integrations::github) async fn end_of(
    http: &reqwest::Client,
    address: Url,
    bytes_max: usize,
) -> Result<LogEnd, ApiError> {
    // The address is a key to the log; errors must not show it.
    let lost = |error: reqwest::Error| {
        let problem = format!("the log could not be read: {}", error.without_url());
        ApiError::new(Failure::Unavailable, problem)
    };
    let sent = http.get(address).header(USER_AGENT, AGENT).send().await;
    let mut answer = sent.map_err(lost)?;
    let status = answer.status();
    if !status.is_success() {
        let failure = match status.as_u16() {
            404 | 410 => Failure::NotFound,
            _ => Failure::Unavailable,
        };
        let problem = format!("the log's storage answered {}", status.as_u16());
        return Err(ApiError {
            status: Some(status.as_u16()),
            ..ApiError::new(failure, problem)
        });
    }
    let (mut kept, mut bytes) = (Vec::new(), 0u64);
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        bytes += chunk.len() as u64;
        if bytes > READ_BYTES_MAX {
            let problem = format!("the log is longer than {READ_BYTES_MAX} bytes");
            return Err(ApiError::new(Failure::Unavailable, problem));
        }
        kept.extend_from_slice(&chunk);
        // Twice as much as is wanted is kept, so that bytes are not moved with every chunk.
        if kept.len() > 2 * bytes_max {
            kept.drain(..kept.len() - bytes_max);
        }
    }
    Ok(LogEnd::new(&kept, bytes, bytes_max))
}
