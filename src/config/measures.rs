//! In: `30d`, `4GiB`. Out: milliseconds, bytes. Never: a number without its unit.

use serde::Deserialize;

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Age {
    /// In milliseconds.
    pub ms: i64,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes {
    /// In bytes.
    pub bytes: u64,
}

const TIMES: &[(&str, i64)] = &[
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

const SIZES: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

impl Age {
    pub(super) const fn days(days: i64) -> Self {
        Self {
            ms: days * 86_400_000,
        }
    }
}

/// As a person would write it: `30d`.
impl serde::Serialize for Age {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Ten days are not "1w 3d": weeks are taken, not given.
        let units = TIMES.iter().rev().filter(|(unit, _)| *unit != "w");
        let fits = units.clone().find(|(_, ms)| self.ms % ms == 0);
        let (unit, ms) = fits.unwrap_or(&("s", 1_000));
        serializer.collect_str(&format_args!("{}{unit}", self.ms / ms))
    }
}

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = TIMES.iter().find_map(|(unit, ms)| {
            let count: i64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            count.checked_mul(*ms).filter(|ms| *ms > 0)
        });
        found.map(|ms| Self { ms }).ok_or_else(|| {
            format!("{text:?} is not a length of time: write a number and s, m, h, d or w, as in \"30d\"")
        })
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = SIZES.iter().find_map(|(unit, bytes)| {
            let count: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            count.checked_mul(*bytes).filter(|bytes| *bytes > 0)
        });
        found.map(|bytes| Self { bytes }).ok_or_else(|| {
            format!("{text:?} is not a size: write a number and KiB, MiB, GiB or TiB, as in \"4GiB\"")
        })
    }
}

impl schemars::JsonSchema for Age {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Age".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[1-9][0-9]* ?[smhdw]$" })
    }
}

impl schemars::JsonSchema for Bytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[1-9][0-9]* ?([KMGT]i?B)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_has_a_number_and_a_unit() {
        let age = |text: &str| Age::try_from(text.to_owned()).map(|age| age.ms);
        assert_eq!(age("30d"), Ok(30 * 86_400_000));
        assert_eq!(age("1 h"), Ok(3_600_000));
        for text in ["30d", "12h", "90s", "10m"] {
            let written = serde_json::to_value(Age::try_from(text.to_owned()).unwrap()).unwrap();
            assert_eq!(written, text);
        }
        let size = |text: &str| Bytes::try_from(text.to_owned()).map(|size| size.bytes);
        assert_eq!(size("4GiB"), Ok(4 << 30));
        assert_eq!(size("1 MB"), Ok(1_000_000));
        for wrong in ["", "30", "d", "-1d", "0d", "1.5d", "99999999999999999d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "4", "GiB", "4G", "0KiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
