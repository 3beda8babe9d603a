//! In: every path any rule reads. Out: one tree of their keys, in which a path is a number. Never: values.

use std::collections::BTreeMap;

use crate::rules::pattern::Path;

/// A path, by number.
pub(super) type PathId = u32;

/// A place in the tree, by number; 0 is the payload itself.
pub(super) type NodeId = u32;

/// The root.
pub(super) const ROOT: NodeId = 0;

#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    paths: u32,
}

#[derive(Clone, Debug, Default)]
struct Node {
    children: BTreeMap<Box<str>, NodeId>,
    /// Which lengths the keys have, a bit each: most keys of a payload are no rule's, and this says so without looking.
    lengths: u64,
    path: Option<PathId>,
}

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            paths: 0,
        }
    }
}

/// One bit per length; what is longer than that shares the last.
fn bit(key: &str) -> u64 {
    1 << key.len().min(63)
}

impl Trie {
    /// The number of a path; the same path gets the same number again.
    pub(super) fn insert(&mut self, path: &Path) -> PathId {
        let mut at = ROOT as usize;
        for key in &path.0 {
            at = match self.nodes[at].children.get(key.as_str()) {
                Some(child) => *child as usize,
                None => {
                    let child = self.nodes.len();
                    let node = &mut self.nodes[at];
                    node.children.insert(key.as_str().into(), child as NodeId);
                    node.lengths |= bit(key);
                    self.nodes.push(Node::default());
                    child
                }
            };
        }
        match self.nodes[at].path {
            Some(path) => path,
            None => {
                let path = self.paths;
                self.paths += 1;
                self.nodes[at].path = Some(path);
                path
            }
        }
    }

    /// Where a key leads, if any rule reads it.
    pub(super) fn child(&self, node: NodeId, key: &str) -> Option<NodeId> {
        let node = self.nodes.get(node as usize)?;
        if node.lengths & bit(key) == 0 {
            return None;
        }
        node.children.get(key).copied()
    }

    /// The path that ends here.
    pub(super) fn path(&self, node: NodeId) -> Option<PathId> {
        self.nodes.get(node as usize)?.path
    }

    /// Whether anything below is read.
    pub(super) fn has_children(&self, node: NodeId) -> bool {
        self.nodes
            .get(node as usize)
            .is_some_and(|node| node.lengths != 0)
    }

    /// How many paths there are.
    pub(super) fn paths(&self) -> usize {
        self.paths as usize
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}
