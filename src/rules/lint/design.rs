//! In: nothing. Out: the lints about a rule as a whole, its tests, and allowances. Never: finding them.

use super::{Lint, error, warning};

pub(super) const LINTS: &[Lint] = &[
    error(
        "contradictory-limits",
        "limits that exclude each other",
        "The first wait of a retry cannot be longer than the longest; a `max_wait` bounds a `debounce`, and cannot be shorter than it.",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }\nretry = { initial = \"10m\", max = \"1m\" }",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }\nretry = { initial = \"1m\", max = \"10m\" }",
    ),
    warning(
        "useless-key",
        "a key by which nothing is counted",
        "`key` says what `cooldown`, `rate` and `debounce` are counted by; without any of them it does nothing.",
        "[limits]\nkey = \"{{ event.issue.user.login }}\"",
        "[limits]\nkey = \"{{ event.issue.user.login }}\"\ncooldown = \"1d\"",
    ),
    warning(
        "unique-key",
        "a key that no two events share",
        "Limits count the runs of the same key. A key with the event's own id or time is never the same again, so it \
         limits nothing.",
        "[limits]\nkey = \"{{ meta.id }}\"\ncooldown = \"1h\"",
        "[limits]\nkey = \"{{ event.repository.full_name }}\"\ncooldown = \"1h\"",
    ),
    warning(
        "cyclic-rule",
        "the rule causes the event it listens to",
        "What its call does comes back as an event, and the rule acts again, until `limits.depth` cuts the chain. Ask for something \
         in `[when]` or `if` that its own doing does not bring about, such as who the sender is.",
        "on = \"github.issues.labeled\"\n\n[[action]]\ntool = \"github.add_labels\"\n\
         arguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\", labels = [\"seen\"] }",
        "on = \"github.issues.labeled\"\n\n[when]\nsender.type = { not = \"Bot\" }\n\n[[action]]\ntool = \"github.add_labels\"\n\
         arguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\", labels = [\"seen\"] }",
    ),
    warning(
        "cyclic-rules",
        "rules that cause each other's events",
        "What one does comes back as an event to which the other listens, and what that does comes back to the first, until \
         `limits.depth` cuts the chain. Let one of them ask for something that the others' doing does not bring about, such as who \
         the sender is.",
        "# file: rules/close.toml\non = \"github.issues.reopened\"\n\n[[action]]\ntool = \"github.close_issue\"\n\
         arguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\" }\n\
         # file: rules/reopen.toml\non = \"github.issues.closed\"\n\n[[action]]\ntool = \"github.reopen_issue\"\n\
         arguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\" }",
        "# file: rules/close.toml\non = \"github.issues.reopened\"\n\n[when]\nsender.type = { not = \"Bot\" }\n\n[[action]]\n\
         tool = \"github.close_issue\"\n\
         arguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\" }\n\
         # file: rules/reopen.toml\non = \"github.issues.closed\"\n\n[[action]]\ntool = \"github.reopen_issue\"\n\
         arguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\" }",
    ),
    warning(
        "repeated-rule",
        "two rules that do the same on the same events",
        "Both act, so everything is done twice. Most often one is a copy that was to be changed.",
        "# file: rules/greet.toml\non = \"github.issues.opened\"\n# file: rules/welcome.toml\non = \"github.issues.opened\"",
        "# file: rules/greet.toml\non = \"github.issues.opened\"\n# file: rules/welcome.toml\non = \"github.issues.reopened\"",
    ),
    warning(
        "own-runs",
        "a rule that hears of its own runs",
        "What becomes of its own run is an event like any other, to which it listens: when it fails at telling of a failure, it is told of \
         that failure, until `limits.depth` cuts the chain. Leave its own runs out, by name.",
        "# file: rules/tell-of-failures.toml\ndescription = \"Tells of runs that failed\"\non = \"xmrt.run_dead\"\n\n[[action]]\n\
         tool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ event.run.rule }} failed\" }\n\n[[test]]\nname = \"acts\"\n\
         event = { on = \"xmrt.run_dead\", payload = { run = { rule = \"other\" } } }\ndecision = \"fired\"\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"xmrt.run_declined\" }\nexpect = []",
        "# file: rules/tell-of-failures.toml\ndescription = \"Tells of runs that failed\"\non = \"xmrt.run_dead\"\n\n[when]\n\
         run.rule = { not = \"tell-of-failures\" }\n\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = { to = \"log\", text = \"{{ event.run.rule }} failed\" }\n\n[[test]]\nname = \"acts\"\n\
         event = { on = \"xmrt.run_dead\", payload = { run = { rule = \"other\" } } }\ndecision = \"fired\"\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"xmrt.run_dead\", payload = { run = { rule = \"tell-of-failures\" } } }\nexpect = []",
    ),
    warning(
        "listens-to-everything",
        "a rule for every event that asks nothing",
        "With `on = \"*\"` and no condition it acts on everything that ever comes in, new kinds of events included.",
        "on = \"*\"",
        "on = \"github.issues\"",
    ),
    warning(
        "unused-variable",
        "a variable nobody reads",
        "It looks like a setting and changes nothing. Perhaps it is misspelled where it should be read.",
        "[vars]\nlimit = 5",
        "[vars]\nlimit = 5\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ vars.limit }}\" }",
    ),
    warning(
        "missing-test",
        "a rule without a test that it acts",
        "An example of an event on which the rule acts is its specification; `xmrt test` runs it against a sandbox.",
        "[[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.closed\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.closed\" }\nexpect = []",
    ),
    warning(
        "missing-quiet-test",
        "a rule without a test that it does not act",
        "Automation does harm when it acts too often. An example of an event that the rule must leave alone (`expect = []`, or a \
         `decision` other than `fired`) keeps its conditions honest.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.closed\" }\nexpect = []",
    ),
    error(
        "duplicate-test",
        "two tests with one name",
        "A failing test is told by its name.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\ndecision = \"fired\"\n\n[[test]]\nname = \"acts\"\n\
         event = { on = \"github.issues.opened\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\ndecision = \"fired\"\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.closed\" }\nexpect = []",
    ),
    error(
        "test-expects-nothing",
        "a test that cannot fail",
        "It says what happens and not what should come of it. `expect = []` says that nothing should.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\n\n[[test]]\nname = \"acts indeed\"\n\
         event = { on = \"github.issues.opened\" }\ndecision = \"fired\"\n\n[[test]]\nname = \"does not act\"\n\
         event = { on = \"github.issues.opened\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
    ),
    error(
        "test-payload",
        "a test's event with two payloads",
        "`payload` and `file` exclude each other.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\", payload = {}, file = \"opened.json\" }\n\
         decision = \"fired\"\n\n[[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\", file = \"opened.json\" }\ndecision = \"fired\"\n\n\
         [[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
    ),
    error(
        "test-time",
        "a test's event at no time",
        "`at` is when the event arrives, as RFC 3339. A test runs in virtual time, so any will do; for `schedule` it is a tick.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\", at = \"noon\" }\ndecision = \"fired\"\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\", at = \"2026-03-08T12:00:00Z\" }\ndecision = \"fired\"\n\n\
         [[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
    ),
    warning(
        "test-event",
        "a test with an event the rule does not listen to",
        "The rule cannot act on it, so a test that expects it to can only fail.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.closed\" }\nexpect = [{ tool = \"xmrt.notify\" }]\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.closed\" }\nexpect = []",
    ),
    warning(
        "test-field",
        "a test with an event as nobody sends it",
        "The payload has a field that no such event has, so the test shows nothing: what is misspelled is absent, and a test that \
         expects no call holds for that reason alone.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\", payload = { issue = { titel = \"bug\" } } }\n\
         decision = \"fired\"\n\n[[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.closed\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\", payload = { issue = { title = \"bug\" } } }\n\
         decision = \"fired\"\n\n[[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.closed\" }\nexpect = []",
    ),
    error(
        "test-state",
        "a test whose state the sandbox does not know",
        "`state` says what the sandbox holds before the event comes. A key that it does not know would be refused when the test runs. \
         [State of tests](../state.md) lists all keys; what the event itself mentions needs no state.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\n\
         state.github.issues = [{ repo = \"acme/api\", number = 7, titel = \"It crashes\" }]\ndecision = \"fired\"\n\n\
         [[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\n\
         state.github.issues = [{ repo = \"acme/api\", number = 7, title = \"It crashes\" }]\ndecision = \"fired\"\n\n\
         [[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
    ),
    warning(
        "test-tool",
        "a test that expects a call the rule never makes",
        "None of the rule's actions calls this tool, so the test can only fail.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"github.create_issue\" }]\n\n\
         [[test]]\nname = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
    ),
    warning(
        "unknown-allow",
        "an allowance for a lint that does not exist",
        "It allows nothing. `xmrt check --explain <lint>` knows them all; some errors cannot be allowed.",
        "# xmrt: allow(ciclic-rule) because the label is always another one\non = \"github.issues.opened\"",
        "# the label it reacts to is always another one\non = \"github.issues.opened\"",
    ),
    warning(
        "unused-allow",
        "an allowance for something that is not found there",
        "What it excused is gone, or stands on another line. Left behind, it would excuse the next mistake.",
        "# xmrt: allow(unused-variable) because the template reads it\non = \"github.issues.opened\"",
        "[vars]\n# xmrt: allow(unused-variable) because another tool reads this file\nlimit = 5",
    ),
    warning(
        "allow-without-reason",
        "an allowance that does not say why",
        "Whoever reads the rule next must be able to judge whether the reason still holds: `# xmrt: allow(<lint>) because …`. Without \
         one, nothing is allowed.",
        "# xmrt: allow(unused-variable)\non = \"github.issues.opened\"",
        "[vars]\n# xmrt: allow(unused-variable) because another tool reads this file\nlimit = 5",
    ),
];
