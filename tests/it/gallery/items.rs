//! Items of lists, states of tests, and what nobody sees.

use super::told;

#[test]
fn a_misspelled_field_of_an_item() {
    let text = r#"description = "Take the labels off again"
on = "github.issues.closed"

[[action]]
for_each = "{{ event.issue.labels | rejectattr('name', 'eq', 'keep') }}"
item_key = "{{ item.id }}"
if = "item.nme != 'pinned'"
tool = "github.remove_label"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", label = "{{ item.nme }}" }
"#;
    insta::assert_snapshot!(told("untag.toml", text), @r#"
    error[unknown-field]: `item` is one of `event.issue.labels`, and has no `nme`
     --> rules/untag.toml:7:7
      |
    7 | if = "item.nme != 'pinned'"
      |       ^^^^^^^^
      |
      = help: did you mean `item.name`?

    error[unknown-field]: `item` is one of `event.issue.labels`, and has no `nme`
     --> rules/untag.toml:9:107
      |
    9 | arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", label = "{{ item.nme }}" }
      |                                                                                                           ^^^^^^^^
      |
      = help: did you mean `item.name`?


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_field_of_an_item_that_is_a_text() {
    let text = r#"description = "Take the labels off again"
on = "github.issues.closed"

[[action]]
for_each = "{{ event.issue.labels | map(attribute='name') }}"
tool = "github.remove_label"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", label = "{{ item.name }}" }
"#;
    insta::assert_snapshot!(told("untag.toml", text), @r#"
    error[unknown-field]: `item` is one of `event.issue.labels.name`, and has no `name`
     --> rules/untag.toml:7:107
      |
    7 | arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", label = "{{ item.name }}" }
      |                                                                                                           ^^^^^^^^^
      |
      = help: it is no table: write `{{ item }}` alone


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    "#);
}

#[test]
fn a_misspelled_field_of_what_a_step_found() {
    let text = r#"description = "Cancel what is under way"
on = "github.pull_request.closed"

[[action]]
id = "found"
tool = "github.list_workflow_runs"
arguments = { repo = "{{ event.repository.full_name }}" }

[[action]]
tool = "xmrt.notify"
for_each = "{{ steps.found.runs[:3] }}"
item_key = "{{ item.run_id }}"
arguments = { to = "log", text = "{{ item.html_url }}: {% for other in steps.found.runs %}{{ other.conclsion }} {% endfor %}" }
"#;
    insta::assert_snapshot!(told("cancel.toml", text), @r#"
    warning[missing-quiet-test]: no `[[test]]` shows an event that this rule leaves alone
     --> rules/cancel.toml:1:1
      |
    1 | description = "Cancel what is under way"
      | ^^^^^^^^^^^
      |
      = help: add a `[[test]]` with such an event and `expect = []`

    warning[missing-test]: no `[[test]]` shows an event on which this rule acts
     --> rules/cancel.toml:1:1
      |
    1 | description = "Cancel what is under way"
      | ^^^^^^^^^^^
      |
      = help: add a `[[test]]` with such an event; its `expect` lists the calls the rule makes, in order

    warning[unknown-result]: `item` is one of `steps.found.runs`, and has no `run_id`: the run would end with an error
      --> rules/cancel.toml:12:16
       |
    12 | item_key = "{{ item.run_id }}"
       |                ^^^^^^^^^^^
       |
       = help: it has actor, conclusion, created_at, display_title, event, head_branch, head_sha, html_url, id, name, path, run_attempt, …

    warning[unknown-result]: `other` is one of `steps.found.runs`, and has no `conclsion`: the run would end with an error
      --> rules/cancel.toml:13:94
       |
    13 | arguments = { to = "log", text = "{{ item.html_url }}: {% for other in steps.found.runs %}{{ other.conclsion }} {% endfor %}" }
       |                                                                                              ^^^^^^^^^^^^^^^
       |
       = help: did you mean `other.conclusion`?


    1 rule file(s), 0 error(s), 4 warning(s)
    `xmrt check --explain missing-quiet-test` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    matching: 0 indexed, 1 scanned, 0 off
      rules/cancel.toml: scanned for every event it listens to; no single value tells that it holds
    "#);
}

#[test]
fn a_misspelled_key_of_a_state() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "it tells"
event = { on = "github.issues.opened", payload = { repository = { full_name = "acme/api" } } }
state.github.isues = [{ number = 7 }]
state.github.pulls = [{ number = 7, titel = "x" }, { number = 8, reviewers = ["mona"] }]
state.github.labels = { name = "bug" }
state.renderer.services = []
expect = [{ tool = "xmrt.notify" }]
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[test-state]: the sandbox does not know `state.github.isues`
      --> rules/tell.toml:11:14
       |
    11 | state.github.isues = [{ number = 7 }]
       |              ^^^^^
       |
       = help: did you mean `issues`?

    error[test-state]: the sandbox does not know `state.github.pulls.titel`
      --> rules/tell.toml:12:37
       |
    12 | state.github.pulls = [{ number = 7, titel = "x" }, { number = 8, reviewers = ["mona"] }]
       |                                     ^^^^^
       |
       = help: did you mean `title`?

    error[test-state]: the sandbox does not know `state.github.pulls.reviewers`
      --> rules/tell.toml:12:66
       |
    12 | state.github.pulls = [{ number = 7, titel = "x" }, { number = 8, reviewers = ["mona"] }]
       |                                                                  ^^^^^^^^^
       |
       = help: it knows assignees, association, author, author_association, base, base_ref, base_sha, body, branch, closed, closed_at, conflicts, …; docs/rules/state.md lists all of it

    error[test-state]: `state.github.labels` is a list of tables
      --> rules/tell.toml:13:23
       |
    13 | state.github.labels = { name = "bug" }
       |                       ^^^^^^^^^^^^^^^^
       |
       = help: put it in brackets: `[{ … }]`

    error[test-state]: the sandbox does not know `state.renderer`
      --> rules/tell.toml:14:7
       |
    14 | state.renderer.services = []
       |       ^^^^^^^^
       |
       = help: did you mean `render`?


    1 rule file(s), 5 error(s), 0 warning(s)
    `xmrt check --explain test-state` says more about a finding
    "#);
}

#[test]
fn a_character_that_nobody_sees() {
    let text = "description = \"Tell about an issue\"\non = \"github.issues.opened\"\n\n# only \u{202e}ylno snimda\u{202c}\n\
                [when]\nissue.user.login = \"mo\u{200b}na\"\nissue.title = \"ok 👩\u{200d}💻 \\u200b\"\n\n[[action]]\ntool = \"xmrt.notify\"\n\
                arguments = { to = \"log\", text = \"hello\" }\n";
    // What nobody sees is not to be in this file either.
    let shown = told("tell.toml", text);
    insta::assert_snapshot!(shown, @r#"
    error[hidden-character]: here is U+202E, which turns the direction of what follows, so that it reads otherwise than it is
     --> rules/tell.toml:4:8
      |
    4 | # only �ylno snimda�
      |        ^
      |
      = help: take it out; where it is meant, write it in double quotes as `\u202e`

    error[hidden-character]: here is U+200B, which takes no room, so nobody sees that it is there
     --> rules/tell.toml:6:23
      |
    6 | issue.user.login = "mo�na"
      |                       ^
      |
      = help: take it out; where it is meant, write it in double quotes as `\u200b`


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain hidden-character` says more about a finding
    "#);
    assert!(!shown.contains(['\u{200b}', '\u{202e}', '\u{202c}']), "{shown}");
}

#[test]
fn a_name_of_a_rule_that_nobody_can_read() {
    let text = "description = \"d\"\non = \"github.push\"\n";
    let shown = told("te\u{202e}ll.toml", text);
    insta::assert_snapshot!(shown, @r#"
    error[rule-id]: the file's name is the rule's id, and `te\u202ell` is not kebab-case
     --> rules/te\u202ell.toml:1:1
      |
    1 | description = "d"
      | ^
      |
      = help: lower-case letters and digits, words joined by `-`: `triage-new-issue.toml`

    error[missing-key]: a rule file needs `[[action]]`
     --> rules/te\u202ell.toml:1:1
      |
    1 | description = "d"
      | ^^^^^^^^^^^^^^^^^
      |
      = help: the steps, in order: a line `[[action]]`, then `tool = "server.tool"` and `arguments = { … }`


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain rule-id` says more about a finding
    "#);
    assert!(!shown.contains('\u{202e}'), "{shown}");
}

#[test]
fn a_strangers_text_made_into_something_else() {
    let text = r#"description = "Restart what a pull request names"
on = ["github.pull_request.closed", "github.repository_dispatch"]

[limits]
cooldown = "1h"

[[action]]
tool = "render.restart_service"
arguments = { service_id = "srv-{{ event.pull_request.title | lower if event.pull_request.title | length > 3 else event.client_payload.service }}" }

[[action]]
id = "each"
tool = "render.restart_service"
for_each = "{{ event.pull_request.body | lines }}"
arguments = { service_id = "{{ item }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[untrusted-target]: `event.pull_request.title` is text that anybody may write, and here it chooses what `render.restart_service` acts on (`service_id`)
     --> rules/tell.toml:9:36
      |
    9 | arguments = { service_id = "srv-{{ event.pull_request.title | lower if event.pull_request.title | length > 3 else event.client_payloa...
      |                                    ^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use an id, a number or a hash of the event, or a fixed value

    error[untrusted-target]: `event.client_payload.service` is text that anybody may write, and here it chooses what `render.restart_service` acts on (`service_id`)
     --> rules/tell.toml:9:115
      |
    9 | ...ower if event.pull_request.title | length > 3 else event.client_payload.service }}" }
      |                                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use an id, a number or a hash of the event, or a fixed value

    warning[sometimes-missing]: github.repository_dispatch has no `event.pull_request`: on such an event the run would end with an error
      --> rules/tell.toml:14:16
       |
    14 | for_each = "{{ event.pull_request.body | lines }}"
       |                ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: say what then: `event.pull_request | default(…)`; or ask first, `event.pull_request is defined`; or write a rule for each event

    error[untrusted-target]: `item` (`event.pull_request.body`) is text that anybody may write, and here it chooses what `render.restart_service` acts on (`service_id`)
      --> rules/tell.toml:15:32
       |
    15 | arguments = { service_id = "{{ item }}" }
       |                                ^^^^
       |
       = help: use an id, a number or a hash of the event, or a fixed value


    1 rule file(s), 3 error(s), 1 warning(s)
    `xmrt check --explain untrusted-target` says more about a finding
    "#);
}

#[test]
fn a_table_where_a_list_is_gone_through() {
    let text = r#"description = "Tell about each"
on = "github.issues.labeled"

[[action]]
for_each = "{{ event.issue }}"
item_key = "{{ item.id }}"
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ item.title }}" }

[[action]]
id = "again"
for_each = "event.issue.labels"
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[for-each]: `event.issue` is an object, and `for_each` goes through a list
     --> rules/tell.toml:5:12
      |
    5 | for_each = "{{ event.issue }}"
      |            ^^^^^^^^^^^^^^^^^^^
      |
      = help: name a list of the payload, such as `event.issue.labels`, or what a step found

    error[for-each]: `for_each` is one single expression that gives a list
      --> rules/tell.toml:12:12
       |
    12 | for_each = "event.issue.labels"
       |            ^^^^^^^^^^^^^^^^^^^^
       |
       = help: write `for_each = "{{ event.issue.labels }}"`


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain for-each` says more about a finding
    "#);
}
