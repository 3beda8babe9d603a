//! In: a kind of proposal. Out: what its files need to know besides the facts. Never: a write; nothing about a repository that
//! is hidden from the caller.

use std::collections::BTreeSet;

use super::facts::{Facts, Part};
use super::kinds::Kind;
use super::made::{self, Known};
use super::workflow;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Failure;
use crate::integrations::github::{Client, Repo, is_within_bounds};
use crate::tools::toolbox::invalid;
use crate::tools::unread::part;

/// How many actions are looked up for one proposal.
const ACTIONS_MAX: usize = 30;
/// How many people and labels are read.
const PEOPLE_MAX: usize = 100;
const LABELS_MAX: usize = 100;
/// How many files are searched for the address of a health check, and how large one may be, in bytes.
const FILES_MAX: usize = 40;
const FILE_BYTES_MAX: u64 = 128 * 1024;
/// Who committed less than this share of what the first one did is not asked to own anything, in percent.
const SHARE_PERCENT: u64 = 10;

/// What the caller says of what is to be made.
#[derive(Debug, Default)]
pub(super) struct Wishes<'a> {
    /// An SPDX identifier.
    pub(super) license: Option<&'a str>,
    /// An address.
    pub(super) health_path: Option<&'a str>,
}

/// Asks what one kind needs.
pub(super) async fn ask(
    client: &Client,
    repo: &Repo,
    facts: &Facts,
    kind: Kind,
    wishes: &Wishes<'_>,
) -> Result<Known, ToolError> {
    let mut known = Known::default();
    match kind {
        Kind::Ci => pins(client, repo, &made::actions(facts), &mut known).await?,
        Kind::PinnedActions => pins(client, repo, &loose(facts), &mut known).await?,
        Kind::License => license(client, repo, facts, wishes.license, &mut known).await?,
        Kind::Codeowners => match owners(client, repo).await? {
            Ok(owners) => known.owners = owners,
            Err(why) => known.unread = Some(why),
        },
        Kind::IssueTemplates => {
            let labels = part(client.labels(repo, LABELS_MAX).await)?;
            known.labels = labels
                .map(|listed| listed.items.into_iter().map(|label| label.name).collect())
                .unwrap_or_default();
        }
        Kind::RenderHealthCheck => {
            known.health = match wishes.health_path {
                Some(path) => Some((path.to_owned(), "the call that proposed this".to_owned())),
                None => health(client, repo, facts).await?,
            };
        }
        Kind::DependencyUpdates | Kind::SecurityPolicy | Kind::PullRequestTemplate => {}
    }
    Ok(known)
}

/// The actions that workflows name by a tag or a branch, as `owner/name@tag`.
fn loose(facts: &Facts) -> Vec<String> {
    let paths = facts.texts.keys().filter(|path| workflow::is_workflow(path));
    let all = paths
        .filter_map(|path| facts.text(path).ok())
        .flat_map(workflow::uses);
    let loose = all.filter(|one| !one.is_pinned());
    let names: BTreeSet<String> = loose.filter_map(|one| one.key()).collect();
    names.into_iter().collect()
}

/// `v4`, `4.1.2`: a version, and no branch whose newest commit somebody wants.
fn is_version(tag: &str) -> bool {
    let bare = tag.strip_prefix('v').unwrap_or(tag);
    bare.starts_with(|c: char| c.is_ascii_digit())
        && bare
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
}

async fn pins(client: &Client, repo: &Repo, actions: &[String], known: &mut Known) -> Result<(), ToolError> {
    for (index, action) in actions.iter().enumerate() {
        let mut leave = |why: &str| {
            known.unpinned.insert(action.clone(), why.to_owned());
        };
        if index >= ACTIONS_MAX {
            leave("only thirty actions are looked up for one proposal");
            continue;
        }
        let Some((name, tag)) = action.split_once('@') else {
            continue;
        };
        let Ok(action_repo) = name.parse::<Repo>() else {
            leave("it does not name a repository");
            continue;
        };
        if !is_version(tag) {
            leave("it names no version, and whoever named it may want its newest commit");
            continue;
        }
        // Everybody may know to which commit a tag of a public repository leads. Of one that is hidden, only those who share its
        // owner: a workflow's author could otherwise ask through us.
        let near = action_repo.owner().eq_ignore_ascii_case(repo.owner()) && is_within_bounds(&action_repo);
        if !near && part(client.is_public(repo, &action_repo).await)? != Ok(true) {
            leave("its repository is not public, or not there");
            continue;
        }
        match part(client.commit_of(repo, &action_repo, tag).await)? {
            Ok(Some(commit)) => {
                known.pins.insert(action.clone(), commit);
            }
            Ok(None) => leave("its tag leads to no commit"),
            Err(why) => leave(&why),
        }
    }
    Ok(())
}

async fn license(
    client: &Client,
    repo: &Repo,
    facts: &Facts,
    wished: Option<&str>,
    known: &mut Known,
) -> Result<(), ToolError> {
    let wanted = wished
        .map(str::to_owned)
        .or_else(|| made::named(facts).map(|(id, _)| id));
    let Some(id) = wanted else { return Ok(()) };
    let key = made::license_key(&id);
    let text = client.license_text(repo, &key).await;
    known.license_key = key;
    match text {
        Ok(text) => known.license = Some((text.name, text.body)),
        Err(error) if error.failure == Failure::NotFound && wished.is_some() => {
            return Err(invalid(
                "license",
                format!("names no license that GitHub has the words of: `{id}`"),
            )
            .with_remedy("an SPDX identifier, as in MIT, Apache-2.0, GPL-3.0 or MPL-2.0"));
        }
        Err(error) if wished.is_some() => return Err(error.into()),
        // Nobody asked for this license by name: another proposal may still be made.
        Err(error) if error.failure == Failure::NotFound => {
            known.unread = Some("GitHub has no words of it".to_owned());
        }
        Err(error) => known.unread = part::<()>(Err(error))?.err(),
    }
    if known.license.is_none() {
        return Ok(());
    }
    let owner = part(client.profile(repo.owner()).await)?;
    let name = owner
        .ok()
        .and_then(|owner| owner.name)
        .filter(|name| !name.trim().is_empty());
    known.holder = name.unwrap_or_else(|| repo.owner().to_owned());
    Ok(())
}

/// Those who committed most and may write; or why they are not known.
async fn owners(client: &Client, repo: &Repo) -> Result<Part<Vec<String>>, ToolError> {
    let contributors = match part(client.contributors(repo).await)? {
        Ok(contributors) => contributors,
        Err(why) => return Ok(Err(why)),
    };
    // GitHub passes over an owner without write access. Where nobody may see who has it, only the owner is sure.
    let writers: Option<Vec<String>> =
        part(client.collaborators(repo, PEOPLE_MAX, 1).await)?
            .ok()
            .map(|listed| {
                let may_write = listed
                    .items
                    .into_iter()
                    .filter(|one| matches!(one.role_name.as_str(), "write" | "maintain" | "admin"));
                may_write.map(|one| one.login.to_lowercase()).collect()
            });
    let writes = |login: &str| match &writers {
        Some(writers) => writers.contains(&login.to_lowercase()),
        None => login.eq_ignore_ascii_case(repo.owner()),
    };
    let most = contributors.first().map_or(0, |one| one.contributions);
    let mut found: Vec<String> = contributors
        .into_iter()
        .filter(|one| one.contributions * 100 >= most * SHARE_PERCENT)
        .filter_map(|one| one.login)
        .filter(|login| !login.ends_with("[bot]") && writes(login))
        .collect();
    found.dedup();
    Ok(Ok(found))
}

/// An address that the code answers health checks at, and the file that says so. Files whose names speak for it are looked into,
/// with one request: GitHub's search knows only whole words, and allows ten a minute.
async fn health(client: &Client, repo: &Repo, facts: &Facts) -> Result<Option<(String, String)>, ToolError> {
    let (Ok(head), Ok(files)) = (&facts.head, facts.files()) else {
        return Ok(None);
    };
    let mut paths: Vec<&String> = files
        .iter()
        .filter(|(path, bytes)| **bytes <= FILE_BYTES_MAX && serves(path))
        .map(|(path, _)| path)
        .collect();
    paths.sort_by_key(|path| (!path.to_lowercase().contains("health"), path.matches('/').count()));
    let paths: Vec<String> = paths.into_iter().take(FILES_MAX).cloned().collect();
    if paths.is_empty() {
        return Ok(None);
    }
    let Ok(blobs) = part(client.files(repo, head, &paths).await)? else {
        return Ok(None);
    };
    Ok(paths.iter().find_map(|path| {
        let address = address(blobs.get(path)?.text.as_deref()?)?;
        Some((address, path.clone()))
    }))
}

/// Whether a file's name says that requests are answered there.
fn serves(path: &str) -> bool {
    const ENDS: [&str; 16] = [
        "js", "mjs", "cjs", "ts", "tsx", "py", "go", "rs", "rb", "java", "kt", "php", "ex", "cs", "scala",
        "swift",
    ];
    const WORDS: [&str; 10] = [
        "health", "server", "app", "main", "index", "route", "http", "api", "web", "url",
    ];
    let lower = path.to_lowercase();
    let (stem, end) = lower.rsplit_once('.').unwrap_or_default();
    let name = stem.rsplit('/').next().unwrap_or_default();
    let foreign = ["test", "spec", "vendor/", "node_modules/"]
        .iter()
        .any(|part| lower.contains(part));
    ENDS.contains(&end) && !foreign && WORDS.iter().any(|word| name.contains(word))
}

/// A quoted path whose last part is a usual name for a health check.
fn address(text: &str) -> Option<String> {
    const NAMES: [&str; 8] = [
        "healthz",
        "health",
        "livez",
        "readyz",
        "healthcheck",
        "health-check",
        "_health",
        "up",
    ];
    text.split(['"', '\'', '`']).find_map(|word| {
        let path = word.strip_prefix('/')?;
        let plain = path.len() <= 64
            && path
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_'));
        let last = path.rsplit('/').next().unwrap_or_default();
        (plain && NAMES.contains(&last)).then(|| word.to_owned())
    })
}

/// That an address can be one.
pub(super) fn checked_path(path: &str) -> Result<(), ToolError> {
    let plain = path.starts_with('/')
        && path.len() <= 256
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~'));
    if plain {
        return Ok(());
    }
    Err(ToolError::new(
        ErrorClass::Invalid,
        format!("argument `health_path` must be a path like /healthz, not `{path}`"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_health_check_is_a_quoted_path_of_a_usual_name() {
        for (text, expected) in [
            (r#"app.get("/healthz", ok)"#, Some("/healthz")),
            ("route('/api/v1/health')", Some("/api/v1/health")),
            (r#"let health = "https://example.com/health";"#, None),
            ("/health is good", None),
            (r#"open("/etc/health/config.txt")"#, None),
        ] {
            assert_eq!(address(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn files_that_answer_requests_are_known_by_their_names() {
        let serving = [
            "src/server.js",
            "cmd/api/main.go",
            "app/health_controller.rb",
            "shop/urls.py",
        ];
        let others = [
            "src/server.test.js",
            "README.md",
            "src/cart.ts",
            "vendor/http/server.go",
            "Makefile",
        ];
        assert!(serving.iter().all(|path| serves(path)));
        assert!(others.iter().all(|path| !serves(path)));
    }

    #[test]
    fn a_version_is_pinned_and_a_branch_is_not() {
        let versions = ["v4", "v4.1.2", "1.0", "v2-beta"];
        let others = ["main", "master", "release/v1", "stable", ""];
        assert!(versions.iter().all(|tag| is_version(tag)));
        assert!(others.iter().all(|tag| !is_version(tag)));
    }
}
