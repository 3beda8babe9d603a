//! Slips of somebody who knows what is wanted and not how it is written.

use super::told;

#[test]
fn a_wildcard_in_a_plain_text() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.title = "bug*"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "a bug is told"
event = { on = "github.issues.opened", payload = { issue = { title = "bug: it breaks" } } }
expect = [{ tool = "xmrt.notify" }]

[[test]]
name = "a question is not"
event = { on = "github.issues.opened", payload = { issue = { title = "how" } } }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    warning[literal-wildcard]: this is compared with `issue.title` as it stands, letter by letter
     --> rules/tell.toml:5:15
      |
    5 | issue.title = "bug*"
      |               ^^^^^^
      |
      = help: for a pattern write `{ glob = "bug*" }`


    1 rule file(s), 0 error(s), 1 warning(s)
    `xmrt check --explain literal-wildcard` says more about a finding
    matching: 1 indexed, 0 scanned, 0 off
    "###);
}

#[test]
fn a_field_without_what_it_stands_in() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "event.title == 'bug'"

[when]
title = "bug"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[unknown-field]: github.issues.opened has no `event.title`
     --> rules/tell.toml:3:7
      |
    3 | if = "event.title == 'bug'"
      |       ^^^^^^^^^^^
      |
      = help: did you mean `event.issue.title`?

    error[unknown-field]: github.issues.opened has no `title`
     --> rules/tell.toml:6:1
      |
    6 | title = "bug"
      | ^^^^^
      |
      = help: did you mean `issue.title`?


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "###);
}

#[test]
fn a_field_that_stands_in_several_places() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
login = "mona"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[unknown-field]: github.issues.opened has no `login`
     --> rules/tell.toml:5:1
      |
    5 | login = "mona"
      | ^^^^^
      |
      = help: there are `organization.login`, `sender.login`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    "###);
}

#[test]
fn a_name_cut_short() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "in {{ event.repo.full_name }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-field]: github.issues.opened has no `event.repo.full_name`
     --> rules/tell.toml:6:41
      |
    6 | arguments = { to = "log", text = "in {{ event.repo.full_name }}" }
      |                                         ^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `event.repository.full_name`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_tool_by_what_it_does() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.comment"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[unknown-tool]: there is no tool `github.comment`
     --> rules/tell.toml:5:8
      |
    5 | tool = "github.comment"
      |        ^^^^^^^^^^^^^^^^
      |
      = help: perhaps `github.comment_on_discussion`, `github.create_comment`, `github.list_comments` or `github.update_comment`; `xmrt tools` lists them


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-tool` says more about a finding
    "###);
}

#[test]
fn an_argument_cut_short() {
    let text = r#"description = "Deploy"
on = "github.push"

[limits]
cooldown = "10m"

[[action]]
tool = "render.trigger_deploy"
arguments = { service_id = "srv-a", commit = "{{ event.after }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[unknown-argument]: `render.trigger_deploy` takes no argument `commit`
     --> rules/tell.toml:9:37
      |
    9 | arguments = { service_id = "srv-a", commit = "{{ event.after }}" }
      |                                     ^^^^^^
      |
      = help: perhaps `commit_id`; it takes clear_cache, commit_id, deploy_only, dry_run, hook, image_url, service_id


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-argument` says more about a finding
    "###);
}

#[test]
fn an_event_and_its_action_misspelled() {
    let text = r#"description = "Tell about an issue"
on = "github.isues.openend"

[[action]]
tool = "xmrt.notfy"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    warning[unknown-event]: GitHub is not known to send an event `isues`
     --> rules/tell.toml:2:6
      |
    2 | on = "github.isues.openend"
      |      ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.opened`?

    error[unknown-tool]: there is no tool `xmrt.notfy`
     --> rules/tell.toml:5:8
      |
    5 | tool = "xmrt.notfy"
      |        ^^^^^^^^^^^^
      |
      = help: did you mean `xmrt.notify`?


    1 rule file(s), 1 error(s), 1 warning(s)
    `xmrt check --explain unknown-tool` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "###);
}

#[test]
fn conditions_and_no_event() {
    let text = r#"description = "Tell about an issue"

[when]
issue.title = "bug"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[missing-key]: a rule file needs `on`
     --> rules/tell.toml:1:1
      |
    1 | description = "Tell about an issue"
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: The event types it listens to: `source.type[.action]`. A shorter form matches all below it: `github.issues`, `render.*`; `*` is everything that comes from outside. `schedule` ticks with `cron`, `manual` is asked for by name, `xmrt.run_dead` and the like tell what became of runs.

    error[misplaced-key]: `on` is a key of the rule, not a path of `[when]`
     --> rules/tell.toml:5:1
      |
    5 | on = "github.issues.opened"
      | ^^
      |
      = help: top-level keys come before the first `[table]`; a payload field of this name is `".on"`


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain missing-key` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "###);
}

#[test]
fn a_filter_of_another_language() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "on {{ now | date }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[expression]: this template does not work: there is no filter `date`
     --> rules/tell.toml:6:47
      |
    6 | arguments = { to = "log", text = "on {{ now | date }}" }
      |                                               ^^^^
      |
      = help: there are abs, attr, batch, capitalize, default, dictsort, duration, earlier, escape, fence, first, float, format, groupby, indent, int, items, join, last, length, lines, list, lower, map, markdown_escape, max, min, pprint, reject, rejectattr, replace, reverse, round, seconds, select, selectattr, slice, slug, sort, split, string, sum, timestamp, title, tojson, trim, truncate_bytes, unique, upper, zip


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "###);
}

#[test]
fn a_key_twice() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[limits]
cooldown = "1m"
cooldown = "2m"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[syntax]: this is not valid TOML: duplicate key
      --> rules/tell.toml:10:1
       |
    10 | cooldown = "2m"
       | ^^^^^^^^
       |
       = help: `cooldown` stands on line 9 already: keep one of the two


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "###);
}

#[test]
fn a_table_twice() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[limits]
cooldown = "1m"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[limits]
rate = "3/1h"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[syntax]: this is not valid TOML: duplicate key
      --> rules/tell.toml:11:2
       |
    11 | [limits]
       |  ^^^^^^
       |
       = help: `limits` stands on line 4 already: keep one of the two


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "###);
}

#[test]
fn a_line_half_written() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool =
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[syntax]: this is not valid TOML: string values must be quoted, expected literal string
     --> rules/tell.toml:5:7
      |
    5 | tool =
      |       ^
      |
      = help: a value is missing behind `=`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "###);
}

#[test]
fn a_character_nobody_sees() {
    let text = "description = \"Tell about an\0 issue\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }\n";
    insta::assert_snapshot!(told("tell.toml", text), @r###"
    error[syntax]: this is not valid TOML: invalid basic string, expected non-double-quote visible characters, `\`
     --> rules/tell.toml:1:29
      |
    1 | description = "Tell about an␀ issue"
      |                             ^
      |
      = help: a character that cannot be seen stands here: take it out, or write `\u0000`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "###);
}

#[test]
fn an_expression_without_an_end() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "eventCHAIN"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#
    .replace("CHAIN", &".a".repeat(501));
    insta::assert_snapshot!(told("tell.toml", &text), @r###"
    error[expression]: this expression does not work: more than 500 operators and brackets in one expression
     --> rules/tell.toml:3:7
      |
    3 | if = "event.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a...a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^...^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "###);
}
