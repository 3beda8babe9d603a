//! In: a secret's text. Out: a key that can sign and verify. Never: the key in a log line; `Debug` redacts it.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// Base64 with the standard alphabet, with or without padding: consoles print both.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands before the base64 of a Standard Webhooks secret.
const STANDARD_PREFIX: &str = "whsec_";

/// Why a secret cannot be used. A configuration error: it is found when the settings are read, not at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is nothing in it.
    #[error("the webhook secret is empty; set it to the value shown in the provider's webhook settings")]
    Empty,
    /// It is not base64.
    #[error(
        "the webhook secret is not base64 (with or without the prefix `whsec_`); copy it unchanged from the \
         provider's webhook settings"
    )]
    NotBase64,
}

/// A secret of a GitHub webhook: its bytes as given are the key.
#[derive(Clone, Debug)]
pub struct GithubSecret(SecretSlice<u8>);

impl GithubSecret {
    /// Takes the text whole: no trimming, no decoding. [`SecretError::Empty`] if there is none.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        match text.is_empty() {
            true => Err(SecretError::Empty),
            false => Ok(Self(text.as_bytes().to_vec().into())),
        }
    }

    /// `HMAC-SHA256` over the raw body, begun.
    pub(super) fn mac(&self) -> Option<Hmac<Sha256>> {
        keyed(&self.0)
    }

    /// The value of `X-Hub-Signature-256` for a body: for senders (the sandbox, `xmrt send`).
    pub fn sign(&self, body: &[u8]) -> String {
        format!("sha256={}", hex::encode(tag(self.mac(), &[body])))
    }
}

/// A secret of the Standard Webhooks scheme `v1`: base64 of the key, the prefix `whsec_` being optional.
#[derive(Clone, Debug)]
pub struct StandardSecret(SecretSlice<u8>);

impl StandardSecret {
    /// Decodes the key; surrounding white space is dropped, padding may be missing.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let encoded = text.strip_prefix(STANDARD_PREFIX).unwrap_or(text);
        let key = TOLERANT.decode(encoded).map_err(|_| SecretError::NotBase64)?;
        match key.is_empty() {
            true => Err(SecretError::Empty),
            false => Ok(Self(key.into())),
        }
    }

    /// `HMAC-SHA256` over id, timestamp and body, begun.
    pub(super) fn mac(&self) -> Option<Hmac<Sha256>> {
        keyed(&self.0)
    }

    /// The value of `webhook-signature` for a message: for senders (the sandbox, `xmrt send`).
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let timestamp = unix_seconds.to_string();
        let tag = tag(
            self.mac(),
            &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body],
        );
        format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(tag))
    }
}

/// HMAC takes keys of any length, so this is `Some`; an `Option` keeps the impossible case a refusal, not a panic.
fn keyed(key: &SecretSlice<u8>) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key.expose_secret()).ok()
}

fn tag(mac: Option<Hmac<Sha256>>, parts: &[&[u8]]) -> Vec<u8> {
    let Some(mut mac) = mac else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}
