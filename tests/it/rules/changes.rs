//! What a changed rule means for what is under way.

use xmrt::rules::changes;

use crate::rules::book;

const OLD: &str = r###"description = "d"
on = ["github.issues.opened", "github.issues.closed"]

[vars]
notify = "log"

[when]
issue.state = "open"

[limits]
key = "{{ event.repository.full_name }}"
cooldown = "30m"

[[action]]
id = "tell"
tool = "xmrt.notify"
arguments = { to = "{{ vars.notify }}", text = "hello" }

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = 1, labels = ["a"] }
"###;

fn told(new: &str) -> Vec<String> {
    changes(&book(OLD).rules()[0].clone(), &book(new).rules()[0].clone())
}

#[test]
fn words_comments_and_tests_change_nothing_that_acts() {
    let new = OLD.replace(
        "description = \"d\"",
        "# a comment\ndescription = \"other words\"",
    ) + "\n[[test]]\nname = \"n\"\nevent = { on = \"github.issues.opened\" }\nexpect = []\n";
    assert_eq!(told(&new), Vec::<String>::new());
}

#[test]
fn everything_else_is_said_with_what_it_means() {
    let new = OLD
        .replace(
            "on = [\"github.issues.opened\", \"github.issues.closed\"]",
            "on = [\"github.issues.opened\", \"github.issues.edited\"]\nmode = \"shadow\"",
        )
        .replace("notify = \"log\"", "notify = \"oncall\"")
        .replace("issue.state = \"open\"", "issue.state = \"closed\"")
        .replace("{{ event.repository.full_name }}", "{{ meta.subject }}")
        .replace("\"30m\"", "\"1h\"")
        .replace("text = \"hello\"", "text = \"bye\"")
        .replace("tool = \"github.add_labels\"", "tool = \"github.set_labels\"");
    insta::assert_snapshot!(told(&new).join("\n"), @r#"
    the step `tell` is another: `arguments`
    there is a new step `set_labels`: github.set_labels
    the step `add_labels` (github.add_labels) is gone
    `limits.cooldown` is `"1h"`, it was `"30m"`: a cooldown that runs already ends when it would have
    `limits.key` is `"{{ meta.subject }}"`, it was `"{{ event.repository.full_name }}"`: it is counted anew, what was charged under the old key holds nothing back
    the mode is shadow, it was live
    it listens to github.issues.edited, too
    it does not listen to github.issues.closed any more
    `vars.notify` is `"oncall"`, it was `"log"`; open runs keep the old value
    `when` asks something else: other events make it act (`xmrt backtest` shows which)
    "#);
}

#[test]
fn steps_go_by_their_ids_and_their_order_counts() {
    let (head, steps) = OLD.split_once("[[action]]\nid").expect("steps");
    let (first, second) = steps.split_once("[[action]]").expect("two");
    let new = format!("{head}[[action]]{second}\n[[action]]\nid{first}");
    assert_eq!(told(&new), ["the order of its steps is another"]);
}
