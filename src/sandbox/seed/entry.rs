//! In: one flat table of a seed. Out: its values by name, a complaint about whatever nobody asked for, and what was asked
//! for: from that the reference is written. Never: guessing; a wrong type is an error that names its place.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::nearest;

/// What a key of an entry takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Number,
    Flag,
    Texts,
    Time,
    Login,
    OneOf(&'static [&'static str]),
    /// A table of further values.
    Table,
    /// A list of what is not just texts.
    List,
    /// A text or a flag, as the API has it.
    Word,
}

/// A key that was asked for, with its second names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) names: &'static [&'static str],
    pub(super) takes: Takes,
    /// The entry is nothing without it.
    pub(super) needed: bool,
}

/// A table being read. Keys may have second names, for those who think in the API's words.
pub(in crate::sandbox) struct Entry<'a> {
    place: String,
    fields: &'a Map<String, Value>,
    asked: Vec<Asked>,
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
            asked: Vec::new(),
            now,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// What was asked for so far.
    pub(super) fn asked(self) -> Vec<Asked> {
        self.asked
    }

    /// The value under the first of these names that is there and not null.
    pub(super) fn value(&mut self, names: &'static [&'static str], takes: Takes) -> Option<&'a Value> {
        self.asked.push(Asked {
            names,
            takes,
            needed: false,
        });
        names
            .iter()
            .find_map(|name| self.fields.get(*name))
            .filter(|value| !value.is_null())
    }

    /// What was asked for last has to be there.
    fn needed<T>(&mut self, found: Option<T>) -> Result<T, String> {
        let last = self.asked.last_mut();
        let name = last.map_or("", |asked| {
            asked.needed = true;
            asked.names.first().copied().unwrap_or_default()
        });
        found.ok_or_else(|| format!("{}: {name} is missing", self.place))
    }

    /// A text; a number is taken as its digits.
    pub(super) fn text(&mut self, names: &'static [&'static str]) -> Result<Option<String>, String> {
        let value = self.value(names, Takes::Text);
        self.as_text(names, value)
    }

    fn as_text(&self, names: &[&str], value: Option<&Value>) -> Result<Option<String>, String> {
        match value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(names, "a string", other)),
        }
    }

    /// A text that must be there.
    pub(super) fn need(&mut self, names: &'static [&'static str]) -> Result<String, String> {
        let text = self.text(names)?;
        self.needed(text)
    }

    /// One of a few words.
    pub(super) fn one_of(
        &mut self,
        names: &'static [&'static str],
        words: &'static [&'static str],
    ) -> Result<Option<String>, String> {
        let value = self.value(names, Takes::OneOf(words));
        match self.as_text(names, value)? {
            Some(word) if !words.contains(&word.as_str()) => {
                let name = names.first().copied().unwrap_or_default();
                let hint = nearest::hint(&word, words.iter().copied());
                Err(self.error(&format!("{name} cannot be \"{word}\"; {hint}")))
            }
            word => Ok(word),
        }
    }

    /// One of a few words, which must be there.
    pub(super) fn need_one_of(
        &mut self,
        names: &'static [&'static str],
        words: &'static [&'static str],
    ) -> Result<String, String> {
        let word = self.one_of(names, words)?;
        self.needed(word)
    }

    pub(super) fn number(&mut self, names: &'static [&'static str]) -> Result<Option<u64>, String> {
        match self.value(names, Takes::Number) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| self.wrong(names, "a whole number", value)),
        }
    }

    /// A number that must be there.
    pub(super) fn need_number(&mut self, names: &'static [&'static str]) -> Result<u64, String> {
        let number = self.number(names)?;
        self.needed(number)
    }

    pub(super) fn flag(&mut self, names: &'static [&'static str]) -> Result<Option<bool>, String> {
        match self.value(names, Takes::Flag) {
            None => Ok(None),
            Some(value) => value
                .as_bool()
                .map(Some)
                .ok_or_else(|| self.wrong(names, "true or false", value)),
        }
    }

    /// A list of texts; its items may also be objects with a `name` or `login`.
    pub(super) fn texts(&mut self, names: &'static [&'static str]) -> Result<Option<Vec<String>>, String> {
        let Some(value) = self.value(names, Takes::Texts) else {
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

    /// A table whose values are texts.
    pub(super) fn table_of_texts(
        &mut self,
        names: &'static [&'static str],
    ) -> Result<BTreeMap<String, String>, String> {
        match self.value(names, Takes::Table) {
            None => Ok(BTreeMap::new()),
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|_| self.wrong(names, "a table of strings", value)),
        }
    }

    /// A time, absolute or relative to now.
    pub(super) fn time(&mut self, names: &'static [&'static str]) -> Result<Option<Timestamp>, String> {
        let Some(value) = self.value(names, Takes::Time) else {
            return Ok(None);
        };
        let at = value.as_str().and_then(|text| moment(text, self.now));
        at.map(Some)
            .ok_or_else(|| self.wrong(names, "a time such as \"-10m\" or RFC 3339", value))
    }

    /// A login: a text, or an object with a `login`.
    pub(super) fn login(&mut self, names: &'static [&'static str]) -> Result<Option<String>, String> {
        match self.value(names, Takes::Login) {
            Some(Value::Object(user)) => Ok(user.get("login").and_then(Value::as_str).map(str::to_owned)),
            value => self.as_text(names, value),
        }
    }

    /// A login that must be there.
    pub(super) fn need_login(&mut self, names: &'static [&'static str]) -> Result<String, String> {
        let login = self.login(names)?;
        self.needed(login)
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
        let mut known: Vec<&str> = self
            .asked
            .iter()
            .flat_map(|asked| asked.names.iter().copied())
            .collect();
        match self.fields.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                known.sort_unstable();
                known.dedup();
                let hint = nearest::hint(unknown, known);
                Err(self.error(&format!("unknown key \"{unknown}\"; {hint}")))
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
