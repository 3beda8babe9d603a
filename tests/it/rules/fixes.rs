//! `xmrt check --fix`: what is certain is mended, and nothing else is touched.

use serde_json::json;
use xmrt::rules::{Catalog, FIXABLE, SourceFile, fix, lint, load};

/// The tools there really are.
async fn catalog() -> Catalog {
    xmrt::reactor::catalog(
        &xmrt::assemble::tool_facts().await.expect("the tools"),
        &xmrt::agents::Directory::default(),
    )
}

/// A file that has the finding in a form that can be mended, and the words that change.
struct Case {
    lint: &'static str,
    wrong: &'static str,
    right: &'static str,
}

const fn case(lint: &'static str, wrong: &'static str, right: &'static str) -> Case {
    Case { lint, wrong, right }
}

const NOTIFY: &str = "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }";

const CASES: &[Case] = &[
    case(
        "argument-type",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = 5 }",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"5\" }",
    ),
    case(
        "argument-value",
        "[[action]]\ntool = \"github.close_issue\"\narguments = { repo = \"acme/api\", number = 1, state_reason = \"complete\" }",
        "[[action]]\ntool = \"github.close_issue\"\narguments = { repo = \"acme/api\", number = 1, state_reason = \"completed\" }",
    ),
    case(
        "duration",
        "[limits]\ncooldown = \"5 minutes\" # a while",
        "[limits]\ncooldown = \"5m\" # a while",
    ),
    case(
        "misplaced-key",
        "# about limits\n[limits]\ncooldown = \"5m\"\nmode = \"shadow\" # at first",
        "mode = \"shadow\" # at first\n# about limits\n[limits]\ncooldown = \"5m\"",
    ),
    case(
        "operand",
        "[when]\nissue.comments = { gt = \"5\" }",
        "[when]\nissue.comments = { gt = 5 }",
    ),
    case(
        "tool-name",
        "[[action]]\ntool = \"xmrt_notify\"\narguments = { to = \"log\", text = \"hello\" }",
        NOTIFY,
    ),
    case(
        "step-id",
        "[[action]]\nid = \"tell-team\"\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }",
        "[[action]]\nid = \"tell_team\"\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }",
    ),
    case(
        "toml-version",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\", }",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }",
    ),
    case(
        "type-mismatch",
        "[when]\nissue.number = \"42\"",
        "[when]\nissue.number = 42",
    ),
    case(
        "unknown-allow",
        "[vars]\n# xmrt: allow(unused-variabel) because another tool reads it\nlimit = 5",
        "[vars]\n# xmrt: allow(unused-variable) because another tool reads it\nlimit = 5",
    ),
    case(
        "unknown-argument",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", txt = \"hello\" }",
        NOTIFY,
    ),
    case(
        "unknown-event",
        "on = \"github.issue.opened\"",
        "on = \"github.issues.opened\"",
    ),
    case(
        "unknown-field",
        "if = \"'crash' in event.issue.titel\" # the title",
        "if = \"'crash' in event.issue.title\" # the title",
    ),
    case(
        "unknown-key",
        "[limits]\ncoldown = \"5m\"",
        "[limits]\ncooldown = \"5m\"",
    ),
    case(
        "unknown-name",
        "if = \"evnt.issue.comments > 5\"",
        "if = \"event.issue.comments > 5\"",
    ),
    case(
        "unknown-operator",
        "[when]\nissue.title = { not = { prefx = \"RFC\" } }",
        "[when]\nissue.title = { not = { prefix = \"RFC\" } }",
    ),
    case(
        "unknown-result",
        "[[action]]\ntool = \"render.list_deploys\"\narguments = { service_id = \"srv-a\" }\nrequire = \"result.deploy | length > 0\"",
        "[[action]]\ntool = \"render.list_deploys\"\narguments = { service_id = \"srv-a\" }\nrequire = \"result.deploys | length > 0\"",
    ),
    case(
        "unknown-step",
        "[[action]]\nid = \"issue\"\ntool = \"github.create_issue\"\narguments = { repo = \"acme/ops\", title = \"Look\" }\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ steps.isue.html_url }}\" }",
        "[[action]]\nid = \"issue\"\ntool = \"github.create_issue\"\narguments = { repo = \"acme/ops\", title = \"Look\" }\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ steps.issue.html_url }}\" }",
    ),
    case(
        "unknown-tool",
        "[[action]]\ntool = \"xmrt.notfy\"\narguments = { to = \"log\", text = \"hello\" }",
        NOTIFY,
    ),
    case(
        "unknown-value",
        "[when]\nissue.state = \"opened\"",
        "[when]\nissue.state = \"open\"",
    ),
    case(
        "unknown-variable",
        "[vars]\nlimit = 5\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ vars.limt }}\" }",
        "[vars]\nlimit = 5\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ vars.limit }}\" }",
    ),
    case(
        "unused-allow",
        "# xmrt: allow(unused-variable) because it was read once\n[limits]\ncooldown = \"5m\"",
        "[limits]\ncooldown = \"5m\"",
    ),
    case("value", "mode = \"shadwo\"", "mode = \"shadow\""),
    case(
        "literal-expression",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"event.issue.title\" } # the title",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ event.issue.title }}\" } # the title",
    ),
    case(
        "wrong-identifier",
        "[[action]]\ntool = \"github.close_issue\"\narguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.id }}\" }",
        "[[action]]\ntool = \"github.close_issue\"\narguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\" }",
    ),
];

/// What every rule has and the case does not say.
fn whole(text: &str) -> String {
    let mut whole = String::from("description = \"d\" # words\n");
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    if !has("on =") {
        whole.push_str("on = \"github.issues.opened\"\n");
    }
    whole.push_str(text);
    whole.push('\n');
    if !has("[[action]]") {
        whole.push_str(&format!("\n{NOTIFY}\n"));
    }
    whole.push_str(
        "\n[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\ndecision = \"fired\"\n\n[[test]]\n\
         name = \"does not\"\nevent = { on = \"github.issues.opened\" }\nexpect = []\n",
    );
    whole
}

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "rules/sample.toml".into(),
        text: text.into(),
        unreadable: None,
    }
}

#[tokio::test]
async fn what_is_certain_is_mended_to_the_letter_and_comments_stay() {
    let catalog = catalog().await;
    for case in CASES {
        let before = file(&whole(case.wrong));
        let found = load(std::slice::from_ref(&before), &json!({}), Some(&catalog)).diagnostics;
        assert!(
            found.iter().any(|found| found.code == case.lint),
            "{}: {found:?}",
            case.lint
        );
        let fixed = fix(&before, &json!({}), Some(&catalog));
        assert_eq!(fixed.text, whole(case.right), "{}", case.lint);
        assert!(
            fixed.mended.iter().any(|mended| mended.code == case.lint),
            "{}",
            case.lint
        );
        let again = fix(&file(&fixed.text), &json!({}), Some(&catalog));
        assert!(
            again.mended.is_empty() && again.text == fixed.text,
            "{}",
            case.lint
        );
    }
}

#[test]
fn everything_that_is_called_fixable_is_a_lint_with_a_case() {
    for code in FIXABLE {
        assert!(lint(code).is_some(), "{code} is no lint");
        assert!(CASES.iter().any(|case| case.lint == *code), "{code} has no case");
    }
}

#[tokio::test]
async fn what_is_not_certain_is_left_alone() {
    let catalog = catalog().await;
    for text in [
        // No name is near.
        "[when]\nissue.nothing_like_it = 1",
        // Renamed, it would say the same key twice.
        "[limits]\ncooldown = \"5m\"\ncoldown = \"6m\"",
        // Nobody knows what was meant.
        "[limits]\ncooldown = \"a fortnight\"",
        // Two conditions; one of them is wrong, but which?
        "[when]\nissue.comments = { gt = 10, lt = 5 }",
    ] {
        let before = file(&whole(text));
        let fixed = fix(&before, &json!({}), Some(&catalog));
        assert_eq!(fixed.text, before.text);
    }
}

/// Where nobody describes what comes, `event.json` may well be a file.
#[tokio::test]
async fn a_file_that_is_called_like_a_path_keeps_its_name() {
    let catalog = catalog().await;
    for (call, lint) in [
        (
            "tool = \"github.get_file\"\narguments = { repo = \"acme/api\", path = \"event.json\" }",
            "literal-expression",
        ),
        (
            "tool = \"github.add_labels\"\narguments = { repo = \"acme/api\", number = 1, labels = \"event.json\" }",
            "argument-type",
        ),
    ] {
        let before = file(&whole(&format!("on = \"manual\"\n\n[[action]]\n{call}")));
        let found = load(std::slice::from_ref(&before), &json!({}), Some(&catalog)).diagnostics;
        assert!(found.iter().any(|found| found.code == lint), "{found:?}");
        let fixed = fix(&before, &json!({}), Some(&catalog));
        assert_eq!(fixed.text, before.text);
    }
}

#[tokio::test]
async fn several_mistakes_of_one_file_are_mended_together() {
    let catalog = catalog().await;
    let wrong = "[when]\nissue.titel = { contains = \"crash\" }\n\n[limits]\ncoldown = \"5 min\"\n\n[[action]]\ntool = \"xmrt.notfy\"\narguments = { to = \"log\", text = \"hello\" }";
    let right = "[when]\nissue.title = { contains = \"crash\" }\n\n[limits]\ncooldown = \"5m\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }";
    let fixed = fix(&file(&whole(wrong)), &json!({}), Some(&catalog));
    assert_eq!(fixed.text, whole(right));
    assert_eq!(fixed.mended.len(), 4);
}
