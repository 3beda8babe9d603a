//! In: facts. Out: what machines do for a repository, and what they could do to it. Never: a run.

use std::collections::BTreeSet;

use super::{Check, Evidence, Outcome, QUOTED_BYTES_MAX, Verdict, in_file};
use crate::tools::counted::counted;
use crate::tools::quote::quote;
use crate::tools::xmrt::improvement::blueprint::{self, BLUEPRINTS};
use crate::tools::xmrt::improvement::facts::{Facts, Part};
use crate::tools::xmrt::improvement::kinds::Kind;
use crate::tools::xmrt::improvement::stack::{Project, projects};
use crate::tools::xmrt::improvement::workflow::{self, is_workflow};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "ci",
        why: "a change that nobody builds and tests breaks for the one who comes next",
        remedy: "add a workflow that builds and tests every pull request",
        mends: Some(Kind::Ci),
        judge: ci,
    },
    Check {
        id: "ci_green",
        why: "while the default branch fails, nobody can tell whether their own change is to blame",
        remedy: "look at the failed run; mend it, or take back the change that broke it",
        mends: None,
        judge: ci_green,
    },
    Check {
        id: "dependency_updates",
        why: "known weaknesses are mended in new versions, which come only to those who take them",
        remedy: "add .github/dependabot.yml, or Renovate",
        mends: Some(Kind::DependencyUpdates),
        judge: dependency_updates,
    },
    Check {
        id: "dependency_coverage",
        why: "a part that is left out of the updates grows old unnoticed",
        remedy: "add an entry to .github/dependabot.yml for each part that is missing",
        mends: None,
        judge: dependency_coverage,
    },
    Check {
        id: "pinned_actions",
        why: "a tag can be moved to other code, which then runs with this repository's token and secrets",
        remedy: "name each action by its whole commit id, with the tag in a comment; Dependabot keeps both up to date",
        mends: Some(Kind::PinnedActions),
        judge: pinned_actions,
    },
    Check {
        id: "workflow_permissions",
        why: "a workflow that does not say what its token may do gets the repository's default, which may be to write everything",
        remedy: "add `permissions: contents: read` at the top of the workflow, and more only to the job that needs it",
        mends: None,
        judge: workflow_permissions,
    },
    Check {
        id: "untrusted_checkout",
        why: "pull_request_target runs with secrets; who checks out a stranger's commit there runs their code with them",
        remedy: "use the event pull_request, or do not check out the head of the pull request",
        mends: None,
        judge: untrusted_checkout,
    },
    Check {
        id: "render_health_check",
        why: "without a health check Render sends requests to an instance as soon as its port is open, and keeps one that hangs",
        remedy: "give each web service in render.yaml a healthCheckPath that answers 2xx only when it works",
        mends: Some(Kind::RenderHealthCheck),
        judge: render_health_check,
    },
];

/// Files by which other CI services are known.
const OTHER_CI: [&str; 8] = [
    ".circleci/config.yml",
    ".gitlab-ci.yml",
    ".travis.yml",
    "azure-pipelines.yml",
    "Jenkinsfile",
    ".buildkite/pipeline.yml",
    ".drone.yml",
    ".cirrus.yml",
];

/// What is built here; nothing where there is only text.
fn parts(facts: &Facts) -> Part<Vec<Project>> {
    let found = projects(facts.files()?);
    match &facts.tree {
        Ok(tree) if tree.truncated && found.is_empty() => {
            Err("GitHub lists only a part of a tree this large, and there is no manifest in it".to_owned())
        }
        _ => Ok(found),
    }
}

/// The texts of all workflows; the first that cannot be read ends it.
fn workflows(facts: &Facts) -> Part<Vec<(&str, &str)>> {
    facts.first(is_workflow)?;
    let all = facts.files()?.keys().filter(|path| is_workflow(path));
    all.map(|path| Ok((path.as_str(), facts.text(path)?))).collect()
}

fn ci(facts: &Facts) -> Part<Verdict> {
    let parts = parts(facts)?;
    if let Some(path) = facts.first(|path| OTHER_CI.contains(&path))? {
        return Ok(Verdict::passed("another service builds this repository").seen_in(
            facts,
            path,
            None,
            "its settings",
        ));
    }
    for (path, text) in workflows(facts)? {
        // A workflow that is not YAML is no CI; that it is not is another check's to say.
        let Ok(read) = serde_saphyr::from_str::<serde_json::Value>(text) else {
            continue;
        };
        let checks = ["push", "pull_request", "merge_group", "workflow_call"];
        let by_change = checks.iter().any(|event| workflow::triggered_by(&read, event));
        if by_change && builds(text) {
            return Ok(Verdict::passed("a workflow builds or tests changes").seen_in(
                facts,
                path,
                None,
                "runs on changes",
            ));
        }
    }
    let Some(first) = parts.first() else {
        return Ok(Verdict::not_applicable("there is nothing to build or test"));
    };
    let titles: BTreeSet<&str> = parts.iter().map(|part| part.stack.title()).collect();
    let titles: Vec<&str> = titles.into_iter().collect();
    let what = format!(
        "nothing builds or tests a change, though there is {}",
        titles.join(", ")
    );
    Ok(Verdict::failed(what).seen_in(facts, &first.manifest, None, first.stack.title()))
}

/// Whether a step of a workflow builds or tests: it calls something that does.
fn builds(text: &str) -> bool {
    const BEGIN: [&str; 22] = [
        "test",
        "build",
        "lint",
        "check",
        "cargo",
        "npm",
        "yarn",
        "pnpm",
        "bun",
        "pytest",
        "tox",
        "vet",
        "mvn",
        "mvnw",
        "gradle",
        "make",
        "rake",
        "rspec",
        "phpunit",
        "compile",
        "terraform",
        "docker",
    ];
    text.lines().any(|line| {
        let bare = line.trim_start().trim_start_matches("- ").trim_start();
        let silent = ["#", "name:", "on:", "runs-on:", "uses: actions/"];
        let words = bare.split(|c: char| !c.is_ascii_alphanumeric());
        // `latest` is no test, and `git checkout` no check.
        let mut words = words.filter(|word| *word != "checkout");
        let runs = !silent.iter().any(|begin| bare.starts_with(begin));
        runs && words.any(|word| BEGIN.iter().any(|begin| word.starts_with(begin)))
    })
}

fn ci_green(facts: &Facts) -> Part<Verdict> {
    let runs = facts.runs.as_ref().map_err(Clone::clone)?;
    let mut seen = BTreeSet::new();
    let over = runs.iter().filter(|run| run.conclusion.is_some());
    let latest: Vec<_> = over.filter(|run| seen.insert(run.path.as_str())).collect();
    if latest.is_empty() {
        return Ok(Verdict::not_applicable(
            "no workflow has run on the default branch",
        ));
    }
    let failed: Vec<Evidence> = latest
        .iter()
        .filter(|run| {
            matches!(
                run.conclusion.as_deref(),
                Some("failure" | "timed_out" | "startup_failure")
            )
        })
        .map(|run| Evidence {
            path: Some(run.path.clone()),
            line: None,
            url: Some(run.page.clone()),
            seen: format!("ended as {}", run.conclusion.as_deref().unwrap_or_default()),
        })
        .collect();
    Ok(if failed.is_empty() {
        Verdict::passed(format!(
            "the last runs of {} are good",
            counted(latest.len(), "workflow")
        ))
    } else {
        Verdict::failed(format!(
            "{} failed last on {}",
            counted(failed.len(), "workflow"),
            quote(&facts.branch, QUOTED_BYTES_MAX)
        ))
        .with(failed)
    })
}

const DEPENDABOT: [&str; 2] = [".github/dependabot.yml", ".github/dependabot.yaml"];
const RENOVATE: [&str; 6] = [
    "renovate.json",
    "renovate.json5",
    ".github/renovate.json",
    ".github/renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
];

fn dependency_updates(facts: &Facts) -> Part<Verdict> {
    let mends = |path: &str| DEPENDABOT.contains(&path) || RENOVATE.contains(&path);
    if let Some(path) = facts.first(mends)? {
        return Ok(
            Verdict::passed("new versions of dependencies are proposed").seen_in(
                facts,
                path,
                None,
                "its settings",
            ),
        );
    }
    let parts = parts(facts)?;
    let workflow = facts.files()?.keys().find(|path| is_workflow(path));
    let Some(manifest) = parts.first().map(|part| &part.manifest).or(workflow) else {
        return Ok(Verdict::not_applicable("there are no dependencies"));
    };
    Ok(
        Verdict::failed("nobody proposes new versions of the dependencies").seen_in(
            facts,
            manifest,
            None,
            "names some",
        ),
    )
}

fn dependency_coverage(facts: &Facts) -> Part<Verdict> {
    let Some(path) = facts.first(|path| DEPENDABOT.contains(&path))? else {
        return Ok(Verdict::not_applicable("there is no Dependabot"));
    };
    let settings: serde_json::Value = serde_saphyr::from_str(facts.text(path)?)
        .map_err(|error| format!("{path} is not YAML: {}", workflow::first_line(&error.to_string())))?;
    let entries = settings["updates"].as_array().cloned().unwrap_or_default();
    let mut missing: Vec<Evidence> = Vec::new();
    for part in parts(facts)? {
        let mut names = vec![part.stack.ecosystem()];
        // Each of these looks after the same files.
        names.extend(match part.stack.ecosystem() {
            "pip" => &["uv", "pipenv"][..],
            "npm" => &["bun", "yarn", "pnpm"],
            "docker" => &["docker-compose"],
            _ => &[],
        });
        let of_part = |entry: &serde_json::Value| {
            let known = entry["package-ecosystem"]
                .as_str()
                .is_some_and(|name| names.contains(&name));
            let many = entry["directories"].as_array().cloned().unwrap_or_default();
            let folders = many
                .iter()
                .chain([&entry["directory"]])
                .filter_map(serde_json::Value::as_str);
            // Patterns of folders are not followed: one is taken to be meant for this part.
            let covers = |folder: &str| folder.contains('*') || folder.trim_matches('/') == part.folder;
            known && folders.into_iter().any(covers)
        };
        if !entries.iter().any(of_part) {
            missing.push(in_file(
                facts,
                &part.manifest,
                None,
                format!("no entry for {}", part.stack.ecosystem()),
            ));
        }
    }
    let actions = facts.files()?.keys().find(|path| is_workflow(path));
    let has_actions = entries
        .iter()
        .any(|entry| entry["package-ecosystem"] == "github-actions");
    if let Some(workflow) = actions.filter(|_| !has_actions) {
        missing.push(in_file(facts, workflow, None, "no entry for github-actions"));
    }
    Ok(if missing.is_empty() {
        Verdict::passed("Dependabot looks after every part").seen_in(facts, path, None, "covers all")
    } else {
        Verdict::failed(format!(
            "Dependabot leaves out {}",
            counted(missing.len(), "part")
        ))
        .with(missing)
    })
}

fn pinned_actions(facts: &Facts) -> Part<Verdict> {
    let workflows = workflows(facts)?;
    if workflows.is_empty() {
        return Ok(Verdict::not_applicable("there are no workflows"));
    }
    let (mut all, mut loose) = (0, Vec::new());
    for (path, text) in &workflows {
        for one in workflow::uses(text) {
            all += 1;
            if !one.is_pinned() {
                let what = format!("{}@{}", one.action, one.reference);
                loose.push(in_file(facts, path, Some(one.line), what));
            }
        }
    }
    Ok(match (all, loose.len()) {
        (0, _) => Verdict::not_applicable("no workflow uses an action of another repository"),
        (all, 0) => Verdict::passed(format!("actions are pinned to commits, all {all} times")),
        (all, count) => Verdict::failed(format!(
            "{count} of {all} times an action is named by a tag or a branch"
        ))
        .with(loose),
    })
}

fn workflow_permissions(facts: &Facts) -> Part<Verdict> {
    structure(
        facts,
        "every workflow says what its token may do",
        |path, grants| {
            let unsaid = grants
                .unsaid
                .iter()
                .map(|job| format!("job {job} does not say what its token may do"));
            let everything = grants.everything.iter().map(|job| match job.as_str() {
                "" => "all jobs may write everything".to_owned(),
                job => format!("job {job} may write everything"),
            });
            unsaid
                .chain(everything)
                .map(|what| in_file(facts, path, None, what))
                .collect()
        },
    )
}

fn untrusted_checkout(facts: &Facts) -> Part<Verdict> {
    structure(
        facts,
        "no workflow runs strangers' code with secrets",
        |path, grants| {
            let seen = grants
                .runs_strangers
                .then(|| in_file(facts, path, None, "pull_request_target checks out the head"));
            seen.into_iter().collect()
        },
    )
}

/// A check of how workflows are made. One that cannot be read leaves it open, unless another is already bad.
fn structure(
    facts: &Facts,
    good: &str,
    wrong: impl Fn(&str, &workflow::Grants) -> Vec<Evidence>,
) -> Part<Verdict> {
    let workflows = workflows(facts)?;
    if workflows.is_empty() {
        return Ok(Verdict::not_applicable("there are no workflows"));
    }
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for (path, text) in &workflows {
        match workflow::grants(text) {
            Ok(grants) => found.extend(wrong(path, &grants)),
            Err(why) => unread.push(in_file(facts, path, None, why)),
        }
    }
    Ok(if !found.is_empty() {
        Verdict::failed(format!("{} in workflows", counted(found.len(), "weak place"))).with(found)
    } else if !unread.is_empty() {
        Verdict::new(
            Outcome::Unknown,
            format!("{} cannot be read", counted(unread.len(), "workflow")),
        )
        .with(unread)
    } else {
        Verdict::passed(good)
    })
}

fn render_health_check(facts: &Facts) -> Part<Verdict> {
    let Some(path) = facts.first(|path| BLUEPRINTS.contains(&path))? else {
        return Ok(Verdict::not_applicable("there is no render.yaml"));
    };
    let services = blueprint::web_services(facts.text(path)?).map_err(|why| format!("{path}: {why}"))?;
    if services.is_empty() {
        return Ok(Verdict::not_applicable("render.yaml has no web service"));
    }
    let bare = services.iter().filter(|web| web.health_check.is_none());
    let bare: Vec<Evidence> = bare
        .map(|web| {
            in_file(
                facts,
                path,
                Some(web.line),
                format!("{} has no healthCheckPath", web.name),
            )
        })
        .collect();
    Ok(if bare.is_empty() {
        Verdict::passed("every web service has a health check").seen_in(facts, path, None, "healthCheckPath")
    } else {
        Verdict::failed(format!(
            "{} without a health check",
            counted(bare.len(), "web service")
        ))
        .with(bare)
    })
}
