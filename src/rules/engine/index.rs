//! In: the rules' ways in. Out: for an event, the rules that may hold: the candidates. Never: deciding.

use std::collections::HashMap;

use crate::receive::Source;
use crate::rules::engine::access::{Choice, Key};
use crate::rules::engine::leaves::View;
use crate::rules::engine::table::{RuleId, Table};
use crate::rules::engine::trie::PathId;

/// A kind of event as rules name it, by number: `github.issues`, `render.*`.
pub(super) type ScopeId = u32;

/// All kinds of events that rules listen to.
#[derive(Clone, Debug, Default)]
pub(super) struct Scopes {
    /// By what comes before `.*`, or by the whole: nothing for `*`.
    named: HashMap<Box<str>, Named>,
    everything: Option<ScopeId>,
    count: u32,
}

#[derive(Clone, Debug, Default)]
struct Named {
    /// `github.issues`: this kind and all below.
    at: Option<ScopeId>,
    /// `github.issues.*`: only what is below.
    below: Option<ScopeId>,
}

impl Scopes {
    pub(super) fn insert(&mut self, on: &str) -> ScopeId {
        let slot = if on == "*" {
            &mut self.everything
        } else if let Some(prefix) = on.strip_suffix(".*") {
            &mut self.named.entry(prefix.into()).or_default().below
        } else {
            &mut self.named.entry(on.into()).or_default().at
        };
        *slot.get_or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Those that cover a kind.
    pub(super) fn covering(&self, kind: &str) -> Vec<ScopeId> {
        let outside = self.everything.filter(|_| !Source::is_own(kind));
        let mut found: Vec<ScopeId> = outside.into_iter().collect();
        let dots = kind.match_indices('.').map(|(at, _)| at);
        for end in dots.chain([kind.len()]) {
            if let Some(named) = self.named.get(&kind[..end]) {
                found.extend(named.at);
                found.extend(named.below.filter(|_| end < kind.len()));
            }
        }
        found
    }
}

/// Which rules a value brings up.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// By path: a table for each kind of event that has one there, sorted.
    tables: Vec<Vec<(ScopeId, Table)>>,
    /// By kind of event: rules that no value brings up.
    scanned: Vec<Vec<RuleId>>,
}

/// A rule on its way into the index.
pub(super) struct Entry {
    pub(super) rule: RuleId,
    pub(super) scopes: Vec<ScopeId>,
    pub(super) choice: Choice<Key>,
}

impl Index {
    /// Files every rule under the way in that is mentioned least. Returns which rules found none, too.
    pub(super) fn build(entries: &[Entry], scopes: usize, paths: usize) -> (Self, Vec<RuleId>) {
        let mut mentions: HashMap<u64, u64> = HashMap::new();
        for entry in entries {
            entry.choice.mentions(&mut |(path, atom)| {
                for scope in &entry.scopes {
                    *mentions.entry(atom.mention(*scope, *path)).or_default() += 1;
                }
            });
        }
        let mut filed: HashMap<(PathId, ScopeId), Table> = HashMap::new();
        let mut index = Self {
            tables: vec![Vec::new(); paths],
            scanned: vec![Vec::new(); scopes],
        };
        let mut residual = Vec::new();
        for entry in entries {
            let cost = |(path, atom): &Key| {
                let mentioned = |scope: &ScopeId| mentions.get(&atom.mention(*scope, *path)).copied();
                let mentioned: u64 = entry.scopes.iter().filter_map(mentioned).sum();
                mentioned.saturating_mul(atom.weight())
            };
            let Some((_, keys)) = entry.choice.cheapest(&cost) else {
                residual.push(entry.rule);
                for scope in &entry.scopes {
                    index.scanned[*scope as usize].push(entry.rule);
                }
                continue;
            };
            for (path, atom) in keys {
                for scope in &entry.scopes {
                    let table = filed.entry((*path, *scope)).or_default();
                    table.file(atom, entry.rule);
                }
            }
        }
        for ((path, scope), mut table) in filed {
            table.finish();
            index.tables[path as usize].push((scope, table));
        }
        for tables in &mut index.tables {
            tables.sort_unstable_by_key(|(scope, _)| *scope);
        }
        (index, residual)
    }

    /// The rules that may hold, each once, in the order of the book.
    pub(super) fn candidates(&self, scopes: &[ScopeId], leaves: View<'_>, rules: &mut Vec<RuleId>) {
        rules.clear();
        for scope in scopes {
            if let Some(scanned) = self.scanned.get(*scope as usize) {
                rules.extend_from_slice(scanned);
            }
        }
        for found in leaves.all() {
            let Some(tables) = self
                .tables
                .get(found.path as usize)
                .filter(|tables| !tables.is_empty())
            else {
                continue;
            };
            for scope in scopes {
                if let Ok(at) = tables.binary_search_by_key(scope, |(scope, _)| *scope) {
                    tables[at].1.find(found.leaf, leaves, rules);
                }
            }
        }
        rules.sort_unstable();
        rules.dedup();
    }
}
