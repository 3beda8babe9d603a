//! What a rule file may not say.

use crate::rules::complaints;

#[test]
fn what_toml_1_1_added_is_refused() {
    let text = r###"description = "d"
on = "github.push"

[[action]]
tool = "github.create_issue"
arguments = { a = [1,
  2], }

[vars]
a = "\e[1m"
b = "\\e is fine"
c = "\x41"
d = 12:30
e = { x = 1,
  y = 2 }
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[toml-version]: an inline table must not end with a comma: rule files are TOML 1.0
     --> rules/sample.toml:6:13
      |
    6 |   arguments = { a = [1,
      |  _____________^
    7 | |   2], }
      | |_______^
      |
      = help: put it on one line without a comma before `}`, or write it as a `[table]` of its own

    error[toml-version]: this escape came with TOML 1.1; rule files are TOML 1.0
      --> rules/sample.toml:10:6
       |
    10 | a = "\e[1m"
       |      ^^
       |
       = help: write `\u00..` instead

    error[toml-version]: this escape came with TOML 1.1; rule files are TOML 1.0
      --> rules/sample.toml:12:6
       |
    12 | c = "\x41"
       |      ^^
       |
       = help: write `\u00..` instead

    error[toml-version]: a time without seconds came with TOML 1.1; rule files are TOML 1.0
      --> rules/sample.toml:13:5
       |
    13 | d = 12:30
       |     ^^^^^
       |
       = help: add the seconds: `:00`

    error[toml-version]: an inline table must stand on one line: rule files are TOML 1.0
      --> rules/sample.toml:14:5
       |
    14 |   e = { x = 1,
       |  _____^
    15 | |   y = 2 }
       | |_________^
       |
       = help: put it on one line without a comma before `}`, or write it as a `[table]` of its own
    "###);
}

#[test]
fn a_single_bracket_where_two_belong_is_explained() {
    let text = r###"description = "d"
on = "github.push"

[action]
tool = "github.create_issue"
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[type]: `action` is a list of tables, not a table
     --> rules/sample.toml:4:2
      |
    4 | [action]
      |  ^^^^^^
      |
      = help: write `[[action]]` with two brackets
    "###);
}

#[test]
fn a_key_in_the_wrong_table_is_sent_home() {
    let text = r###"description = "d"
on = "github.push"
cooldown = "5m"
rate = "3/1h"

[limits]
mode = "off"

[when]
if = "event.x"

[[action]]
tool = "github.create_issue"
[[action]]
tool = "github.create_issue"
on = "github.push"
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[misplaced-key]: `cooldown` is a key of [limits], not of a rule file
     --> rules/sample.toml:3:1
      |
    3 | cooldown = "5m"
      | ^^^^^^^^
      |
      = help: move it to [limits]

    error[misplaced-key]: `rate` is a key of [limits], not of a rule file
     --> rules/sample.toml:4:1
      |
    4 | rate = "3/1h"
      | ^^^^
      |
      = help: move it to [limits]

    error[misplaced-key]: `mode` is a key of the rule, not of [limits]
     --> rules/sample.toml:7:1
      |
    7 | mode = "off"
      | ^^^^
      |
      = help: top-level keys come before the first `[table]`

    error[misplaced-key]: `if` is a key of the rule, not a path of `[when]`
      --> rules/sample.toml:10:1
       |
    10 | if = "event.x"
       | ^^
       |
       = help: top-level keys come before the first `[table]`; a payload field of this name is `".if"`

    error[misplaced-key]: `on` is a key of the rule, not of [[action]]
      --> rules/sample.toml:16:1
       |
    16 | on = "github.push"
       | ^^
       |
       = help: top-level keys come before the first `[table]`
    "###);
}

#[test]
fn keys_of_later_versions_say_so() {
    let text = r###"description = "d"
on = "github.push"

[[action]]
tool = "github.create_issue"
arguments = { repo = "acme/api", title = "t" }

[[test]]
name = "acts"
event = { on = "github.push" }
expect = [{ tool = "github.create_issue" }]
agent = "eliza"
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[not-yet]: `agent` in [[test]] is not available yet
      --> rules/sample.toml:12:1
       |
    12 | agent = "eliza"
       | ^^^^^
       |
       = help: it is part of the rule language, but this version cannot do it: take it out
    "###);
}

#[test]
fn limits_that_cannot_be_meant_are_pointed_out() {
    let text = r###"description = "d"
on = "github.push"

[limits]
rate = "0/1h"
max_wait = "5m"

[concurrency]
group = "deploy"
cancel_in_progress = true
queue = "all"

[[action]]
tool = "github.create_issue"
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[rate]: `rate` begins with a whole number from 1 to 1000
     --> rules/sample.toml:5:8
      |
    5 | rate = "0/1h"
      |        ^^^^^^

    error[contradictory-limits]: `max_wait` bounds a `debounce`, and there is none
     --> rules/sample.toml:6:1
      |
    6 | max_wait = "5m"
      | ^^^^^^^^
      |
      = help: add `debounce = "…"`, or say `delay` to start later

    error[contradictory-limits]: with `cancel_in_progress` a newer run ends the older ones, so there is no queue of `all`
      --> rules/sample.toml:11:1
       |
    11 | queue = "all"
       | ^^^^^
       |
       = help: leave `queue` out, or set `cancel_in_progress = false`
    "###);
}

#[test]
fn steps_and_tests_have_names_of_their_own() {
    let text = r###"description = "d"
on = "github.push"

[[action]]
tool = "github.create_issue"
arguments = { repo = "acme/api", title = "x" }
id = "A-b"
retry = { initial = "10m", atempts = 3 }
timeout = 5

[[action]]
id = "x"
tool = "github.create_issue"

[[action]]
id = "x"
tool = "github.create_issue"

[[test]]
name = "one"
event = { on = "github.issues.opened", payload = {}, file = "x.json" }
expect = []

[[test]]
name = "one"
event = { on = "github.push" }
expect = [{ arguments = {} }]
"###;
    insta::assert_snapshot!(complaints(text), @r#"
    error[step-id]: `A-b` cannot be a step's id
     --> rules/sample.toml:7:6
      |
    7 | id = "A-b"
      |      ^^^^^
      |
      = help: lower-case letters, digits and `_`, for it is said as `steps.<id>`

    error[contradictory-limits]: the first wait (`initial`) is longer than the longest (`max`)
     --> rules/sample.toml:8:9
      |
    8 | retry = { initial = "10m", atempts = 3 }
      |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[unknown-key]: `retry` has no key `atempts`
     --> rules/sample.toml:8:28
      |
    8 | retry = { initial = "10m", atempts = 3 }
      |                            ^^^^^^^
      |
      = help: did you mean `attempts`?

    error[duration]: `timeout` is a duration such as "15m", not a number
     --> rules/sample.toml:9:11
      |
    9 | timeout = 5
      |           ^
      |
      = help: say the unit: `"5s"` or `"5m"`

    error[duplicate-step]: another action is called `x` already
      --> rules/sample.toml:16:6
       |
    16 | id = "x"
       |      ^^^

    error[test-payload]: `payload` and `file` exclude each other: a test's event has one payload
      --> rules/sample.toml:21:54
       |
    21 | event = { on = "github.issues.opened", payload = {}, file = "x.json" }
       |                                                      ^^^^

    error[duplicate-test]: another test of this rule has this name
      --> rules/sample.toml:25:8
       |
    25 | name = "one"
       |        ^^^^^

    error[missing-key]: an expected call needs `tool`
      --> rules/sample.toml:27:11
       |
    27 | expect = [{ arguments = {} }]
       |           ^^^^^^^^^^^^^^^^^^
       |
       = help: The tool.
    "#);
}

#[test]
fn a_rule_that_is_off_says_why() {
    let text = r###"description = "d"
on = "github.push"
mode = "off"

[[action]]
tool = "github.create_issue"
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[off-without-reason]: a rule that is off says why
     --> rules/sample.toml:3:8
      |
    3 | mode = "off"
      |        ^^^^^
      |
      = help: add `off_reason = "…"`
    "###);
}

#[test]
fn an_empty_file_is_told_what_it_needs() {
    let text = "";
    insta::assert_snapshot!(complaints(text), @r#"
    error[missing-key]: a rule file needs `description`
     --> rules/sample.toml:1:1
      |
    1 |
      | ^
      |
      = help: What the rule does, in one sentence.

    error[missing-key]: a rule file needs `on`
     --> rules/sample.toml:1:1
      |
    1 |
      | ^
      |
      = help: The event types it listens to: `source.type[.action]`. A shorter form matches all below it: `github.issues`, `render.*`; `*` is everything that comes from outside. `schedule` ticks with `cron`, `manual` is asked for by name, `xmrt.run_dead` and the like tell what became of runs.

    error[missing-key]: a rule file needs `[[action]]`
     --> rules/sample.toml:1:1
      |
    1 |
      | ^
      |
      = help: the steps, in order: a line `[[action]]`, then `tool = "server.tool"` and `arguments = { … }`
    "#);
}

#[test]
fn everything_that_is_not_toml_is_shown_at_once() {
    let text = r###"description = "d"
on = "github.push"
garbage here

[when]
a = "x" y

[[action]
tool = "a.b"
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[syntax]: this is not valid TOML: key with no value, expected `=`
     --> rules/sample.toml:3:9
      |
    3 | garbage here
      |         ^

    error[syntax]: this is not valid TOML: unexpected key or value, expected newline, `#`
     --> rules/sample.toml:6:9
      |
    6 | a = "x" y
      |         ^

    error[syntax]: this is not valid TOML: unclosed array table, expected `]`
     --> rules/sample.toml:8:10
      |
    8 | [[action]
      |          ^
    "###);
}
