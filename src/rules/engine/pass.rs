//! In: the bytes of a payload, and the tree of paths. Out: the leaves at those paths. Never: a value for what no rule
//! reads: that is checked to be JSON, and skipped.
//!
//! It recurses only along paths of the tree and through lists on them, and counts how deep.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::receive::DEPTH_MAX;
use crate::rules::engine::leaves::{Amount, Leaf, Leaves};
use crate::rules::engine::trie::{NodeId, ROOT, Trie};

/// Reads a payload once. The text comes back with the leaves that refer to it; an error says why it is not a payload.
pub(super) fn read<'b>(trie: &Trie, body: &'b [u8], leaves: &mut Leaves) -> Result<&'b str, String> {
    leaves.start(trie.len());
    let text = std::str::from_utf8(body).map_err(|error| format!("the payload is not UTF-8: {error}"))?;
    if u32::try_from(text.len()).is_err() {
        return Err("the payload is larger than 4 GiB".into());
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    // The parser would stop one level before the door does; this pass counts for itself.
    parser.disable_recursion_limit();
    let mut pass = Pass {
        trie,
        base: text.as_ptr() as usize,
        leaves,
    };
    let place = Place {
        pass: &mut pass,
        node: ROOT,
        depth: 0,
    };
    place
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|error| format!("the payload is not JSON: {error}"))?;
    leaves.finish();
    Ok(text)
}

struct Pass<'t> {
    trie: &'t Trie,
    /// Where the payload begins in memory.
    base: usize,
    leaves: &'t mut Leaves,
}

/// A value at a node of the tree.
struct Place<'p, 't> {
    pass: &'p mut Pass<'t>,
    node: NodeId,
    depth: usize,
}

impl Place<'_, '_> {
    fn found(self, leaf: Leaf) {
        if let Some(path) = self.pass.trie.path(self.node) {
            self.pass.leaves.push(path, leaf);
        }
    }

    fn deeper<E: Error>(&self) -> Result<usize, E> {
        if self.depth < DEPTH_MAX {
            return Ok(self.depth + 1);
        }
        Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.found(Leaf::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.found(Leaf::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.found(Leaf::Number(Amount::Int(value)));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        let amount = i64::try_from(value).map_or(Amount::Big(value), Amount::Int);
        self.found(Leaf::Number(amount));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.found(Leaf::Number(Amount::Float(value)));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        let at = (text.as_ptr() as usize - self.pass.base) as u32;
        self.found(Leaf::Text {
            at,
            length: text.len() as u32,
        });
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if let Some(path) = self.pass.trie.path(self.node) {
            let leaf = self.pass.leaves.unescaped(text);
            self.pass.leaves.push(path, leaf);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (node, depth) = (self.node, self.deeper()?);
        let pass = self.pass;
        if let Some(path) = pass.trie.path(node) {
            pass.leaves.push(path, Leaf::List);
        }
        while items
            .next_element_seed(Place {
                pass: &mut *pass,
                node,
                depth,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let (node, depth) = (self.node, self.deeper()?);
        let pass = self.pass;
        if let Some(path) = pass.trie.path(node) {
            pass.leaves.push(path, Leaf::Object);
        }
        if !pass.trie.has_children(node) {
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let object = pass.leaves.object();
        while let Some(child) = fields.next_key_seed(Key {
            trie: pass.trie,
            node,
        })? {
            let Some(child) = child else {
                fields.next_value::<IgnoredAny>()?;
                continue;
            };
            pass.leaves.enter(child as usize, object);
            let from = pass.leaves.len();
            fields.next_value_seed(Place {
                pass: &mut *pass,
                node: child,
                depth,
            })?;
            pass.leaves.leave(child as usize, object, from);
        }
        Ok(())
    }
}

/// A key of an object: where it leads.
struct Key<'t> {
    trie: &'t Trie,
    node: NodeId,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<NodeId>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<NodeId>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.trie.child(self.node, key))
    }
}
