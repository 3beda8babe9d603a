//! What somebody writes on the first day, having read nothing.

use super::told;

#[test]
fn signs_of_another_language_in_an_if() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "event.issue.locked || event.issue.comments > 5"

[[action]]
if = "event.issue.state = 'open'"
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[expression]: this expression does not work: unexpected `|`, expected identifier
     --> rules/tell.toml:3:27
      |
    3 | if = "event.issue.locked || event.issue.comments > 5"
      |                           ^
      |
      = help: write `or`

    error[expression]: this expression does not work: unexpected input after expression
     --> rules/tell.toml:6:25
      |
    6 | if = "event.issue.state = 'open'"
      |                         ^
      |
      = help: to compare, write `==`


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "###);
}

#[test]
fn the_braces_and_the_dollar_of_a_workflow() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "${{ event.issue.comments > 5 }}"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[expression]: this expression does not work: unexpected character
     --> rules/tell.toml:3:7
      |
    3 | if = "${{ event.issue.comments > 5 }}"
      |       ^
      |
      = help: `if` and `require` are expressions already, without `${{ }}`; the payload is `event`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "###);
}

#[test]
fn templates_without_quotes() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.close_issue"
arguments = { repo = event.repository.full_name, number = {{ event.issue.number }} }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[syntax]: this is not valid TOML: string values must be quoted, expected literal string
     --> rules/tell.toml:6:22
      |
    6 | arguments = { repo = event.repository.full_name, number = {{ event.issue.number }} }
      |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `"{{ event.repository.full_name }}"`

    error[syntax]: this is not valid TOML: missing key for inline table element, expected key
     --> rules/tell.toml:6:60
      |
    6 | arguments = { repo = event.repository.full_name, number = {{ event.issue.number }} }
      |                                                            ^
      |
      = help: a template stands in quotes: `"{{ event.issue.number }}"`


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "###);
}

#[test]
fn quotation_marks_of_a_letter() {
    let text = r#"description = “Tell about an issue”
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[syntax]: this is not valid TOML: string values must be quoted, expected literal string
     --> rules/tell.toml:1:15
      |
    1 | description = “Tell about an issue”
      |               ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `"Tell about an issue"`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "###);
}

#[test]
fn expressions_without_braces() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { repo = "{{ event.repository.full_name }}", number = "event.issue.number", body = "event.issue.title" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[argument-type]: `github.create_comment` takes a whole number for `number`, not a string
     --> rules/tell.toml:6:67
      |
    6 | arguments = { repo = "{{ event.repository.full_name }}", number = "event.issue.number", body = "event.issue.title" }
      |                                                                   ^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `{{ event.issue.number }}`?

    warning[literal-expression]: without braces this is no expression: it is said letter by letter
     --> rules/tell.toml:6:96
      |
    6 | arguments = { repo = "{{ event.repository.full_name }}", number = "event.issue.number", body = "event.issue.title" }
      |                                                                                                ^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `{{ event.issue.title }}`?


    1 rule file(s), 1 error(s), 1 warning(s)
    `xmrt check --explain argument-type` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "###);
}

#[test]
fn an_id_for_a_number_and_a_name_for_a_repository() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { repo = "{{ event.repository.name }}", number = "{{ event.issue.id }}", body = "Thank you." }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
decision = "fired"

[[test]]
name = "does not act"
event = { on = "github.issues.closed" }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    warning[wrong-identifier]: `repo` of `github.create_comment` takes a `full_name`, and this is the `name`
     --> rules/tell.toml:6:26
      |
    6 | arguments = { repo = "{{ event.repository.name }}", number = "{{ event.issue.id }}", body = "Thank you." }
      |                          ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `event.repository.full_name`?

    warning[wrong-identifier]: `number` of `github.create_comment` takes a `number`, and this is the `id`
     --> rules/tell.toml:6:66
      |
    6 | arguments = { repo = "{{ event.repository.name }}", number = "{{ event.issue.id }}", body = "Thank you." }
      |                                                                  ^^^^^^^^^^^^^^
      |
      = help: did you mean `event.issue.number`?


    1 rule file(s), 0 error(s), 2 warning(s)
    `xmrt check --explain wrong-identifier` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    matching: 0 indexed, 1 scanned, 0 off
      rules/tell.toml: scanned for every event it listens to; no single value tells that it holds
    "###);
}

#[test]
fn comparisons_that_never_hold() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "event.issue.state == 'opened' and event.issue.comments == '5' and 'bug' in event.issue.labels"

[when]
issue.comments = "> 5"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
decision = "fired"

[[test]]
name = "does not act"
event = { on = "github.issues.closed" }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    warning[unknown-value]: `event.issue.state` is not known to be `opened`
     --> rules/tell.toml:3:29
      |
    3 | if = "event.issue.state == 'opened' and event.issue.comments == '5' and 'bug' in event.issue.labels"
      |                             ^^^^^^
      |
      = help: did you mean `open`?

    warning[type-mismatch]: `event.issue.comments` is a number, and it is compared with a text: they are never equal
     --> rules/tell.toml:3:65
      |
    3 | if = "event.issue.state == 'opened' and event.issue.comments == '5' and 'bug' in event.issue.labels"
      |                                                                 ^^^
      |
      = help: without quotes: `5`

    warning[type-mismatch]: `event.issue.labels` is a list of tables, and a text is looked for in it: it is never there
     --> rules/tell.toml:3:73
      |
    3 | if = "event.issue.state == 'opened' and event.issue.comments == '5' and 'bug' in event.issue.labels"
      |                                                                         ^^^^^
      |
      = help: look among their fields: `'bug' in event.issue.labels | map(attribute='name')`

    warning[type-mismatch]: `issue.comments` is a number, and it is compared with a text: this never matches
     --> rules/tell.toml:6:18
      |
    6 | issue.comments = "> 5"
      |                  ^^^^^
      |
      = help: write `{ gt = 5 }`


    1 rule file(s), 0 error(s), 4 warning(s)
    `xmrt check --explain unknown-value` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    matching: 1 indexed, 0 scanned, 0 off
    "###);
}

#[test]
fn a_field_of_what_is_in_a_list() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "event.issue.labels.name == 'bug'"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[unknown-field]: `event.issue.labels` is a list, and only what is in it has a `name`
     --> rules/tell.toml:3:7
      |
    3 | if = "event.issue.labels.name == 'bug'"
      |       ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: take one of it, `event.issue.labels[0].name`, or all of them, `event.issue.labels | map(attribute='name') | list`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    "###);
}

#[test]
fn a_field_that_one_of_two_events_has() {
    let text = r#"description = "Say hello"
on = ["github.issues.opened", "github.pull_request.opened"]

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.issue.html_url }} is new" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
decision = "fired"

[[test]]
name = "does not act"
event = { on = "github.issues.closed" }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    warning[sometimes-missing]: github.pull_request.opened has no `event.issue`: on such an event the run would end with an error
     --> rules/tell.toml:6:38
      |
    6 | arguments = { to = "log", text = "{{ event.issue.html_url }} is new" }
      |                                      ^^^^^^^^^^^^^^^^^^^^
      |
      = help: say what then: `event.issue | default(…)`; or ask first, `event.issue is defined`; or write a rule for each event


    1 rule file(s), 0 error(s), 1 warning(s)
    `xmrt check --explain sometimes-missing` says more about a finding
    matching: 0 indexed, 1 scanned, 0 off
      rules/tell.toml: scanned for every event it listens to; no single value tells that it holds
    "###);
}

#[test]
fn words_for_what_is_a_table() {
    let text = r#"description = "Every morning"
on = "schedule"
schedule = "every day at 9"
mode = "dry-run"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", message = "hello" }
retry = 3

[[test]]
name = "acts"
event = { type = "schedule" }
expect = "xmrt.notify"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[schedule]: a rule on a schedule says when: `cron` is missing
     --> rules/tell.toml:2:6
      |
    2 | on = "schedule"
      |      ^^^^^^^^^^
      |
      = help: `cron = "0 9 * * 1-5"` is nine o'clock from Monday to Friday, in `timezone` (UTC)

    error[unknown-key]: a rule file has no key `schedule`
     --> rules/tell.toml:3:1
      |
    3 | schedule = "every day at 9"
      | ^^^^^^^^
      |
      = help: with `on = "schedule"`, `cron = "0 9 * * 1-5"` says when

    error[value]: `mode` is one of live, shadow, off, not `dry-run`
     --> rules/tell.toml:4:8
      |
    4 | mode = "dry-run"
      |        ^^^^^^^^^
      |
      = help: `shadow` plans and records, and writes nothing; `off` does not even that

    error[missing-argument]: `xmrt.notify` needs the argument `text`
     --> rules/tell.toml:7:8
      |
    7 | tool = "xmrt.notify"
      |        ^^^^^^^^^^^^^
      |
      = help: text: The text.

    error[unknown-argument]: `xmrt.notify` takes no argument `message`
     --> rules/tell.toml:8:27
      |
    8 | arguments = { to = "log", message = "hello" }
      |                           ^^^^^^^
      |
      = help: perhaps `text`; it takes dry_run, text, to

    error[type]: `retry` is a table, not a number
     --> rules/tell.toml:9:9
      |
    9 | retry = 3
      |         ^
      |
      = help: write `retry = { attempts = 3 }`

    error[missing-key]: a test's event needs `on`
      --> rules/tell.toml:13:9
       |
    13 | event = { type = "schedule" }
       |         ^^^^^^^^^^^^^^^^^^^^^
       |
       = help: The event's full type: `github.issues.opened`; `schedule` and `manual` are the rule's own.

    error[unknown-key]: a test's event has no key `type`
      --> rules/tell.toml:13:11
       |
    13 | event = { type = "schedule" }
       |           ^^^^
       |
       = help: did you mean `on`?

    error[type]: `expect` is a list of tables, not a string
      --> rules/tell.toml:14:10
       |
    14 | expect = "xmrt.notify"
       |          ^^^^^^^^^^^^^
       |
       = help: write the calls, in order: `expect = [{ tool = "xmrt.notify" }]`; `[]` is none


    1 rule file(s), 9 error(s), 0 warning(s)
    `xmrt check --explain schedule` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "###);
}
