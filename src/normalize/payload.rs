//! In: a body that is JSON. Out: what of it the envelope needs; the whole value, once somebody asks for it. Never: a value
//! that nobody asked for: making one costs more than everything else that is done with most events.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use serde_json::Value;

use super::{Unrecognized, detail, github, own, render, time, value};

/// Every name on a path that some dialect reads.
static NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let tables = detail::paths().chain(time::paths()).flatten().copied();
    let lists = [github::NAMES, own::NAMES, render::NAMES, &super::PLAIN_NAMES];
    tables.chain(lists.into_iter().flatten().copied()).collect()
});

/// An event's payload. Reads as the JSON value it is; that is made when it is looked at for the first time.
#[derive(Clone, Debug)]
pub struct Payload {
    body: Bytes,
    value: OnceLock<Value>,
}

impl Payload {
    /// What the dialects may look at, and the payload. Fails for a body that is not one JSON object nested at most
    /// [`DEPTH_MAX`](crate::receive::DEPTH_MAX) deep.
    pub(super) fn skimmed(body: &Bytes) -> Result<(Value, Self), Unrecognized> {
        let skimmed = value::under(body, &NAMES)?;
        let payload = Self {
            body: body.clone(),
            value: OnceLock::new(),
        };
        Ok((skimmed, payload))
    }

    /// The payload of a body that comes from the journal.
    pub(crate) fn parsed(body: &Bytes) -> Result<Self, Unrecognized> {
        let value = super::parse(body)?;
        Ok(Self {
            body: body.clone(),
            value: value.into(),
        })
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self {
            body: Bytes::from(value.to_string()),
            value: value.into(),
        }
    }
}

impl Deref for Payload {
    type Target = Value;

    fn deref(&self) -> &Value {
        // It was read as closely when it was skimmed, so it can be read.
        self.value
            .get_or_init(|| value::whole(&self.body).unwrap_or(Value::Null))
    }
}

impl PartialEq<Value> for Payload {
    fn eq(&self, other: &Value) -> bool {
        **self == *other
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::receive::DEPTH_MAX;

    /// Events, with actions that tables know.
    const KINDS: [(&str, &str); 9] = [
        ("issues", "opened"),
        ("issues", "labeled"),
        ("issue_comment", "created"),
        ("issue_comment", "edited"),
        ("pull_request", "review_requested"),
        ("push", ""),
        ("workflow_run", "completed"),
        ("sub_issues", "sub_issue_added"),
        ("release", "published"),
    ];

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (0_u64..9_999_999_999).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            select(vec![
                "acme/api",
                "mona",
                "2026-01-15T12:00:00Z",
                "",
                "<!-- xmrt:0123456789abcdef0123456789abcdef -->"
            ])
            .prop_map(Value::from),
        ]
    }

    fn payload() -> impl Strategy<Value = Value> {
        let names: Vec<&'static str> = NAMES.iter().copied().chain(["labels", "commits"]).collect();
        leaf()
            .prop_recursive(4, 96, 12, move |inner| {
                let fields = proptest::collection::vec((select(names.clone()), inner.clone()), 0..12);
                prop_oneof![
                    4 => fields.prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
                    1 => proptest::collection::vec(inner, 0..3).prop_map(Value::Array),
                ]
            })
            .prop_filter("an object", Value::is_object)
    }

    proptest! {
        #[test]
        fn the_dialects_see_no_difference(mut payload in payload(), (kind, action) in select(KINDS.to_vec())) {
            payload["action"] = action.into();
            let body = Bytes::from(payload.to_string());
            let (skimmed, whole) = Payload::skimmed(&body).unwrap();
            prop_assert_eq!(&*whole, &super::super::parse(&body).unwrap());
            prop_assert_eq!(github::read(kind, &skimmed), github::read(kind, &whole));
            prop_assert_eq!(render::read(&skimmed), render::read(&whole));
            prop_assert_eq!(super::super::plain("x", &skimmed), super::super::plain("x", &whole));
        }
    }

    #[test]
    fn what_cannot_be_read_as_a_whole_is_not_skimmed_either() {
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        let refused = [
            "",
            "[]",
            "1",
            "{",
            "{}{}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{\"\\ud800\":1}",
            "{\"a\":01}",
            "{\"a\":tru}",
        ];
        for body in refused
            .map(str::to_owned)
            .into_iter()
            .chain([deep(DEPTH_MAX + 1)])
        {
            let bytes = Bytes::from(body.clone());
            assert!(Payload::skimmed(&bytes).is_err(), "{body}");
            assert!(super::super::parse(&bytes).is_err(), "{body}");
        }
        let bytes = Bytes::from(deep(DEPTH_MAX));
        let (_, whole) = Payload::skimmed(&bytes).unwrap();
        assert_eq!(*whole, super::super::parse(&bytes).unwrap());
    }

    #[test]
    fn of_two_equal_names_the_last_counts() {
        let body = Bytes::from_static(br#"{"sender":{"login":"a"},"sender":{"login":"b"}}"#);
        let (skimmed, whole) = Payload::skimmed(&body).unwrap();
        assert_eq!(skimmed, json!({ "sender": { "login": "b" } }));
        assert_eq!(*whole, skimmed);
    }
}
