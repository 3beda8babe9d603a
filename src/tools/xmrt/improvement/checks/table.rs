//! Each check in the ways it can come out, from facts that are written down here.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::tools::xmrt::improvement::facts::*;
use crate::tools::xmrt::improvement::sample::{alert, bare, found, head, put, run, take, whole};

type Change = fn(&mut Facts);
use Outcome::{Failed, NotApplicable, Passed, Unknown};

/// The check, what is changed in the repository that lacks nothing, how it comes out, words of what it says.
#[rustfmt::skip]
const TABLE: &[(&str, Change, Outcome, &str)] = &[
    ("license", |f| take(f, "LICENSE"), Failed, "no license file"),
    ("license", |f| { take(f, "LICENSE"); put(f, "COPYING", ""); }, Passed, "MIT"),
    ("license", |f| { take(f, "LICENSE"); f.private = true; }, NotApplicable, "private"),
    ("readme", |f| take(f, "README.md"), Failed, "no README"),
    ("readme", |f| put(f, "README.md", "# Proxy"), Failed, "7 characters"),
    ("readme", |f| { f.texts .insert("README.md".into(), Ok(Content::Other("is no text"))); }, Unknown, "is no text"),
    ("readme_parts", |f| put(f, "README.md", "# Proxy\n## Usage\n```\n# install\n```"), Failed, "how to install"),
    ("readme_parts", |f| take(f, "README.md"), NotApplicable, "no README"),
    ("description", |f| f.description = Some(" ".into()), Failed, "no description"),
    ("topics", |f| f.topics.clear(), Failed, "no topics"),
    ("topics", |f| { f.topics.clear(); f.private = true; }, NotApplicable, "private"),
    ("contributing", |f| take(f, "CONTRIBUTING.md"), Failed, "not a contributing guide"),
    ("contributing", |f| { take(f, "CONTRIBUTING.md"); f.community = Ok(Community { contributing: true, ..Community::default() }); }, Passed, "the owner has"),
    ("contributing", |f| { take(f, "CONTRIBUTING.md"); f.community = Err("404".into()); }, Unknown, "404"),
    ("code_of_conduct", |f| take(f, "CODE_OF_CONDUCT.md"), Failed, "not a code of conduct"),
    ("issue_templates", |f| take(f, ".github/ISSUE_TEMPLATE/bug.yml"), Failed, "not an issue template"),
    ("issue_templates", |f| { take(f, ".github/ISSUE_TEMPLATE/bug.yml"); put(f, ".github/ISSUE_TEMPLATE/config.yml", ""); }, Failed, "not an issue template"),
    ("pull_request_template", |f| take(f, ".github/pull_request_template.md"), Failed, "not a pull request template"),
    ("pull_request_template", |f| { take(f, ".github/pull_request_template.md"); put(f, "docs/PULL_REQUEST_TEMPLATE.md", ""); }, Passed, "there is a pull"),
    ("ci", |f| take(f, ".github/workflows/ci.yml"), Failed, "Node.js, Rust"),
    ("ci", |f| { put( f, ".github/workflows/ci.yml", "on: {schedule: [{cron: '0 0 * * *'}]}\njobs: {a: {steps: [{run: cargo test}]}}", ) }, Failed, "nothing builds"),
    ("ci", |f| { put( f, ".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: echo hello\n", ) }, Failed, "nothing builds"),
    ("ci", |f| { take(f, ".github/workflows/ci.yml"); put(f, ".gitlab-ci.yml", ""); }, Passed, "another service"),
    ("ci", bare, NotApplicable, "nothing to build"),
    ("ci_green", |f| f.runs = Ok(vec![run("failure"), run("success")]), Failed, "1 workflow failed"),
    ("ci_green", |f| f.runs = Ok(vec![]), NotApplicable, "no workflow has run"),
    ("ci_green", |f| f.runs = Err("403".into()), Unknown, "403"),
    ("dependency_updates", |f| take(f, ".github/dependabot.yml"), Failed, "nobody proposes"),
    ("dependency_updates", |f| { take(f, ".github/dependabot.yml"); put(f, "renovate.json", "{}"); }, Passed, "are proposed"),
    ("dependency_updates", bare, NotApplicable, "no dependencies"),
    ("dependency_coverage", |f| put(f, "worker/go.mod", "module w"), Failed, "leaves out 1 part"),
    ("dependency_coverage", |f| put(f, ".github/dependabot.yml", "version: 2\nupdates: []"), Failed, "leaves out 3 parts"),
    ("dependency_coverage", |f| put(f, ".github/dependabot.yml", "updates: ["), Unknown, "not YAML"),
    ("dependency_coverage", |f| take(f, ".github/dependabot.yml"), NotApplicable, "no Dependabot"),
    ("pinned_actions", |f| { put( f, ".github/workflows/ci.yml", "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n", ) }, Failed, "1 of 1"),
    ("pinned_actions", |f| { put( f, ".github/workflows/ci.yml", "jobs:\n  a:\n    steps:\n      - uses: ./mine\n", ) }, NotApplicable, "no workflow uses"),
    ("pinned_actions", |f| { f.texts.remove(".github/workflows/ci.yml"); }, Unknown, "not looked into"),
    ("workflow_permissions", |f| put(f, ".github/workflows/ci.yml", "on: push\njobs: {a: {steps: []}}"), Failed, "1 weak place"),
    ("workflow_permissions", |f| put(f, ".github/workflows/odd.yml", "jobs: ["), Unknown, "1 workflow cannot be read"),
    ("workflow_permissions", |f| take(f, ".github/workflows/ci.yml"), NotApplicable, "no workflows"),
    ("untrusted_checkout", |f| { put( f, ".github/workflows/label.yml", "on: pull_request_target\npermissions: {}\njobs: {a: {steps: [{uses: actions/checkout@v4, with: {ref: '${{ github.head_ref }}'}}]}}", ) }, Failed, "1 weak place"),
    ("render_health_check", |f| put(f, "render.yaml", "services:\n  - type: web\n    name: api\n"), Failed, "1 web service"),
    ("render_health_check", |f| put(f, "render.yaml", "services:\n  - type: worker\n    name: jobs\n"), NotApplicable, "no web service"),
    ("render_health_check", |f| put(f, "render.yaml", "services: 7"), Unknown, "no blueprint"),
    ("render_health_check", |f| take(f, "render.yaml"), NotApplicable, "no render.yaml"),
    ("codeowners", |f| take(f, ".github/CODEOWNERS"), Failed, "no CODEOWNERS"),
    ("codeowners", |f| put(f, ".github/CODEOWNERS", "# later\n"), Failed, "names nobody"),
    ("codeowners_valid", |f| { f.owners_errors = Ok(vec![Complaint { path: ".github/CODEOWNERS".into(), line: 3, what: "Unknown owner".into(), }]) }, Failed, "1 line"),
    ("codeowners_valid", |f| f.owners_errors = Err("403".into()), Unknown, "403"),
    ("codeowners_valid", |f| take(f, ".github/CODEOWNERS"), NotApplicable, "no CODEOWNERS"),
    ("security_policy", |f| { take(f, "SECURITY.md"); f.security_policy = Ok(false); }, Failed, "no security policy"),
    ("security_policy", |f| take(f, "SECURITY.md"), Passed, "the owner has"),
    ("security_policy", |f| { take(f, "SECURITY.md"); f.security_policy = Err("502".into()); }, Unknown, "502"),
    ("branch_protection", |f| f.protected = Ok(false), Failed, "not protected"),
    ("branch_protection", |f| f.protected = Err("403".into()), Unknown, "403"),
    ("stale_branches", |f| { f.heads = Ok(( vec![head("a", 91), head("b", 92), head("c", 93), head("d", 94)], false, )) }, Failed, "4 branches"),
    ("stale_branches", |f| { f.heads = Ok(( vec![head("a", 91), head("b", 92), head("c", 93), head("main", 400)], false, )) }, Passed, "3 of 4"),
    ("stale_branches", |f| { let old = Head { in_review: true, ..head("a", 200) }; f.heads = Ok((vec![old.clone(), old.clone(), old.clone(), old], false)); }, Passed, "0 of 4"),
    ("stale_branches", |f| f.heads = Ok((vec![head("a", 1)], true)), Unknown, "more than a hundred"),
    ("dependency_alerts", |f| f.alerts.dependencies = Ok(vec![alert(), alert()]), Failed, "2 alerts about a dependency open"),
    ("dependency_alerts", |f| f.alerts.dependencies = Err("disabled".into()), Unknown, "disabled"),
    ("code_alerts", |f| f.alerts.code = Ok(vec![alert()]), Failed, "1 alert about code open"),
    ("secret_alerts", |f| f.alerts.secrets = Ok(vec![alert()]), Failed, "1 alert about a secret open"),
    ("releases", |f| { f.releases = Ok(vec![]); take(f, "render.yaml"); }, Failed, "nothing has been released"),
    ("releases", |f| f.releases = Ok(vec![]), NotApplicable, "deployed from its branch"),
    ("releases", |f| { f.releases = Ok(vec![]); take(f, "render.yaml"); put(f, "render.yml", ""); }, NotApplicable, "deployed from its branch"),
    ("changelog", |f| { take(f, "CHANGELOG.md"); if let Ok(all) = &mut f.releases { all[0].has_notes = false; } }, Failed, "neither a changelog"),
    ("changelog", |f| take(f, "CHANGELOG.md"), Passed, "releases have notes"),
    ("gitignore", |f| take(f, ".gitignore"), Failed, "no .gitignore"),
    ("gitignore", |f| { take(f, ".gitignore"); put(f, "web/.gitignore", ""); take(f, "Cargo.toml"); }, Passed, "every part"),
    ("gitignore", bare, NotApplicable, "nothing is built"),
    ("lockfile", |f| take(f, "web/package-lock.json"), Failed, "1 part without"),
    ("lockfile", |f| { take(f, "Cargo.lock"); put(f, "Cargo.toml", "[package]\n[lib]\n"); }, Passed, "2 parts"),
    ("lockfile", |f| { put( f, "jobs/requirements.txt", "requests==2.0 # pinned\n-r more.txt\n", ); }, Passed, "3 parts"),
    ("lockfile", |f| { put(f, "jobs/requirements.txt", "requests>=2.0\n"); }, Failed, "1 part without"),
    ("lockfile", |f| { take(f, "Cargo.lock"); f.texts.remove("Cargo.toml"); }, Unknown, "not looked into"),
    ("lockfile", |f| { f.texts.remove("Cargo.toml"); }, Passed, "2 parts"),
    ("lockfile", bare, NotApplicable, "nothing here has"),
    ("secret_files", |f| put(f, "deploy/.env.production", ""), Failed, "1 file"),
    ("secret_files", |f| put(f, "certs/server.pem", ""), Failed, "1 file"),
    ("secret_files", |f| put(f, ".env.example", ""), Passed, "no tracked file"),
    ("secret_files", |f| put(f, "tests/server.pem", ""), Passed, "no tracked file"),
    ("large_files", |f| { if let Ok(tree) = &mut f.tree { tree.files.insert("demo.mp4".into(), 6 << 20); } }, Failed, "1 file larger than 5 MiB"),
    ("built_files", |f| { put(f, "web/node_modules/a/index.js", ""); put(f, "web/node_modules/b/index.js", ""); }, Failed, "1 folder"),
    ("built_files", |f| put(f, "docs/node_modules", ""), Passed, "nothing that is built"),
];

#[test]
fn nothing_fails_in_a_repository_that_lacks_nothing() {
    let bad: Vec<Finding> = judge(&whole())
        .into_iter()
        .filter(|finding| finding.outcome != Passed)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn each_check_comes_out_as_the_table_says_and_no_other_reason_is_given() {
    for (row, (id, change, outcome, words)) in TABLE.iter().enumerate() {
        let mut facts = whole();
        change(&mut facts);
        let finding = found(&facts, id);
        assert_eq!(finding.outcome, *outcome, "row {row}: {finding:#?}");
        assert!(finding.what.contains(words), "row {row}: {finding:#?}");
        assert_eq!(finding.remedy.is_some(), *outcome == Failed, "row {row}");
        assert!(
            *outcome != Failed || !finding.evidence.is_empty(),
            "row {row}: {finding:#?}"
        );
    }
}

#[test]
fn every_check_has_a_row_in_which_it_fails() {
    let failing: BTreeSet<&str> = TABLE
        .iter()
        .filter(|row| row.2 == Failed)
        .map(|row| row.0)
        .collect();
    let all: BTreeSet<&str> = all().map(Check::id).collect();
    assert_eq!(
        all.difference(&failing).count(),
        0,
        "{:?}",
        all.difference(&failing)
    );
    assert!(all.len() >= 20);
    assert_eq!(all.len(), super::all().count(), "two checks of one name");
}

#[test]
fn what_could_not_be_read_is_unknown_and_never_failed() {
    let why = || "GitHub answered 403".to_owned();
    let facts = Facts {
        head: Err(why()),
        tree: Err(why()),
        texts: BTreeMap::new(),
        community: Err(why()),
        security_policy: Err(why()),
        owners_errors: Err(why()),
        protected: Err(why()),
        heads: Err(why()),
        runs: Err(why()),
        alerts: Alerts {
            dependencies: Err(why()),
            code: Err(why()),
            secrets: Err(why()),
        },
        releases: Err(why()),
        ..whole()
    };
    for finding in judge(&facts) {
        let read_anyway = matches!(finding.check, "description" | "topics");
        assert_eq!(finding.outcome == Unknown, !read_anyway, "{finding:#?}");
        assert!(read_anyway || finding.what.contains("403"), "{finding:#?}");
    }
}

#[test]
fn a_tree_of_which_only_a_part_is_listed_lacks_nothing_for_sure() {
    let mut facts = whole();
    bare(&mut facts);
    facts.releases = Ok(vec![]);
    if let Ok(tree) = &mut facts.tree {
        tree.truncated = true;
    }
    for finding in judge(&facts) {
        let from_elsewhere =
            ["description", "topics", "branch_protection", "releases"].contains(&finding.check);
        assert!(from_elsewhere || finding.outcome != Failed, "{finding:#?}");
    }
}

#[test]
fn an_archived_repository_is_offered_nothing() {
    let mut facts = whole();
    take(&mut facts, "SECURITY.md");
    facts.security_policy = Ok(false);
    assert_eq!(
        found(&facts, "security_policy").proposal,
        Some(Kind::SecurityPolicy)
    );
    facts.archived = true;
    assert_eq!(found(&facts, "security_policy").proposal, None);
}

fn mends(id: &str) -> Option<Kind> {
    all().find(|check| check.id == id).and_then(|check| check.mends)
}

#[test]
fn each_kind_of_proposal_mends_the_check_of_its_name() {
    for kind in Kind::ALL {
        assert_eq!(mends(kind.check()), Some(kind));
        assert_eq!(serde_json::json!(kind), kind.name());
    }
    assert_eq!(
        all().filter(|check| mends(check.id()).is_some()).count(),
        Kind::ALL.len()
    );
}
