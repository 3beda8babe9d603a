//! In: nothing. Out: the lints about what a rule asks of an event. Never: finding them.

use super::{Lint, error, refusal, warning};

pub(super) const LINTS: &[Lint] = &[
    error(
        "pattern",
        "a condition of `[when]` that cannot be read",
        "A condition is a path and what its values must be: a scalar, a list (any of), or a table of operators.",
        "[when]\nissue.title = { regex = \"(\" }",
        "[when]\nissue.title = { regex = \"\\\\(\" }",
    ),
    error(
        "operand",
        "an operator that does not take this",
        "Each operator takes its own kind of operand: `prefix` a string, `gt` a number or a time, `exists` true or false.",
        "[when]\nissue.title = { prefix = 5 }",
        "[when]\nissue.title = { prefix = \"5\" }",
    ),
    error(
        "unknown-operator",
        "an operator that does not exist",
        "Inside `not` and `all` a table holds operators only.",
        "[when]\nissue.title = { not = { start_with = \"RFC\" } }",
        "[when]\nissue.title = { not = { prefix = \"RFC\" } }",
    ),
    error(
        "operator-without-path",
        "an operator where a path belongs",
        "An operator says what the values at a path must be. A payload field that happens to bear an operator's name is written \
         with a leading dot, in quotes: `\".count\"`.",
        "[when]\nprefix = \"RFC\"",
        "[when]\nissue.title = { prefix = \"RFC\" }",
    ),
    error(
        "mixed-table",
        "operators and fields in one table",
        "A table below a path is either operators or further fields. Quote the shorter path to say something about both.",
        "[when]\nissue.labels = { count = 2, name = \"bug\" }",
        "[when]\n\"issue.labels\" = { count = 2 }\nissue.labels.name = \"bug\"",
    ),
    error(
        "empty-list",
        "an empty list of possible values",
        "A list means any of its elements, so an empty one never matches. To ask for a list without elements use `count`.",
        "[when]\nissue.labels.name = []",
        "[when]\nissue.labels = { count = 0 }",
    ),
    error(
        "expression",
        "an expression or template that cannot be read",
        "`if` and `require` are expressions, written without braces; other strings may hold `{{ expression }}`. Unknown filters and \
         tests are found here, too.",
        "if = \"event.issue.title | lowercase == 'help'\"",
        "if = \"event.issue.title | lower == 'help'\"",
    ),
    error(
        "unknown-name",
        "a name that is not known here",
        "Expressions see `event`, `meta`, `vars` and `now`; an action sees `steps` and `run`, too; only `require` sees `result`. A \
         key must not depend on `now`.",
        "if = \"evnt.issue.comments > 5\"",
        "if = \"event.issue.comments > 5\"",
    ),
    error(
        "unknown-variable",
        "a variable nobody declares",
        "Variables are declared in the rule's `[vars]` or in the `[vars]` of `xmrt.toml`. An undeclared one would fail when the rule \
         fires.",
        "if = \"event.issue.comments > vars.limt\"\n\n[vars]\nlimit = 5\n\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = { to = \"log\", text = \"{{ vars.limit }}\" }",
        "if = \"event.issue.comments > vars.limit\"\n\n[vars]\nlimit = 5",
    ),
    refusal(
        "unknown-field",
        "a field that none of the rule's events has",
        "GitHub and Render describe what they send. A path that none of the events in `on` has is never there: the condition \
         cannot hold, the template cannot be rendered. Events nobody describes are not checked.",
        "if = \"'crash' in event.issue.titel\"",
        "if = \"'crash' in event.issue.title\"",
    ),
    warning(
        "sometimes-missing",
        "a field that only some of the rule's events have",
        "A rule may listen to several events. What is undefined is an error and never false, so on an event without the field \
         the rule cannot be decided, or its run ends there. `[when]` needs no such care: what is absent does not hold.",
        "on = [\"github.issues.opened\", \"github.pull_request.opened\"]\n\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = { to = \"log\", text = \"{{ event.issue.html_url }}\" }",
        "on = [\"github.issues.opened\", \"github.pull_request.opened\"]\n\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = { to = \"log\", text = \"{{ (event.issue | default(event.pull_request)).html_url }}\" }",
    ),
    warning(
        "unknown-value",
        "a text that this field is not known to hold",
        "The provider lists the values of the field, and this is none of them. Lists grow, so it is only a warning.",
        "[when]\nissue.state = \"opened\"",
        "[when]\nissue.state = \"open\"",
    ),
    warning(
        "type-mismatch",
        "a comparison that its field's type rules out",
        "Values are compared strictly: a number never equals a text. A condition that asks a text field for a number, or a number \
         for a prefix, never holds; nor does an expression that looks for a text in a list of tables.",
        "[when]\nissue.number = \"42\"",
        "[when]\nissue.number = 42",
    ),
    warning(
        "contradiction",
        "conditions that cannot hold together",
        "All conditions of `[when]` must hold, so two that exclude each other make a rule that never fires.",
        "[when]\n\"issue.comments\" = { gt = 10, lt = 5 }",
        "[when]\n\"issue.comments\" = { gt = 5, lt = 10 }",
    ),
    warning(
        "duplicate-condition",
        "the same condition twice",
        "The second one changes nothing. Most often it was meant to be about another path.",
        "[when]\nany = [ { issue.state = \"open\" }, { issue.state = \"open\" } ]",
        "[when]\nany = [ { issue.state = \"open\" }, { issue.locked = true } ]",
    ),
    warning(
        "never-matches",
        "a pattern that no text matches",
        "A regular expression that asks for something before the start or after the end matches nothing.",
        "[when]\nissue.title = { regex = \"bug$s\" }",
        "[when]\nissue.title = { regex = \"bugs$\" }",
    ),
    warning(
        "always-matches",
        "a pattern that every text matches",
        "It only asks whether there is a text at all. `exists = true` says that, and says it clearly.",
        "[when]\nissue.body = { regex = \".*\" }",
        "[when]\nissue.body = { exists = true }",
    ),
    warning(
        "plain-pattern",
        "a glob without any wildcard",
        "Without `*`, `?` or `[…]` it matches one text only. Say that text, or add the wildcard that was meant.",
        "[when]\nissue.title = { glob = \"release\" }",
        "[when]\nissue.title = { glob = \"release*\" }",
    ),
    warning(
        "literal-wildcard",
        "a wildcard where texts are compared as they stand",
        "A text by itself, in a list or under `equals` is the whole text, and `*` is an asterisk in it. `glob` knows `*` and `?`, \
         `regex` the rest; `prefix`, `suffix` and `contains` need no wildcard.",
        "[when]\nissue.title = \"bug*\"",
        "[when]\nissue.title = { glob = \"bug*\" }",
    ),
    warning(
        "constant-condition",
        "a condition that asks nothing",
        "The expression mentions no name, so it is the same for every event.",
        "if = \"true\"",
        "if = \"event.issue.comments > 5\"",
    ),
    warning(
        "redundant-event",
        "an event that another one covers already",
        "A shorter type matches all below it, so the longer one beside it adds nothing. Perhaps the shorter one is too much.",
        "on = [\"github.issues\", \"github.issues.opened\"]",
        "on = [\"github.issues.opened\", \"github.issues.reopened\"]",
    ),
];
