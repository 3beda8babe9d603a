//! In: a rule's conditions. Out: the ways in which an event that satisfies them can be recognized by a single value.
//! Never: conditions that hold for what is absent: `not`, `exists = false`, a count of zero.

use std::hash::{DefaultHasher, Hash, Hasher};

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use crate::rules::engine::leaves::Amount;
use crate::rules::engine::literal;
use crate::rules::engine::trie::PathId;
use crate::rules::engine::verify::{Clause, amount};
use crate::rules::pattern::{All, Bound, Check, Condition, Order, Test, Tests};

/// What a single value must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Atom {
    /// A text; with `true` it is compared after lower case.
    Text(Text, Box<str>, bool),
    Bool(bool),
    /// Equal to this number, by [`float_bits`].
    Number(u64),
    /// Between these, both included, by [`float_order`].
    Numbers(i128, i128),
    /// Between these, both included, in nanoseconds since 1970.
    Times(i128, i128),
    Net(IpNet),
}

/// Which part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Text {
    Whole,
    Prefix,
    Suffix,
    Part,
}

/// What of a condition can be looked up: in every event that satisfies it, this is found.
#[derive(Clone, Debug)]
pub(super) enum Choice<A = Atom> {
    /// Nothing.
    Nothing,
    Atom(A),
    /// Each of these is found: the best will do.
    Best(Vec<Choice<A>>),
    /// One of these is found: all are needed.
    Union(Vec<Choice<A>>),
}

/// A value at a path.
pub(super) type Key = (PathId, Atom);

/// The ways into a rule. `clauses` are the same conditions, compiled: they know the numbers of the paths.
pub(super) fn choice(all: &All, clauses: &[Clause]) -> Choice<Key> {
    let conditions = all.0.iter().zip(clauses);
    Choice::Best(
        conditions
            .map(|(condition, clause)| of_condition(condition, clause))
            .collect(),
    )
}

fn of_condition(condition: &Condition, clause: &Clause) -> Choice<Key> {
    let each = |branches: &[All], clauses: &[Box<[Clause]>]| {
        let pairs = branches.iter().zip(clauses);
        pairs.map(|(all, clauses)| choice(all, clauses)).collect()
    };
    match (condition, clause) {
        (Condition::Field { tests, .. }, Clause::Field { path, .. }) => at(*path, of_set(tests)),
        (Condition::Any(all), Clause::Any(clauses)) => Choice::Union(each(all, clauses)),
        (Condition::Every(all), Clause::Every(clauses)) => Choice::Best(each(all, clauses)),
        _ => Choice::Nothing,
    }
}

fn at(path: PathId, choice: Choice) -> Choice<Key> {
    let all = |choices: Vec<Choice>| choices.into_iter().map(|choice| at(path, choice)).collect();
    match choice {
        Choice::Nothing => Choice::Nothing,
        Choice::Atom(atom) => Choice::Atom((path, atom)),
        Choice::Best(choices) => Choice::Best(all(choices)),
        Choice::Union(choices) => Choice::Union(all(choices)),
    }
}

/// Operators of one table about a set of values: each for some value.
fn of_set(tests: &Tests) -> Choice {
    Choice::Best(tests.0.iter().map(|test| of_test(test, of_set)).collect())
}

/// Operators of one table about one value: bounds of numbers and times become one range.
fn of_one(tests: &Tests) -> Choice {
    let mut numbers = (i128::MIN, i128::MAX);
    let mut times = (i128::MIN, i128::MAX);
    let mut choices = Vec::new();
    for test in &tests.0 {
        match of_test(test, of_one) {
            Choice::Atom(Atom::Numbers(from, to)) => numbers = (numbers.0.max(from), numbers.1.min(to)),
            Choice::Atom(Atom::Times(from, to)) => times = (times.0.max(from), times.1.min(to)),
            other => choices.push(other),
        }
    }
    if numbers != (i128::MIN, i128::MAX) {
        choices.push(Choice::Atom(Atom::Numbers(numbers.0, numbers.1)));
    }
    if times != (i128::MIN, i128::MAX) {
        choices.push(Choice::Atom(Atom::Times(times.0, times.1)));
    }
    Choice::Best(choices)
}

fn of_test(test: &Test, inner: fn(&Tests) -> Choice) -> Choice {
    let fold = test.ignore_case;
    let text = |part: Text, text: &String| {
        if text.is_empty() && part != Text::Whole {
            return Choice::Nothing;
        }
        Choice::Atom(Atom::Text(part, text.as_str().into(), fold))
    };
    match &test.check {
        Check::AnyOf(elements) => Choice::Union(elements.iter().map(inner).collect()),
        Check::Each(tests) => of_one(tests),
        Check::NoneOf(_) | Check::Exists(_) | Check::Count(_) | Check::Semver(_) => Choice::Nothing,
        Check::Equals(Value::String(exact)) => {
            Choice::Atom(Atom::Text(Text::Whole, exact.as_str().into(), false))
        }
        Check::Equals(Value::Number(number)) => Choice::Atom(Atom::Number(float_bits(amount(number)))),
        Check::Equals(Value::Bool(flag)) => Choice::Atom(Atom::Bool(*flag)),
        Check::Equals(_) => Choice::Nothing,
        Check::EqualsFolded(folded) => Choice::Atom(Atom::Text(Text::Whole, folded.as_str().into(), true)),
        Check::Prefix(part) => text(Text::Prefix, part),
        Check::Suffix(part) => text(Text::Suffix, part),
        Check::Contains(part) => text(Text::Part, part),
        Check::Regex(regex) => literal::demands(regex.as_str(), fold),
        Check::Compare(order, Bound::Number(number)) => {
            let (from, to) = range(*order, float_order(amount(number).float()));
            Choice::Atom(Atom::Numbers(from, to))
        }
        Check::Compare(order, Bound::Time(time)) => {
            let (from, to) = range(*order, time_order(*time));
            Choice::Atom(Atom::Times(from, to))
        }
        Check::Cidr(net) => Choice::Atom(Atom::Net(net.trunc())),
    }
}

/// The bound itself is within, also where the operator leaves it out: a candidate is verified anyway, and integers that
/// differ may be the same float.
fn range(order: Order, bound: i128) -> (i128, i128) {
    match order {
        Order::Equal => (bound, bound),
        Order::Less | Order::LessEqual => (i128::MIN, bound),
        Order::Greater | Order::GreaterEqual => (bound, i128::MAX),
    }
}

/// Equal numbers have equal bits: they are compared by value, and zero has no sign.
pub(super) fn float_bits(amount: Amount) -> u64 {
    (amount.float() + 0.0).to_bits()
}

/// An integer in the order of floats.
pub(super) fn float_order(float: f64) -> i128 {
    let bits = (float + 0.0).to_bits() as i64;
    i128::from(bits ^ (((bits >> 63) as u64) >> 1) as i64)
}

/// An integer in the order of times.
pub(super) fn time_order(time: Timestamp) -> i128 {
    time.as_nanosecond()
}

impl Atom {
    /// How much of what happens it lets through, roughly, beside another that is mentioned as often.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Text(Text::Whole, ..) | Self::Number(_) => 2,
            Self::Net(_) => 3,
            Self::Text(_, text, _) if text.len() >= 4 => 4,
            Self::Text(..) | Self::Times(..) | Self::Numbers(..) => 16,
            Self::Bool(_) => 32,
        }
    }

    /// What its mentions are counted by: ranges overlap, so they count together.
    pub(super) fn mention(&self, scope: u32, path: PathId) -> u64 {
        let mut hasher = DefaultHasher::new();
        (scope, path).hash(&mut hasher);
        match self {
            Self::Numbers(..) => "numbers".hash(&mut hasher),
            Self::Times(..) => "times".hash(&mut hasher),
            atom => atom.hash(&mut hasher),
        }
        hasher.finish()
    }
}

impl Choice<Key> {
    /// Calls for every value mentioned.
    pub(super) fn mentions(&self, each: &mut impl FnMut(&Key)) {
        match self {
            Self::Nothing => {}
            Self::Atom(key) => each(key),
            Self::Best(choices) | Self::Union(choices) => {
                choices.iter().for_each(|choice| choice.mentions(each));
            }
        }
    }

    /// The cheapest way in, and its cost; `None` if there is none.
    pub(super) fn cheapest(&self, cost: &impl Fn(&Key) -> u64) -> Option<(u64, Vec<&Key>)> {
        match self {
            Self::Nothing => None,
            Self::Atom(key) => Some((cost(key), vec![key])),
            Self::Best(choices) => choices
                .iter()
                .filter_map(|choice| choice.cheapest(cost))
                .min_by_key(|(cost, _)| *cost),
            Self::Union(choices) => {
                choices
                    .iter()
                    .try_fold((0_u64, Vec::new()), |(sum, mut keys), choice| {
                        let (cost, more) = choice.cheapest(cost)?;
                        keys.extend(more);
                        Some((sum.saturating_add(cost), keys))
                    })
            }
        }
    }
}
