//! In: the rules folder, SIGHUP. Out: the rules are read anew when they change. Never: what becomes of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::Watcher;
use tokio::sync::watch;

use super::files;
use crate::config::Settings;
use crate::reactor::{Reactor, ReloadError};
use crate::rules;

/// How long after the last change to a rule file a reload waits for the next one.
const RELOAD_QUIET: Duration = Duration::from_millis(200);
/// How often it is looked whether the rules folder is still the one that is watched.
const FOLDER_LOOK: Duration = Duration::from_secs(1);

/// What is left to people where files cannot be watched.
const RELOAD_BY_HAND: &str = "reload with SIGHUP or POST /api/v1/rules/reload";

/// Watches the folder that stands at `folder` now, and no other.
fn watch_folder(watcher: &mut Option<notify::RecommendedWatcher>, folder: &Path) {
    let Some(watcher) = watcher else { return };
    // An error only says that the former folder is gone, or that there was none.
    let _ = watcher.unwatch(folder);
    if let Err(error) = watcher.watch(folder, notify::RecursiveMode::Recursive) {
        tracing::warn!("rule files are not watched ({error}); {RELOAD_BY_HAND}");
    }
}

/// Reloads when a rule file changes, when the rules folder is replaced, and on SIGHUP.
pub(super) fn watch_rules(settings: &Settings, reactor: &Arc<Reactor>, mut stopped: watch::Receiver<bool>) {
    let folder = settings.rules.clone();
    let mut watched = files::identity(&folder);
    let (changed, mut changes) = tokio::sync::mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let touches = event.is_ok_and(|event| !event.kind.is_access());
        if touches {
            // A full channel already says what this would say.
            let _ = changed.try_send(());
        }
    });
    let mut watcher = watcher
        .inspect_err(|error| tracing::warn!("rule files are not watched ({error}); {RELOAD_BY_HAND}"))
        .ok();
    watch_folder(&mut watcher, &folder);
    let reactor = Arc::clone(reactor);
    let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    tokio::spawn(async move {
        let mut hangup = hangup.ok();
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => {
                        hangup.recv().await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = stopped.changed() => return,
                Some(()) = changes.recv() => {
                    // An editor writes a file in several steps: wait until it is quiet.
                    while tokio::time::timeout(RELOAD_QUIET, changes.recv()).await.is_ok_and(|change| change.is_some()) {}
                }
                () = hung_up => {}
                // A watch follows the folder it was set on, also when another one has taken its name.
                () = tokio::time::sleep(FOLDER_LOOK) => {
                    let there = files::identity(&folder);
                    if there == watched {
                        continue;
                    }
                    watched = there;
                    if there.is_some() {
                        watch_folder(&mut watcher, &folder);
                    }
                }
            }
            if let Err(ReloadError::Broken(files, diagnostics)) = reactor.reload().await {
                tracing::error!("{}", rules::render_diagnostics(&files, &diagnostics, false));
            }
        }
    });
}
