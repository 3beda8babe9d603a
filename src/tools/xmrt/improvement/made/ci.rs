//! In: what a repository is built with. Out: a workflow that builds and tests it. Never: a command that is not that stack's own.

use std::collections::BTreeSet;

use super::{Change, Known, QUOTED_BYTES_MAX, yaml};
use crate::tools::quote::quote;
use crate::tools::xmrt::improvement::facts::{Facts, Part};
use crate::tools::xmrt::improvement::stack::{Project, Stack, projects};

/// Most jobs one workflow gets.
const JOBS_MAX: usize = 6;

/// What every job begins with.
const CHECKOUT: &str = "actions/checkout@v4";
/// What prepares a job, with the tag that is meant.
const SETUPS: [(Stack, &str); 7] = [
    (Stack::Node, "actions/setup-node@v4"),
    (Stack::Python, "actions/setup-python@v5"),
    (Stack::Go, "actions/setup-go@v5"),
    (Stack::Maven, "actions/setup-java@v4"),
    (Stack::Gradle, "actions/setup-java@v4"),
    (Stack::Ruby, "ruby/setup-ruby@v1"),
    (Stack::Terraform, "hashicorp/setup-terraform@v3"),
];

/// The actions that a workflow for a repository uses.
pub(in crate::tools::xmrt::improvement) fn actions(facts: &Facts) -> Vec<String> {
    let parts = facts.files().map(projects).unwrap_or_default();
    let setups = SETUPS
        .iter()
        .filter(|(stack, _)| parts.iter().any(|part| part.stack == *stack));
    let all = std::iter::once(CHECKOUT).chain(setups.map(|(_, action)| *action));
    all.map(str::to_owned).collect()
}

pub(super) fn make(facts: &Facts, known: &Known) -> Part<Change> {
    let mut parts = projects(facts.files()?);
    // An image is built by what builds it, where there is something else to build in the same folder.
    let folders: Vec<String> = parts
        .iter()
        .filter(|part| part.stack != Stack::Docker)
        .map(|part| part.folder.clone())
        .collect();
    parts.retain(|part| part.stack != Stack::Docker || !folders.contains(&part.folder));
    if parts.is_empty() {
        return Err("there is nothing here whose build is known".to_owned());
    }
    let left_out = parts.split_off(parts.len().min(JOBS_MAX));
    let path = free_path(facts)?;
    let mut taken = BTreeSet::new();
    let jobs: Vec<String> = parts
        .iter()
        .map(|part| job(facts, known, part, &mut taken))
        .collect();
    let text = format!(
        "# Builds and tests every change.\nname: CI\n\non:\n  push:\n    branches: [{}]\n  pull_request:\n\npermissions:\n  contents: read\n\n\
         concurrency:\n  group: ${{{{ github.workflow }}}}-${{{{ github.ref }}}}\n  cancel-in-progress: true\n\njobs:\n{}",
        yaml(&facts.branch),
        jobs.join("\n")
    );
    let titles: Vec<String> = parts.iter().map(titled).collect();
    let mut change = Change::one(
        &path,
        text,
        "Build and test every change",
        "Nothing builds or tests a change before it is merged, so a mistake is found by whoever pulls next.",
    );
    change = change.noting(format!("It has a job for {}. The first run is the one of this pull request: if it fails, it shows what is broken now, or what the job lacks.", titles.join(", ")));
    if !left_out.is_empty() {
        let names: Vec<String> = left_out.iter().map(titled).collect();
        change = change.noting(format!("Left out, to keep it readable: {}.", names.join(", ")));
    }
    for (action, why) in &known.unpinned {
        change = change.noting(format!(
            "{} is named by its tag, because its commit could not be looked up: {why}.",
            quote(action, QUOTED_BYTES_MAX)
        ));
    }
    Ok(change)
}

/// A name that no workflow has yet.
fn free_path(facts: &Facts) -> Part<String> {
    let files = facts.files()?;
    ["ci", "build-and-test", "xmrt-ci"]
        .iter()
        .map(|name| format!(".github/workflows/{name}.yml"))
        .find(|path| !files.contains_key(path))
        .ok_or_else(|| "workflows of the names that are tried are there already".to_owned())
}

fn titled(part: &Project) -> String {
    match part.folder.as_str() {
        "" => part.stack.title().to_owned(),
        folder => format!("{} in {}", part.stack.title(), quote(folder, QUOTED_BYTES_MAX)),
    }
}

/// `uses: owner/name@commit # tag`.
fn uses(known: &Known, action: &str) -> String {
    match (known.pins.get(action), action.split_once('@')) {
        (Some(commit), Some((name, tag))) => format!("uses: {name}@{commit} # {tag}"),
        _ => format!("uses: {action}"),
    }
}

fn setup(known: &Known, stack: Stack, with: &[String]) -> Vec<String> {
    let action = SETUPS
        .iter()
        .find(|(of, _)| *of == stack)
        .map(|(_, action)| *action);
    let mut lines: Vec<String> = action
        .into_iter()
        .map(|action| format!("- {}", uses(known, action)))
        .collect();
    if !with.is_empty() {
        lines.push("  with:".to_owned());
        lines.extend(with.iter().map(|line| format!("    {line}")));
    }
    lines
}

fn job(facts: &Facts, known: &Known, part: &Project, taken: &mut BTreeSet<String>) -> String {
    let kind = match part.stack {
        Stack::Rust => "rust",
        Stack::Node => "node",
        Stack::Python => "python",
        Stack::Go => "go",
        Stack::Ruby => "ruby",
        Stack::Maven => "maven",
        Stack::Gradle => "gradle",
        Stack::Php => "php",
        Stack::Docker => "image",
        Stack::Terraform => "terraform",
    };
    let slug: String = part
        .folder
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let mut id = if slug.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}-{slug}")
    };
    // Two folders may differ only in what a job's id cannot hold.
    while !taken.insert(id.clone()) {
        id.push_str("-more");
    }
    let name = match part.folder.as_str() {
        "" => part.stack.title().to_owned(),
        folder => format!("{}, {folder}", part.stack.title()),
    };
    let mut lines = vec![
        format!("  {id}:"),
        format!("    name: {}", yaml(&name)),
        "    runs-on: ubuntu-latest".to_owned(),
        "    timeout-minutes: 30".to_owned(),
    ];
    if !part.folder.is_empty() {
        lines.push("    defaults:".to_owned());
        lines.push("      run:".to_owned());
        lines.push(format!("        working-directory: {}", yaml(&part.folder)));
    }
    lines.push("    steps:".to_owned());
    let mut steps = vec![
        format!("- {}", uses(known, CHECKOUT)),
        "  with:".to_owned(),
        "    persist-credentials: false".to_owned(),
    ];
    steps.extend(self::steps(facts, known, part));
    lines.extend(steps.into_iter().map(|line| format!("      {line}")));
    lines.push(String::new());
    lines.join("\n")
}

fn run(command: &str) -> String {
    format!("- run: {command}")
}

fn steps(facts: &Facts, known: &Known, part: &Project) -> Vec<String> {
    let has = |name: &str| {
        facts
            .files()
            .is_ok_and(|files| files.contains_key(&part.path(name)))
    };
    let mut steps = Vec::new();
    match part.stack {
        Stack::Rust => {
            let locked = if has("Cargo.lock") { " --locked" } else { "" };
            steps.push(run(&format!("cargo build --workspace --all-targets{locked}")));
            steps.push(run(&format!("cargo test --workspace{locked}")));
        }
        Stack::Node => steps.extend(node(facts, known, part, &has)),
        Stack::Python => steps.extend(python(facts, known, part, &has)),
        Stack::Go => {
            let with = [
                format!("go-version-file: {}", yaml(&part.path("go.mod"))),
                format!("cache-dependency-path: {}", yaml(&part.path("go.sum"))),
            ];
            let count = if has("go.sum") { 2 } else { 1 };
            steps.extend(setup(known, Stack::Go, &with[..count]));
            steps.extend(["go build ./...", "go vet ./...", "go test ./..."].map(run));
        }
        Stack::Ruby => {
            let mut with = vec!["bundler-cache: true".to_owned()];
            if !has(".ruby-version") && !has(".tool-versions") {
                with.push("ruby-version: \"3.3\"".to_owned());
            }
            if !part.folder.is_empty() {
                with.push(format!("working-directory: {}", yaml(&part.folder)));
            }
            steps.extend(setup(known, Stack::Ruby, &with));
            let specs = facts
                .first(|path| path.starts_with(&part.path("spec/")))
                .ok()
                .flatten();
            match (specs, has("Rakefile")) {
                (Some(_), _) => steps.push(run("bundle exec rspec")),
                (None, true) => steps.push(run("bundle exec rake")),
                (None, false) => steps.push(run("bundle check")),
            }
        }
        Stack::Maven => {
            steps.extend(java(known, Stack::Maven, "maven"));
            steps.push(run(if has("mvnw") {
                "sh mvnw --batch-mode verify"
            } else {
                "mvn --batch-mode verify"
            }));
        }
        Stack::Gradle => {
            steps.extend(java(known, Stack::Gradle, "gradle"));
            steps.push(run(if has("gradlew") {
                "sh gradlew build"
            } else {
                "gradle build"
            }));
        }
        Stack::Php => {
            steps.push(run("composer validate --no-check-publish"));
            steps.push(run("composer install --no-interaction --no-progress"));
            if has("phpunit.xml") || has("phpunit.xml.dist") {
                steps.push(run("vendor/bin/phpunit"));
            }
        }
        Stack::Docker => steps.push(run("docker build .")),
        Stack::Terraform => {
            steps.extend(setup(known, Stack::Terraform, &[]));
            steps.push(run("terraform fmt -check -recursive"));
            steps.push(run("terraform init -backend=false"));
            steps.push(run("terraform validate"));
        }
    }
    steps
}

fn java(known: &Known, stack: Stack, cache: &str) -> Vec<String> {
    let with = [
        "distribution: temurin".to_owned(),
        "java-version: \"21\"".to_owned(),
        format!("cache: {cache}"),
    ];
    setup(known, stack, &with)
}

/// The scripts of a `package.json` that are its own; what `npm init` writes is none.
fn scripts(facts: &Facts, part: &Project) -> Vec<&'static str> {
    let manifest: serde_json::Value = facts
        .text(&part.manifest)
        .ok()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let known = ["lint", "typecheck", "build", "test"];
    let own = |name: &&str| {
        manifest["scripts"][*name]
            .as_str()
            .is_some_and(|script| !script.contains("no test specified"))
    };
    known.into_iter().filter(own).collect()
}

fn node(facts: &Facts, known: &Known, part: &Project, has: &impl Fn(&str) -> bool) -> Vec<String> {
    let version = [".nvmrc", ".node-version"].into_iter().find(|name| has(name));
    let mut with = match version {
        Some(file) => vec![format!("node-version-file: {}", yaml(&part.path(file)))],
        None => vec!["node-version: lts/*".to_owned()],
    };
    let (install, runner, lock) = if has("pnpm-lock.yaml") {
        ("pnpm install --frozen-lockfile", "pnpm run", None)
    } else if has("yarn.lock") && has(".yarnrc.yml") {
        ("yarn install --immutable", "yarn run", None)
    } else if has("yarn.lock") {
        (
            "yarn install --frozen-lockfile",
            "yarn run",
            Some(("yarn", "yarn.lock")),
        )
    } else if has("package-lock.json") {
        ("npm ci", "npm run", Some(("npm", "package-lock.json")))
    } else {
        ("npm install --no-package-lock", "npm run", None)
    };
    if let Some((cache, lock)) = lock {
        with.push(format!("cache: {cache}"));
        with.push(format!("cache-dependency-path: {}", yaml(&part.path(lock))));
    }
    let mut steps = setup(known, Stack::Node, &with);
    // Both come with Node.js, and are switched on by name.
    if install.starts_with("pnpm") || install.contains("--immutable") {
        steps.push(run("corepack enable"));
    }
    steps.push(run(install));
    steps.extend(
        scripts(facts, part)
            .into_iter()
            .map(|script| run(&format!("{runner} {script}"))),
    );
    steps
}

fn python(facts: &Facts, known: &Known, part: &Project, has: &impl Fn(&str) -> bool) -> Vec<String> {
    let with = if has(".python-version") {
        format!("python-version-file: {}", yaml(&part.path(".python-version")))
    } else {
        "python-version: \"3.x\"".to_owned()
    };
    let mut steps = setup(known, Stack::Python, &[with]);
    let tested = facts
        .first(|path| {
            let inside = part.folder.is_empty() || path.starts_with(&part.path(""));
            let name = path.rsplit('/').next().unwrap_or_default();
            inside && name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
        })
        .ok()
        .flatten()
        .is_some();
    let (installs, prefix): (&[&str], &str) = if has("uv.lock") {
        (&["pip install uv", "uv sync --locked"], "uv run --with pytest")
    } else if has("poetry.lock") {
        (&["pip install poetry", "poetry install"], "poetry run")
    } else if has("Pipfile.lock") {
        (&["pip install pipenv", "pipenv sync --dev"], "pipenv run")
    } else if has("requirements.txt") {
        (&["pip install --requirement requirements.txt"], "")
    } else {
        (&["pip install ."], "")
    };
    steps.extend(installs.iter().map(|command| run(command)));
    if tested {
        if prefix.is_empty() {
            steps.push(run("pip install pytest"));
        }
        steps.push(run(format!("{prefix} python -m pytest").trim_start()));
    } else {
        steps.push(run("python -m compileall -q ."));
    }
    steps
}

/// The commands by which somebody tries a change before they send it.
pub(super) fn tried_with(facts: &Facts) -> Vec<String> {
    let parts = facts.files().map(projects).unwrap_or_default();
    let known = Known::default();
    let mut commands = Vec::new();
    for part in parts
        .iter()
        .filter(|part| part.stack != Stack::Docker)
        .take(JOBS_MAX)
    {
        // The last command of a job is the one that tells.
        let steps = steps(facts, &known, part);
        if let Some(command) = steps.iter().rev().find_map(|step| step.strip_prefix("- run: ")) {
            commands.push(match part.folder.as_str() {
                "" => format!("`{command}`"),
                folder => format!("`{command}` in {}", quote(folder, QUOTED_BYTES_MAX)),
            });
        }
    }
    commands
}
