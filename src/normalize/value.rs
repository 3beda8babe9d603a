//! In: JSON as a parser meets it. Out: its value, or what of it stands under known names. Never: a key with a meaning of its
//! own.
//!
//! The library's own reader takes an object whose first key is the name of one of its private markers for something else
//! than an object: a payload could say one thing to whoever reads its bytes and another to whoever reads its value.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Unrecognized;
use crate::receive::DEPTH_MAX;

/// The whole value.
pub(super) fn whole(body: &[u8]) -> Result<Value, Unrecognized> {
    read(body, None)
}

/// What stands under `names`, at every depth: whatever is reached by those names alone is there, the rest is not. All of the
/// body is read as [`whole`] would read it, so what this takes that takes, too.
pub(super) fn under(body: &[u8], names: &HashSet<&'static str>) -> Result<Value, Unrecognized> {
    match read(body, Some(names))? {
        value @ Value::Object(_) => Ok(value),
        _ => Err(Unrecognized("the body is not a JSON object".into())),
    }
}

fn read(body: &[u8], names: Option<&HashSet<&'static str>>) -> Result<Value, Unrecognized> {
    let not_json = |error: serde_json::Error| Unrecognized(format!("the body is not JSON: {error}"));
    let mut parser = serde_json::Deserializer::from_slice(body);
    parser.disable_recursion_limit();
    let value = Taken { names, depth: 0 }
        .deserialize(&mut parser)
        .map_err(not_json)?;
    parser.end().map_err(not_json)?;
    Ok(value)
}

/// Reads one value, or of it what stands under names, and looks at the rest as closely; of two equal keys the last wins.
#[derive(Clone, Copy)]
struct Taken<'n> {
    /// Without them everything is taken.
    names: Option<&'n HashSet<&'static str>>,
    depth: usize,
}

impl Taken<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.depth < DEPTH_MAX {
            true => Ok(Self {
                depth: self.depth + 1,
                ..self
            }),
            false => Err(E::custom(format_args!("it is nested more than {DEPTH_MAX} deep"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Taken<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Taken<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        match self.names {
            // No name leads into a list.
            Some(_) => while items.next_element_seed(Skipped(inner))?.is_some() {},
            None => {
                while let Some(item) = items.next_element_seed(inner)? {
                    list.push(item);
                }
            }
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(known) = fields.next_key_seed(Known(self.names))? {
            match known {
                Some(name) => {
                    object.insert(name, fields.next_value_seed(inner)?);
                }
                None => fields.next_value_seed(Skipped(inner))?,
            }
        }
        Ok(Value::Object(object))
    }
}

/// A key, if it is one of the names.
struct Known<'n>(Option<&'n HashSet<&'static str>>);

impl<'de> DeserializeSeed<'de> for Known<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Known<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let is_taken = self.0.is_none_or(|names| names.contains(key));
        Ok(is_taken.then(|| key.to_owned()))
    }
}

/// Reads one value, keeps nothing of it, and refuses what the others refuse: a number too large, half of a surrogate pair.
#[derive(Clone, Copy)]
struct Skipped<'n>(Taken<'n>);

impl<'de> DeserializeSeed<'de> for Skipped<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skipped<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = Self(self.0.deeper()?);
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let inner = Self(self.0.deeper()?);
        while fields.next_key_seed(Skipped(self.0))?.is_some() {
            fields.next_value_seed(inner)?;
        }
        Ok(())
    }
}
