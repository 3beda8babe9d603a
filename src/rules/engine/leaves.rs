//! In: what one pass found at the paths of the rules. Out: the values of a path. Never: the rest of the payload.
//!
//! A text is a place in the payload, not a copy; only one that is written with escapes is unescaped, into one string for
//! all. So the memory is used again for the next payload, whatever its lifetime.

use crate::rules::engine::trie::PathId;

/// What is found at the end of a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    Null,
    Bool(bool),
    Number(Amount),
    /// A place in the payload, in bytes.
    Text {
        at: u32,
        length: u32,
    },
    /// A place among the unescaped texts, in bytes.
    Unescaped {
        at: u32,
        length: u32,
    },
    /// An object: a value that no operator on scalars matches.
    Object,
    /// A list was here: it makes the path exist; its values are leaves of their own.
    List,
}

/// A number of a payload or a rule: JSON's grammar has one kind, its readers three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Amount {
    Int(i64),
    /// Beyond `i64`.
    Big(u64),
    Float(f64),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) path: PathId,
    pub(super) leaf: Leaf,
}

/// The path of what a later key of the same object replaced.
const REPLACED: PathId = PathId::MAX;

/// More than this is given back after use, so that one huge payload is not paid for forever.
const KEPT_MAX: usize = 64 * 1024;

/// What one pass found.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    found: Vec<Found>,
    unescaped: String,
    /// Where the key that leads to a node was seen last.
    seen: Vec<Seen>,
    /// Objects so far, over all payloads: no two have the same number.
    objects: u64,
    replaced: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    object: u64,
    from: usize,
    to: usize,
}

impl Leaves {
    /// Makes room for a new payload and a tree of so many nodes.
    pub(super) fn start(&mut self, nodes: usize) {
        self.found.clear();
        self.unescaped.clear();
        self.replaced = false;
        if self.seen.len() < nodes {
            self.seen.resize(nodes, Seen::default());
        }
    }

    /// Gives back what an unusual payload needed.
    pub(super) fn shrink(&mut self) {
        self.found.clear();
        self.found.shrink_to(KEPT_MAX);
        self.unescaped.clear();
        self.unescaped.shrink_to(KEPT_MAX);
    }

    pub(super) fn push(&mut self, path: PathId, leaf: Leaf) {
        self.found.push(Found { path, leaf });
    }

    /// A text that does not stand in the payload as it reads.
    pub(super) fn unescaped(&mut self, text: &str) -> Leaf {
        let at = self.unescaped.len() as u32;
        self.unescaped.push_str(text);
        Leaf::Unescaped {
            at,
            length: text.len() as u32,
        }
    }

    /// A new object begins: its number.
    pub(super) fn object(&mut self) -> u64 {
        self.objects += 1;
        self.objects
    }

    /// How many leaves there are so far.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// A key of an object leads to this node: what the same key of the same object said before no longer counts, since
    /// the last one wins.
    pub(super) fn enter(&mut self, node: usize, object: u64) {
        let Some(seen) = self.seen.get(node).copied() else {
            return;
        };
        // Where nothing was found there is nothing to replace, and what came after it may be gone already.
        if seen.object != object || seen.from == seen.to {
            return;
        }
        if seen.to == self.found.len() {
            self.found.truncate(seen.from);
            return;
        }
        for found in self.found.get_mut(seen.from..seen.to).unwrap_or_default() {
            found.path = REPLACED;
        }
        self.replaced = true;
    }

    /// What the key said ends here.
    pub(super) fn leave(&mut self, node: usize, object: u64, from: usize) {
        let to = self.found.len();
        if let Some(seen) = self.seen.get_mut(node) {
            *seen = Seen { object, from, to };
        }
    }

    /// All was read: what was replaced is dropped.
    pub(super) fn finish(&mut self) {
        if self.replaced {
            self.found.retain(|found| found.path != REPLACED);
        }
    }

    /// Brings the values of each path together.
    pub(super) fn sort(&mut self) {
        self.found.sort_unstable_by_key(|found| found.path);
    }

    /// All leaves, with their payload's texts.
    pub(super) fn view<'a>(&'a self, payload: &'a str) -> View<'a> {
        View {
            payload,
            leaves: self,
        }
    }
}

/// Leaves, and the payload they were found in.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    payload: &'a str,
    leaves: &'a Leaves,
}

impl<'a> View<'a> {
    pub(super) fn all(&self) -> &'a [Found] {
        &self.leaves.found
    }

    /// What is found at one path; the leaves must be sorted.
    pub(super) fn at(&self, path: PathId) -> &'a [Found] {
        let found = self.all();
        let from = found.partition_point(|found| found.path < path);
        let rest = &found[from..];
        &rest[..rest.partition_point(|found| found.path == path)]
    }

    pub(super) fn text(&self, leaf: Leaf) -> Option<&'a str> {
        let (text, at, length) = match leaf {
            Leaf::Text { at, length } => (self.payload, at, length),
            Leaf::Unescaped { at, length } => (self.leaves.unescaped.as_str(), at, length),
            _ => return None,
        };
        text.get(at as usize..at as usize + length as usize)
    }
}
