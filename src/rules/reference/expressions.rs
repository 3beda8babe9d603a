//! In: nothing. Out: an example of every filter, test and function of expressions, with its value. Never: prose that nobody
//! runs: a test runs them all.

/// An example of an expression.
#[derive(Clone, Copy, Debug)]
pub struct ExpressionExample {
    /// The filter, test or function.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// An expression.
    pub text: &'static str,
    /// Its value, as JSON.
    pub value: &'static str,
}

const fn row(
    name: &'static str,
    doc: &'static str,
    text: &'static str,
    value: &'static str,
) -> ExpressionExample {
    ExpressionExample {
        name,
        doc,
        text,
        value,
    }
}

/// Filters that only xmrt has come first.
pub const FILTERS: &[ExpressionExample] = &[
    row("duration", "Seconds, spelled.", "5400 | duration", r#""1h 30m""#),
    row(
        "seconds",
        "A spelled duration in seconds.",
        "'1h30m' | seconds",
        "5400.0",
    ),
    row(
        "timestamp",
        "An RFC 3339 time in seconds since 1970, so that times can be subtracted.",
        "('2026-01-01T01:00:00Z' | timestamp) - ('2026-01-01T00:00:00Z' | timestamp)",
        "3600.0",
    ),
    row(
        "earlier",
        "The moment that long before another, as RFC 3339.",
        "'2026-03-02T00:00:00Z' | earlier('60d')",
        r#""2026-01-01T00:00:00Z""#,
    ),
    row(
        "slug",
        "Lower-case words joined by hyphens, for labels, branches and file names.",
        "'Crash on Start!' | slug",
        r#""crash-on-start""#,
    ),
    row(
        "truncate_bytes",
        "At most so many bytes, never cutting a character.",
        "'abcdefgh' | truncate_bytes(6)",
        r#""abc…""#,
    ),
    row(
        "markdown_escape",
        "Text that Markdown shows as it is: no emphasis, link, mention or HTML comes of it.",
        "'*bold* <b>' | markdown_escape",
        r#""\\*bold\\* &lt;b&gt;""#,
    ),
    row(
        "fence",
        "Quotes a stranger's text as data, in a block that nothing in it can close.",
        "'hello' | fence",
        r#""```text\nhello\n```""#,
    ),
    row("abs", "Without its sign.", "-3 | abs", "3"),
    row("attr", "A field by name.", "{'a': 1} | attr('a')", "1"),
    row(
        "batch",
        "Groups of so many.",
        "[1, 2, 3] | batch(2) | list",
        "[[1,2],[3]]",
    ),
    row(
        "capitalize",
        "First letter upper, the rest lower.",
        "'hELLO' | capitalize",
        r#""Hello""#,
    ),
    row(
        "default",
        "Another value where one is undefined; with `true` also where it is empty or null.",
        "'' | default('none', true)",
        r#""none""#,
    ),
    row(
        "dictsort",
        "The pairs of a table, by key.",
        "{'b': 2, 'a': 1} | dictsort",
        r#"[["a",1],["b",2]]"#,
    ),
    row(
        "escape",
        "HTML's special characters escaped.",
        "'<b>' | escape | string",
        r#""&lt;b&gt;""#,
    ),
    row("first", "The first of a list.", "[1, 2] | first", "1"),
    row("float", "As a number with a fraction.", "'1.5' | float", "1.5"),
    row("format", "As printf does.", "'%03d' | format(7)", r#""007""#),
    row(
        "groupby",
        "Groups by a field.",
        "[{'k': 'a', 'n': 1}, {'k': 'b', 'n': 2}] | groupby('k') | map(attribute='grouper') | list",
        r#"["a","b"]"#,
    ),
    row(
        "indent",
        "Further lines set in.",
        "'a\\nb' | indent(2)",
        r#""a\n  b""#,
    ),
    row("int", "As a whole number.", "'42' | int", "42"),
    row(
        "items",
        "The pairs of a table.",
        "{'a': 1} | items | list",
        r#"[["a",1]]"#,
    ),
    row(
        "join",
        "A list as one text.",
        "['a', 'b'] | join(', ')",
        r#""a, b""#,
    ),
    row("last", "The last of a list.", "[1, 2] | last", "2"),
    row("length", "How many.", "[1, 2] | length", "2"),
    row("lines", "A text's lines.", "'a\\nb' | lines", r#"["a","b"]"#),
    row("list", "As a list.", "range(3) | list", "[0,1,2]"),
    row("lower", "Lower case.", "'ABC' | lower", r#""abc""#),
    row(
        "map",
        "A field of each, or a filter on each.",
        "[{'name': 'bug'}, {'name': 'ui'}] | map(attribute='name') | list",
        r#"["bug","ui"]"#,
    ),
    row("max", "The greatest.", "[1, 3, 2] | max", "3"),
    row("min", "The least.", "[3, 1, 2] | min", "1"),
    row(
        "pprint",
        "As a person reads it.",
        "[1] | pprint",
        r#""[\n    1,\n]""#,
    ),
    row(
        "reject",
        "Those for which a test fails.",
        "[1, 2, 3] | reject('odd') | list",
        "[2]",
    ),
    row(
        "rejectattr",
        "Those for whose field a test fails.",
        "[{'n': 1}, {'n': 2}] | rejectattr('n', 'odd') | map(attribute='n') | list",
        "[2]",
    ),
    row(
        "replace",
        "One text for another.",
        "'a-b' | replace('-', '+')",
        r#""a+b""#,
    ),
    row("reverse", "Backwards.", "[1, 2] | reverse | list", "[2,1]"),
    row("round", "Rounded.", "2.567 | round(1)", "2.6"),
    row(
        "select",
        "Those for which a test holds.",
        "[1, 2, 3] | select('odd') | list",
        "[1,3]",
    ),
    row(
        "selectattr",
        "Those for whose field a test holds.",
        "[{'n': 1}, {'n': 2}] | selectattr('n', 'gt', 1) | map(attribute='n') | list",
        "[2]",
    ),
    row(
        "slice",
        "Cut into so many parts.",
        "[1, 2, 3] | slice(2) | list",
        "[[1,2],[3]]",
    ),
    row("sort", "In order.", "[3, 1, 2] | sort", "[1,2,3]"),
    row("split", "A text's parts.", "'a/b' | split('/')", r#"["a","b"]"#),
    row("string", "As text.", "42 | string", r#""42""#),
    row("sum", "Added up.", "[1, 2] | sum", "3"),
    row(
        "title",
        "Each word's first letter upper.",
        "'two words' | title",
        r#""Two Words""#,
    ),
    row(
        "tojson",
        "As JSON.",
        "[1, 'a'] | tojson | string",
        r#""[1, \"a\"]""#,
    ),
    row("trim", "Without blanks around it.", "'  a ' | trim", r#""a""#),
    row("unique", "Each once.", "[1, 2, 1] | unique | list", "[1,2]"),
    row("upper", "Upper case.", "'abc' | upper", r#""ABC""#),
    row(
        "zip",
        "Two lists side by side.",
        "[1, 2] | zip(['a', 'b']) | list",
        r#"[[1,"a"],[2,"b"]]"#,
    ),
];

/// What may stand behind `is`, and behind `is not`.
pub const TESTS: &[ExpressionExample] = &[
    row("boolean", "True or false.", "true is boolean", "true"),
    row("defined", "Is there.", "event.nothing is defined", "false"),
    row("undefined", "Is not there.", "event.nothing is undefined", "true"),
    row("divisibleby", "Without a rest.", "6 is divisibleby(3)", "true"),
    row(
        "endingwith",
        "The text ends so.",
        "'main.rs' is endingwith('.rs')",
        "true",
    ),
    row("eq", "Equal; also `equalto`, `==`.", "1 is eq(1)", "true"),
    row("equalto", "Equal.", "1 is equalto(2)", "false"),
    row("even", "Even.", "2 is even", "true"),
    row("false", "Is false.", "false is false", "true"),
    row("filter", "The name of a filter.", "'lower' is filter", "true"),
    row("float", "A number with a fraction.", "1.5 is float", "true"),
    row("ge", "Greater or equal.", "2 is ge(2)", "true"),
    row("gt", "Greater.", "2 is gt(2)", "false"),
    row("in", "Among them; also `in`.", "'a' is in(['a', 'b'])", "true"),
    row("integer", "A whole number.", "1 is integer", "true"),
    row("iterable", "A list, a table, a text.", "[1] is iterable", "true"),
    row("le", "Less or equal.", "2 is le(2)", "true"),
    row("lower", "No upper-case letter.", "'abc' is lower", "true"),
    row("lt", "Less.", "1 is lt(2)", "true"),
    row("mapping", "A table.", "{'a': 1} is mapping", "true"),
    row("ne", "Not equal.", "1 is ne(2)", "true"),
    row("none", "Null.", "none is none", "true"),
    row("number", "A number.", "1 is number", "true"),
    row("odd", "Odd.", "1 is odd", "true"),
    row("sameas", "The very same.", "true is sameas(true)", "true"),
    row("sequence", "A list.", "[1] is sequence", "true"),
    row(
        "startingwith",
        "The text starts so.",
        "'refs/tags/v1' is startingwith('refs/tags/')",
        "true",
    ),
    row("string", "A text.", "'a' is string", "true"),
    row("test", "The name of a test.", "'odd' is test", "true"),
    row("true", "Is true.", "true is true", "true"),
    row("upper", "No lower-case letter.", "'ABC' is upper", "true"),
];

/// What is called by name.
pub const FUNCTIONS: &[ExpressionExample] = &[
    row(
        "range",
        "Whole numbers from, up to, by.",
        "range(0, 6, 2) | list",
        "[0,2,4]",
    ),
    row(
        "dict",
        "A table from names and values.",
        "dict(a=1)",
        r#"{"a":1}"#,
    ),
    row(
        "namespace",
        "A table whose fields a template's loop can set.",
        "namespace(n=1).n",
        "1",
    ),
];

/// What else an expression is made of.
pub const FORMS: &[ExpressionExample] = &[
    row(
        "comparing",
        "`==` `!=` `<` `<=` `>` `>=`; types do not mix: `1 == '1'` is false.",
        "1 == '1'",
        "false",
    ),
    row(
        "and, or, not",
        "The second is looked at only when it matters.",
        "true or event.nothing.at.all",
        "true",
    ),
    row(
        "in",
        "An element of a list, a part of a text, a key of a table.",
        "'bug' in ['bug', 'ui']",
        "true",
    ),
    row("a choice", "", "'yes' if 2 > 1 else 'no'", r#""yes""#),
    row(
        "joining",
        "`~` makes text of both sides.",
        "'refs/heads/' ~ 'main'",
        r#""refs/heads/main""#,
    ),
    row(
        "reckoning",
        "`+` `-` `*` `/` `//` `%` `**`",
        "7 // 2 + 7 % 2",
        "4",
    ),
    row(
        "an element",
        "Counted from 0; from the end with a minus.",
        "['a', 'b'][-1]",
        r#""b""#,
    ),
    row("a part", "", "'abcdef'[:3]", r#""abc""#),
    row(
        "a field",
        "With a dot, or in brackets where the name is no word.",
        "{'a-b': 1}['a-b']",
        "1",
    ),
];
