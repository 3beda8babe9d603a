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

/// The whole value. It recurses as deep as the JSON does: check that first.
pub(super) fn whole(body: &[u8]) -> Result<Value, Unrecognized> {
    read(body, Plain)
}

/// What stands under `names`, at every depth: whatever is reached by those names alone is there, the rest is not. All of the
/// body is read as [`whole`] would read it, so what this takes that takes, too.
pub(super) fn under(body: &[u8], names: &HashSet<&'static str>) -> Result<Value, Unrecognized> {
    match read(body, Under { names, depth: 0 })? {
        value @ Value::Object(_) => Ok(value),
        _ => Err(Unrecognized("the body is not a JSON object".into())),
    }
}

fn read<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> Result<S::Value, Unrecognized> {
    let not_json = |error: serde_json::Error| Unrecognized(format!("the body is not JSON: {error}"));
    let mut parser = serde_json::Deserializer::from_slice(body);
    parser.disable_recursion_limit();
    let value = seed.deserialize(&mut parser).map_err(not_json)?;
    parser.end().map_err(not_json)?;
    Ok(value)
}

/// Reads one value; of two equal keys the last wins.
struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
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
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            object.insert(key, fields.next_value_seed(Self)?);
        }
        Ok(Value::Object(object))
    }
}

/// Reads what stands under names, and looks at the rest as closely.
#[derive(Clone, Copy)]
struct Under<'n> {
    names: &'n HashSet<&'static str>,
    depth: usize,
}

impl Under<'_> {
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

impl<'de> DeserializeSeed<'de> for Under<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Under<'_> {
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        // No name leads into a list.
        let skipped = Skipped(self.deeper()?);
        while items.next_element_seed(skipped)?.is_some() {}
        Ok(Value::Array(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(known) = fields.next_key_seed(Known(self.names))? {
            match known {
                Some(name) => {
                    object.insert(name.to_owned(), fields.next_value_seed(inner)?);
                }
                None => fields.next_value_seed(Skipped(inner))?,
            }
        }
        Ok(Value::Object(object))
    }
}

/// A key, if it is one of the names.
struct Known<'n>(&'n HashSet<&'static str>);

impl<'de> DeserializeSeed<'de> for Known<'_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Known<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(key).copied())
    }
}

/// Reads one value, keeps nothing of it, and refuses what the others refuse: a number too large, half of a surrogate pair.
#[derive(Clone, Copy)]
struct Skipped<'n>(Under<'n>);

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
