//! In: what can be mended without asking anybody. Out: it is mended, and said. Never: a change at a provider or of the journal; of
//! a rule, only what `xmrt check --fix` would change.

use std::path::{Path, PathBuf};

use super::report::{Finding, Level};
use crate::cli::check;
use crate::config::Settings;

const AREA: &str = "configuration";
/// What others on the machine may do with a file.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// The data directory, which holds what private repositories send, and the secrets in it.
fn private(settings: &Settings) -> Vec<PathBuf> {
    let files = [
        settings.data_dir.clone(),
        settings.admin_token_file(),
        settings.secret_key_file(),
    ];
    files.into_iter().filter(|path| path.exists()).collect()
}

/// Mends the rules where it is certain, as `xmrt check --fix` does.
pub(super) async fn rules(settings: &Settings) -> Vec<Finding> {
    const AREA: &str = "rules";
    if !settings.rules.exists() {
        return Vec::new();
    }
    match check::mend(settings).await {
        Ok(files) => files
            .into_iter()
            .map(|file| Finding::ok(AREA, format!("mended: {file}, where it was certain")))
            .collect(),
        // Why not is found where the rules are looked at.
        Err(_) => Vec::new(),
    }
}

/// Files that others on this machine may read, and are not to. With `fix` they may no longer.
#[cfg(unix)]
pub(super) fn permissions(settings: &Settings, fix: bool) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &PathBuf| {
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        (mode & OTHERS != 0).then_some(mode)
    };
    let mut found = Vec::new();
    for path in private(settings) {
        let Some(mode) = open(&path) else { continue };
        let shown = path.display();
        let closed = std::fs::Permissions::from_mode(mode & !OTHERS);
        found.push(match fix.then(|| std::fs::set_permissions(&path, closed)) {
            Some(Ok(())) => Finding::ok(AREA, format!("mended: only you may read {shown} now")),
            Some(Err(error)) => of_open(&path, &format!("{shown} cannot be closed to others: {error}")),
            None => of_open(&path, &format!("others on this machine may read {shown}")),
        });
    }
    found
}

/// Elsewhere it is not known who may read what.
#[cfg(not(unix))]
pub(super) fn permissions(_settings: &Settings, _fix: bool) -> Vec<Finding> {
    Vec::new()
}

fn of_open(path: &Path, what: &str) -> Finding {
    Finding::new(
        AREA,
        Level::Warning,
        what,
        "secrets and payloads are in it",
        format!("xmrt doctor --fix, or chmod go-rwx {}", path.display()),
    )
}
