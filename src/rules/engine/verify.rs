//! In: a rule's conditions, and the leaves of an event. Out: whether they hold, and which is the first that does not.
//! Never: the payload itself.
//!
//! This says a second time what `pattern` says about values, in other words and from other data: each is the other's test.

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use regex::Regex;
use semver::{Version, VersionReq};
use serde_json::{Number, Value};

use crate::rules::engine::leaves::{Amount, Found, Leaf, View};
use crate::rules::engine::trie::{PathId, Trie};
use crate::rules::pattern::{All, Bound, Check, Condition, Order, Tests};

/// A condition, compiled.
#[derive(Clone, Debug)]
pub(super) enum Clause {
    Field { path: PathId, tests: Box<[Probe]> },
    Any(Box<[Box<[Clause]>]>),
    Every(Box<[Box<[Clause]>]>),
    Not(Box<[Clause]>),
}

/// A question about the values of a path.
#[derive(Clone, Debug)]
pub(super) enum Probe {
    OneOf(Box<[Box<[Probe]>]>),
    NoneOf(Box<[Probe]>),
    Each(Box<[Probe]>),
    Exists(bool),
    Count(Box<[(Order, Amount)]>),
    Is(Is),
}

/// A question about one value.
#[derive(Clone, Debug)]
pub(super) enum Is {
    /// What no value of a payload can be.
    Nothing,
    Null,
    Bool(bool),
    Amount(Order, Amount),
    Text(Box<str>),
    Folded(Box<str>),
    Prefix {
        part: Box<str>,
        fold: bool,
    },
    Suffix {
        part: Box<str>,
        fold: bool,
    },
    Contains {
        part: Box<str>,
        fold: bool,
    },
    Regex(Regex),
    Time(Order, Timestamp),
    Net(IpNet),
    Version(VersionReq),
}

/// Compiles conditions; their paths are entered into the tree.
pub(super) fn compile(all: &All, trie: &mut Trie) -> Box<[Clause]> {
    all.0.iter().map(|condition| clause(condition, trie)).collect()
}

fn clause(condition: &Condition, trie: &mut Trie) -> Clause {
    let mut branches = |branches: &[All]| branches.iter().map(|all| compile(all, trie)).collect();
    match condition {
        Condition::Any(all) => Clause::Any(branches(all)),
        Condition::Every(all) => Clause::Every(branches(all)),
        Condition::Not(all) => Clause::Not(compile(all, trie)),
        Condition::Field { path, tests } => Clause::Field {
            path: trie.insert(path),
            tests: probes(tests),
        },
    }
}

fn probes(tests: &Tests) -> Box<[Probe]> {
    tests
        .0
        .iter()
        .map(|test| probe(&test.check, test.ignore_case))
        .collect()
}

fn probe(check: &Check, fold: bool) -> Probe {
    let part = |text: &String| text.as_str().into();
    Probe::Is(match check {
        Check::AnyOf(elements) => return Probe::OneOf(elements.iter().map(probes).collect()),
        Check::NoneOf(tests) => return Probe::NoneOf(probes(tests)),
        Check::Each(tests) => return Probe::Each(probes(tests)),
        Check::Exists(wanted) => return Probe::Exists(*wanted),
        Check::Count(bounds) => {
            let bounds = bounds.iter().map(|(order, bound)| (*order, amount(bound)));
            return Probe::Count(bounds.collect());
        }
        Check::Equals(Value::String(text)) => Is::Text(part(text)),
        Check::Equals(Value::Number(number)) => Is::Amount(Order::Equal, amount(number)),
        Check::Equals(Value::Bool(flag)) => Is::Bool(*flag),
        Check::Equals(Value::Null) => Is::Null,
        Check::Equals(Value::Array(_) | Value::Object(_)) => Is::Nothing,
        Check::EqualsFolded(text) => Is::Folded(part(text)),
        Check::Prefix(text) => Is::Prefix {
            part: part(text),
            fold,
        },
        Check::Suffix(text) => Is::Suffix {
            part: part(text),
            fold,
        },
        Check::Contains(text) => Is::Contains {
            part: part(text),
            fold,
        },
        Check::Regex(regex) => Is::Regex(regex.clone()),
        Check::Compare(order, Bound::Number(number)) => Is::Amount(*order, amount(number)),
        Check::Compare(order, Bound::Time(time)) => Is::Time(*order, *time),
        Check::Cidr(net) => Is::Net(*net),
        Check::Semver(wanted) => Is::Version(wanted.clone()),
    })
}

/// A rule's number.
pub(super) fn amount(number: &Number) -> Amount {
    if let Some(int) = number.as_i64() {
        return Amount::Int(int);
    }
    match number.as_u64() {
        Some(big) => Amount::Big(big),
        None => Amount::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// The place of the first condition that does not hold; `None` if all do. The leaves must be sorted.
pub(super) fn first_failing(clauses: &[Clause], leaves: View<'_>) -> Option<usize> {
    clauses.iter().position(|clause| !clause.holds(leaves))
}

fn all_hold(clauses: &[Clause], leaves: View<'_>) -> bool {
    clauses.iter().all(|clause| clause.holds(leaves))
}

impl Clause {
    fn holds(&self, leaves: View<'_>) -> bool {
        match self {
            Self::Field { path, tests } => {
                let found = leaves.at(*path);
                tests.iter().all(|test| test.holds(found, leaves))
            }
            Self::Any(branches) => branches.iter().any(|branch| all_hold(branch, leaves)),
            Self::Every(branches) => branches.iter().all(|branch| all_hold(branch, leaves)),
            Self::Not(clauses) => !all_hold(clauses, leaves),
        }
    }
}

/// A list makes its path exist and is no value itself.
fn values(found: &[Found]) -> impl Iterator<Item = Leaf> {
    found
        .iter()
        .map(|found| found.leaf)
        .filter(|leaf| !matches!(leaf, Leaf::List))
}

impl Probe {
    /// About the set of values.
    fn holds(&self, found: &[Found], leaves: View<'_>) -> bool {
        match self {
            Self::OneOf(elements) => elements
                .iter()
                .any(|tests| tests.iter().all(|test| test.holds(found, leaves))),
            Self::NoneOf(tests) => {
                !values(found).any(|leaf| tests.iter().all(|test| test.fits(leaf, leaves)))
            }
            Self::Each(tests) => {
                let mut some = false;
                values(found).all(|leaf| {
                    some = true;
                    tests.iter().all(|test| test.fits(leaf, leaves))
                }) && some
            }
            Self::Exists(wanted) => found.iter().any(|found| !matches!(found.leaf, Leaf::Null)) == *wanted,
            Self::Count(bounds) => {
                let count = Amount::Int(values(found).count() as i64);
                bounds
                    .iter()
                    .all(|(order, bound)| fits(*order, compare(count, *bound)))
            }
            Self::Is(is) => values(found).any(|leaf| is.holds(leaf, leaves)),
        }
    }

    /// About one value by itself.
    fn fits(&self, leaf: Leaf, leaves: View<'_>) -> bool {
        match self {
            Self::OneOf(elements) => elements
                .iter()
                .any(|tests| tests.iter().all(|test| test.fits(leaf, leaves))),
            Self::NoneOf(tests) => !tests.iter().all(|test| test.fits(leaf, leaves)),
            Self::Each(tests) => tests.iter().all(|test| test.fits(leaf, leaves)),
            Self::Exists(wanted) => !matches!(leaf, Leaf::Null) == *wanted,
            Self::Count(_) => false,
            Self::Is(is) => is.holds(leaf, leaves),
        }
    }
}

impl Is {
    fn holds(&self, leaf: Leaf, leaves: View<'_>) -> bool {
        match (self, leaf) {
            (Self::Nothing, _) | (_, Leaf::Object | Leaf::List) => false,
            (Self::Null, leaf) => matches!(leaf, Leaf::Null),
            (Self::Bool(wanted), leaf) => matches!(leaf, Leaf::Bool(flag) if flag == *wanted),
            (Self::Amount(order, bound), Leaf::Number(amount)) => fits(*order, compare(amount, *bound)),
            (is, leaf) => leaves.text(leaf).is_some_and(|text| is.holds_for(text)),
        }
    }

    fn holds_for(&self, text: &str) -> bool {
        match self {
            Self::Nothing | Self::Null | Self::Bool(_) | Self::Amount(..) => false,
            Self::Text(wanted) => text == &**wanted,
            Self::Folded(wanted) => *text.to_lowercase() == **wanted,
            Self::Prefix { part, fold: false } => text.starts_with(&**part),
            Self::Prefix { part, fold: true } => text.to_lowercase().starts_with(&**part),
            Self::Suffix { part, fold: false } => text.ends_with(&**part),
            Self::Suffix { part, fold: true } => text.to_lowercase().ends_with(&**part),
            Self::Contains { part, fold: false } => text.contains(&**part),
            Self::Contains { part, fold: true } => text.to_lowercase().contains(&**part),
            Self::Regex(regex) => regex.is_match(text),
            Self::Time(order, bound) => time(text).is_some_and(|time| fits(*order, Some(time.cmp(bound)))),
            Self::Net(net) => address(text).is_some_and(|(plain, mapped)| {
                net.contains(&plain) || mapped.is_some_and(|ip| net.contains(&ip))
            }),
            Self::Version(wanted) => {
                let number = text.strip_prefix('v').unwrap_or(text);
                Version::parse(number).is_ok_and(|version| wanted.matches(&version))
            }
        }
    }
}

fn fits(order: Order, found: Option<Ordering>) -> bool {
    match order {
        Order::Equal => found == Some(Ordering::Equal),
        Order::Less => found == Some(Ordering::Less),
        Order::LessEqual => matches!(found, Some(Ordering::Less | Ordering::Equal)),
        Order::Greater => found == Some(Ordering::Greater),
        Order::GreaterEqual => matches!(found, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// Integers exactly; where a float is among them, as floats.
fn compare(a: Amount, b: Amount) -> Option<Ordering> {
    match (a, b) {
        (Amount::Float(_), _) | (_, Amount::Float(_)) => a.float().partial_cmp(&b.float()),
        (Amount::Int(a), Amount::Int(b)) => Some(a.cmp(&b)),
        (Amount::Big(a), Amount::Big(b)) => Some(a.cmp(&b)),
        // What is beyond `i64` is greater than all that is not.
        (Amount::Int(_), Amount::Big(_)) => Some(Ordering::Less),
        (Amount::Big(_), Amount::Int(_)) => Some(Ordering::Greater),
    }
}

impl Amount {
    /// The nearest float.
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Big(big) => big as f64,
            Self::Float(float) => float,
        }
    }
}

/// An RFC 3339 time.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// An address; for one of IPv4 that is written as IPv6, also that of IPv4.
pub(super) fn address(text: &str) -> Option<(IpAddr, Option<IpAddr>)> {
    let plain: IpAddr = text.parse().ok()?;
    let canonical = plain.to_canonical();
    Some((plain, (canonical != plain).then_some(canonical)))
}
