//! In: the text of a workflow. Out: the actions it uses with their lines, what its token may do, what it checks out for
//! strangers. Never: another file.

use serde_json::Value;

/// Whether a path is one where GitHub looks for a workflow: folders below are not looked into.
pub(super) fn is_workflow(path: &str) -> bool {
    let name = path.strip_prefix(".github/workflows/").unwrap_or_default();
    !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml"))
}

/// An action that a workflow uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// Its line, from 1.
    pub(super) line: u64,
    /// owner/name, perhaps with a path.
    pub(super) action: String,
    /// What stands behind the `@`.
    pub(super) reference: String,
}

impl Use {
    /// A commit's whole id: it means the same tomorrow.
    pub(super) fn is_pinned(&self) -> bool {
        self.reference.len() == 40 && self.reference.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The repository the action is in.
    pub(super) fn repository(&self) -> Option<String> {
        let mut parts = self.action.split('/');
        let (owner, name) = (parts.next()?, parts.next()?);
        Some(format!("{owner}/{name}"))
    }

    /// By what the commit of its tag is known: actions of one repository share it, whatever their paths.
    pub(super) fn key(&self) -> Option<String> {
        Some(format!("{}@{}", self.repository()?, self.reference))
    }
}

/// What follows `uses:` on a line, where it is an action of a repository, and where that begins.
fn used(line: &str) -> Option<(usize, &str)> {
    let bare = line.trim_start();
    let field = bare.strip_prefix("- ").map_or(bare, str::trim_start);
    let value = field.strip_prefix("uses:")?;
    let begin = line.len() - value.len();
    let quoted = value.trim_start();
    let skipped = value.len() - quoted.len();
    let (skipped, quoted) = match quoted.strip_prefix(['"', '\'']) {
        Some(inner) => (skipped + 1, inner),
        None => (skipped, quoted),
    };
    let end = quoted
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '#'))
        .unwrap_or(quoted.len());
    let word = &quoted[..end];
    let foreign = !word.starts_with("./") && !word.starts_with("docker://") && word.contains('@');
    (foreign && skipped > 0).then_some((begin + skipped, word))
}

/// Every action of another repository that a workflow uses, in order.
pub(super) fn uses(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some((_, word)) = used(line)
            && let Some((action, reference)) = word.rsplit_once('@')
        {
            found.push(Use {
                line: u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1),
                action: action.to_owned(),
                reference: reference.to_owned(),
            });
        }
    }
    found
}

/// The text with actions pinned: `commit` says to which commit an action's tag leads. What it was stays as a comment.
pub(super) fn pinned(text: &str, commit: impl Fn(&Use) -> Option<String>) -> String {
    let all = uses(text);
    let mut lines = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let number = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
        let here = all.iter().find(|one| one.line == number && !one.is_pinned());
        let sha = here.and_then(|one| Some((one, commit(one)?)));
        let place = used(line.trim_end_matches('\r'));
        match (sha, place) {
            (Some((one, sha)), Some((begin, word))) => {
                let (before, behind) = (&line[..begin], &line[begin + word.len()..]);
                let (behind, end) = match behind.strip_suffix('\r') {
                    Some(behind) => (behind, "\r"),
                    None => (behind, ""),
                };
                let behind = tagged(behind.trim_end(), &one.reference);
                lines.push(format!("{before}{}@{sha}{behind}{end}", one.action));
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// What stands behind an action, with its tag where people and tools look for it: first in the comment. What the author wrote
/// there follows it.
fn tagged(behind: &str, tag: &str) -> String {
    match behind.split_once('#') {
        None => format!("{behind} # {tag}"),
        Some((_, said)) if said.split_whitespace().next() == Some(tag) => behind.to_owned(),
        Some((before, said)) if said.trim().is_empty() => format!("{before}# {tag}"),
        Some((before, said)) => format!("{before}# {tag} {}", said.trim_start()),
    }
}

/// What is in a workflow that only its structure tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grants {
    /// Jobs whose token has whatever the repository's default is: neither they nor the workflow say.
    pub(super) unsaid: Vec<String>,
    /// Jobs, or the workflow (an empty name), that may write everything.
    pub(super) everything: Vec<String>,
    /// It runs with secrets for pull requests of strangers, and checks out what they sent.
    pub(super) runs_strangers: bool,
}

/// Reads a workflow's structure.
pub(super) fn grants(text: &str) -> Result<Grants, String> {
    let workflow: Value = serde_saphyr::from_str(text)
        .map_err(|error| format!("it is not YAML: {}", first_line(&error.to_string())))?;
    let jobs = workflow
        .get("jobs")
        .and_then(Value::as_object)
        .ok_or("it has no jobs")?;
    let all = |said: &Value| said.as_str() == Some("write-all");
    let top = workflow.get("permissions");
    let mut grants = Grants {
        unsaid: Vec::new(),
        everything: Vec::new(),
        runs_strangers: triggered_by(&workflow, "pull_request_target") && jobs.values().any(takes_head),
    };
    if top.is_some_and(all) {
        grants.everything.push(String::new());
    }
    for (name, job) in jobs {
        match job.get("permissions") {
            Some(said) if all(said) => grants.everything.push(name.clone()),
            None if top.is_none() => grants.unsaid.push(name.clone()),
            _ => {}
        }
    }
    Ok(grants)
}

/// Whether a workflow is begun by an event. `on` may be a word, a list or a table; older YAML reads the word itself as true.
pub(super) fn triggered_by(workflow: &Value, event: &str) -> bool {
    let on = workflow.get("on").or_else(|| workflow.get("true"));
    match on {
        Some(Value::String(one)) => one == event,
        Some(Value::Array(some)) => some.iter().any(|one| one.as_str() == Some(event)),
        Some(Value::Object(table)) => table.contains_key(event),
        _ => false,
    }
}

/// A job that checks out the head of the pull request.
fn takes_head(job: &Value) -> bool {
    let steps = job.get("steps").and_then(Value::as_array);
    steps.into_iter().flatten().any(|step| {
        let checks_out = step
            .get("uses")
            .and_then(Value::as_str)
            .is_some_and(|uses| uses.starts_with("actions/checkout@"));
        let of = step
            .get("with")
            .and_then(|with| with.get("ref"))
            .and_then(Value::as_str);
        checks_out && of.is_some_and(|of| of.contains("pull_request.head") || of.contains("head_ref"))
    })
}

/// The first line of a text that a library wrote.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKFLOW: &str = "on: push\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - name: x\n        \
                            uses: \"acme/tools/lint@main\"\n      - uses: ./local\n      - uses: docker://alpine:3\n      \
                            - uses: a/b@0123456789012345678901234567890123456789 # v1\n      - run: echo uses: no/thing@v1\n";

    #[test]
    fn actions_are_found_with_their_lines_and_only_actions() {
        let found: Vec<(u64, String, bool)> = uses(WORKFLOW)
            .into_iter()
            .map(|one| {
                (
                    one.line,
                    format!("{}@{}", one.action, one.reference),
                    one.is_pinned(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (5, "actions/checkout@v4".to_owned(), false),
                (7, "acme/tools/lint@main".to_owned(), false),
                (
                    10,
                    "a/b@0123456789012345678901234567890123456789".to_owned(),
                    true
                ),
            ]
        );
    }

    #[test]
    fn pinning_changes_the_named_lines_and_leaves_every_other_byte() {
        let sha = "abcdefabcdefabcdefabcdefabcdefabcdefabcd";
        let after = pinned(WORKFLOW, |one| {
            (one.action == "actions/checkout").then(|| sha.to_owned())
        });
        assert_eq!(
            after,
            WORKFLOW.replace("actions/checkout@v4", &format!("actions/checkout@{sha} # v4"))
        );
        let quoted = pinned(WORKFLOW, |one| {
            (one.action == "acme/tools/lint").then(|| sha.to_owned())
        });
        assert_eq!(
            quoted,
            WORKFLOW.replace(
                "\"acme/tools/lint@main\"",
                &format!("\"acme/tools/lint@{sha}\" # main")
            )
        );
        let windows = WORKFLOW.replace('\n', "\r\n");
        let after = pinned(&windows, |one| (one.line == 5).then(|| sha.to_owned()));
        assert_eq!(
            after,
            windows.replace("actions/checkout@v4", &format!("actions/checkout@{sha} # v4"))
        );
    }

    #[test]
    fn the_tag_stands_first_in_the_comment_whatever_the_author_wrote_there() {
        for (behind, expected) in [
            ("", " # v4"),
            ("\"", "\" # v4"),
            (" # get the code", " # v4 get the code"),
            ("'  #get the code", "'  # v4 get the code"),
            (" # v4", " # v4"),
            (" # v4 get the code", " # v4 get the code"),
            (" # v4.1 is broken", " # v4 v4.1 is broken"),
            (" #", " # v4"),
        ] {
            assert_eq!(tagged(behind, "v4"), expected, "{behind}");
        }
        let sha = "abcdefabcdefabcdefabcdefabcdefabcdefabcd";
        for end in ["\n", "\r\n"] {
            let before = format!("      - uses: actions/checkout@v4 # get the code{end}");
            let after = pinned(&before, |_| Some(sha.to_owned()));
            assert_eq!(
                after,
                format!("      - uses: actions/checkout@{sha} # v4 get the code{end}")
            );
        }
    }

    #[test]
    fn a_workflow_is_a_yaml_file_right_in_its_folder() {
        let workflows = [".github/workflows/ci.yml", ".github/workflows/ci.yaml"];
        let others = [
            ".github/workflows/README.md",
            ".github/workflows/old/ci.yml",
            "ci.yml",
            ".github/ci.yml",
            "",
        ];
        assert!(workflows.iter().all(|path| is_workflow(path)));
        assert!(others.iter().all(|path| !is_workflow(path)));
    }

    #[test]
    fn what_a_token_may_do_is_read_from_the_workflow_and_its_jobs() {
        let said =
            |text: &str| grants(text).map(|grants| (grants.unsaid, grants.everything, grants.runs_strangers));
        let one = |name: &str| vec![name.to_owned()];
        for (text, expected) in [
            ("on: push\njobs: {a: {steps: []}}", Ok((one("a"), vec![], false))),
            (
                "on: push\npermissions: {contents: read}\njobs: {a: {steps: []}}",
                Ok((vec![], vec![], false)),
            ),
            (
                "on: push\njobs: {a: {permissions: write-all}, b: {permissions: {}}}",
                Ok((vec![], one("a"), false)),
            ),
            (
                "permissions: write-all\non: push\njobs: {a: {}}",
                Ok((vec![], one(""), false)),
            ),
            (
                "on: [pull_request_target]\npermissions: {}\njobs: {a: {steps: [{uses: actions/checkout@v4, with: {ref: '${{ github.event.pull_request.head.sha }}'}}]}}",
                Ok((vec![], vec![], true)),
            ),
            (
                "on: pull_request_target\npermissions: {}\njobs: {a: {steps: [{uses: actions/checkout@v4}]}}",
                Ok((vec![], vec![], false)),
            ),
            ("name: x", Err("it has no jobs".to_owned())),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
        assert!(grants("jobs: [").unwrap_err().starts_with("it is not YAML"));
    }
}
