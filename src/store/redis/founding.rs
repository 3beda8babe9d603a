//! In: a server. Out: the identity of the journal in it. Never: a journal that was replaced in silence.

use std::sync::Arc;

use jiff::Timestamp;

use super::link::{Fault, Link};
use super::reply;
use super::scripts::{Args, Script};
use super::{Redis, Time, lock};
use crate::clock::from_millis;
use crate::journal::Epoch;
use crate::store::note;

/// The way keys and fields are laid out. A change that an older program would misread raises it.
pub(super) const LAYOUT: &str = "1";

/// Stands for the layout while a journal is being filled from an archive: nobody can open it until it is whole.
pub(super) const UNFINISHED: &str = "unfinished import";

/// The name of the note of the epoch in the data directory.
const NOTE: &str = note::OF_REDIS;

/// What was found.
pub(super) enum Found {
    /// A journal of ours, perhaps made just now.
    Journal(Epoch),
    /// None, and none was to be made.
    Nothing,
    /// A journal of another layout.
    Layout(String),
}

/// The journal's identity; one is made where there is none, if it `makes` one.
pub(super) async fn find(
    link: &Link,
    script: &Script,
    prefix: &str,
    (time, now): (Time, Timestamp),
    makes: bool,
) -> Result<Found, Fault> {
    let mut args = Args::new();
    args.put(LAYOUT).put(Epoch::new(now).id);
    time.put_onto(&mut args, now);
    args.flag(makes);
    let answer = script.call(link, prefix, &[&args]).await?;
    let mut parts = reply::list(answer)?.into_iter();
    let mut text = || reply::text(parts.next().unwrap_or_default());
    match text()?.as_str() {
        "layout" => return Ok(Found::Layout(text()?)),
        "nothing" => return Ok(Found::Nothing),
        _ => {}
    }
    let id = text()?;
    let created: i64 = text()?.parse().map_err(reply::odd)?;
    Ok(Found::Journal(Epoch {
        id,
        created_at: from_millis(created),
    }))
}

/// How scripts tell whether the journal is the one that was opened.
pub(super) fn identity(epoch: &Epoch) -> String {
    format!("{LAYOUT}:{}", epoch.id)
}

/// Called when the journal is not the one of `identity` any more: it was emptied, replaced, or an older copy of it was
/// put back. From here on the one that is there now is meant, or a new one.
pub(super) async fn found_again(store: &Redis, identity: &str, now: Timestamp) -> Result<(), Fault> {
    let _one_at_a_time = store.founding.lock().await;
    if store.identity() != identity {
        return Ok(());
    }
    let found = find(
        &store.link,
        &store.scripts.found,
        &store.prefix,
        (store.time, now),
        true,
    );
    let epoch = match found.await? {
        Found::Journal(epoch) => epoch,
        Found::Nothing => return Err(Fault::Away("the journal in Redis is gone".to_owned())),
        Found::Layout(layout) => {
            return Err(Fault::Away(format!(
                "the journal in Redis has layout {layout} and this program knows {LAYOUT}: another release took it over"
            )));
        }
    };
    store.adopt(epoch);
    // The rules in force go with it: runs pin their texts.
    let shelf = lock(&store.shelf).clone();
    if let Some(book) = shelf {
        let mut head = Args::new();
        head.put(store.identity()).int(0).int(0);
        store
            .scripts
            .book
            .call(&store.link, &store.prefix, &[&head, &book])
            .await?;
    }
    Ok(())
}

/// The journal was filled with another one: that is no loss, and only noted.
pub(super) fn follow(store: &Redis, epoch: Epoch) {
    if let Some(dir) = store.note_dir.as_deref() {
        note::settle(dir, NOTE, &epoch);
    }
    store.epoch.store(Arc::new(epoch));
    lock(&store.held).clear();
}

impl Redis {
    /// Takes `epoch` for the journal's identity, and says so if it was another until now.
    pub(super) fn adopt(&self, epoch: Epoch) {
        let noted = self
            .note_dir
            .as_deref()
            .and_then(|dir| note::settle(dir, NOTE, &epoch));
        let held = self.epoch.swap(Arc::new(epoch.clone()));
        let former = (*held != epoch).then(|| (*held).clone());
        if let Some(former) = former.or(noted) {
            tracing::error!(
                epoch.id,
                former.id,
                "the journal in Redis is another than before: what that one knew is lost, and events it knew may come again"
            );
            *lock(&self.former) = Some(former);
        }
        // Nothing remembered of runs of the other journal holds.
        lock(&self.held).clear();
    }
}
