//! Words as other tools and other languages have them: names that are called otherwise, texts without their quotes.

use super::told;

#[test]
#[expect(clippy::too_many_lines, reason = "a whole output is long")]
fn names_that_are_called_otherwise_elsewhere() {
    let text = r#"description = "Tell"
on = "github.issues.open"

[when]
issue.author.login = "mona"
issue.title = { equal = "x" }
issue.labels = { any = ["bug"] }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.repo.full_name }} {{ event.issue.title }" }

[arguments]
to = "log"

[[test]]
name = "tells"
event = "github.issues.opened"
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    warning[unknown-event]: GitHub's event `issues` is not known to have an action `open`
     --> rules/tell.toml:2:6
      |
    2 | on = "github.issues.open"
      |      ^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.opened`?

    error[pattern]: the group `any` stands in `[when]` itself, not below a path
     --> rules/tell.toml:7:18
      |
    7 | issue.labels = { any = ["bug"] }
      |                  ^^^
      |
      = help: several values: `path = ["a", "b"]`; a payload field of this name is `".any"`

    error[expression]: this template does not work: unexpected `}`, expected end of variable block
      --> rules/tell.toml:11:83
       |
    11 | arguments = { to = "log", text = "{{ event.repo.full_name }} {{ event.issue.title }" }
       |                                                                                   ^
       |
       = help: what begins with `{{` ends with `}}`, and `{%` with `%}`

    error[misplaced-key]: `arguments` is a key of [[action]], not of a rule file
      --> rules/tell.toml:13:2
       |
    13 | [arguments]
       |  ^^^^^^^^^
       |
       = help: write `[action.arguments]`, below the `[[action]]` that it belongs to

    error[type]: a test's event is a table, not a string
      --> rules/tell.toml:18:9
       |
    18 | event = "github.issues.opened"
       |         ^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write `event = { on = "github.issues.opened", payload = { … } }`


    1 rule file(s), 4 error(s), 1 warning(s)
    `xmrt check --explain pattern` says more about a finding
    "#);
    let event = text.replace("github.issues.open\"", "github.issues.opened\"");
    let event = event.replace("event.issue.title }\"", "event.issue.title }}\"");
    insta::assert_snapshot!(told("tell.toml", &event), @r#"
    error[unknown-field]: github.issues.opened has no `issue.author.login`
     --> rules/tell.toml:5:14
      |
    5 | issue.author.login = "mona"
      |              ^^^^^
      |
      = help: did you mean `issue.user.login`?

    error[unknown-field]: github.issues.opened has no `issue.title.equal`
     --> rules/tell.toml:6:17
      |
    6 | issue.title = { equal = "x" }
      |                 ^^^^^
      |
      = help: did you mean `equals`?

    error[pattern]: the group `any` stands in `[when]` itself, not below a path
     --> rules/tell.toml:7:18
      |
    7 | issue.labels = { any = ["bug"] }
      |                  ^^^
      |
      = help: several values: `path = ["a", "b"]`; a payload field of this name is `".any"`

    error[unknown-field]: github.issues.opened has no `event.repo.full_name`
      --> rules/tell.toml:11:38
       |
    11 | arguments = { to = "log", text = "{{ event.repo.full_name }} {{ event.issue.title }}" }
       |                                      ^^^^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `event.repository.full_name`?

    error[misplaced-key]: `arguments` is a key of [[action]], not of a rule file
      --> rules/tell.toml:13:2
       |
    13 | [arguments]
       |  ^^^^^^^^^
       |
       = help: write `[action.arguments]`, below the `[[action]]` that it belongs to

    error[type]: a test's event is a table, not a string
      --> rules/tell.toml:18:9
       |
    18 | event = "github.issues.opened"
       |         ^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write `event = { on = "github.issues.opened", payload = { … } }`


    1 rule file(s), 6 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn texts_without_quotes() {
    let text = "description = Tell people\non = github.issues.opened\n\n[[action]]\ntool = \"xmrt.notify\"\n\
                arguments = { to = log, text = \"hello\" }\n";
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[syntax]: this is not valid TOML: string values must be quoted, expected literal string
     --> rules/tell.toml:1:15
      |
    1 | description = Tell people
      |               ^^^^^^^^^^^
      |
      = help: write `"Tell people"`

    error[syntax]: this is not valid TOML: string values must be quoted, expected literal string
     --> rules/tell.toml:2:6
      |
    2 | on = github.issues.opened
      |      ^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `"github.issues.opened"`

    error[syntax]: this is not valid TOML: string values must be quoted, expected literal string
     --> rules/tell.toml:6:20
      |
    6 | arguments = { to = log, text = "hello" }
      |                    ^^^
      |
      = help: write `"log"`


    1 rule file(s), 3 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "#);
}
