//! In: a secret, what it is for, whose it is. Out: bytes that can be kept anywhere; and back, for the same purpose and
//! agent only. Never: a key or a secret in a log, in `Debug`, or left behind in memory.
//!
//! XChaCha20-Poly1305 with a random nonce of 24 bytes. What is sealed names the key it was sealed with, so keys can be changed while
//! both are at hand: see [`Vault::is_current`].

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How long a key is, in bytes.
const KEY_BYTES: usize = 32;
/// How long a nonce is, in bytes.
const NONCE_BYTES: usize = 24;
/// How many hexadecimal digits a key is named by.
const ID_DIGITS: usize = 16;
/// What makes a key's name another hash than any that somebody else makes of it.
const ID_PURPOSE: &[u8] = b"xmrt vault key id\0";

/// Why something was not sealed or opened. None of them quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// A key is no key.
    #[error(
        "it is not 32 bytes in base64; make one with `openssl rand -base64 32`, and keep it as safe as what it protects"
    )]
    Key,
    /// There is no key at all.
    #[error(
        "there is no key to seal tokens with: set XMRT_SECRET_KEY to 32 bytes in base64 (`openssl rand -base64 32`)"
    )]
    NoKey,
    /// It was sealed with a key that is not at hand.
    #[error(
        "it was sealed with the key {0}, which is not at hand: give it back as XMRT_SECRET_KEY_2, or log the agent in again"
    )]
    OtherKey(String),
    /// It was changed, or is somebody else's.
    #[error("it was changed, or was sealed for another purpose or agent: log the agent in again")]
    Foreign,
    /// There is no randomness to be had.
    #[error("the system gives no randomness: {0}")]
    Random(String),
}

/// What a secret is sealed for. Opened for anything else, it does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose<'a> {
    /// What it is: `github token`, `oauth state`, …
    pub what: &'a str,
    /// Whose it is.
    pub agent: &'a str,
}

impl Purpose<'_> {
    /// Each part with its length before it: no two purposes have the same bytes.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"xmrt vault 1\0".to_vec();
        for part in [self.what, self.agent] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }
}

/// One key. Its bytes are wiped when it is dropped.
#[derive(Clone)]
struct Key {
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl Key {
    fn parse(text: &SecretString) -> Result<Self, VaultError> {
        let bytes = Zeroizing::new(
            BASE64
                .decode(text.expose_secret().trim())
                .map_err(|_| VaultError::Key)?,
        );
        let bytes: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| VaultError::Key)?;
        let mut hash = Sha256::new();
        hash.update(ID_PURPOSE);
        hash.update(bytes);
        let id: String = hex::encode(hash.finalize()).chars().take(ID_DIGITS).collect();
        Ok(Self {
            id,
            bytes: Zeroizing::new(bytes),
        })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.bytes).into())
    }
}

/// Something sealed, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The name of the key.
    key: String,
    /// In base64.
    nonce: String,
    /// In base64.
    text: String,
}

impl Sealed {
    /// The name of the key it was sealed with.
    pub fn key_id(&self) -> &str {
        &self.key
    }
}

/// Keys, and what is done with them. Cheap to clone; clones share the keys.
#[derive(Clone)]
pub struct Vault(Arc<ArcSwap<Vec<Key>>>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.0.load();
        let ids = keys.iter().map(|key| &key.id);
        f.debug_tuple("Vault").field(&ids.collect::<Vec<_>>()).finish()
    }
}

impl Vault {
    /// A vault with these keys, each 32 bytes in base64: the first seals, all open.
    pub fn new(keys: &[SecretString]) -> Result<Self, VaultError> {
        let keys: Vec<Key> = keys.iter().map(Key::parse).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(VaultError::NoKey);
        }
        Ok(Self(Arc::new(ArcSwap::from_pointee(keys))))
    }

    /// Another key seals from here on, and those there were still open.
    pub fn add(&self, key: &SecretString) -> Result<(), VaultError> {
        let mut keys = vec![Key::parse(key)?];
        keys.extend(self.0.load().iter().cloned());
        self.0.store(Arc::new(keys));
        Ok(())
    }

    /// Forgets all keys but the one that seals.
    pub fn drop_former(&self) {
        let first = self.0.load().first().cloned();
        self.0.store(Arc::new(first.into_iter().collect()));
    }

    /// The name of the key that seals.
    pub fn key_id(&self) -> String {
        self.0
            .load()
            .first()
            .map(|key| key.id.clone())
            .unwrap_or_default()
    }

    /// Whether something is sealed with the key that seals now.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        self.key_id() == sealed.key
    }

    /// Seals a secret.
    pub fn seal(&self, purpose: Purpose<'_>, secret: &[u8]) -> Result<Sealed, VaultError> {
        let keys = self.0.load();
        let key = keys.first().ok_or(VaultError::NoKey)?;
        let nonce: [u8; NONCE_BYTES] = random()?;
        let payload = Payload {
            msg: secret,
            aad: &purpose.bytes(),
        };
        let text = key
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Foreign)?;
        Ok(Sealed {
            key: key.id.clone(),
            nonce: BASE64.encode(nonce),
            text: BASE64.encode(text),
        })
    }

    /// Opens what was sealed for this purpose. What comes out is wiped when it is dropped.
    pub fn open(&self, purpose: Purpose<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let keys = self.0.load();
        let key = keys.iter().find(|key| key.id == sealed.key);
        let key = key.ok_or_else(|| VaultError::OtherKey(sealed.key.clone()))?;
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| VaultError::Foreign);
        let nonce: [u8; NONCE_BYTES] = bytes(&sealed.nonce)?
            .try_into()
            .map_err(|_| VaultError::Foreign)?;
        let payload = Payload {
            msg: &bytes(&sealed.text)?,
            aad: &purpose.bytes(),
        };
        let secret = key.cipher().decrypt(&XNonce::from(nonce), payload);
        secret.map(Zeroizing::new).map_err(|_| VaultError::Foreign)
    }
}

/// A new key, in base64.
pub fn new_key() -> Result<SecretString, VaultError> {
    let bytes: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(random()?);
    Ok(BASE64.encode(*bytes).into())
}

/// Random bytes, fit for secrets.
pub fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELIZA: Purpose<'_> = Purpose {
        what: "github token",
        agent: "eliza",
    };

    fn vault() -> (Vault, SecretString) {
        let key = new_key().unwrap();
        (Vault::new(std::slice::from_ref(&key)).unwrap(), key)
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_and_agent_only() {
        let (vault, _) = vault();
        let sealed = vault.seal(ELIZA, b"a secret").unwrap();
        assert_eq!(vault.open(ELIZA, &sealed).unwrap().as_slice(), b"a secret");
        for other in [
            Purpose {
                agent: "otto",
                ..ELIZA
            },
            Purpose {
                what: "oauth state",
                ..ELIZA
            },
            // The same letters, elsewhere parted.
            Purpose {
                what: "github tokene",
                agent: "liza",
            },
        ] {
            assert_eq!(vault.open(other, &sealed), Err(VaultError::Foreign), "{other:?}");
        }
    }

    #[test]
    fn a_changed_byte_anywhere_keeps_it_shut() {
        let (vault, _) = vault();
        let sealed = vault.seal(ELIZA, b"a secret").unwrap();
        let text = BASE64.decode(&sealed.text).unwrap();
        for place in 0..text.len() {
            let mut changed = text.clone();
            changed[place] ^= 1;
            let changed = Sealed {
                text: BASE64.encode(changed),
                ..sealed.clone()
            };
            assert_eq!(
                vault.open(ELIZA, &changed),
                Err(VaultError::Foreign),
                "byte {place}"
            );
        }
        let cut = Sealed {
            nonce: BASE64.encode([0; 12]),
            ..sealed
        };
        assert_eq!(vault.open(ELIZA, &cut), Err(VaultError::Foreign));
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time() {
        let (vault, _) = vault();
        let seal = || vault.seal(ELIZA, b"a secret").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_opens_until_it_is_dropped() {
        let (vault, old) = vault();
        let before = vault.seal(ELIZA, b"a secret").unwrap();
        vault.add(&new_key().unwrap()).unwrap();
        assert!(!vault.is_current(&before));
        assert_eq!(vault.open(ELIZA, &before).unwrap().as_slice(), b"a secret");
        let after = vault.seal(ELIZA, b"a secret").unwrap();
        assert!(vault.is_current(&after));
        vault.drop_former();
        let gone = VaultError::OtherKey(before.key_id().to_owned());
        assert_eq!(vault.open(ELIZA, &before), Err(gone));
        assert!(vault.open(ELIZA, &after).is_ok());
        assert_eq!(
            Vault::new(&[old]).unwrap().key_id(),
            before.key_id(),
            "a key's name follows from it"
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted_and_none_is_shown() {
        for text in [
            "",
            "hunter2",
            "AAAA",
            &BASE64.encode([7; 31]),
            &BASE64.encode([7; 33]),
        ] {
            let error = Vault::new(&[text.into()]).unwrap_err();
            assert_eq!(error, VaultError::Key);
        }
        assert_eq!(Vault::new(&[]).unwrap_err(), VaultError::NoKey);
        let (vault, key) = vault();
        let shown = format!("{vault:?}");
        assert!(!shown.contains(key.expose_secret()), "{shown}");
    }
}
