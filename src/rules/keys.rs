//! In: nothing. Out: the one table of the rule file's keys, shared by parser, messages and schema. Never: behavior.

/// What a key's value may be, for messages and the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    /// An expression.
    Expression,
    /// A string that may hold `{{ … }}`.
    Template,
    Duration,
    /// So many in a time: `3/1h`.
    Rate,
    /// A whole number between the bounds.
    Whole(i64, i64),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A string or a list of strings.
    Texts,
    /// Any table.
    Table,
    /// A table with these keys.
    Keys(&'static [Key]),
    /// A list of tables with these keys.
    Tables(&'static [Key]),
    Bool,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) doc: &'static str,
}

const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        required: false,
        doc,
    }
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        required: true,
        doc,
    }
}

/// Keys of the file itself.
pub(crate) const RULE: &[Key] = &[
    required("description", Shape::Text, "What the rule does, in one sentence."),
    required(
        "on",
        Shape::Texts,
        "The event types it listens to: `source.type[.action]`. A shorter form matches all below it: `github.issues`, `render.*`; `*` is \
         everything that comes from outside. `schedule` ticks with `cron`, `manual` is asked for by name, `xmrt.run_dead` and the like tell what became of runs.",
    ),
    key(
        "cron",
        Shape::Text,
        "With `on = \"schedule\"`: minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, \
         `@yearly`.",
    ),
    key(
        "timezone",
        Shape::Text,
        "The time zone of `cron`, by its IANA name: `Europe/Berlin`; UTC by default.",
    ),
    key(
        "mode",
        Shape::OneOf(&["live", "shadow", "off"]),
        "`live` acts; `shadow` plans and records but writes nothing; `off` does nothing and says why in `off_reason`.",
    ),
    key(
        "off_reason",
        Shape::Text,
        "Why the rule is off; required with `mode = \"off\"`.",
    ),
    key(
        "if",
        Shape::Expression,
        "An expression that must be true, evaluated only when the patterns of `[when]` hold.",
    ),
    key(
        "vars",
        Shape::Table,
        "Values for `vars.<name>`, over those of `xmrt.toml`.",
    ),
    key(
        "when",
        Shape::Table,
        "Patterns that all must hold: a path into the payload, and a scalar, a list (any of) or a table of operators.",
    ),
    key(
        "agent",
        Shape::Text,
        "Whose calls these are: an `[[agent]]` of `xmrt.toml`, with what its role allows. The reactor itself by default.",
    ),
    key(
        "limits",
        Shape::Keys(LIMITS),
        "How often the rule may act, and how soon.",
    ),
    key(
        "concurrency",
        Shape::Keys(CONCURRENCY),
        "With which other runs the rule's runs take turns.",
    ),
    required("action", Shape::Tables(ACTION), "The steps, in order."),
    key(
        "on_failure",
        Shape::Tables(ON_FAILURE),
        "Steps of the same run that are made when it is about to end dead or unknown; `run.reason` says why.",
    ),
    key(
        "test",
        Shape::Tables(TEST),
        "Examples that `xmrt test` runs against the sandbox.",
    ),
];

/// Keys of `[limits]`.
pub(crate) const LIMITS: &[Key] = &[
    key(
        "key",
        Shape::Template,
        "What the limits are counted by; the event's subject unless said otherwise. Sees `event`, `meta` and `vars`.",
    ),
    key(
        "cooldown",
        Shape::Duration,
        "After one admitted run, suppress further ones of the same key for this long.",
    ),
    key(
        "rate",
        Shape::Rate,
        "At most so many runs of the same key in any stretch of time: `\"3/1h\"`; at most 1000.",
    ),
    key(
        "debounce",
        Shape::Duration,
        "Wait until nothing newer of the same key has come for this long, then run once, with the newest event.",
    ),
    key(
        "max_wait",
        Shape::Duration,
        "The longest wait of a `debounce` since the first event of a burst; ten times the `debounce` by default.",
    ),
    key(
        "delay",
        Shape::Duration,
        "Start this much later; after the quiet of a `debounce`.",
    ),
    key(
        "depth",
        Shape::Whole(1, 32),
        "How many runs may have caused one another before the chain is cut; 3 by default.",
    ),
    key(
        "max_age",
        Shape::Duration,
        "Events older than this do not start a run.",
    ),
];

/// Keys of `[concurrency]`.
pub(crate) const CONCURRENCY: &[Key] = &[
    required(
        "group",
        Shape::Template,
        "The name of the group; of its runs, of all rules, only one makes calls at a time. Sees `event`, `meta` and `vars`.",
    ),
    key(
        "cancel_in_progress",
        Shape::Bool,
        "A newer run ends the one in progress, between two of its calls, instead of waiting for it.",
    ),
    key(
        "queue",
        Shape::OneOf(&["all", "latest"]),
        "Which runs wait: `all`, in the order they were admitted, or only the `latest`; `all` by default, `latest` with \
         `cancel_in_progress`.",
    ),
];

/// Keys of an `[[action]]`.
pub(crate) const ACTION: &[Key] = &[
    key(
        "id",
        Shape::Text,
        "The step's name in `steps.<id>`; the tool's name without its server by default.",
    ),
    required("tool", Shape::Text, "The tool to call: `server.tool`."),
    key(
        "if",
        Shape::Expression,
        "The step is skipped unless this expression is true.",
    ),
    key(
        "for_each",
        Shape::Template,
        "One single `{{ expression }}` that gives a list of at most 200: the step is done once for each `item`, one after \
         the other, and `steps.<id>` is the list of what those came to that were done.",
    ),
    key(
        "item_key",
        Shape::Template,
        "What an `item` of `for_each` is told from the others by, so that none is done twice; needed unless the items \
         are texts or numbers.",
    ),
    key(
        "arguments",
        Shape::Table,
        "The call's arguments; strings may hold `{{ … }}`.",
    ),
    key(
        "require",
        Shape::Expression,
        "An expression over `result`; unless it is true the run ends declined.",
    ),
    key(
        "timeout",
        Shape::Duration,
        "How long one call may take; 60s by default.",
    ),
    key(
        "within",
        Shape::Duration,
        "How long the step may take with all its calls, retries included. Without it a call that is not over (a deploy, a \
         rollback that is watched) is waited for up to 1h.",
    ),
    key("retry", Shape::Keys(RETRY), "How failed calls are repeated."),
    key(
        "continue_on_error",
        Shape::Bool,
        "The run goes on when the step fails for good, without its result. A doubt that nobody can resolve still ends it.",
    ),
    key(
        "agent",
        Shape::Text,
        "Whose call this is, where it is not the rule's `agent`.",
    ),
    key(
        "approval",
        Shape::Keys(APPROVAL),
        "The call is made only when somebody approves of it. What it would come to is found out first, and exactly that is \
         shown and sent; if it would come to something else by then, the run ends declined.",
    ),
];

/// Keys of an `[[on_failure]]`: those of an `[[action]]` but `require`, for there is nothing left to decline.
pub(crate) const ON_FAILURE: &[Key] = &[
    ACTION[0], ACTION[1], ACTION[2], ACTION[3], ACTION[4], ACTION[5], ACTION[7], ACTION[8], ACTION[9],
    ACTION[10], ACTION[11],
];

/// Keys of `approval`.
pub(crate) const APPROVAL: &[Key] = &[
    required(
        "by",
        Shape::Texts,
        "Who may approve: names, people of the dashboard as `github:<login>`, and roles as `role:<name>`; any one of them suffices.",
    ),
    key(
        "expires",
        Shape::Duration,
        "How long it can be given; 24h by default. After that the step fails, and `[[on_failure]]` is done.",
    ),
    key(
        "reason",
        Shape::Template,
        "Why it is asked for, for the person who decides.",
    ),
];

/// Keys of `retry`.
pub(crate) const RETRY: &[Key] = &[
    key(
        "attempts",
        Shape::Whole(1, 100),
        "How many calls at most; 5 by default.",
    ),
    key("initial", Shape::Duration, "The first wait; 2s by default."),
    key("max", Shape::Duration, "The longest wait; 5m by default."),
];

/// Keys of a `[[test]]`.
pub(crate) const TEST: &[Key] = &[
    required("name", Shape::Text, "What the example shows, as a sentence."),
    required("event", Shape::Keys(TEST_EVENT), "The event that arrives."),
    key("given", Shape::Tables(GIVEN), "Events that arrived before it."),
    key(
        "state",
        Shape::Table,
        "What the sandbox's GitHub and Render hold; docs/rules/state.md lists all of it. Times may be relative: `\"-10m\"`.",
    ),
    key(
        "stub",
        Shape::Table,
        "What tools of external servers answer, by their full name in quotes: `{ \"slack.post_message\" = { ok = true } }`. \
         `{ error = \"…\" }` is a call that failed. External servers are never started.",
    ),
    key(
        "expect",
        Shape::Tables(EXPECT),
        "The exact list of calls, in order; `[]` means the rule must not act. May be left out where `decision` or \
         `reason` says what is expected.",
    ),
    key(
        "approvals",
        Shape::Tables(TEST_APPROVAL),
        "What people say to the approvals that are asked for, in order; one that nobody answers expires.",
    ),
    key(
        "decision",
        Shape::Text,
        "The decision, or the state the run ends in: `suppressed`, `declined`, `superseded`, …",
    ),
    key("reason", Shape::Text, "A part of the decision's reason."),
];

/// Keys of one answer to an approval.
pub(crate) const TEST_APPROVAL: &[Key] = &[
    required("as", Shape::Text, "Who says it."),
    key("roles", Shape::Texts, "The roles they have."),
    key(
        "reject",
        Shape::Bool,
        "They reject it; without this they approve.",
    ),
    key("because", Shape::Text, "Why, in their words."),
    key(
        "after",
        Shape::Duration,
        "How long after they were asked; at once by default.",
    ),
];

/// Keys of a test's event.
pub(crate) const TEST_EVENT: &[Key] = &[
    required(
        "on",
        Shape::Text,
        "The event's full type: `github.issues.opened`; `schedule` and `manual` are the rule's own.",
    ),
    key(
        "payload",
        Shape::Table,
        "The payload, as far as the rule looks at it.",
    ),
    key(
        "file",
        Shape::Text,
        "A JSON file with the payload, relative to the rule file.",
    ),
    key(
        "meta",
        Shape::Table,
        "Parts of the envelope: `id`, `subject`, `actor`, `time`, …",
    ),
    key(
        "at",
        Shape::Text,
        "When it arrives, as RFC 3339; by default at the test's own time, and for `schedule` at the next tick.",
    ),
];

/// Keys of an event that came before a test's, or comes after it.
pub(crate) const GIVEN: &[Key] = &[
    TEST_EVENT[0],
    TEST_EVENT[1],
    TEST_EVENT[2],
    TEST_EVENT[3],
    key(
        "at",
        Shape::Text,
        "When it comes: so long before the test's event (`-10s`) or after it (`+10s`). Without `at` it came before, and what it \
         caused is over.",
    ),
    key(
        "decision",
        Shape::Text,
        "What becomes of it: `fired`, `suppressed`, `superseded`, …",
    ),
];

/// Keys of one expected call.
pub(crate) const EXPECT: &[Key] = &[
    required("tool", Shape::Text, "The tool."),
    key("arguments", Shape::Table, "A subset of the call's arguments."),
    key(
        "if_skipped",
        Shape::Bool,
        "The step is reached, and skipped by its `if`.",
    ),
];

/// An operator with what it takes and what it means.
pub(crate) const OPERATORS: &[(&str, &str)] = &[
    (
        "equals",
        "Some value equals; strict about types, numbers by value. A list: any of.",
    ),
    (
        "not",
        "No value matches, also when the path is absent. A scalar, a list or a table of operators.",
    ),
    ("all", "There is a value, and every value matches."),
    ("exists", "The path is present and not null, or it is not."),
    ("prefix", "Some text starts so."),
    ("suffix", "Some text ends so."),
    ("contains", "Some text contains this."),
    (
        "glob",
        "Some text matches: `*` stops at `/`, `**` does not; `?`, `[a-z]`, `\\` escapes.",
    ),
    (
        "regex",
        "Some text matches this regular expression (linear time, unanchored).",
    ),
    (
        "ignore_case",
        "The operators beside it ignore the case of letters.",
    ),
    ("lt", "Some number is less, or some RFC 3339 time earlier."),
    ("lte", "Some number is less or equal, or some time not later."),
    ("gt", "Some number is greater, or some RFC 3339 time later."),
    (
        "gte",
        "Some number is greater or equal, or some time not earlier.",
    ),
    ("cidr", "Some IP address lies in the range."),
    ("count", "The number of values is this, or within `{ gte = 2 }`."),
    ("semver", "Some version lies in the range: `\">=2, <3\"`."),
];

/// Names of all operators.
pub(crate) fn operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

pub(crate) fn is_operator(name: &str) -> bool {
    operators().any(|operator| operator == name)
}

pub(crate) fn is_top_level(name: &str) -> bool {
    RULE.iter().any(|key| key.name == name)
}

/// Keys of a `[[test]]` that this version does not have yet.
pub(crate) const LATER_TEST: &[&str] = &["agent"];

/// The table a key belongs to, where there is one only.
pub(crate) fn home(name: &str) -> Option<&'static str> {
    let tables = [
        ("[limits]", LIMITS),
        ("[concurrency]", CONCURRENCY),
        ("[[action]]", ACTION),
        ("`retry` of an action", RETRY),
        ("`approval` of an action", APPROVAL),
        ("[[test]]", TEST),
    ];
    let mut homes = tables
        .iter()
        .filter(|(_, keys)| keys.iter().any(|key| key.name == name));
    let (home, _) = homes.next()?;
    homes.next().is_none().then_some(*home)
}

/// What a duration looks like, for the schema.
pub(crate) const DURATION: &str = r"^\s*([0-9]+(ms|s|m|h|d)\s*)+$";
/// The largest number of a rate: each run that counts is kept until it does not.
pub(crate) const RATE_MAX: u32 = 1_000;
/// What a rate looks like, for the schema.
pub(crate) const RATE: &str = r"^\s*[0-9]+\s*/\s*([0-9]+(ms|s|m|h|d)\s*)+$";
