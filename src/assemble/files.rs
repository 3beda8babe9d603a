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

/// Reads rule files: each path is a file, or a folder read with all its sub-folders. In path order. A file that cannot
/// be read is one more thing that is wrong with the rules, and hides nothing of the others.
pub fn read_rules(paths: &[PathBuf]) -> Result<Vec<SourceFile>, String> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            collect(path, &mut found)?;
        } else if path.is_file() {
            found.push(path.clone());
        } else {
            return Err(format!(
                "{}: there is no such file or folder; `--rules DIR` names another, and `xmrt rules new <id>` writes a first rule",
                path.display()
            ));
        }
    }
    found.sort();
    found.dedup();
    Ok(found.iter().map(|path| read_rule(path)).collect())
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

fn read_rule(path: &Path) -> SourceFile {
    let text = std::fs::metadata(path)
        .map_err(|error| error.to_string())
        .and_then(|metadata| {
            // Whoever reads a pipe waits for somebody who writes.
            if !metadata.is_file() {
                return Err("it is no file".to_owned());
            }
            if metadata.len() > RULE_BYTES_MAX {
                return Err(format!(
                    "it is {} bytes long; a rule file can hold 1 MiB",
                    metadata.len()
                ));
            }
            let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
            String::from_utf8(bytes).map_err(|error| not_utf8(&error))
        });
    let path = shown(path);
    match text {
        Ok(text) => SourceFile {
            path,
            text,
            unreadable: None,
        },
        Err(why) => SourceFile {
            path,
            text: String::new(),
            unreadable: Some(why),
        },
    }
}

/// Where a file stops being text, and what to do about it.
fn not_utf8(error: &std::string::FromUtf8Error) -> String {
    let at = error.utf8_error().valid_up_to();
    let line = error.as_bytes()[..at]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1;
    format!("it is not UTF-8 from line {line} on; save it as UTF-8")
}

/// Which folder stands at `path` now: a folder that was replaced is another one, whatever its name. `None` when there is
/// none.
pub(super) fn identity(path: &Path) -> Option<(u64, u64, Option<std::time::SystemTime>)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    // The number of a removed folder is soon given to the next one; the time of its making is not.
    Some((metadata.dev(), metadata.ino(), metadata.created().ok()))
}

/// What is another when a file was written, or replaced by another one. `None`: there is none.
pub(super) fn state(path: &Path) -> Option<(u64, u64, u64, Option<std::time::SystemTime>)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    let modified = metadata.modified().ok();
    Some((metadata.dev(), metadata.ino(), metadata.len(), modified))
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

/// The lines of a file of secrets; `None` where there is no file.
pub(super) fn secret_lines(path: &Path) -> Result<Option<Vec<SecretString>>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: cannot be read: {error}", path.display())),
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(Some(lines.map(SecretString::from).collect()))
}

/// Keeps secrets in a file, a line each, readable by the owner only: all of them or those that were there before, whatever
/// happens meanwhile.
pub(super) fn keep_secret_lines(path: &Path, secrets: &[SecretString]) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt;
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        // What an interrupted attempt left is of no use.
        let _ = std::fs::remove_file(&beside);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        for secret in secrets {
            writeln!(file, "{}", secret.expose_secret())?;
        }
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        path.parent()
            .map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().map_err(|error| format!("{}: cannot be written: {error}", path.display()))
}
