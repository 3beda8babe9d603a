//! The files the program reads and writes besides its journal: rules, and the generated token.
#![expect(
    clippy::disallowed_methods,
    reason = "rule files and the token file are read here"
)]

use std::io::Write;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{random_secret, shown};
use crate::config::Settings;
use crate::rules::SourceFile;

/// The largest rule file, in bytes.
const RULE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads rule files: each path is a file, or a folder read with all its sub-folders. In path order.
pub fn read_rules(paths: &[PathBuf]) -> Result<Vec<SourceFile>, String> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            collect(path, &mut found)?;
        } else if path.is_file() {
            found.push(path.clone());
        } else {
            return Err(format!(
                "{}: there is no such file or folder; `--rules DIR` names another",
                path.display()
            ));
        }
    }
    found.sort();
    found.dedup();
    found.iter().map(|path| read_rule(path)).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("{}: cannot be read: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(())
}

fn read_rule(path: &Path) -> Result<SourceFile, String> {
    let name = shown(path);
    let size = std::fs::metadata(path)
        .map_err(|error| format!("{name}: {error}"))?
        .len();
    if size > RULE_BYTES_MAX {
        return Err(format!(
            "{name}: is {size} bytes long; a rule file can hold 1 MiB"
        ));
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(SourceFile { path: name, text }),
        Err(error) => Err(format!("{name}: cannot be read: {error}")),
    }
}

/// A file's bytes.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// The worker that was here before: whoever has the data directory now knows that it is gone.
pub(super) fn former_worker(settings: &Settings) -> Option<String> {
    let name = std::fs::read_to_string(settings.worker_file()).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Keeps the name of the worker that is here now.
pub(super) fn note_worker(settings: &Settings, name: &str) -> std::io::Result<()> {
    std::fs::write(settings.worker_file(), name)
}

/// The API's bearer token: the configured one, else the one kept in the data directory.
pub fn admin_token(settings: &Settings) -> Result<Option<SecretString>, String> {
    if let Some(token) = &settings.admin_token {
        return Ok(Some(token.clone()));
    }
    let path = settings.admin_token_file();
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(Some(text.trim().into())),
        Ok(_) => Err(format!(
            "{} is empty; delete it, and a new token is made at the next start",
            path.display()
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: cannot be read: {error}", path.display())),
    }
}

/// The API's bearer token; if there is none yet, one is made and kept, readable by the owner only. Says whether it is
/// new.
pub(super) fn ensure_admin_token(settings: &Settings) -> Result<(SecretString, bool), String> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(token) = admin_token(settings)? {
        return Ok((token, false));
    }
    let (path, token) = (settings.admin_token_file(), random_secret());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| format!("{}: cannot be made: {error}", path.display()))?;
    writeln!(file, "{}", token.expose_secret()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((token, true))
}
