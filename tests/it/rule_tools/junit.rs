//! What CI services read of `xmrt test --format junit`, read by a parser of XML and held against the schema they go by.

use roxmltree::{Document, Node};

use super::{ISSUE, err, folder, out, xmrt};

/// An element: its name, the attributes it must have, those it may have, its children.
type Element = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// `junit-10.xsd`, as far as attributes and children go: what an element must have, may have, and may contain.
const SCHEMA: &[Element] = &[
    (
        "testsuites",
        &[],
        &["name", "time", "tests", "failures", "errors"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &["name", "tests", "failures", "errors"],
        &[
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ],
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
    ),
    (
        "testcase",
        &["name"],
        &["time", "classname", "group"],
        &["skipped", "error", "failure", "system-out", "system-err"],
    ),
    ("failure", &[], &["type", "message"], &[]),
    ("error", &[], &["type", "message"], &[]),
    ("skipped", &[], &["type", "message"], &[]),
];

/// Goes through the whole report: it fits the schema, and its sums are those of what it holds.
fn held_against_the_schema(node: Node<'_, '_>) {
    let name = node.tag_name().name();
    let (_, must, may, children) = SCHEMA
        .iter()
        .find(|(element, ..)| *element == name)
        .expect("a known element");
    for needed in *must {
        assert!(node.has_attribute(*needed), "{name} needs {needed}");
    }
    for attribute in node.attributes() {
        let known = must.contains(&attribute.name()) || may.contains(&attribute.name());
        assert!(known, "{name} takes no {}", attribute.name());
    }
    if let Some(time) = node.attribute("time") {
        let (whole, part) = time.split_once('.').expect("seconds and milliseconds");
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        assert!(digits(whole) && part.len() == 3 && digits(part), "{time}");
    }
    let count = |element: &str| {
        let found = node.descendants().filter(|inner| inner.has_tag_name(element));
        found.count().to_string()
    };
    for (sum, element) in [
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ] {
        if let Some(said) = node.attribute(sum) {
            assert_eq!(said, count(element), "{sum} of {name}");
        }
    }
    for child in node.children().filter(Node::is_element) {
        assert!(children.contains(&child.tag_name().name()), "{child:?} in {name}");
        held_against_the_schema(child);
    }
}

fn read(report: &str) -> Document<'_> {
    let document = Document::parse(report).expect("XML");
    held_against_the_schema(document.root_element());
    document
}

fn case<'a, 'x>(document: &'a Document<'x>, name: &str) -> Node<'a, 'x> {
    let cases = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"));
    let mut named = cases.filter(|node| node.attribute("name") == Some(name));
    named.next().expect("the case")
}

/// The one thing that became of a case: the element, its message and its text.
fn became(case: Node<'_, '_>) -> (String, String, String) {
    let only = case.first_element_child().expect("something");
    (
        only.tag_name().name().to_owned(),
        only.attribute("message").unwrap_or_default().to_owned(),
        only.text().unwrap_or_default().to_owned(),
    )
}

#[test]
fn a_failure_an_error_and_a_success_are_told_apart() {
    let more = r#"
[[test]]
name = "there is no such file"
event = { on = "github.issues.opened", file = "no-such.json" }
expect = []

[[test]]
name = "another title"
event = { on = "github.issues.opened", payload = { issue = { number = 1, title = "\u202e<x>\u0007" }, repository = { full_name = "acme/api" } } }
expect = []
"#;
    let folder = folder(&[("rules/tell.toml", &format!("{ISSUE}{more}"))]);
    let output = xmrt(folder.path(), &["test", "--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    let report = out(&output);
    let document = read(&report);
    let root = document.root_element();
    let sums = ["tests", "failures", "errors"].map(|sum| root.attribute(sum));
    assert_eq!(sums, [Some("3"), Some("1"), Some("1")]);
    let suite = root.first_element_child().expect("a suite");
    assert_eq!(suite.attribute("file"), Some("rules/tell.toml"));

    let (kind, message, text) = became(case(&document, "a <bug> & so on"));
    assert_eq!(kind, "failure");
    assert_eq!(
        message,
        "call 1 `xmrt.notify`: arguments.text is \"BUG\"; expected \"bug\""
    );
    insta::assert_snapshot!(text, @r#"
    rules/tell.toml:15
    call 1 `xmrt.notify`: arguments.text is "BUG"; expected "bug"
    called "xmrt.notify" {"text":"BUG","to":"log"}
    "#);
    let (kind, message, text) = became(case(&document, "there is no such file"));
    assert_eq!(kind, "error");
    assert!(message.contains("no-such.json"), "{message}");
    assert!(text.starts_with("rules/tell.toml:20\n"), "{text}");
    assert!(!case(&document, "another title").has_children());
}

#[test]
fn tests_take_time_and_the_sum_of_it_is_told() {
    let folder = folder(&[("rules/tell.toml", ISSUE)]);
    let report = out(&xmrt(folder.path(), &["test", "--format", "junit"]));
    let document = read(&report);
    let time = |node: Node<'_, '_>| node.attribute("time").and_then(|time| time.parse::<f64>().ok());
    let cases: f64 = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .filter_map(time)
        .sum();
    let all = time(document.root_element()).expect("a time");
    assert!((cases - all).abs() < 0.0005 && all > 0.0, "{cases} of {all}");
}

#[test]
fn rules_that_cannot_be_read_are_errors_of_their_files() {
    let folder = folder(&[
        ("rules/tell.toml", ISSUE),
        (
            "rules/broken.toml",
            "description = \"<d> & so\"\non = 5\n\n[[action]]\ntool = \"xmrt.notify\"\n",
        ),
    ]);
    let output = xmrt(folder.path(), &["test", "--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("rules/broken.toml:2:6"), "{}", err(&output));
    let report = out(&output);
    let document = read(&report);
    let of = |file: &str| {
        let suites = document
            .descendants()
            .filter(|node| node.has_tag_name("testsuite"));
        let mut own = suites.filter(|node| node.attribute("file") == Some(file));
        let case = own.next().and_then(|suite| suite.first_element_child());
        became(case.expect("its case"))
    };
    let (kind, message, text) = of("rules/broken.toml");
    assert_eq!(
        (kind.as_str(), message.starts_with("type: ")),
        ("error", true),
        "{message}"
    );
    assert!(text.contains("rules/broken.toml:2:6 type: "), "{text}");
    assert_eq!(of("rules/tell.toml").0, "skipped");
}
