//! In: a repository's name. Out: the facts of it, with a dozen requests; what could not be read says why. Never: a judgement,
//! a write.

use std::collections::BTreeMap;

use super::blueprint::BLUEPRINTS;
use super::facts::{Alert, Alerts, Community, Complaint, Content, Facts, Head, Part, Release, Run, Tree};
use super::stack::projects;
use super::workflow::is_workflow;
use crate::clock::Clock;
use crate::hub::ToolError;
use crate::integrations::github::{
    Blob, Branch, Client, Listed, OwnersError, Repo, Repository, RunFilter, Tree as Listing,
};
use crate::integrations::{ApiError, Failure};
use crate::tools::unread::part;
use crate::tools::xmrt::triage::owners::CODEOWNERS_PLACES;

/// A file longer than this is not looked into, in bytes.
const TEXT_BYTES_MAX: u64 = 256 * 1024;
/// How many files are looked into.
const TEXTS_MAX: usize = 80;
/// How many runs, releases, alerts and protected branches are read.
const RUNS_MAX: usize = 50;
const RELEASES_MAX: usize = 10;
const ALERTS_MAX: usize = 100;
const PROTECTED_MAX: usize = 100;

/// Reads all that checks are made of. Without the repository itself there is nothing to say.
pub(super) async fn read(client: &Client, repo: &Repo, clock: &Clock) -> Result<Facts, ToolError> {
    let repository = client.repository(repo).await?;
    let branch = repository.default_branch.clone();
    let head = part(client.branch_head(repo, &branch).await.map(|head| head.sha))?;
    let runs_of = RunFilter {
        branch: Some(branch.clone()),
        ..RunFilter::default()
    };
    let open = [("state", "open")];
    // None of these needs another's answer.
    let (tree, overview, protected, runs, dependencies, code, secrets, releases, community) = tokio::join!(
        tree(client, repo, &head),
        client.overview(repo),
        client.branches(repo, Some(true), PROTECTED_MAX, 1),
        client.workflow_runs(repo, &runs_of, RUNS_MAX, 1),
        client.dependabot_alerts(repo, &open, ALERTS_MAX, None),
        client.code_scanning_alerts(repo, &open, ALERTS_MAX, 1),
        client.secret_scanning_alerts(repo, &open, ALERTS_MAX, 1),
        client.releases(repo, RELEASES_MAX, 1),
        client.community(repo),
    );
    let (tree, overview) = (tree?, part(overview)?);
    let texts = match (&tree, &head) {
        (Ok(tree), Ok(head)) => texts(client, repo, head, tree).await?,
        _ => BTreeMap::new(),
    };
    let owned = |tree: &Tree| {
        CODEOWNERS_PLACES
            .iter()
            .any(|place| tree.files.contains_key(*place))
    };
    let owners_errors = match &tree {
        Ok(tree) if owned(tree) => part(client.owners_errors(repo, &branch).await)?,
        _ => Ok(Vec::new()),
    };
    let alerts = Alerts {
        dependencies: part(dependencies)?.map(|(alerts, _)| alerts.into_iter().map(of_dependency).collect()),
        code: scanned(code)?.map(|listed| listed.items.into_iter().map(of_code).collect()),
        secrets: part(secrets)?.map(|listed| listed.items.into_iter().map(of_secret).collect()),
    };
    let protected = part(protected)?.and_then(|listed| is_among(&listed, &branch));
    let runs = part(runs)?.map(|listed| listed.items.into_iter().map(run).collect());
    let releases = part(releases)?.map(|listed| {
        listed
            .items
            .into_iter()
            .filter(|one| !one.draft)
            .map(release)
            .collect()
    });
    let community = part(community)?.map(|profile| {
        let missing = profile.files.missing();
        let has = |name: &str| !missing.contains(&name);
        Community {
            code_of_conduct: has("code of conduct"),
            contributing: has("contributing guide"),
            issue_templates: has("issue template"),
            pull_request_template: has("pull request template"),
        }
    });
    let security_policy = overview
        .as_ref()
        .map(|seen| seen.security_policy)
        .map_err(Clone::clone);
    let heads = overview.map(|seen| (seen.heads.into_iter().map(branch_head).collect(), seen.more));
    Ok(Facts {
        now: clock.now(),
        page: page(&repository),
        repo: repository.full_name,
        description: repository.description,
        topics: repository.topics,
        private: repository.private,
        archived: repository.archived,
        license: repository
            .license
            .map(|license| license.spdx_id.unwrap_or(license.name)),
        branch,
        head,
        tree,
        texts,
        community,
        security_policy,
        owners_errors: owners_errors.map(|errors| errors.into_iter().map(complaint).collect()),
        protected,
        heads,
        runs,
        alerts,
        releases,
    })
}

/// Whether a branch is one of those that are protected, of which there may be more than were listed.
fn is_among(protected: &Listed<Branch>, branch: &str) -> Part<bool> {
    protected.has(branch).ok_or_else(|| {
        "the branch is not among the first hundred that are protected, and there are more".to_owned()
    })
}

fn page(repository: &Repository) -> String {
    match repository.html_url.as_str() {
        "" => format!("https://github.com/{}", repository.full_name),
        page => page.to_owned(),
    }
}

/// Code scanning that never ran is answered with "not found", which is no fault of the token's.
fn scanned<T>(read: Result<T, ApiError>) -> Result<Part<T>, ToolError> {
    match read {
        Err(error) if error.failure == Failure::NotFound => Ok(Err(
            "code scanning has analyzed nothing here, or the token may not see it".to_owned(),
        )),
        other => part(other),
    }
}

async fn tree(client: &Client, repo: &Repo, head: &Part<String>) -> Result<Part<Tree>, ToolError> {
    match head {
        Ok(head) => Ok(part(client.tree(repo, head).await)?.map(files)),
        Err(why) => Ok(Err(format!("there is no commit to look at: {why}"))),
    }
}

fn files(listing: Listing) -> Tree {
    let blobs = listing.entries.into_iter().filter(|entry| entry.kind == "blob");
    Tree {
        files: blobs.map(|entry| (entry.path, entry.size.unwrap_or(0))).collect(),
        truncated: listing.truncated,
    }
}

/// Whether a check looks into a file.
fn is_looked_into(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let bare = lower
        .strip_prefix(".github/")
        .or_else(|| lower.strip_prefix("docs/"))
        .unwrap_or(&lower);
    let settings = [".github/dependabot.yml", ".github/dependabot.yaml"];
    let readme = !bare.contains('/') && bare.split('.').next() == Some("readme");
    is_workflow(path)
        || readme
        || settings.contains(&path)
        || BLUEPRINTS.contains(&path)
        || CODEOWNERS_PLACES.contains(&path)
}

async fn texts(
    client: &Client,
    repo: &Repo,
    head: &str,
    tree: &Tree,
) -> Result<BTreeMap<String, Part<Content>>, ToolError> {
    let manifests = projects(&tree.files).into_iter().map(|project| project.manifest);
    let looked_into = tree.files.keys().filter(|path| is_looked_into(path)).cloned();
    let mut wanted: Vec<String> = looked_into.chain(manifests).collect();
    let mut texts = BTreeMap::new();
    let too_many: Vec<String> = wanted.split_off(wanted.len().min(TEXTS_MAX));
    for path in too_many {
        texts.insert(
            path,
            Ok(Content::Other(
                "is one file too many: only the first 80 are looked into",
            )),
        );
    }
    let too_large = |path: &&String| tree.files.get(*path).is_some_and(|bytes| *bytes > TEXT_BYTES_MAX);
    for path in wanted.iter().filter(too_large) {
        texts.insert(
            path.clone(),
            Ok(Content::Other("is larger than 256 KiB and was not looked into")),
        );
    }
    wanted.retain(|path| !texts.contains_key(path));
    if wanted.is_empty() {
        return Ok(texts);
    }
    match part(client.files(repo, head, &wanted).await)? {
        Ok(mut blobs) => {
            for path in wanted {
                let content = match blobs.remove(&path) {
                    Some(blob) => Ok(content(blob)),
                    None => Err(format!("GitHub lists {path} and does not give it")),
                };
                texts.insert(path, content);
            }
        }
        Err(why) => texts.extend(wanted.into_iter().map(|path| (path, Err(why.clone())))),
    }
    Ok(texts)
}

fn content(blob: Blob) -> Content {
    match blob.text {
        Some(text) if !blob.is_truncated => Content::Text(text),
        Some(_) => Content::Other("is longer than GitHub gives it"),
        None => Content::Other("is no text"),
    }
}

fn branch_head(head: crate::integrations::github::BranchHead) -> Head {
    Head {
        name: head.name,
        committed_at: head.committed_at,
        in_review: head.open_pulls > 0,
    }
}

fn complaint(error: OwnersError) -> Complaint {
    let suggestion = error.suggestion.map(|how| format!(": {how}")).unwrap_or_default();
    Complaint {
        path: error.path,
        line: error.line,
        what: format!("{}{suggestion}", error.kind),
    }
}

fn run(run: crate::integrations::github::WorkflowRun) -> Run {
    Run {
        path: run.path,
        conclusion: run.conclusion,
        page: run.html_url,
    }
}

fn release(release: crate::integrations::github::Release) -> Release {
    Release {
        tag: release.tag_name,
        has_notes: release.body.is_some_and(|body| !body.trim().is_empty()),
        page: release.html_url,
    }
}

fn of_dependency(alert: crate::integrations::github::DependabotAlert) -> Alert {
    Alert {
        severity: alert.severity,
        what: format!("{}: {}", alert.package, alert.summary),
        page: alert.html_url,
    }
}

fn of_code(alert: crate::integrations::github::CodeScanningAlert) -> Alert {
    Alert {
        severity: alert.severity.unwrap_or_else(|| "no severity".to_owned()),
        what: alert.rule,
        page: alert.html_url,
    }
}

fn of_secret(alert: crate::integrations::github::SecretScanningAlert) -> Alert {
    Alert {
        severity: "secret".to_owned(),
        what: alert.secret_type,
        page: alert.html_url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_branch_is_protected_is_not_known_where_not_all_that_are_were_listed() {
        let listed = |more: bool| Listed {
            items: vec![Branch {
                name: "main".into(),
                sha: "a".repeat(40),
                protected: true,
            }],
            more,
            total: None,
        };
        assert_eq!(is_among(&listed(false), "main"), Ok(true));
        assert_eq!(is_among(&listed(true), "main"), Ok(true));
        assert_eq!(is_among(&listed(false), "next"), Ok(false));
        assert!(
            is_among(&listed(true), "next")
                .unwrap_err()
                .contains("there are more")
        );
    }
}
