//! In: bytes. Out: their place in a JSON document, from which exactly they are read again. Never: a guess.

/// A body: as text where it is text, else in Base64; with its length and its SHA-256, which are checked.
pub(crate) mod body {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use sha2::{Digest as _, Sha256};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shown<'a> {
        bytes: u64,
        sha256: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<std::borrow::Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    }

    pub(crate) fn serialize<S: Serializer>(body: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(body).ok();
        Shown {
            bytes: body.len() as u64,
            sha256: hex::encode(Sha256::digest(body)),
            text: text.map(Into::into),
            base64: text.is_none().then(|| STANDARD.encode(body)),
        }
        .serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let shown = Shown::deserialize(from)?;
        let body = match (shown.text, shown.base64) {
            (Some(text), None) => text.into_owned().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).map_err(D::Error::custom)?,
            _ => return Err(D::Error::custom("a body has either `text` or `base64`")),
        };
        if body.len() as u64 != shown.bytes || hex::encode(Sha256::digest(&body)) != shown.sha256 {
            return Err(D::Error::custom("a body is not what its length and SHA-256 say"));
        }
        Ok(body.into())
    }
}

/// A digest in hexadecimal, or null.
pub(crate) mod digest {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::journal::Digest;

    pub(crate) fn serialize<S: Serializer>(digest: &Option<Digest>, to: S) -> Result<S::Ok, S::Error> {
        digest.map(hex::encode).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Digest>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        let wrong = |_| D::Error::custom("a digest has 64 hexadecimal digits");
        text.map(|text| {
            let mut digest = Digest::default();
            hex::decode_to_slice(text, &mut digest)
                .map(|()| digest)
                .map_err(wrong)
        })
        .transpose()
    }
}
