//! In: what an expression mentions, and a payload. Out: the part of the payload it can see. Never: the rest: converting a
//! whole payload costs far more than evaluating the expression.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::rules::expression::{Expression, Template};

/// What of the payload an expression may look at.
#[derive(Clone, Debug)]
pub(in crate::rules) enum Wanted {
    Whole,
    Fields(BTreeMap<String, Wanted>),
}

impl Wanted {
    /// What a rule's expressions may look at.
    pub(super) fn of<'t>(
        condition: Option<&Expression>,
        templates: impl Iterator<Item = &'t Template>,
    ) -> Self {
        let mut wanted = Self::Fields(BTreeMap::new());
        if let Some(condition) = condition {
            wanted.add(condition.text(), condition.paths());
        }
        for template in templates {
            match template {
                Template::Constant(_) => {}
                Template::Value(expression) => wanted.add(expression.text(), expression.paths()),
                Template::Text { text, paths } => wanted.add(text, paths.iter().cloned()),
            }
        }
        wanted
    }

    /// The engine lists what an expression mentions, but not what it takes a slice of, and a statement can give a name
    /// another meaning: where there are brackets or statements, nothing is left out.
    fn add(&mut self, text: &str, paths: impl IntoIterator<Item = String>) {
        if text.contains('[') || text.contains("{%") {
            *self = Self::Whole;
            return;
        }
        for path in paths {
            let mut keys = path.split('.');
            if keys.next() == Some("event") {
                self.reach(keys);
            }
        }
    }

    fn reach<'k>(&mut self, mut keys: impl Iterator<Item = &'k str>) {
        let Self::Fields(fields) = self else {
            return;
        };
        match keys.next() {
            None => *self = Self::Whole,
            Some(key) => fields
                .entry(key.to_owned())
                .or_insert_with(|| Self::Fields(BTreeMap::new()))
                .reach(keys),
        }
    }
}

/// A payload, as far as it is wanted.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Part<'a> {
    pub(super) value: &'a Value,
    pub(super) wanted: &'a Wanted,
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (Wanted::Fields(wanted), Value::Object(fields)) = (self.wanted, self.value) else {
            return self.value.serialize(serializer);
        };
        // A name that is not there may be a method of the object: then the object is what is looked at.
        if !wanted.keys().all(|key| fields.contains_key(key)) {
            return fields.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(wanted.len()))?;
        for (key, wanted) in wanted {
            if let Some(value) = fields.get(key) {
                map.serialize_entry(key, &Part { value, wanted })?;
            }
        }
        map.end()
    }
}
