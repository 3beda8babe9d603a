//! In: the paths of a repository. Out: what should be tracked and is not, or is and should not be. Never: a secret's value.

use super::{Check, Evidence, Verdict, in_file};
use crate::tools::counted::counted;
use crate::tools::xmrt::improvement::facts::{Facts, Part};
use crate::tools::xmrt::improvement::stack::projects;

/// A file that everybody who clones has to load, in bytes.
const LARGE_BYTES: u64 = 5 << 20;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "gitignore",
        why: "without a .gitignore, what is built and what is private is one `git add .` away from being public",
        remedy: "add a .gitignore for what is built here",
        mends: None,
        judge: gitignore,
    },
    Check {
        id: "lockfile",
        why: "without a lockfile today's build and tomorrow's are made of different code",
        remedy: "commit the lockfile that the package manager writes",
        mends: None,
        judge: lockfile,
    },
    Check {
        id: "secret_files",
        why: "a key or a password that is tracked is in every clone and in the history, for good",
        remedy: "revoke what is in it, delete the file, add it to .gitignore; the history keeps the old one",
        mends: None,
        judge: secret_files,
    },
    Check {
        id: "large_files",
        why: "a large file is loaded by everybody who clones, in each of its versions",
        remedy: "keep it in Git LFS, in a release or elsewhere",
        mends: None,
        judge: large_files,
    },
    Check {
        id: "built_files",
        why: "what is built from the sources differs from them sooner or later, and fills every review",
        remedy: "delete the folder from Git and add it to .gitignore",
        mends: None,
        judge: built_files,
    },
];

fn gitignore(facts: &Facts) -> Part<Verdict> {
    if let Some(path) = facts.first(|path| path == ".gitignore")? {
        return Ok(Verdict::passed("there is a .gitignore").seen_in(facts, path, None, "at the top"));
    }
    let parts = projects(facts.files()?);
    // Each part may have its own.
    let bare: Vec<Evidence> = parts
        .iter()
        .filter(|part| {
            !facts
                .files()
                .is_ok_and(|files| files.contains_key(&part.path(".gitignore")))
        })
        .map(|part| {
            in_file(
                facts,
                &part.manifest,
                None,
                format!("{} without a .gitignore", part.stack.title()),
            )
        })
        .collect();
    Ok(match (parts.len(), bare.len()) {
        (0, _) => Verdict::not_applicable("nothing is built here"),
        (_, 0) => Verdict::passed("every part has a .gitignore"),
        _ => Verdict::failed("there is no .gitignore").with(bare),
    })
}

fn lockfile(facts: &Facts) -> Part<Verdict> {
    let files = facts.files()?;
    let parts: Vec<_> = projects(files)
        .into_iter()
        .filter(|part| !part.stack.locks().is_empty())
        .collect();
    if parts.is_empty() {
        return Ok(Verdict::not_applicable("nothing here has a lockfile"));
    }
    let mut bare = Vec::new();
    for part in &parts {
        let locked = part
            .stack
            .locks()
            .iter()
            .any(|name| files.contains_key(&part.path(name)));
        // Pinned requirements and modules without any dependency do without. Who cannot read the manifest cannot tell.
        let text = || facts.text(&part.manifest);
        let needs = match part.manifest.rsplit('/').next().unwrap_or_default() {
            _ if locked => false,
            "requirements.txt" => text()?.lines().any(|line| {
                let bare = line.split('#').next().unwrap_or_default().trim();
                !bare.is_empty() && !bare.starts_with('-') && !bare.contains("==") && !bare.contains('@')
            }),
            "go.mod" => text()?.contains("require"),
            "Cargo.toml" => !is_library(text()?),
            _ => true,
        };
        if needs {
            bare.push(in_file(
                facts,
                &part.manifest,
                None,
                format!("none of {}", part.stack.locks().join(", ")),
            ));
        }
    }
    facts
        .first(|_| false)
        .or_else(|why| if bare.is_empty() { Ok(None) } else { Err(why) })?;
    Ok(if bare.is_empty() {
        Verdict::passed(format!(
            "{} locked or in need of no lock",
            counted(parts.len(), "part")
        ))
    } else {
        Verdict::failed(format!("{} without a lockfile", counted(bare.len(), "part"))).with(bare)
    })
}

/// A Rust package that others build upon: it may leave its lockfile out.
fn is_library(manifest: &str) -> bool {
    manifest.contains("[lib]") && !manifest.contains("[[bin]]") && !manifest.contains("[workspace]")
}

/// Names of files that hold keys and passwords. What is a sample, public or a test's is none.
fn is_secret(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let shown = [
        "example", "sample", "template", "dist", "test", "fixture", "mock", "dummy", "fake", ".pub",
        "schema", "defaults",
    ];
    if shown.iter().any(|word| lower.contains(word)) {
        return false;
    }
    let exact = [
        ".env",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        ".netrc",
        ".pgpass",
        ".htpasswd",
        "credentials.json",
        "service-account.json",
        "service_account.json",
        "secrets.json",
        "secrets.yml",
        "secrets.yaml",
        ".dockercfg",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "kubeconfig",
        ".git-credentials",
    ];
    let ends = [
        ".pem",
        ".p12",
        ".pfx",
        ".jks",
        ".keystore",
        ".kdbx",
        ".ppk",
        ".tfstate",
        "_rsa",
    ];
    let environment = name
        .strip_prefix(".env.")
        .is_some_and(|kind| ["local", "production", "prod", "staging", "development"].contains(&kind));
    exact.contains(&name)
        || environment
        || ends.iter().any(|end| name.ends_with(end))
        || (name.ends_with(".key") && !name.starts_with("public"))
}

fn secret_files(facts: &Facts) -> Part<Verdict> {
    let found: Vec<Evidence> = facts
        .files()?
        .keys()
        .filter(|path| is_secret(path))
        .map(|path| {
            in_file(
                facts,
                path,
                None,
                "by its name it holds a secret; it was not opened",
            )
        })
        .collect();
    if found.is_empty() {
        facts.first(|_| false)?;
        return Ok(Verdict::passed(
            "no tracked file has a name that keys and passwords have",
        ));
    }
    Ok(Verdict::failed(format!(
        "tracked: {} that may hold secrets",
        counted(found.len(), "file")
    ))
    .with(found))
}

fn large_files(facts: &Facts) -> Part<Verdict> {
    let mut large: Vec<(&String, u64)> = facts
        .files()?
        .iter()
        .filter(|(_, bytes)| **bytes > LARGE_BYTES)
        .map(|(path, bytes)| (path, *bytes))
        .collect();
    large.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    if large.is_empty() {
        facts.first(|_| false)?;
        return Ok(Verdict::passed(format!(
            "no file is larger than {} MiB",
            LARGE_BYTES >> 20
        )));
    }
    let shown = large
        .iter()
        .map(|(path, bytes)| in_file(facts, path, None, format!("{} MiB", bytes >> 20)));
    Ok(Verdict::failed(format!(
        "{} larger than {} MiB",
        counted(large.len(), "file"),
        LARGE_BYTES >> 20
    ))
    .with(shown.collect()))
}

/// Folders that package managers and interpreters fill.
const BUILT: [&str; 6] = [
    "node_modules",
    "__pycache__",
    ".venv",
    "venv",
    ".terraform",
    ".gradle",
];

fn built_files(facts: &Facts) -> Part<Verdict> {
    let mut folders = std::collections::BTreeSet::new();
    for path in facts.files()?.keys() {
        let mut at = 0;
        for part in path.split('/') {
            let end = at + part.len();
            if BUILT.contains(&part) && end < path.len() {
                folders.insert(&path[..end]);
                break;
            }
            at = end + 1;
        }
    }
    if folders.is_empty() {
        facts.first(|_| false)?;
        return Ok(Verdict::passed("nothing that is built is tracked"));
    }
    let shown = folders
        .iter()
        .map(|folder| in_file(facts, folder, None, "is filled by a tool"));
    Ok(Verdict::failed(format!(
        "tracked: {} filled by tools",
        counted(folders.len(), "folder")
    ))
    .with(shown.collect()))
}
