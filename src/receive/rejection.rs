//! In: what is wrong with a request. Out: status, problem type and a sentence. Never: the expected signature, or
//! which secret nearly matched.

use super::{BODY_BYTES_MAX, DEPTH_MAX, NAME_CHARS_MAX, TOLERANCE_SECONDS};

/// Why a request did not become a delivery. Its `Display` is the sentence for the sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nobody could be believed: there is no secret for this source.
    #[error("no webhook secret is configured for {source_name}; set {variable} and start again")]
    NotConfigured {
        /// `github`, `render`.
        source_name: &'static str,
        /// The setting that is missing.
        variable: &'static str,
    },
    /// The body is over [`BODY_BYTES_MAX`].
    #[error("the body is larger than {BODY_BYTES_MAX} bytes (25 MiB)")]
    TooLarge,
    /// The body is not of a kind this source sends.
    #[error("the content type must be {expected}")]
    UnsupportedMediaType {
        /// What would be taken.
        expected: &'static str,
    },
    /// A header of the signature is not there.
    #[error("the header {0} is missing; a delivery without a signature is not taken")]
    MissingSignature(&'static str),
    /// A header of the signature is not of its documented form.
    #[error("the header {header} is malformed: {expected}")]
    MalformedSignature {
        /// Its name.
        header: &'static str,
        /// What it should look like.
        expected: &'static str,
    },
    /// No signature fits the body.
    #[error(
        "no signature in {0} fits this body; check that both sides have the same secret and that nothing on the \
         way changes the body"
    )]
    SignatureMismatch(&'static str),
    /// It was signed too long ago.
    #[error(
        "webhook-timestamp is {seconds} s in the past, at most {TOLERANCE_SECONDS} s are allowed; a replayed \
         delivery, or a clock that is wrong"
    )]
    TooOld {
        /// How long ago.
        seconds: i64,
    },
    /// It claims to be from the future.
    #[error(
        "webhook-timestamp is {seconds} s in the future, at most {TOLERANCE_SECONDS} s are allowed; one of the two \
         clocks is wrong"
    )]
    TooNew {
        /// How far ahead.
        seconds: i64,
    },
    /// A header that is not part of the signature is not there.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// Such a header cannot be used.
    #[error("the header {0} must be 1 to {NAME_CHARS_MAX} visible ASCII characters")]
    MalformedHeader(&'static str),
    /// A form without exactly one field `payload`.
    #[error("a form delivery must have exactly one field `payload`, holding JSON")]
    NoPayloadField,
    /// The body of a source that names the event inside it names none.
    #[error("the body's `type` must be 1 to {NAME_CHARS_MAX} visible ASCII characters")]
    NoType,
    /// The body is not UTF-8.
    #[error("the body is not valid UTF-8 (first bad byte at offset {offset})")]
    NotUtf8 {
        /// Where.
        offset: usize,
    },
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// The body is JSON, but not an object.
    #[error("the body must be one JSON object")]
    NotObject,
    /// The body is nested too deeply.
    #[error("the body is nested more than {DEPTH_MAX} deep")]
    TooDeep,
}

impl Rejection {
    /// The HTTP status: 400, 401, 413, 415 or 503.
    pub fn status(&self) -> http::StatusCode {
        use http::StatusCode as S;
        match self {
            Self::NotConfigured { .. } => S::SERVICE_UNAVAILABLE,
            Self::TooLarge => S::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => S::UNSUPPORTED_MEDIA_TYPE,
            Self::MissingSignature(_)
            | Self::MalformedSignature { .. }
            | Self::SignatureMismatch(_)
            | Self::TooOld { .. }
            | Self::TooNew { .. } => S::UNAUTHORIZED,
            Self::MissingHeader(_)
            | Self::MalformedHeader(_)
            | Self::NoPayloadField
            | Self::NoType
            | Self::NotUtf8 { .. }
            | Self::NotJson(_)
            | Self::NotObject
            | Self::TooDeep => S::BAD_REQUEST,
        }
    }

    /// A short name, the same for every rejection of its kind: the problem type's last segment and the label of the
    /// refusal counter, so the set is closed.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::NotConfigured { .. } => "not-configured",
            Self::TooLarge => "payload-too-large",
            Self::UnsupportedMediaType { .. } => "unsupported-media-type",
            Self::MissingSignature(_) => "missing-signature",
            Self::MalformedSignature { .. } => "malformed-signature",
            Self::SignatureMismatch(_) => "signature-mismatch",
            Self::TooOld { .. } => "timestamp-too-old",
            Self::TooNew { .. } => "timestamp-too-new",
            Self::MissingHeader(_) => "missing-header",
            Self::MalformedHeader(_) => "malformed-header",
            Self::NoPayloadField => "missing-payload-field",
            Self::NoType => "missing-type",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::NotJson(_) => "not-json",
            Self::NotObject => "not-an-object",
            Self::TooDeep => "too-deep",
        }
    }

    /// What the status means, in a few words.
    pub fn title(&self) -> &'static str {
        match self.status().as_u16() {
            401 => "The delivery could not be verified",
            413 => "The body is too large",
            415 => "The content type is not supported",
            503 => "This source is not configured",
            _ => "The request is not a delivery",
        }
    }
}
