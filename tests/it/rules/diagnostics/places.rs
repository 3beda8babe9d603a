//! Where a complaint points.

use crate::rules::diagnostics::catalog;
use crate::rules::{complaints, complaints_with};

#[test]
#[expect(clippy::too_many_lines, reason = "a whole output is long")]
fn every_complaint_about_a_file_comes_at_once() {
    let text = r###"descripton = "d"
on = ["github.issue.opened", "github.issues.opend", "render.deploy_finished", "github..x", "schedule"]
mode = "lve"
rate = "3/1h"
if = "event.issue.title ~~ 'x'"

[limits]
cooldown = "30"
rate = "5 an hour"
depth = 0

[when]
on = "github.issues"
issue.labels = { count = 2, name = "bug" }
issue.title = { prefx = "a", suffix = "b" }
a = { glob = "[a" }
b = { regex = "(" }
count = 2
any = { a = 1 }

[[action]]
tool = "create_issue"
approval = { by = ["a"] }
arguments = { title = "{{ event.issue.title | upercase }}", body = "ü {{ event.issue. }}", x = { y = [ "{{ vras.repo }}" ] } }

[[test]]
nme = "x"
expect = []
"###;
    insta::assert_snapshot!(complaints(text), @r#"
    error[unknown-key]: a rule file has no key `descripton`
     --> rules/sample.toml:1:1
      |
    1 | descripton = "d"
      | ^^^^^^^^^^
      |
      = help: did you mean `description`?

    warning[unknown-event]: GitHub is not known to send an event `issue`
     --> rules/sample.toml:2:7
      |
    2 | on = ["github.issue.opened", "github.issues.opend", "render.deploy_finished", "github..x", "schedule"]
      |       ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.opened`?

    warning[unknown-event]: GitHub's event `issues` is not known to have an action `opend`
     --> rules/sample.toml:2:30
      |
    2 | on = ["github.issue.opened", "github.issues.opend", "render.deploy_finished", "github..x", "schedule"]
      |                              ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.opened`?

    warning[unknown-event]: Render is not known to send `deploy_finished`
     --> rules/sample.toml:2:53
      |
    2 | on = ["github.issue.opened", "github.issues.opend", "render.deploy_finished", "github..x", "schedule"]
      |                                                     ^^^^^^^^^^^^^^^^^^^^^^^^

    error[event-type]: `github..x` is not an event type: a part of it is empty
     --> rules/sample.toml:2:79
      |
    2 | on = ["github.issue.opened", "github.issues.opend", "render.deploy_finished", "github..x", "schedule"]
      |                                                                               ^^^^^^^^^^^
      |
      = help: an event type is `source.type` or `source.type.action`, such as `github.issues.opened` or `render.*`

    error[schedule]: a rule on a schedule says when: `cron` is missing
     --> rules/sample.toml:2:92
      |
    2 | on = ["github.issue.opened", "github.issues.opend", "render.deploy_finished", "github..x", "schedule"]
      |                                                                                            ^^^^^^^^^^
      |
      = help: `cron = "0 9 * * 1-5"` is nine o'clock from Monday to Friday, in `timezone` (UTC)

    error[value]: `mode` is one of live, shadow, off, not `lve`
     --> rules/sample.toml:3:8
      |
    3 | mode = "lve"
      |        ^^^^^
      |
      = help: did you mean `live`?

    error[misplaced-key]: `rate` is a key of [limits], not of a rule file
     --> rules/sample.toml:4:1
      |
    4 | rate = "3/1h"
      | ^^^^
      |
      = help: move it to [limits]

    error[expression]: this expression does not work: unexpected `~`
     --> rules/sample.toml:5:26
      |
    5 | if = "event.issue.title ~~ 'x'"
      |                          ^

    error[duration]: `30` has no unit: write `30s` for seconds; units are ms, s, m, h, d
     --> rules/sample.toml:8:12
      |
    8 | cooldown = "30"
      |            ^^^^

    error[rate]: `5 an hour` is no rate: write how many in which time, such as "3/1h"
     --> rules/sample.toml:9:8
      |
    9 | rate = "5 an hour"
      |        ^^^^^^^^^^^

    error[value]: `depth` is a whole number from 1 to 32
      --> rules/sample.toml:10:9
       |
    10 | depth = 0
       |         ^

    error[misplaced-key]: `on` is a key of the rule, not a path of `[when]`
      --> rules/sample.toml:13:1
       |
    13 | on = "github.issues"
       | ^^
       |
       = help: top-level keys come before the first `[table]`; a payload field of this name is `".on"`

    error[mixed-table]: `name` is not an operator, but its neighbors are: a table holds operators or fields, not both
      --> rules/sample.toml:14:29
       |
    14 | issue.labels = { count = 2, name = "bug" }
       |                             ^^^^
       |
       = help: if `name` is a field of the payload, say it by its own path: `issue.labels.name = …`, and quote the shorter path: `"issue.labels" = { … }`

    error[mixed-table]: `prefx` is not an operator, but its neighbors are: a table holds operators or fields, not both
      --> rules/sample.toml:15:17
       |
    15 | issue.title = { prefx = "a", suffix = "b" }
       |                 ^^^^^
       |
       = help: did you mean the operator `prefix`?

    error[pattern]: `[` without its `]`: write `\[` for the character itself
      --> rules/sample.toml:16:14
       |
    16 | a = { glob = "[a" }
       |              ^^^^

    error[pattern]: this is not a regular expression: unclosed group
      --> rules/sample.toml:17:15
       |
    17 | b = { regex = "(" }
       |               ^^^

    error[operator-without-path]: the operator `count` has no path to look at
      --> rules/sample.toml:18:1
       |
    18 | count = 2
       | ^^^^^
       |
       = help: write `<path> = { count = … }`; a payload field of this name is `".count"`

    error[pattern]: the group `any` takes a list of tables, not a table
      --> rules/sample.toml:19:7
       |
    19 | any = { a = 1 }
       |       ^^^^^^^^^
       |
       = help: write `any = [ { … }, { … } ]`

    error[tool-name]: `create_issue` is not the name of a tool
      --> rules/sample.toml:22:8
       |
    22 | tool = "create_issue"
       |        ^^^^^^^^^^^^^^
       |
       = help: a tool is named `server.tool`, such as `github.create_issue`

    error[expression]: this template does not work: there is no filter `upercase`
      --> rules/sample.toml:24:47
       |
    24 | arguments = { title = "{{ event.issue.title | upercase }}", body = "ü {{ event.issue. }}", x = { y = [ "{{ vras.repo }}" ] } }
       |                                               ^^^^^^^^
       |
       = help: there are abs, attr, batch, capitalize, default, dictsort, duration, earlier, escape, fence, first, float, format, groupby, indent, int, items, join, last, length, lines, list, lower, map, markdown_escape, max, min, pprint, reject, rejectattr, replace, reverse, round, seconds, select, selectattr, slice, slug, sort, split, string, sum, timestamp, title, tojson, trim, truncate_bytes, unique, upper, zip

    error[expression]: this template does not work: unexpected end of variable block, expected identifier or integer
      --> rules/sample.toml:24:87
       |
    24 | arguments = { title = "{{ event.issue.title | upercase }}", body = "ü {{ event.issue. }}", x = { y = [ "{{ vras.repo }}" ] } }
       |                                                                                       ^^
       |
       = help: what begins with `{{` ends with `}}`, and `{%` with `%}`

    error[unknown-name]: there is no name `vras`
      --> rules/sample.toml:24:108
       |
    24 | arguments = { title = "{{ event.issue.title | upercase }}", body = "ü {{ event.issue. }}", x = { y = [ "{{ vras.repo }}" ] } }
       |                                                                                                            ^^^^^^^^^
       |
       = help: did you mean `vars`?

    error[missing-key]: [[test]] needs `event`
      --> rules/sample.toml:26:1
       |
    26 | [[test]]
       | ^^^^^^^^
       |
       = help: The event that arrives.

    error[unknown-key]: [[test]] has no key `nme`
      --> rules/sample.toml:27:1
       |
    27 | nme = "x"
       | ^^^
       |
       = help: did you mean `name`?
    "#);
}

#[test]
fn a_place_is_right_after_non_ascii_text_and_with_windows_line_ends() {
    let text = r###"description = "Grüße ☃"
on = "github.push"
# übermäßig ☃ 𝄞
if = "'☃𝄞' in steps.x"

[vars]
"größe" = 1 # ä

[[action]]
tool = "github.create_isue"
arguments = { title = "ünï{{ event.x | upr }}", body = """
line öne
line {{ evnt.x }}""" }
"###
    .replace('\n', "\r\n");
    insta::assert_snapshot!(complaints_with(&text, Some(&catalog())), @r###"
    error[unknown-name]: `steps` is not known before there is a run
     --> rules/sample.toml:4:15
      |
    4 | if = "'☃𝄞' in steps.x"
      |               ^^^^^^^
      |
      = help: the names here are event, meta, vars, now

    error[unknown-tool]: there is no tool `github.create_isue`
      --> rules/sample.toml:10:8
       |
    10 | tool = "github.create_isue"
       |        ^^^^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `github.create_issue`?

    error[expression]: this template does not work: there is no filter `upr`
      --> rules/sample.toml:11:40
       |
    11 | arguments = { title = "ünï{{ event.x | upr }}", body = """
       |                                        ^^^
       |
       = help: there are abs, attr, batch, capitalize, default, dictsort, duration, earlier, escape, fence, first, float, format, groupby, indent, int, items, join, last, length, lines, list, lower, map, markdown_escape, max, min, pprint, reject, rejectattr, replace, reverse, round, seconds, select, selectattr, slice, slug, sort, split, string, sum, timestamp, title, tojson, trim, truncate_bytes, unique, upper, zip

    error[unknown-name]: there is no name `evnt`
      --> rules/sample.toml:13:9
       |
    13 | line {{ evnt.x }}""" }
       |         ^^^^^^
       |
       = help: did you mean `event`?
    "###);
}

#[test]
fn a_place_is_right_behind_escapes_in_the_string() {
    let text = r###"description = "d"
on = "github.push"

[[action]]
tool = "github.create_issue"
arguments = { title = "\u00e4 \"q\" \t{{ evnt.x }}", body = 'lit {{ vars.nope }}', labels = ["""a \
   b {{ steps.x }}"""] }
"###;
    insta::assert_snapshot!(complaints_with(text, Some(&catalog())), @r###"
    error[missing-argument]: `github.create_issue` needs the argument `repo`
     --> rules/sample.toml:5:8
      |
    5 | tool = "github.create_issue"
      |        ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: repo: `owner/name`.

    error[unknown-name]: there is no name `evnt`
     --> rules/sample.toml:6:42
      |
    6 | arguments = { title = "\u00e4 \"q\" \t{{ evnt.x }}", body = 'lit {{ vars.nope }}', labels = ["""a \
      |                                          ^^^^^^
      |
      = help: did you mean `event`?

    error[unknown-variable]: there is no variable `nope`
     --> rules/sample.toml:6:69
      |
    6 | arguments = { title = "\u00e4 \"q\" \t{{ evnt.x }}", body = 'lit {{ vars.nope }}', labels = ["""a \
      |                                                                     ^^^^^^^^^
      |
      = help: declare it in the rule's `[vars]` or in the `[vars]` of xmrt.toml

    error[unknown-step]: there is no step `x`
     --> rules/sample.toml:7:9
      |
    7 |    b {{ steps.x }}"""] }
      |         ^^^^^^^
      |
      = help: there is no step before this one
    "###);
}

#[test]
fn a_file_that_is_not_toml_says_where_it_breaks() {
    let text = r###"description = "d"
on = "github.push"

[when]
a = "x" y
"###;
    insta::assert_snapshot!(complaints(text), @r###"
    error[syntax]: this is not valid TOML: unexpected key or value, expected newline, `#`
     --> rules/sample.toml:5:9
      |
    5 | a = "x" y
      |         ^
    "###);
}
