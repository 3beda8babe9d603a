//! What a rule says that cannot be meant.

use crate::rules::diagnostics::catalog;
use crate::rules::{complaints, complaints_with};

#[test]
#[expect(clippy::too_many_lines, reason = "a whole output is long")]
fn operators_and_their_operands_are_checked() {
    let text = r###"description = "d"
on = "github.push"

[when]
a = { not = { count = 2 } }
b = { ignore_case = true }
c = []
d = { gt = "x" }
e.any = [1]
f = { not = { pefix = "x" } }
"a..b" = 1
g = 2020-01-01
h = { exists = "yes" }
i = { cidr = "10.0.0.0/40" }
j = { semver = "two" }
k = { prefix = 5 }
l = { count = { prefix = "a" } }
m = {}
not = 5
all = []

[[action]]
tool = "github.create_issue"
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[pattern]: inside `not` and `all` each value is asked by itself, so there is nothing to count
     --> rules/sample.toml:5:15
      |
    5 | a = { not = { count = 2 } }
      |               ^^^^^
      |
      = help: negate the group instead: `not = { labels = { count = 2 } }`

    error[pattern]: `ignore_case` stands beside an operator
     --> rules/sample.toml:6:7
      |
    6 | b = { ignore_case = true }
      |       ^^^^^^^^^^^
      |
      = help: `{ equals = "bug", ignore_case = true }`

    error[empty-list]: an empty list never matches
     --> rules/sample.toml:7:5
      |
    7 | c = []
      |     ^^
      |
      = help: to ask for an empty list write `{ count = 0 }`

    error[operand]: `gt` takes a number or an RFC 3339 time (`"2026-11-01T00:00:00Z"`), not a string
     --> rules/sample.toml:8:12
      |
    8 | d = { gt = "x" }
      |            ^^^

    error[pattern]: the group `any` stands in `[when]` itself, not below a path
     --> rules/sample.toml:9:3
      |
    9 | e.any = [1]
      |   ^^^
      |
      = help: several values: `path = ["a", "b"]`; a payload field of this name is `".any"`

    error[unknown-operator]: there is no operator `pefix`
      --> rules/sample.toml:10:15
       |
    10 | f = { not = { pefix = "x" } }
       |               ^^^^^
       |
       = help: did you mean `prefix`?

    error[pattern]: `a..b` is not a path: a segment is empty
      --> rules/sample.toml:11:1
       |
    11 | "a..b" = 1
       | ^^^^^^

    error[pattern]: payloads hold no dates, only text
      --> rules/sample.toml:12:5
       |
    12 | g = 2020-01-01
       |     ^^^^^^^^^^
       |
       = help: quote it; to compare times use `lt`, `lte`, `gt` or `gte`

    error[operand]: `exists` takes `true` or `false`, not a string
      --> rules/sample.toml:13:16
       |
    13 | h = { exists = "yes" }
       |                ^^^^^

    error[pattern]: `10.0.0.0/40` is not a range of addresses such as `10.0.0.0/8`
      --> rules/sample.toml:14:14
       |
    14 | i = { cidr = "10.0.0.0/40" }
       |              ^^^^^^^^^^^^^

    error[pattern]: `two` is not a range of versions: unexpected character 't' while parsing major version number
      --> rules/sample.toml:15:16
       |
    15 | j = { semver = "two" }
       |                ^^^^^

    error[operand]: `prefix` takes a string, not a number
      --> rules/sample.toml:16:16
       |
    16 | k = { prefix = 5 }
       |                ^

    error[operand]: `count` takes a number, or a table of `lt`, `lte`, `gt`, `gte`, `equals` with numbers, not a table
      --> rules/sample.toml:17:15
       |
    17 | l = { count = { prefix = "a" } }
       |               ^^^^^^^^^^^^^^^^

    error[pattern]: `m` has nothing in it
      --> rules/sample.toml:18:5
       |
    18 | m = {}
       |     ^^

    error[pattern]: the group `not` takes a table, not a number
      --> rules/sample.toml:19:7
       |
    19 | not = 5
       |       ^
       |
       = help: the operator stands behind a path: `issue.state = { not = "closed" }`

    error[pattern]: `all` has nothing in it
      --> rules/sample.toml:20:7
       |
    20 | all = []
       |       ^^
    "###);
}

#[test]
fn expressions_are_checked_when_a_rule_is_read() {
    let text = r###"description = "d"
on = "github.push"

if = "event.x is defind"

[[action]]
tool = "github.create_issue"
if = "{{ event.x }}"
require = "result.x ="
arguments = { a = "{{ event.x", b = "{% if event.x %}", c = "{{ event.x | upercase }}", d = "{{ 1 }} {{ event.y | '|nofilter' }}" }
"###;
    insta::assert_snapshot!(complaints(text), @r#"
    error[expression]: this expression does not work: there is no test `defind` (did you mean `defined`?)
     --> rules/sample.toml:4:18
      |
    4 | if = "event.x is defind"
      |                  ^^^^^^

    error[expression]: `if` is an expression already: write it without `{{ }}`
     --> rules/sample.toml:8:6
      |
    8 | if = "{{ event.x }}"
      |      ^^^^^^^^^^^^^^^
      |
      = help: if = "event.x"

    error[expression]: this expression does not work: unexpected input after expression
     --> rules/sample.toml:9:21
      |
    9 | require = "result.x ="
      |                     ^
      |
      = help: to compare, write `==`

    error[expression]: this template does not work: unexpected end of input, expected end of variable block
      --> rules/sample.toml:10:29
       |
    10 | arguments = { a = "{{ event.x", b = "{% if event.x %}", c = "{{ event.x | upercase }}", d = "{{ 1 }} {{ event.y | '|nofilter' }}" }
       |                             ^
       |
       = help: what begins with `{{` ends with `}}`, and `{%` with `%}`

    error[expression]: this template does not work: unexpected end of input, expected end of block
      --> rules/sample.toml:10:52
       |
    10 | arguments = { a = "{{ event.x", b = "{% if event.x %}", c = "{{ event.x | upercase }}", d = "{{ 1 }} {{ event.y | '|nofilter' }}" }
       |                                                    ^^
       |
       = help: what begins with `{{` ends with `}}`, and `{%` with `%}`

    error[expression]: this template does not work: there is no filter `upercase`
      --> rules/sample.toml:10:75
       |
    10 | arguments = { a = "{{ event.x", b = "{% if event.x %}", c = "{{ event.x | upercase }}", d = "{{ 1 }} {{ event.y | '|nofilter' }}" }
       |                                                                           ^^^^^^^^
       |
       = help: there are abs, attr, batch, capitalize, default, dictsort, duration, earlier, escape, fence, first, float, format, groupby, indent, int, items, join, last, length, lines, list, lower, map, markdown_escape, max, min, pprint, reject, rejectattr, replace, reverse, round, seconds, select, selectattr, slice, slug, sort, split, string, sum, timestamp, title, tojson, trim, truncate_bytes, unique, upper, zip

    error[expression]: this template does not work: unexpected string, expected identifier
      --> rules/sample.toml:10:115
       |
    10 | arguments = { a = "{{ event.x", b = "{% if event.x %}", c = "{{ event.x | upercase }}", d = "{{ 1 }} {{ event.y | '|nofilter' }}" }
       |                                                                                                                   ^^^^^^^^^^^
    "#);
}

#[test]
fn names_steps_and_variables_must_exist() {
    let text = r###"description = "d"
on = "github.push"
if = "steps.x and now and team and range(3)"

[vars]
repo = "acme/api"

[limits]
key = "{{ now }}"

[[action]]
tool = "github.create_issue"
arguments = { repo = "{{ vars.rpo }}", title = "{{ vars.team }}", body = "{{ steps.back }} {{ item }}" }
if = "result.ok"

[[action]]
id = "back"
tool = "render.rollback_deploy"
arguments = { service_id = "{% for s in event.all %}{{ s }}{{ loop.index }}{% endfor %}" }
require = "result.ok and steps.bak.x and run.id"
"###;
    insta::assert_snapshot!(complaints_with(text, Some(&catalog())), @r###"
    error[unknown-name]: `steps` is not known before there is a run
     --> rules/sample.toml:3:7
      |
    3 | if = "steps.x and now and team and range(3)"
      |       ^^^^^^^
      |
      = help: the names here are event, meta, vars, now

    error[unknown-name]: there is no name `team`
     --> rules/sample.toml:3:27
      |
    3 | if = "steps.x and now and team and range(3)"
      |                           ^^^^
      |
      = help: the names here are event, meta, vars, now

    warning[useless-key]: nothing is counted by this `key`
     --> rules/sample.toml:9:1
      |
    9 | key = "{{ now }}"
      | ^^^
      |
      = help: add a `cooldown`, a `rate` or a `debounce`

    error[unknown-name]: `now` is not known here: a key must not change with the time
     --> rules/sample.toml:9:11
      |
    9 | key = "{{ now }}"
      |           ^^^
      |
      = help: the names here are event, meta, vars

    error[unknown-variable]: there is no variable `rpo`
      --> rules/sample.toml:13:26
       |
    13 | arguments = { repo = "{{ vars.rpo }}", title = "{{ vars.team }}", body = "{{ steps.back }} {{ item }}" }
       |                          ^^^^^^^^
       |
       = help: did you mean `repo`?

    error[step-order]: the step `back` has not run yet when this is needed
      --> rules/sample.toml:13:78
       |
    13 | arguments = { repo = "{{ vars.rpo }}", title = "{{ vars.team }}", body = "{{ steps.back }} {{ item }}" }
       |                                                                              ^^^^^^^^^^
       |
       = help: a step sees the results of those before it

    error[unknown-name]: `item` is known only to an action with `for_each`
      --> rules/sample.toml:13:95
       |
    13 | arguments = { repo = "{{ vars.rpo }}", title = "{{ vars.team }}", body = "{{ steps.back }} {{ item }}" }
       |                                                                                               ^^^^
       |
       = help: the names here are event, meta, vars, now, steps, run

    error[unknown-name]: `result` is known only to an action's `require`
      --> rules/sample.toml:14:7
       |
    14 | if = "result.ok"
       |       ^^^^^^^^^
       |
       = help: the names here are event, meta, vars, now, steps, run

    error[unknown-field]: github.push has no `event.all`
      --> rules/sample.toml:19:41
       |
    19 | arguments = { service_id = "{% for s in event.all %}{{ s }}{{ loop.index }}{% endfor %}" }
       |                                         ^^^^^^^^^
       |
       = help: the payload has after, base_ref, before, commits, compare, created, deleted, enterprise, forced, head_commit, installation, organization, …

    error[unknown-step]: there is no step `bak`
      --> rules/sample.toml:20:26
       |
    20 | require = "result.ok and steps.bak.x and run.id"
       |                          ^^^^^^^^^^^
       |
       = help: the steps before this one are create_issue
    "###);
}

#[test]
fn a_calls_arguments_must_fit_its_tool() {
    let text = r###"description = "d"
on = "github.push"

[[action]]
tool = "github.create_issue"
arguments = { repo = 5, titel = "x", body = { a = 1 }, labels = ["a", 5, "{{ event.x }}"], state = "opn" }

[[action]]
tool = "render.rollback_deploy"
arguments.to = "previous"

[[action]]
tool = "githb.create_issue"

[[action]]
tool = "slack.post_message"
"###;
    insta::assert_snapshot!(complaints_with(text, Some(&catalog())), @r###"
    error[missing-argument]: `github.create_issue` needs the argument `title`
     --> rules/sample.toml:5:8
      |
    5 | tool = "github.create_issue"
      |        ^^^^^^^^^^^^^^^^^^^^^

    error[argument-type]: `github.create_issue` takes a string for `repo`, not a number
     --> rules/sample.toml:6:22
      |
    6 | arguments = { repo = 5, titel = "x", body = { a = 1 }, labels = ["a", 5, "{{ event.x }}"], state = "opn" }
      |                      ^

    error[unknown-argument]: `github.create_issue` takes no argument `titel`
     --> rules/sample.toml:6:25
      |
    6 | arguments = { repo = 5, titel = "x", body = { a = 1 }, labels = ["a", 5, "{{ event.x }}"], state = "opn" }
      |                         ^^^^^
      |
      = help: did you mean `title`?

    error[argument-type]: `github.create_issue` takes a string for `body`, not a table
     --> rules/sample.toml:6:45
      |
    6 | arguments = { repo = 5, titel = "x", body = { a = 1 }, labels = ["a", 5, "{{ event.x }}"], state = "opn" }
      |                                             ^^^^^^^^^

    error[argument-type]: `github.create_issue` takes a string for `labels[1]`, not a number
     --> rules/sample.toml:6:71
      |
    6 | arguments = { repo = 5, titel = "x", body = { a = 1 }, labels = ["a", 5, "{{ event.x }}"], state = "opn" }
      |                                                                       ^

    error[unknown-field]: github.push has no `event.x`
     --> rules/sample.toml:6:78
      |
    6 | arguments = { repo = 5, titel = "x", body = { a = 1 }, labels = ["a", 5, "{{ event.x }}"], state = "opn" }
      |                                                                              ^^^^^^^
      |
      = help: the payload has after, base_ref, before, commits, compare, created, deleted, enterprise, forced, head_commit, installation, organization, …

    error[argument-value]: `github.create_issue` does not take "opn" for `state`
     --> rules/sample.toml:6:100
      |
    6 | arguments = { repo = 5, titel = "x", body = { a = 1 }, labels = ["a", 5, "{{ event.x }}"], state = "opn" }
      |                                                                                                    ^^^^^
      |
      = help: did you mean `open`?

    error[missing-argument]: `render.rollback_deploy` needs the argument `service_id`
     --> rules/sample.toml:9:8
      |
    9 | tool = "render.rollback_deploy"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^

    warning[unlimited-destructive]: `render.rollback_deploy` may destroy or interrupt something, and nothing limits how often this rule calls it
     --> rules/sample.toml:9:8
      |
    9 | tool = "render.rollback_deploy"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add `[limits]` with a `cooldown` or a `rate`

    error[unknown-tool]: there is no tool `githb.create_issue`
      --> rules/sample.toml:13:8
       |
    13 | tool = "githb.create_issue"
       |        ^^^^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `github.create_issue`?

    error[unknown-tool]: there is no tool `slack.post_message`
      --> rules/sample.toml:16:8
       |
    16 | tool = "slack.post_message"
       |        ^^^^^^^^^^^^^^^^^^^^
       |
       = help: there is no server `slack`; there are github, render; another is declared in xmrt.toml: `[mcp.slack]`
    "###);
}

#[test]
fn what_strangers_write_must_not_choose_what_is_destroyed() {
    let text = r###"description = "d"
on = "github.pull_request.closed"
if = "meta.subjet == 'x'"
[limits]
cooldown = "5m"
[[action]]
tool = "render.rollback_deploy"
arguments = { service_id = "{{ event.pull_request.head.ref }}", to = "{{ event.pull_request.head.sha }}" }
"###;
    insta::assert_snapshot!(complaints_with(text, Some(&catalog())), @r###"
    error[unknown-name]: `meta` has no `subjet`
     --> rules/sample.toml:3:7
      |
    3 | if = "meta.subjet == 'x'"
      |       ^^^^^^^^^^^
      |
      = help: did you mean `subject`?

    error[untrusted-target]: `event.pull_request.head.ref` is text that anybody may write, and here it chooses what `render.rollback_deploy` acts on (`service_id`)
     --> rules/sample.toml:8:32
      |
    8 | arguments = { service_id = "{{ event.pull_request.head.ref }}", to = "{{ event.pull_request.head.sha }}" }
      |                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use an id, a number or a hash of the event, or a fixed value
    "###);
}
