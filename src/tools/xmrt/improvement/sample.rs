//! In: nothing. Out: the facts of a repository that lacks nothing, and ways to take something from it. Never: outside of tests.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::checks::{self, Finding};
use super::facts::*;
use crate::clock;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const DAY_MS: i64 = 86_400_000;
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// A repository that lacks nothing.
pub(super) fn whole() -> Facts {
    let readme = format!(
        "# Proxy\n\n{}\n\n## Getting started\n\n```\n# not a heading\n```\n\nUsage\n-----\n",
        "It takes requests and hands them on. ".repeat(8)
    );
    let workflow = format!(
        "on: [push, pull_request]\npermissions:\n  contents: read\njobs:\n  test:\n    steps:\n      - uses: actions/checkout@{SHA} # v4\n      \
         - run: cargo test\n"
    );
    let dependabot = "version: 2\nupdates:\n  - {package-ecosystem: cargo, directory: /}\n  - {package-ecosystem: npm, \
                      directories: [/web]}\n  - {package-ecosystem: github-actions, directory: /}\n";
    let blueprint = "services:\n  - type: web\n    name: api\n    healthCheckPath: /healthz\n";
    let mut facts = Facts {
        now: NOW,
        repo: "acme/proxy".into(),
        page: "https://github.com/acme/proxy".into(),
        description: Some("A proxy".into()),
        topics: vec!["proxy".into()],
        private: false,
        archived: false,
        license: Some("MIT".into()),
        branch: "main".into(),
        head: Ok(SHA.into()),
        tree: Ok(Tree::default()),
        texts: BTreeMap::new(),
        community: Ok(Community::default()),
        security_policy: Ok(true),
        owners_errors: Ok(vec![]),
        protected: Ok(true),
        heads: Ok((vec![head("main", 0), head("fix", 10)], false)),
        runs: Ok(vec![run("success"), run("failure")]),
        alerts: Alerts {
            dependencies: Ok(vec![]),
            code: Ok(vec![]),
            secrets: Ok(vec![]),
        },
        releases: Ok(vec![Release {
            tag: "v1".into(),
            has_notes: true,
            page: "https://github.com/acme/proxy/releases/v1".into(),
        }]),
    };
    for (path, text) in [
        ("LICENSE", ""),
        ("README.md", readme.as_str()),
        ("CONTRIBUTING.md", ""),
        ("CODE_OF_CONDUCT.md", ""),
        (".github/ISSUE_TEMPLATE/bug.yml", ""),
        (".github/pull_request_template.md", ""),
        (".github/workflows/ci.yml", &workflow),
        (".github/dependabot.yml", dependabot),
        (".github/CODEOWNERS", "* @acme/core\n"),
        ("SECURITY.md", ""),
        ("CHANGELOG.md", ""),
        (".gitignore", ""),
        ("Cargo.toml", "[package]"),
        ("Cargo.lock", ""),
        ("web/package.json", "{}"),
        ("web/package-lock.json", ""),
        ("render.yaml", blueprint),
        ("src/main.rs", ""),
    ] {
        put(&mut facts, path, text);
    }
    facts
}

pub(super) fn head(name: &str, days: i64) -> Head {
    Head {
        name: name.into(),
        committed_at: Some(clock::after(NOW, -days * DAY_MS)),
        in_review: false,
    }
}

pub(super) fn run(conclusion: &str) -> Run {
    Run {
        path: ".github/workflows/ci.yml".into(),
        conclusion: Some(conclusion.into()),
        page: "https://github.com/acme/proxy/actions/runs/1".into(),
    }
}

pub(super) fn alert() -> Alert {
    Alert {
        severity: "high".into(),
        what: "left-pad".into(),
        page: "https://github.com/acme/proxy/security/1".into(),
    }
}

pub(super) fn put(facts: &mut Facts, path: &str, text: &str) {
    if let Ok(tree) = &mut facts.tree {
        tree.files.insert(path.into(), u64::try_from(text.len()).unwrap());
    }
    facts.texts.insert(path.into(), Ok(Content::Text(text.into())));
}

pub(super) fn take(facts: &mut Facts, path: &str) {
    if let Ok(tree) = &mut facts.tree {
        tree.files.remove(path).expect(path);
    }
    facts.texts.remove(path);
}

/// Nothing but what is put there.
pub(super) fn bare(facts: &mut Facts) {
    facts.tree = Ok(Tree::default());
    facts.texts.clear();
    put(facts, "notes.txt", "");
}

/// What one check finds.
pub(super) fn found(facts: &Facts, id: &str) -> Finding {
    checks::judge(facts)
        .into_iter()
        .find(|finding| finding.check == id)
        .unwrap()
}
