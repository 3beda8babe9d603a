//! What became of runs, told as the reactor tells it.

use bytes::Bytes;
use serde_json::json;
use xmrt::journal::*;

/// Makes events of the oldest notices, and perhaps says so. Gives all answers as text.
pub(crate) async fn tell(
    store: &dyn Store,
    max: usize,
    firings: &[NewFiring],
    said: bool,
    now: jiff::Timestamp,
) -> String {
    let notices = store.notices(max).await.unwrap();
    let mut answers = format!("{notices:?}");
    for notice in &notices {
        let event = NewEvent {
            key: notice.key(),
            digest: None,
            kind: format!("xmrt.{}", notice.what),
            subject: "acme/api#1".into(),
            time: notice.at,
            meta: json!({}),
            body: Bytes::from_static(b"{}"),
            book: "book-1".into(),
            causes: vec![],
            after: Some(notice.run.clone()),
            firings: firings.to_vec(),
        };
        answers += &format!("{:?}", store.admit(event, now).await);
    }
    if said {
        answers += &format!("{:?}", store.told(&notices, now).await);
    }
    answers
}
