//! In: rules filed under values. Out: the rules a value brings up: at least all that are right. Never: deciding; every
//! rule that comes up is verified.

use std::collections::HashMap;
use std::net::IpAddr;

use aho_corasick::{AhoCorasick, MatchKind};
use ipnet::IpNet;

use crate::rules::engine::access::{Atom, Text, float_bits, float_order, time_order};
use crate::rules::engine::leaves::{Leaf, View};
use crate::rules::engine::verify::{address, time};

/// A rule, by its place in the book.
pub(super) type RuleId = u32;

/// When a text brings up more parts than this many times their number, all rules come up instead: a text of one letter a
/// million times over must not cost a million lookups.
const PARTS_AGAIN_MAX: usize = 4;

/// Everything filed under one path for one kind of event.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    plain: Texts,
    folded: Texts,
    numbers: HashMap<u64, Vec<RuleId>>,
    flags: [Vec<RuleId>; 2],
    amounts: Ranges,
    times: Ranges,
    nets: Nets,
}

impl Table {
    pub(super) fn file(&mut self, atom: &Atom, rule: RuleId) {
        match atom {
            Atom::Text(part, text, false) => self.plain.file(*part, text, rule),
            Atom::Text(part, text, true) => self.folded.file(*part, text, rule),
            Atom::Number(bits) => self.numbers.entry(*bits).or_default().push(rule),
            Atom::Bool(flag) => self.flags[usize::from(*flag)].push(rule),
            Atom::Numbers(from, to) => self.amounts.file(*from, *to, rule),
            Atom::Times(from, to) => self.times.file(*from, *to, rule),
            Atom::Net(net) => self.nets.file(*net, rule),
        }
    }

    /// All is filed: what needs to know all of it is built.
    pub(super) fn finish(&mut self) {
        self.plain.finish();
        self.folded.finish();
        self.amounts.finish();
        self.times.finish();
    }

    /// The rules a value brings up; some may come twice.
    pub(super) fn find(&self, leaf: Leaf, leaves: View<'_>, rules: &mut Vec<RuleId>) {
        match leaf {
            Leaf::Null | Leaf::Object | Leaf::List => {}
            Leaf::Bool(flag) => rules.extend_from_slice(&self.flags[usize::from(flag)]),
            Leaf::Number(amount) => {
                if let Some(found) = self.numbers.get(&float_bits(amount)) {
                    rules.extend_from_slice(found);
                }
                if !self.amounts.is_empty() {
                    self.amounts.find(float_order(amount.float()), rules);
                }
            }
            Leaf::Text { .. } | Leaf::Unescaped { .. } => {
                if let Some(text) = leaves.text(leaf) {
                    self.find_text(text, rules);
                }
            }
        }
    }

    fn find_text(&self, text: &str, rules: &mut Vec<RuleId>) {
        self.plain.find(text, rules);
        if !self.folded.is_empty() {
            self.folded.find(&text.to_lowercase(), rules);
        }
        if !self.times.is_empty()
            && let Some(time) = time(text)
        {
            self.times.find(time_order(time), rules);
        }
        if !self.nets.is_empty()
            && let Some((plain, mapped)) = address(text)
        {
            self.nets.find(plain, rules);
            if let Some(ip) = mapped {
                self.nets.find(ip, rules);
            }
        }
    }
}

type Words = HashMap<Box<str>, Vec<RuleId>>;

#[derive(Clone, Debug, Default)]
struct Texts {
    whole: Words,
    prefix: Words,
    suffix: Words,
    /// The distinct lengths of prefixes and suffixes, in bytes: one lookup each.
    prefix_lengths: Vec<usize>,
    suffix_lengths: Vec<usize>,
    part: Words,
    parts: Option<Parts>,
}

/// All texts of which one must stand somewhere within a value.
#[derive(Clone, Debug)]
struct Parts {
    automaton: AhoCorasick,
    rules: Vec<Vec<RuleId>>,
}

impl Texts {
    fn file(&mut self, part: Text, text: &str, rule: RuleId) {
        let words = match part {
            Text::Whole => &mut self.whole,
            Text::Prefix => &mut self.prefix,
            Text::Suffix => &mut self.suffix,
            Text::Part => &mut self.part,
        };
        words.entry(text.into()).or_default().push(rule);
    }

    fn finish(&mut self) {
        self.prefix_lengths = lengths(&self.prefix);
        self.suffix_lengths = lengths(&self.suffix);
        if self.part.is_empty() {
            return;
        }
        let mut words: Vec<(Box<str>, Vec<RuleId>)> = std::mem::take(&mut self.part).into_iter().collect();
        words.sort_unstable();
        let (texts, rules): (Vec<Box<str>>, Vec<Vec<RuleId>>) = words.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(texts.iter().map(|text| text.as_bytes()));
        match automaton {
            Ok(automaton) => self.parts = Some(Parts { automaton, rules }),
            // Too many to build it (4 GiB): then every text brings them all up.
            Err(_) => {
                self.prefix_lengths.insert(0, 0);
                self.prefix.insert("".into(), rules.concat());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.prefix.is_empty() && self.suffix.is_empty() && self.parts.is_none()
    }

    fn find(&self, text: &str, rules: &mut Vec<RuleId>) {
        let mut found = |words: &Words, text: Option<&str>| {
            if let Some(more) = text.and_then(|text| words.get(text)) {
                rules.extend_from_slice(more);
            }
        };
        if !self.whole.is_empty() {
            found(&self.whole, Some(text));
        }
        for length in &self.prefix_lengths {
            found(&self.prefix, text.get(..*length));
        }
        for length in &self.suffix_lengths {
            let from = text.len().checked_sub(*length);
            found(&self.suffix, from.and_then(|from| text.get(from..)));
        }
        if let Some(parts) = &self.parts {
            parts.find(text, rules);
        }
    }
}

fn lengths(words: &Words) -> Vec<usize> {
    let mut lengths: Vec<usize> = words.keys().map(|word| word.len()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

impl Parts {
    fn find(&self, text: &str, rules: &mut Vec<RuleId>) {
        let before = rules.len();
        let mut left = self.rules.len() * PARTS_AGAIN_MAX + 64;
        for part in self.automaton.find_overlapping_iter(text) {
            let Some(next) = left.checked_sub(1) else {
                rules.truncate(before);
                rules.extend(self.rules.iter().flatten());
                return;
            };
            left = next;
            if let Some(more) = self.rules.get(part.pattern().as_usize()) {
                rules.extend_from_slice(more);
            }
        }
    }
}

/// Ranges, both ends included, by their beginnings; each also knows the greatest end of its half of the tree.
#[derive(Clone, Debug, Default)]
struct Ranges {
    sorted: Vec<Range>,
}

#[derive(Clone, Debug)]
struct Range {
    from: i128,
    to: i128,
    greatest: i128,
    rule: RuleId,
}

impl Ranges {
    fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    fn file(&mut self, from: i128, to: i128, rule: RuleId) {
        self.sorted.push(Range {
            from,
            to,
            greatest: to,
            rule,
        });
    }

    fn finish(&mut self) {
        self.sorted
            .sort_unstable_by_key(|range| (range.from, range.to, range.rule));
        greatest(&mut self.sorted);
    }

    fn find(&self, value: i128, rules: &mut Vec<RuleId>) {
        around(&self.sorted, value, rules);
    }
}

/// Fills in the greatest ends; the middle of a slice is the root of its tree.
fn greatest(ranges: &mut [Range]) -> i128 {
    if ranges.is_empty() {
        return i128::MIN;
    }
    let (left, rest) = ranges.split_at_mut(ranges.len() / 2);
    let Some((middle, right)) = rest.split_first_mut() else {
        return i128::MIN;
    };
    middle.greatest = middle.to.max(greatest(left)).max(greatest(right));
    middle.greatest
}

fn around(ranges: &[Range], value: i128, rules: &mut Vec<RuleId>) {
    let (left, rest) = ranges.split_at(ranges.len() / 2);
    let Some((middle, right)) = rest.split_first() else {
        return;
    };
    if middle.greatest < value {
        return;
    }
    around(left, value, rules);
    if middle.from <= value {
        if middle.to >= value {
            rules.push(middle.rule);
        }
        around(right, value, rules);
    }
}

/// Networks, by the distinct lengths of their prefixes.
#[derive(Clone, Debug, Default)]
struct Nets {
    nets: HashMap<IpNet, Vec<RuleId>>,
    lengths: Vec<u8>,
}

impl Nets {
    fn is_empty(&self) -> bool {
        self.nets.is_empty()
    }

    fn file(&mut self, net: IpNet, rule: RuleId) {
        self.nets.entry(net).or_default().push(rule);
        if let Err(at) = self.lengths.binary_search(&net.prefix_len()) {
            self.lengths.insert(at, net.prefix_len());
        }
    }

    fn find(&self, ip: IpAddr, rules: &mut Vec<RuleId>) {
        for length in &self.lengths {
            let Ok(net) = IpNet::new(ip, *length) else {
                return;
            };
            if let Some(more) = self.nets.get(&net.trunc()) {
                rules.extend_from_slice(more);
            }
        }
    }
}
