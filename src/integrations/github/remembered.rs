//! In: answers of reads that carry an `ETag`. Out: the condition of the next such read, and the answer again if GitHub says that
//! nothing changed. Never: an answer for another token than the one that got it; a token.
//!
//! Of GitHub's documentation, "Best practices for using the REST API": a read that is answered 304 does not count against
//! the primary limit. It still goes to GitHub each time, so that what is read is never older than without this.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hashlink::LinkedHashMap;
use http::header::{ETAG, HeaderValue, LINK};
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::wire::{Answer, Media};

/// All that is remembered, in bytes of bodies.
const BYTES_MAX: usize = 8 << 20;
/// A longer answer is not remembered, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// However small the bodies are.
const ANSWERS_MAX: usize = 4_096;

/// What an answer is remembered by: who asked, in which form, for what.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

/// An answer as it was when it came.
#[derive(Clone)]
pub(super) struct Known {
    tag: HeaderValue,
    /// The next page.
    links: Vec<HeaderValue>,
    body: Bytes,
}

/// The latest answers, those used least recently forgotten first.
#[derive(Default)]
pub(super) struct Remembered(Mutex<Answers>);

#[derive(Default)]
struct Answers {
    known: LinkedHashMap<Key, Known>,
    bytes: usize,
}

impl Key {
    pub(super) fn of(token: &SecretString, media: Media, path: &str) -> Self {
        let mut digest = Sha256::new();
        // No token, and no path, has a line feed.
        for part in [token.expose_secret(), media.name(), path] {
            digest.update(part);
            digest.update("\n");
        }
        Self(digest.finalize().into())
    }
}

impl Known {
    /// What `If-None-Match` says.
    pub(super) fn tag(&self) -> &HeaderValue {
        &self.tag
    }
}

impl Remembered {
    /// What was answered last.
    pub(super) fn get(&self, key: &Key) -> Option<Known> {
        self.answers().known.to_back(key).cloned()
    }

    /// Makes of an answer to a read, which was sent under the condition that `known` is out of date, what it would have been
    /// without the condition; and remembers it.
    pub(super) fn complete(&self, key: Key, known: Option<Known>, answer: Answer) -> Answer {
        match known {
            Some(known) if answer.status == StatusCode::NOT_MODIFIED => known.again(answer.headers),
            _ => {
                self.learn(key, &answer);
                answer
            }
        }
    }

    fn learn(&self, key: Key, answer: &Answer) {
        // Told to wait, or of a fault of GitHub's: that says nothing of what is read.
        let status = answer.status;
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN)
        {
            return;
        }
        let mut answers = self.answers();
        answers.forget(&key);
        let Some(tag) = answer.headers.get(ETAG) else {
            return;
        };
        if answer.status != StatusCode::OK || answer.body.len() > BODY_BYTES_MAX {
            return;
        }
        let known = Known {
            tag: tag.clone(),
            links: answer.headers.get_all(LINK).iter().cloned().collect(),
            body: answer.body.clone(),
        };
        answers.bytes += known.body.len();
        answers.known.insert(key, known);
        while answers.bytes > BYTES_MAX || answers.known.len() > ANSWERS_MAX {
            let Some((oldest, _)) = answers.known.front() else {
                break;
            };
            let oldest = *oldest;
            answers.forget(&oldest);
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers {
    fn forget(&mut self, key: &Key) {
        if let Some(known) = self.known.remove(key) {
            self.bytes -= known.body.len();
        }
    }
}

impl Known {
    /// The answer once more, with what the headers of the new one say of limits.
    fn again(self, mut headers: HeaderMap) -> Answer {
        headers.remove(LINK);
        for link in self.links {
            headers.append(LINK, link);
        }
        Answer {
            status: StatusCode::OK,
            headers,
            body: self.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(token: &str, path: &str) -> Key {
        Key::of(&SecretString::from(token), Media::Json, path)
    }

    fn answer(status: StatusCode, tag: Option<&'static str>, body: &Bytes) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(tag) = tag {
            headers.insert(ETAG, HeaderValue::from_static(tag));
        }
        headers.insert(
            LINK,
            HeaderValue::from_static("<https://api.example/?page=2>; rel=\"next\""),
        );
        Answer {
            status,
            headers,
            body: body.clone(),
        }
    }

    #[test]
    fn an_answer_that_did_not_change_comes_whole_and_for_the_same_question_only() {
        let remembered = Remembered::default();
        let body = Bytes::from_static(b"[1]");
        let first = remembered.complete(key("a", "/x"), None, answer(StatusCode::OK, Some("\"1\""), &body));
        assert_eq!(first.body, body);
        for other in [
            key("b", "/x"),
            key("a", "/y"),
            Key::of(&SecretString::from("a"), Media::Diff, "/x"),
        ] {
            assert!(remembered.get(&other).is_none());
        }
        let known = remembered.get(&key("a", "/x"));
        assert_eq!(
            known.as_ref().map(Known::tag),
            Some(&HeaderValue::from_static("\"1\""))
        );
        let mut unchanged = answer(StatusCode::NOT_MODIFIED, Some("\"1\""), &Bytes::new());
        unchanged.headers.remove(LINK);
        let again = remembered.complete(key("a", "/x"), known, unchanged);
        assert_eq!((again.status, &again.body), (StatusCode::OK, &body));
        assert!(again.has_next_page());
    }

    #[test]
    fn what_changed_or_can_no_longer_be_seen_is_forgotten() {
        let remembered = Remembered::default();
        let body = Bytes::from_static(b"[1]");
        let learn = |status, tag| {
            let known = remembered.get(&key("a", "/x"));
            remembered.complete(key("a", "/x"), known, answer(status, tag, &body))
        };
        learn(StatusCode::OK, Some("\"1\""));
        learn(StatusCode::OK, Some("\"2\""));
        let known = remembered.get(&key("a", "/x"));
        assert_eq!(
            known.as_ref().map(Known::tag),
            Some(&HeaderValue::from_static("\"2\""))
        );
        for says_nothing in [
            StatusCode::BAD_GATEWAY,
            StatusCode::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS,
        ] {
            learn(says_nothing, None);
            assert!(remembered.get(&key("a", "/x")).is_some(), "{says_nothing}");
        }
        learn(StatusCode::NOT_FOUND, Some("\"3\""));
        assert!(remembered.get(&key("a", "/x")).is_none());
        learn(StatusCode::OK, None);
        assert!(remembered.get(&key("a", "/x")).is_none());
        assert_eq!(remembered.answers().bytes, 0);
    }

    #[test]
    fn it_stays_within_its_memory_and_keeps_what_is_used() {
        let remembered = Remembered::default();
        let large = Bytes::from(vec![b'x'; BODY_BYTES_MAX]);
        let learn = |path: &str, body: &Bytes| {
            remembered.complete(key("a", path), None, answer(StatusCode::OK, Some("\"1\""), body));
        };
        learn("/too-large", &Bytes::from(vec![b'x'; BODY_BYTES_MAX + 1]));
        assert!(remembered.get(&key("a", "/too-large")).is_none());
        learn("/used", &large);
        for number in 0..2 * BYTES_MAX / BODY_BYTES_MAX {
            learn(&format!("/{number}"), &large);
            assert!(remembered.get(&key("a", "/used")).is_some(), "{number}");
            assert!(remembered.answers().bytes <= BYTES_MAX);
        }
        assert!(remembered.get(&key("a", "/0")).is_none());
        for number in 0..ANSWERS_MAX {
            learn(&format!("/small/{number}"), &Bytes::new());
        }
        assert_eq!(remembered.answers().known.len(), ANSWERS_MAX);
    }
}
