//! In: a length of time as a rule writes it (`30m`, `2h`, `7d`). Out: a time that long ago. Never: the clock itself.

use jiff::Timestamp;

use super::toolbox::invalid;
use crate::clock;
use crate::hub::ToolError;

/// The units, in milliseconds.
const UNITS: [(&str, i64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// `text`, the value of `argument`, before `now`.
///
/// # Errors
/// Invalid, naming the argument, when it is no length of time.
pub(super) fn ago(argument: &str, text: &str, now: Timestamp) -> Result<Timestamp, ToolError> {
    Ok(clock::after(now, -millis(argument, text)?))
}

/// The time an argument means: RFC 3339, or a length of time before `now`.
///
/// # Errors
/// Invalid, naming the argument, when it is neither.
pub(super) fn time(argument: &str, text: &str, now: Timestamp) -> Result<Timestamp, ToolError> {
    match text.trim().parse() {
        Ok(at) => Ok(at),
        Err(_) => ago(argument, text.trim().trim_start_matches('-'), now).map_err(|error| {
            error.with_remedy("a time as in 2026-01-31T12:00:00Z, or how long ago, as in 30m")
        }),
    }
}

/// A stretch of time as a call names it; what it leaves open is the API's default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// Not before.
    pub(super) since: Option<Timestamp>,
    /// Not after.
    pub(super) until: Option<Timestamp>,
}

/// The arguments `since`, `until` and `within` as times.
///
/// # Errors
/// Invalid, naming the argument, when one is no time, or `within` stands beside `since`.
pub(super) fn window(
    since: &Option<String>,
    until: &Option<String>,
    within: &Option<String>,
    now: Timestamp,
) -> Result<Window, ToolError> {
    let since = match (since, within) {
        (Some(_), Some(_)) => return Err(invalid("within", "cannot be combined with `since`")),
        (Some(since), None) => Some(time("since", since, now)?),
        (None, Some(within)) => Some(ago("within", within, now)?),
        (None, None) => None,
    };
    let until = until
        .as_deref()
        .map(|until| time("until", until, now))
        .transpose()?;
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(invalid(
            "until",
            format!("is not after `since`: {since} to {until}"),
        ));
    }
    Ok(Window { since, until })
}

/// A length of time, in milliseconds, at least one.
///
/// # Errors
/// Invalid, naming the argument, when it is none.
pub(super) fn millis(argument: &str, text: &str) -> Result<i64, ToolError> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let found = UNITS.iter().find(|(name, _)| *name == unit);
    match (number.parse::<i64>(), found) {
        (Ok(number), Some((_, millis))) if number > 0 => Ok(number.saturating_mul(*millis)),
        _ => Err(invalid(argument, format!("is no length of time: \"{text}\""))
            .with_remedy("a whole number with ms, s, m, h, d or w, as in 30m")),
    }
}
