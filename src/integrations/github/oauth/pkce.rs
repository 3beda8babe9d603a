//! In: randomness. Out: a secret of a sign-in, and the challenge that is shown of it (RFC 7636). Never: the secret shown.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A verifier of PKCE, and its challenge.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// Kept until the code is exchanged.
    pub verifier: SecretString,
}

impl Pkce {
    /// The one made of this randomness.
    pub fn new(random: &[u8; 32]) -> Self {
        Self {
            verifier: URL_SAFE_NO_PAD.encode(random).into(),
        }
    }

    /// What the browser carries: the verifier's SHA-256.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose_secret()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_the_standard() {
        // RFC 7636, appendix B.
        let pkce = Pkce {
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(),
        };
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(Pkce::new(&[7; 32]).verifier.expose_secret().len(), 43);
    }
}
