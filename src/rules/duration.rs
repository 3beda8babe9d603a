//! In: `"1h30m"`. Out: milliseconds. Never: calendars; a day is 24 hours.

/// The longest duration a rule may name: ten years.
const DURATION_MAX_MS: i64 = 3650 * 24 * 60 * 60 * 1000;

/// Milliseconds of a duration such as `"30s"`, `"1h30m"` or `"250ms"`; the error says what is wrong with it.
pub fn parse(text: &str) -> Result<i64, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("a duration is a number with a unit, such as \"30s\", \"15m\", \"2h\" or \"7d\"".into());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let number: i64 = number.parse().map_err(|_| {
            format!("`{text}` is not a duration: write a number with a unit, such as \"15m\"")
        })?;
        total = unit_ms(unit)
            .ok_or_else(|| unknown_unit(text, unit))?
            .checked_mul(number)
            .and_then(|part| total.checked_add(part))
            .filter(|sum| *sum <= DURATION_MAX_MS)
            .ok_or_else(|| format!("`{text}` is longer than ten years"))?;
        rest = tail.trim_start();
    }
    Ok(total)
}

fn unit_ms(unit: &str) -> Option<i64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    })
}

fn unknown_unit(text: &str, unit: &str) -> String {
    if unit.is_empty() && text.contains(|c: char| !c.is_ascii_digit()) {
        format!(
            "`{text}` is not a duration: write whole numbers with their units, such as \"500ms\" or \"1h30m\""
        )
    } else if unit.is_empty() {
        format!("`{text}` has no unit: write `{text}s` for seconds; units are ms, s, m, h, d")
    } else {
        format!("`{unit}` is no unit of time; units are ms, s, m, h, d")
    }
}

/// Seconds as a person says them: `1h 30m`.
pub(crate) fn spell(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the sign was taken off"
    )]
    let mut left = seconds.abs().round() as u64;
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if left >= size {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if parts.is_empty() {
        return "0s".into();
    }
    format!("{sign}{}", parts.join(" "))
}

/// A duration that somebody wrote out, as it is to be written: `5 minutes` is `5m`, `1 hour 30 min` is `1h30m`. `None`
/// where it is not certain what was meant.
pub(crate) fn tidied(text: &str) -> Option<String> {
    let lower = text.to_lowercase().replace(',', " ").replace(" and ", " ");
    let mut tidy = String::new();
    let mut rest = lower.trim();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (word, next) = after.split_at(letters);
        let unit = match word {
            "ms" | "millisecond" | "milliseconds" => "ms",
            "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "m" | "min" | "mins" | "minute" | "minutes" => "m",
            "h" | "hr" | "hrs" | "hour" | "hours" => "h",
            "d" | "day" | "days" => "d",
            _ => return None,
        };
        if number.is_empty() {
            return None;
        }
        tidy.push_str(number);
        tidy.push_str(unit);
        rest = next.trim_start();
    }
    parse(&tidy).is_ok().then_some(tidy)
}
