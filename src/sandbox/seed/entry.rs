//! In: one flat table of a seed. Out: its values by name, and a complaint about whatever nobody asked for.
//! Never: guessing; a wrong type is an error that names its place.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// A table being read. Keys may have second names, for those who think in the API's words.
pub(in crate::sandbox) struct Entry<'a> {
    place: String,
    fields: &'a Map<String, Value>,
    known: Vec<&'static str>,
    now: Timestamp,
}

impl<'a> Entry<'a> {
    pub(super) fn new(place: String, item: &'a Value, now: Timestamp) -> Result<Self, String> {
        let fields = item
            .as_object()
            .ok_or_else(|| format!("{place}: must be a table"))?;
        Ok(Self {
            place,
            fields,
            known: Vec::new(),
            now,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The value under the first of these names that is there and not null.
    pub(super) fn value(&mut self, names: &[&'static str]) -> Option<&'a Value> {
        self.known.extend_from_slice(names);
        names
            .iter()
            .find_map(|name| self.fields.get(*name))
            .filter(|value| !value.is_null())
    }

    /// A text; a number is taken as its digits.
    pub(super) fn text(&mut self, names: &[&'static str]) -> Result<Option<String>, String> {
        match self.value(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(names, "a string", other)),
        }
    }

    /// A text that must be there.
    pub(super) fn need(&mut self, names: &[&'static str]) -> Result<String, String> {
        let place = self.place.clone();
        self.text(names)?.ok_or_else(|| {
            format!(
                "{place}: {} is missing",
                names.first().copied().unwrap_or_default()
            )
        })
    }

    pub(super) fn number(&mut self, names: &[&'static str]) -> Result<Option<u64>, String> {
        match self.value(names) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| self.wrong(names, "a whole number", value)),
        }
    }

    pub(super) fn flag(&mut self, names: &[&'static str]) -> Result<Option<bool>, String> {
        match self.value(names) {
            None => Ok(None),
            Some(value) => value
                .as_bool()
                .map(Some)
                .ok_or_else(|| self.wrong(names, "true or false", value)),
        }
    }

    /// A list of texts; its items may also be objects with a `name` or `login`.
    pub(super) fn texts(&mut self, names: &[&'static str]) -> Result<Option<Vec<String>>, String> {
        let Some(value) = self.value(names) else {
            return Ok(None);
        };
        let text = |item: &Value| {
            let text = item
                .as_str()
                .or_else(|| item.get("name")?.as_str())
                .or_else(|| item.get("login")?.as_str());
            text.map(str::to_owned)
        };
        let list = value.as_array().and_then(|list| list.iter().map(text).collect());
        list.map(Some)
            .ok_or_else(|| self.wrong(names, "a list of strings", value))
    }

    /// A time, absolute or relative to now.
    pub(super) fn time(&mut self, names: &[&'static str]) -> Result<Option<Timestamp>, String> {
        let Some(value) = self.value(names) else {
            return Ok(None);
        };
        let at = value.as_str().and_then(|text| moment(text, self.now));
        at.map(Some)
            .ok_or_else(|| self.wrong(names, "a time such as \"-10m\" or RFC 3339", value))
    }

    /// A login: a text, or an object with a `login`.
    pub(super) fn login(&mut self, names: &[&'static str]) -> Result<Option<String>, String> {
        match self.value(names) {
            Some(Value::Object(user)) => Ok(user.get("login").and_then(Value::as_str).map(str::to_owned)),
            _ => self.text(names),
        }
    }

    pub(super) fn error(&self, what: &str) -> String {
        format!("{}: {what}", self.place)
    }

    fn wrong(&self, names: &[&str], wanted: &str, value: &Value) -> String {
        format!(
            "{}: {} must be {wanted}, not {value}",
            self.place,
            names.first().copied().unwrap_or_default()
        )
    }

    /// Complains about a key that nobody asked for.
    pub(super) fn finish(&self) -> Result<(), String> {
        match self.fields.keys().find(|key| !self.known.contains(&key.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let mut known = self.known.clone();
                known.sort_unstable();
                known.dedup();
                Err(self.error(&format!(
                    "unknown key \"{unknown}\"; known are {}",
                    known.join(", ")
                )))
            }
        }
    }
}

/// `now`, `-10m`, `+1h30m`, `-2d`, or RFC 3339.
pub(in crate::sandbox) fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if text == "now" {
        return Some(now);
    }
    let (sign, spans) = match text.split_at_checked(1)? {
        ("-", spans) => (-1, spans),
        ("+", spans) => (1, spans),
        _ => return text.parse().ok(),
    };
    let mut millis: i64 = 0;
    let mut digits = String::new();
    let mut letters = spans.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter {
            'm' if letters.next_if_eq(&'s').is_some() => 1,
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return None,
        };
        millis = millis.checked_add(digits.parse::<i64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    if spans.is_empty() || !digits.is_empty() {
        return None;
    }
    now.checked_add(SignedDuration::from_millis(sign * millis)).ok()
}
