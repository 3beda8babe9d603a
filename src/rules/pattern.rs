//! In: a rule's `[when]` (compiled) and a payload. Out: whether it holds. Never: parsing, events' envelopes.
//!
//! A path denotes the *set* of values it reaches; arrays on the way, and at its end, are flattened.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Number, Value};

/// Conditions that all must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct All(pub(crate) Vec<Condition>);

/// One condition of a `[when]`.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// The values at a path.
    Field { path: Path, tests: Tests },
    /// `any = [ {…}, {…} ]`
    Any(Vec<All>),
    /// `all = [ {…}, {…} ]`
    Every(Vec<All>),
    /// `not = {…}`: not all of it.
    Not(All),
}

/// A path into a payload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path(pub(crate) Vec<String>);

impl Path {
    /// As it is written.
    pub(crate) fn text(&self) -> String {
        self.0.join(".")
    }

    /// The values it reaches, and whether any of what it reaches is there at all and not null (an empty list is).
    pub(crate) fn reach<'v>(&self, payload: &'v Value) -> Reached<'v> {
        let mut reached = Reached {
            values: Vec::new(),
            exists: false,
        };
        walk(&self.0, payload, &mut reached);
        reached
    }
}

/// What a path reaches.
#[derive(Debug)]
pub(crate) struct Reached<'v> {
    pub(crate) values: Vec<&'v Value>,
    pub(crate) exists: bool,
}

fn walk<'v>(path: &[String], value: &'v Value, reached: &mut Reached<'v>) {
    match (path.split_first(), value) {
        (None, Value::Array(items)) => {
            reached.exists = true;
            for item in items {
                flatten(item, &mut reached.values);
            }
        }
        (None, value) => {
            reached.exists |= !value.is_null();
            reached.values.push(value);
        }
        (Some(_), Value::Array(items)) => {
            for item in items {
                walk(path, item, reached);
            }
        }
        (Some((first, rest)), Value::Object(fields)) => {
            if let Some(field) = fields.get(first) {
                walk(rest, field, reached);
            }
        }
        (Some(_), _) => {}
    }
}

fn flatten<'v>(value: &'v Value, values: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => {
            for item in items {
                flatten(item, values);
            }
        }
        other => values.push(other),
    }
}

/// Operators of one table: all hold, each for some value.
#[derive(Clone, Debug)]
pub(crate) struct Tests(pub(crate) Vec<Test>);

/// One operator with its operand.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    /// The operator's name.
    pub(crate) operator: &'static str,
    /// The operand as it was written.
    pub(crate) expected: Value,
    /// Whether letters' case is ignored.
    pub(crate) ignore_case: bool,
    pub(crate) check: Check,
}

/// What an operator does.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Equals(Value),
    /// `equals` and scalars of text under `ignore_case`: the folded text.
    EqualsFolded(String),
    /// A list: some element holds.
    AnyOf(Vec<Tests>),
    /// No value matches.
    NoneOf(Tests),
    /// There is a value, and every value matches.
    Each(Tests),
    Exists(bool),
    Prefix(String),
    Suffix(String),
    Contains(String),
    /// `glob` (anchored) and `regex`.
    Regex(Regex),
    Compare(Order, Bound),
    Cidr(IpNet),
    Count(Vec<(Order, Number)>),
    Semver(semver::VersionReq),
}

/// `lt`, `lte`, `gt`, `gte`, and equality for counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What is compared against.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Number(Number),
    Time(Timestamp),
}

impl All {
    pub(crate) fn holds(&self, payload: &Value) -> bool {
        self.0.iter().all(|condition| condition.holds(payload))
    }
}

impl Condition {
    pub(crate) fn holds(&self, payload: &Value) -> bool {
        match self {
            Self::Field { path, tests } => tests.holds(&path.reach(payload)),
            Self::Any(branches) => branches.iter().any(|branch| branch.holds(payload)),
            Self::Every(branches) => branches.iter().all(|branch| branch.holds(payload)),
            Self::Not(all) => !all.holds(payload),
        }
    }
}

impl Tests {
    pub(crate) fn holds(&self, reached: &Reached<'_>) -> bool {
        self.0.iter().all(|test| test.holds(reached))
    }

    /// Whether one single value satisfies all of them: how operators inside `not` and `all` are asked.
    pub(crate) fn hold_for(&self, value: &Value) -> bool {
        self.0.iter().all(|test| test.holds_for(value))
    }
}

impl Test {
    /// Whether it holds for the set of values.
    pub(crate) fn holds(&self, reached: &Reached<'_>) -> bool {
        match &self.check {
            Check::AnyOf(elements) => elements.iter().any(|element| element.holds(reached)),
            Check::NoneOf(tests) => !reached.values.iter().any(|value| tests.hold_for(value)),
            Check::Each(tests) => {
                !reached.values.is_empty() && reached.values.iter().all(|value| tests.hold_for(value))
            }
            Check::Exists(wanted) => reached.exists == *wanted,
            Check::Count(bounds) => {
                let count = Number::from(reached.values.len());
                bounds
                    .iter()
                    .all(|(order, bound)| order.admits(compare_numbers(&count, bound)))
            }
            _ => reached.values.iter().any(|value| self.holds_for(value)),
        }
    }

    fn holds_for(&self, value: &Value) -> bool {
        match &self.check {
            Check::Equals(wanted) => equal(value, wanted),
            Check::EqualsFolded(wanted) => value.as_str().is_some_and(|text| fold(text) == *wanted),
            Check::AnyOf(elements) => elements.iter().any(|element| element.hold_for(value)),
            Check::NoneOf(tests) => !tests.hold_for(value),
            Check::Each(tests) => tests.hold_for(value),
            Check::Exists(wanted) => value.is_null() != *wanted,
            Check::Prefix(prefix) => self.text(value, |text| text.starts_with(prefix.as_str())),
            Check::Suffix(suffix) => self.text(value, |text| text.ends_with(suffix.as_str())),
            Check::Contains(part) => self.text(value, |text| text.contains(part.as_str())),
            Check::Regex(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
            Check::Compare(order, bound) => {
                compare(value, bound).is_some_and(|found| order.admits(Some(found)))
            }
            Check::Cidr(net) => value.as_str().is_some_and(|text| in_net(text, net)),
            // One value is one value; the parser does not let `count` come here.
            Check::Count(_) => false,
            Check::Semver(wanted) => value.as_str().is_some_and(|text| version_in(text, wanted)),
        }
    }

    fn text(&self, value: &Value, test: impl Fn(&str) -> bool) -> bool {
        match value.as_str() {
            Some(text) if self.ignore_case => test(&fold(text)),
            Some(text) => test(text),
            None => false,
        }
    }
}

impl Order {
    fn admits(self, found: Option<std::cmp::Ordering>) -> bool {
        found.is_some_and(|found| match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterEqual => found.is_ge(),
        })
    }
}

/// Text without its letters' case.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Strict about types; numbers by value.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).is_some_and(std::cmp::Ordering::is_eq),
        _ => a == b,
    }
}

fn compare(value: &Value, bound: &Bound) -> Option<std::cmp::Ordering> {
    match (value, bound) {
        (Value::Number(number), Bound::Number(bound)) => compare_numbers(number, bound),
        (Value::String(text), Bound::Time(bound)) => Some(text.parse::<Timestamp>().ok()?.cmp(bound)),
        _ => None,
    }
}

/// Exact for all integers; a float is compared as a float.
fn compare_numbers(a: &Number, b: &Number) -> Option<std::cmp::Ordering> {
    let integer = |number: &Number| {
        number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
    };
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn in_net(text: &str, net: &IpNet) -> bool {
    text.parse::<IpAddr>()
        .is_ok_and(|ip| net.contains(&ip.to_canonical()) || net.contains(&ip))
}

/// A tag's leading `v` is no part of its version.
fn version_in(text: &str, wanted: &semver::VersionReq) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    semver::Version::parse(text).is_ok_and(|version| wanted.matches(&version))
}
