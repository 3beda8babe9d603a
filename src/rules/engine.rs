//! In: the rules of a book; the bytes of an event. Out: the rules whose patterns hold, and where the others failed. Never:
//! looking at every rule, or at more of an event than some rule reads.
//!
//! One pass over the bytes checks that they are JSON and picks the values at the paths that rules name (`pass`, `leaves`,
//! along the `trie`). Every rule is filed under one value that must be found for it to hold (`access`, `literal`), so the
//! values of an event bring up few candidates (`index`, `table`), which are verified in full (`verify`). What cannot be
//! filed is looked at for every event of its kinds.
//!
//! `pattern` decides the same in the obvious way; tests hold the two against each other.

use std::cell::Cell;
use std::sync::Arc;

use crate::rules::engine::index::{Entry, Index, ScopeId, Scopes};
use crate::rules::engine::leaves::Leaves;
use crate::rules::engine::offer::Wanted;
use crate::rules::engine::table::RuleId;
use crate::rules::engine::trie::Trie;
use crate::rules::engine::verify::Clause;
use crate::rules::rule::{Mode, Rule};

mod trie;
mod leaves;
mod pass;
mod access;
mod literal;
mod table;
mod index;
mod verify;
mod offer;

pub(in crate::rules) use offer::Part;

/// Most candidates kept room for between two events.
const KEPT_MAX: usize = 64 * 1024;

/// A book, compiled.
#[derive(Clone, Debug)]
pub(in crate::rules) struct Engine {
    trie: Trie,
    scopes: Scopes,
    index: Index,
    /// In the order of the book.
    rules: Vec<Compiled>,
    /// By kind of event: all rules that listen, in the order of the book.
    listeners: Vec<Vec<RuleId>>,
}

#[derive(Clone, Debug)]
struct Compiled {
    clauses: Box<[Clause]>,
    wanted: Wanted,
    filing: Filing,
}

/// How a rule is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Filing {
    /// By a value.
    Indexed,
    /// By its own name: only its schedule's ticks and calls for it by hand concern it, and they concern no other rule.
    Named,
    /// By looking at it for every event of its kinds.
    Scanned,
    /// Not at all: it is off.
    Off,
}

/// A rule that may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Candidate {
    /// Its place in the book.
    pub(in crate::rules) rule: usize,
    /// The first of its conditions that does not hold; `None` if all do.
    pub(in crate::rules) failed: Option<usize>,
}

/// What is used again for the next event.
#[derive(Debug, Default)]
struct Scratch {
    leaves: Leaves,
    rules: Vec<RuleId>,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Engine {
    /// Compiles a book's rules.
    pub(in crate::rules) fn new(rules: &[Arc<Rule>]) -> Self {
        let mut trie = Trie::default();
        let mut scopes = Scopes::default();
        let mut compiled = Vec::with_capacity(rules.len());
        let mut entries = Vec::with_capacity(rules.len());
        let mut listening = Vec::with_capacity(rules.len());
        for (place, rule) in rules.iter().enumerate() {
            let mut own: Vec<ScopeId> = rule.heard().map(|on| scopes.insert(&on)).collect();
            own.sort_unstable();
            own.dedup();
            listening.push(own.clone());
            let off = rule.mode == Mode::Off;
            let clauses = if off {
                Box::default()
            } else {
                verify::compile(&rule.when, &mut trie)
            };
            if !off {
                entries.push(Entry {
                    rule: place as RuleId,
                    scopes: own,
                    choice: access::choice(&rule.when, &clauses),
                });
            }
            compiled.push(Compiled {
                clauses,
                wanted: Wanted::of(rule.condition.as_ref(), rule.templates()),
                filing: if off { Filing::Off } else { Filing::Indexed },
            });
        }
        let (index, scanned) = Index::build(&entries, scopes.len(), trie.paths());
        for rule in scanned {
            let place = rule as usize;
            compiled[place].filing = if rules[place].is_only_named() {
                Filing::Named
            } else {
                Filing::Scanned
            };
        }
        let mut listeners = vec![Vec::new(); scopes.len()];
        for (place, own) in listening.iter().enumerate() {
            for scope in own {
                listeners[*scope as usize].push(place as RuleId);
            }
        }
        Self {
            trie,
            scopes,
            index,
            rules: compiled,
            listeners,
        }
    }

    /// The places of all rules that listen to a kind of event, each once, in the order of the book.
    pub(in crate::rules) fn listening(&self, kind: &str) -> Vec<usize> {
        let scopes = self.scopes.covering(kind);
        let mut rules: Vec<usize> = scopes
            .iter()
            .filter_map(|scope| self.listeners.get(*scope as usize))
            .flatten()
            .map(|rule| *rule as usize)
            .collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// How a rule is found.
    pub(in crate::rules) fn filing(&self, place: usize) -> Filing {
        self.rules.get(place).map_or(Filing::Off, |rule| rule.filing)
    }

    /// What a rule's expressions may look at of a payload.
    pub(in crate::rules) fn offer<'a>(&'a self, place: usize, payload: &'a serde_json::Value) -> Part<'a> {
        static WHOLE: Wanted = Wanted::Whole;
        Part {
            value: payload,
            wanted: self.rules.get(place).map_or(&WHOLE, |rule| &rule.wanted),
        }
    }

    /// The rules that listen, are not off and may hold, in the order of the book: all whose patterns hold are among them.
    /// An error says why the bytes are no payload.
    pub(in crate::rules) fn candidates(&self, kind: &str, body: &[u8]) -> Result<Vec<Candidate>, String> {
        let scopes = self.scopes.covering(kind);
        if scopes.is_empty() {
            return Ok(Vec::new());
        }
        let mut scratch = SCRATCH.take().unwrap_or_default();
        let found = self.find(&scopes, body, &mut scratch);
        scratch.leaves.shrink();
        scratch.rules.clear();
        scratch.rules.shrink_to(KEPT_MAX);
        SCRATCH.set(Some(scratch));
        found
    }

    fn find(&self, scopes: &[ScopeId], body: &[u8], scratch: &mut Scratch) -> Result<Vec<Candidate>, String> {
        let Scratch { leaves, rules } = scratch;
        let text = pass::read(&self.trie, body, leaves)?;
        self.index.candidates(scopes, leaves.view(text), rules);
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        leaves.sort();
        let view = leaves.view(text);
        let verified = rules.iter().filter_map(|rule| {
            let rule = *rule as usize;
            let compiled = self.rules.get(rule)?;
            Some(Candidate {
                rule,
                failed: verify::first_failing(&compiled.clauses, view),
            })
        });
        Ok(verified.collect())
    }
}
