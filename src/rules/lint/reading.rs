//! In: nothing. Out: the lints about a file's form. Never: finding them.

use super::{Lint, error, refusal, warning};

pub(super) const LINTS: &[Lint] = &[
    error(
        "syntax",
        "the file is not TOML",
        "Nothing can be read from it, so no rule is loaded. All troubles of the file are listed, each with its place.",
        "description = \"no closing quote",
        "description = \"a closing quote\"",
    ),
    error(
        "toml-version",
        "TOML 1.1 is used",
        "Rule files are TOML 1.0, because that is what editors and other tools read. Inline tables stand on one line and end \
         without a comma; `\\e` and `\\x..` are not escapes; a time has seconds.",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\", }",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }",
    ),
    error(
        "unreadable",
        "the file cannot be read as text",
        "Rule files are UTF-8. The others are loaded only together with this one, so that no rule is missing without a word.",
        "# … and bytes that are not UTF-8",
        "description = \"Text in UTF-8\"",
    ),
    refusal(
        "hidden-character",
        "a character that nobody sees, or that turns the text around",
        "Zero-width characters make a value that looks like another and never matches; marks of writing direction make a line read \
         otherwise than it is, and hide what a rule does from whoever reviews it. Where one is meant, its escape in double quotes says \
         so. Joiners between letters or pictures beyond ASCII are left alone.",
        "[when]\nissue.user.login = \"mo‹U+200B›na\"",
        "[when]\nissue.user.login = \"mona\"",
    ),
    error(
        "file-size",
        "the file is larger than 1 MiB",
        "A rule is one decision and its steps. A file this large is generated data: put the data where a tool can read it.",
        "# … and so on, for more than 1 MiB",
        "description = \"A rule that fits on a screen\"",
    ),
    error(
        "rule-id",
        "the file's name is not kebab-case",
        "The file's name is the rule's id. It appears in commands, addresses and keys, so it is made of lower-case letters, \
         digits and `-`.",
        "# file: rules/Triage_Issues.toml\ndescription = \"Triage issues\"",
        "# file: rules/triage-issues.toml\ndescription = \"Triage issues\"",
    ),
    error(
        "duplicate-rule",
        "two files have the same name",
        "Folders only group; the id is the file's name alone and must be unique, or cooldowns, runs and records of the two \
         would be mixed up.",
        "# file: rules/deploys/notify.toml\ndescription = \"Tell about deploys\"\n# file: rules/issues/notify.toml\n\
         description = \"Tell about issues\"",
        "# file: rules/deploys/notify-deploy.toml\ndescription = \"Tell about deploys\"\n\
         # file: rules/issues/notify-issue.toml\ndescription = \"Tell about issues\"",
    ),
    error(
        "missing-key",
        "a key is missing that is always needed",
        "A rule needs `description`, `on` and at least one `[[action]]`; an action needs `tool`; a test needs `name` and \
         `event`.",
        "# the whole file\ndescription = \"Nothing says when\"\n\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = { to = \"log\", text = \"hello\" }",
        "description = \"An issue was opened\"\non = \"github.issues.opened\"",
    ),
    error(
        "unknown-key",
        "a key that does not exist here",
        "A misspelled key would silently do nothing. Unknown keys are therefore errors, with the nearest known one as a hint.",
        "[limits]\ncoldown = \"5m\"",
        "[limits]\ncooldown = \"5m\"",
    ),
    error(
        "misplaced-key",
        "a key that belongs to another table",
        "In TOML everything below a `[table]` header belongs to that table. Keys of the rule itself (`on`, `if`, `mode`, …) come \
         before the first header.",
        "[vars]\nteam = \"core\"\n\n[limits]\nmode = \"shadow\"",
        "mode = \"shadow\"\n\n[vars]\nteam = \"core\"\n\n[limits]\ncooldown = \"5m\"\n\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = { to = \"log\", text = \"{{ vars.team }}\" }",
    ),
    error(
        "not-yet",
        "a part of the language that this version does not have",
        "The key is planned, but nothing would happen. An error is better than a rule that seems to be limited and is not.",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]\nagent = \"eliza\"",
        "[[test]]\nname = \"acts\"\nevent = { on = \"github.issues.opened\" }\nexpect = [{ tool = \"xmrt.notify\" }]\n\n[[test]]\n\
         name = \"does not act\"\nevent = { on = \"github.issues.opened\" }\nexpect = []",
    ),
    error(
        "type",
        "a value of the wrong type",
        "TOML knows strings, numbers, booleans, dates, lists and tables; each key takes one of them. `[[action]]` and `[[test]]` \
         are lists of tables and take two brackets.",
        "description = 5",
        "description = \"five\"",
    ),
    error(
        "empty",
        "a text that is empty",
        "The key says nothing. Leave it out, or say what it is there to say.",
        "description = \"\"",
        "description = \"Greet somebody's first issue\"",
    ),
    error(
        "value",
        "a value that is not among the possible ones",
        "Some keys take one of a few words, or a number within bounds.",
        "mode = \"dry-run\"",
        "mode = \"shadow\"",
    ),
    error(
        "duration",
        "a duration that cannot be read",
        "A duration is a number with a unit, or several: `\"30s\"`, `\"15m\"`, `\"1h30m\"`, `\"7d\"`. A bare number would leave open \
         of what.",
        "[limits]\ncooldown = \"5 minutes\"",
        "[limits]\ncooldown = \"5m\"",
    ),
    error(
        "rate",
        "a rate that cannot be read",
        "A rate says how many in which time: `\"3/1h\"` is at most three in any hour, however the hour is laid.",
        "[limits]\nrate = \"3 per hour\"",
        "[limits]\nrate = \"3/1h\"",
    ),
    error(
        "number",
        "`inf` or `nan`",
        "JSON has neither, so no payload can ever hold one and no tool can be given one.",
        "[vars]\nlimit = inf\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ vars.limit }}\" }",
        "[vars]\nlimit = 1000000\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ vars.limit }}\" }",
    ),
    error(
        "event-type",
        "not an event type",
        "`on` names `source.type` or `source.type.action`; a shorter form, or one that ends in `.*`, matches all below it.",
        "on = \"issues opened\"",
        "on = \"github.issues.opened\"",
    ),
    error(
        "schedule",
        "a schedule that cannot be kept",
        "`on = \"schedule\"` goes with `cron`: minute, hour, day of month, month, day of week. Seconds cannot be said, and a day that no \
         year has is a mistake.",
        "on = \"schedule\"\ncron = \"0 9 31 4 *\"",
        "on = \"schedule\"\ncron = \"0 9 30 4 *\"",
    ),
    error(
        "time-zone",
        "a time zone that there is not",
        "`timezone` is a name of the IANA database, so that daylight saving time is known; without one the schedule goes by UTC.",
        "on = \"schedule\"\ncron = \"0 9 * * *\"\ntimezone = \"Europe/Berln\"",
        "on = \"schedule\"\ncron = \"0 9 * * *\"\ntimezone = \"Europe/Berlin\"",
    ),
    warning(
        "unknown-event",
        "an event nobody is known to send",
        "Providers add events, so it is only a warning; but most often it is a slip, and the rule would wait forever.",
        "on = \"github.issue.opened\"",
        "on = \"github.issues.opened\"",
    ),
    error(
        "off-without-reason",
        "a rule is off and does not say why",
        "Nobody dares to switch on, or to delete, what was switched off for a reason nobody remembers.",
        "mode = \"off\"",
        "mode = \"off\"\noff_reason = \"until the new labels are there\"",
    ),
    error(
        "for-each",
        "a `for_each` or `item_key` that cannot name items",
        "`for_each` is one single expression that gives a list; the step is done once for each item of it. `item_key` says what an \
         item is told from the others by: an item is done once under its key, however often the run is taken up again.",
        "[vars]\nplaces = [\"log\"]\n\n[[action]]\ntool = \"xmrt.notify\"\nfor_each = \"all of {{ vars.places }}\"\n\
         arguments = { to = \"{{ item }}\", text = \"hello\" }",
        "[vars]\nplaces = [\"log\"]\n\n[[action]]\ntool = \"xmrt.notify\"\nfor_each = \"{{ vars.places }}\"\n\
         arguments = { to = \"{{ item }}\", text = \"hello\" }",
    ),
    error(
        "approver",
        "an approval that nobody can give",
        "`approval.by` names who may approve of a call: persons by name, people of the dashboard as `github:<login>`, roles as `role:<name>`. Any one of them suffices, and \
         without any the call could never be made.",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }\napproval = { by = [\"team:release\"] }",
        "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }\napproval = { by = [\"role:release\"] }",
    ),
    warning(
        "off-reason",
        "`off_reason` of a rule that is not off",
        "The reason says the rule is off, its mode says it acts. One of them is a leftover.",
        "off_reason = \"until the new labels are there\"",
        "mode = \"off\"\noff_reason = \"until the new labels are there\"",
    ),
];
