//! The table of lints: complete, true, and what can be silenced is.

use std::collections::BTreeSet;

use serde_json::json;
use xmrt::agents::{Agent, Directory, RoleText};
use xmrt::rules::{Catalog, Diagnostic, SourceFile, lint, lints, load, render_diagnostics};

use crate::rules::files;

mod meaning;
mod strangers;

/// Who is in the examples of the lints about agents.
fn directory() -> Directory {
    let triager = RoleText {
        allow: vec!["github.add_labels".into()],
        approval: vec!["github.close_issue".into()],
        repos: vec!["acme/*".into()],
        services: Vec::new(),
    };
    let eliza = Agent {
        id: "eliza".into(),
        role: "triager".into(),
        github_login: None,
    };
    Directory::new([("triager".to_owned(), triager)], vec![eliza]).expect("the example is right")
}

/// The tools there really are.
async fn catalog() -> Catalog {
    xmrt::reactor::catalog(
        &xmrt::assemble::tool_facts().await.expect("the tools"),
        &directory(),
    )
    .with_state(xmrt::sandbox::state_schema().expect("the state"))
    // A server of one's own, whose tools nobody has seen yet.
    .opened(BTreeSet::from(["model".to_owned()]))
}

fn found(files: &[SourceFile], catalog: &Catalog) -> Vec<Diagnostic> {
    load(files, &json!({}), Some(catalog)).diagnostics
}

fn shown(files: &[SourceFile], found: &[Diagnostic]) -> String {
    render_diagnostics(files, found, false)
}

#[tokio::test]
async fn every_bad_example_has_its_finding_and_no_other_and_every_good_one_does_not_have_it() {
    let catalog = catalog().await;
    let mut wrong = String::new();
    for lint in lints() {
        let files = lint.bad_files();
        let diagnostics = found(&files, &catalog);
        let as_it_should = !diagnostics.is_empty()
            && diagnostics
                .iter()
                .all(|found| found.code == lint.id && found.severity == lint.severity);
        if !as_it_should {
            wrong.push_str(&format!("== {} bad:\n{}\n", lint.id, shown(&files, &diagnostics)));
        }
        let files = lint.good_files();
        let diagnostics = found(&files, &catalog);
        if !diagnostics.is_empty() {
            wrong.push_str(&format!(
                "== {} good:\n{}\n",
                lint.id,
                shown(&files, &diagnostics)
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[tokio::test]
async fn whatever_can_be_allowed_is_silenced_by_a_comment_before_it() {
    let catalog = catalog().await;
    // What is found about a comment stands on the comment itself.
    let about_comments = ["unknown-allow", "unused-allow", "allow-without-reason"];
    for lint in lints().filter(|lint| lint.allowable && !about_comments.contains(&lint.id)) {
        let mut files = lint.bad_files();
        let places: BTreeSet<(String, usize)> = found(&files, &catalog)
            .iter()
            .map(|found| (found.path.clone(), found.line))
            .collect();
        for file in &mut files {
            let mut lines: Vec<String> = file.text.lines().map(str::to_owned).collect();
            for (_, line) in places.iter().rev().filter(|(path, _)| *path == file.path) {
                lines.insert(
                    line - 1,
                    format!("# xmrt: allow({}) because this is a test", lint.id),
                );
            }
            file.text = lines.join("\n") + "\n";
        }
        let left = found(&files, &catalog);
        assert!(left.is_empty(), "{}:\n{}", lint.id, shown(&files, &left));
    }
}

/// Codes are given as literals right behind what reports them.
#[test]
fn every_code_in_the_source_is_in_the_table_and_every_lint_is_in_the_source() {
    let mut codes = BTreeSet::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    for entry in ignore::WalkBuilder::new(root).standard_filters(false).build() {
        let path = entry.expect("an entry").into_path();
        let shown = path.to_string_lossy().replace('\\', "/");
        if !shown.ends_with(".rs") || shown.contains("/rules/lint") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("source files are UTF-8");
        for mark in [".error(", ".warning(", "code: "] {
            for after in text.split(mark).skip(1) {
                let code = after
                    .trim_start()
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next());
                codes.extend(code.map(str::to_owned));
            }
        }
    }
    let table: BTreeSet<String> = lints().map(|lint| lint.id.to_owned()).collect();
    assert_eq!(codes, table);
    assert_eq!(lints().count(), table.len(), "no name twice");
    assert!(table.len() >= 60, "{}", table.len());
}

#[test]
fn an_entry_says_what_why_and_how_to_silence_it() {
    insta::assert_snapshot!(lint("useless-key").expect("it exists").to_text(), @r###"
    useless-key (warning)

    a key by which nothing is counted

    `key` says what `cooldown`, `rate` and `debounce` are counted by; without any of them it does nothing.

    wrong:

        [limits]
        key = "{{ event.issue.user.login }}"

    right:

        [limits]
        key = "{{ event.issue.user.login }}"
        cooldown = "1d"

    Where it is meant: `# xmrt: allow(useless-key) because …` on the line before.
    "###);
}

#[tokio::test]
async fn an_allowance_covers_the_whole_value_that_follows_and_nothing_else() {
    let catalog = catalog().await;
    let text = r###"description = "d"
on = "github.issues.opened"
# xmrt: allow(unknown-field) because this server sends it
# and another comment
if = """
event.issue.severity == 'high'
and event.issue.impact == 'high'"""

[vars]
note = """
# xmrt: allow(unknown-field) because this is only text
"""

[when]
issue.severity = "high"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ vars.note }}" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
decision = "fired"

[[test]]
name = "does not act"
event = { on = "github.issues.opened" }
expect = []
"###;
    let files = files(&[("rules/sample.toml", text)]);
    insta::assert_snapshot!(shown(&files, &found(&files, &catalog)), @r###"
    error[unknown-field]: github.issues.opened has no `issue.severity`
      --> rules/sample.toml:15:7
       |
    15 | issue.severity = "high"
       |       ^^^^^^^^
       |
       = help: `issue` has active_lock_reason, assignee, assignees, author_association, body, closed_at, comments, comments_url, created_at, draft, events_url, html_url, …
    "###);
}

#[tokio::test]
async fn an_allowance_that_allows_nothing_is_complained_about() {
    let catalog = catalog().await;
    let text = r###"description = "d"
# xmrt: allow(unknwn-field) because of a slip
on = "github.issues.opened"
# xmrt: allow(unknown-key) because I want it
# xmrt: ignore everything
if = "event.issue.locked"

[vars]
# xmrt: allow(unused-variable) because
note = "x"

[[action]]
# xmrt: allow(unknown-tool)
tool = "xmrt.notify"
# xmrt: allow(skipped-step) because it was so once
arguments = { to = "log", text = "hello" }
"###;
    let files = files(&[("rules/sample.toml", text)]);
    insta::assert_snapshot!(shown(&files, &found(&files, &catalog)), @r###"
    warning[missing-quiet-test]: no `[[test]]` shows an event that this rule leaves alone
     --> rules/sample.toml:1:1
      |
    1 | description = "d"
      | ^^^^^^^^^^^
      |
      = help: add a `[[test]]` with such an event and `expect = []`

    warning[missing-test]: no `[[test]]` shows an event on which this rule acts
     --> rules/sample.toml:1:1
      |
    1 | description = "d"
      | ^^^^^^^^^^^
      |
      = help: add a `[[test]]` with such an event; its `expect` lists the calls the rule makes, in order

    warning[unknown-allow]: there is no lint `unknwn-field`
     --> rules/sample.toml:2:1
      |
    2 | # xmrt: allow(unknwn-field) because of a slip
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `unknown-field`?

    warning[unknown-allow]: `unknown-key` cannot be allowed
     --> rules/sample.toml:4:1
      |
    4 | # xmrt: allow(unknown-key) because I want it
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: the file would not do what it says: mend it

    warning[unknown-allow]: this is not understood, so it allows nothing
     --> rules/sample.toml:5:1
      |
    5 | # xmrt: ignore everything
      | ^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `# xmrt: allow(<lint>) because …`

    warning[allow-without-reason]: `unused-variable` is not allowed: the reason is missing
     --> rules/sample.toml:9:1
      |
    9 | # xmrt: allow(unused-variable) because
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `# xmrt: allow(<lint>) because …`

    warning[unused-variable]: nobody reads `vars.note`
      --> rules/sample.toml:10:1
       |
    10 | note = "x"
       | ^^^^

    warning[unknown-allow]: `unknown-tool` cannot be allowed
      --> rules/sample.toml:13:1
       |
    13 | # xmrt: allow(unknown-tool)
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: the file would not do what it says: mend it

    warning[unused-allow]: `skipped-step` is not found on what follows
      --> rules/sample.toml:15:1
       |
    15 | # xmrt: allow(skipped-step) because it was so once
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: take the comment out, or put it on the line before what it allows
    "###);
}

/// A rule on opened issues with this `[when]`, as far as it is complained about.
async fn asked(conditions: &str) -> Vec<&'static str> {
    let text = format!(
        "description = \"d\"\non = \"github.issues.opened\"\n\n[when]\n{conditions}\n\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = {{ to = \"log\", text = \"hello\" }}\n\n[[test]]\nname = \"acts\"\nevent = {{ on = \"github.issues.opened\" }}\n\
         decision = \"fired\"\n\n[[test]]\nname = \"does not\"\nevent = {{ on = \"github.issues.opened\" }}\nexpect = []\n"
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    diagnostics.iter().map(|found| found.code).collect()
}

#[tokio::test]
async fn only_what_cannot_hold_together_is_a_contradiction() {
    for impossible in [
        "issue.comments = { gt = 10, lt = 5 }",
        "issue.comments = { gte = 5, lt = 5 }",
        "issue.comments = { equals = 3, gt = 3 }",
        "issue.title = { prefix = \"RFC\", equals = \"Bug\" }",
        "issue.title = { prefix = \"RFC\", not = { prefix = \"R\" }, equals = \"RFC 1\" }",
        "issue.labels.name = { equals = \"bug\", not = [\"bug\", \"crash\"] }",
        "issue.milestone.title = { exists = false, prefix = \"v\" }",
        "issue.state = \"open\"\nany = [ { issue.state = \"closed\" }, { issue.locked = true } ]",
        "all = [ { issue.title = { prefix = \"a\" } }, { issue.number = 1 } ]\n\"issue.title\" = { prefix = \"b\" }",
    ] {
        assert_eq!(asked(impossible).await, ["contradiction"], "{impossible}");
    }
    for possible in [
        "issue.comments = { gt = 5, lt = 6 }",
        "issue.comments = { gte = 5, lte = 5 }",
        "issue.title = { prefix = \"RFC\", suffix = \"draft\", contains = \" \" }",
        "issue.title = { prefix = \"R\", not = { prefix = \"RFC\" } }",
        // Several labels: one may be this, another that.
        "issue.labels.name = { equals = \"bug\", prefix = \"area/\" }",
        "all = [ { issue.labels.name = \"bug\" }, { issue.labels.name = \"crash\" } ]",
        "issue.state = \"open\"\nnot = { issue.title = { prefix = \"RFC\" } }",
        "any = [ { issue.state = \"open\" }, { issue.state = \"closed\" } ]",
        "issue.labels = { count = 0 }",
        "issue.state_reason = { exists = false, not = \"completed\" }",
    ] {
        assert_eq!(asked(possible).await, Vec::<&str>::new(), "{possible}");
    }
}

#[tokio::test]
async fn only_patterns_that_match_nothing_or_everything_are_complained_about() {
    for (pattern, code) in [
        ("regex = \"a$b\"", "never-matches"),
        ("regex = \"ab^c\"", "never-matches"),
        ("regex = \"^.*\"", "always-matches"),
        ("regex = \"\"", "always-matches"),
        ("glob = \"**\"", "always-matches"),
        ("contains = \"\"", "always-matches"),
        ("glob = [\"*.rs\", \"readme\"]", "plain-pattern"),
        ("not = { regex = \".*\" }", "always-matches"),
    ] {
        let conditions = format!("issue.title = {{ {pattern} }}");
        assert_eq!(asked(&conditions).await, [code], "{pattern}");
    }
    for fine in [
        "regex = \"^bug$\"",
        // It wants one line.
        "regex = \"^.*$\"",
        "regex = \"(^|x)bug($|y)\"",
        "regex = \"a\\\\$b\"",
        "regex = \"[$^]a[^b]c\"",
        "regex = \"(?m)a$\\nb\"",
        "regex = \"a$b?\"",
        "regex = \"x*^a\"",
        "glob = \"*\"",
        "glob = \"a[bc]\"",
    ] {
        let conditions = format!("issue.title = {{ {fine} }}");
        assert_eq!(asked(&conditions).await, Vec::<&str>::new(), "{fine}");
    }
}

#[tokio::test]
async fn a_text_that_looks_like_a_pattern_is_asked_about() {
    for pattern in [
        "\"bug*\"",
        "\"*bug\"",
        "[\"bug\", \"feature/**\"]",
        "{ not = \"wip*\" }",
        "\"^bug\"",
        "\"bug.*\"",
        "\"bug$\"",
    ] {
        let conditions = format!("issue.title = {pattern}");
        assert_eq!(asked(&conditions).await, ["literal-wildcard"], "{pattern}");
    }
    for plain in [
        "\"bug\"",
        "\"*\"",
        "\"2 * 3\"",
        "\"***\"",
        "\"why?\"",
        "\"[bug]\"",
        "\"$\"",
        "{ glob = \"bug*\" }",
        "{ contains = \"*bug\" }",
    ] {
        let conditions = format!("issue.title = {plain}");
        assert_eq!(asked(&conditions).await, Vec::<&str>::new(), "{plain}");
    }
}
