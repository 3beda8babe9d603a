//! In: a time, a length of time. Out: that in words, for a report. Never: a clock.

use jiff::Timestamp;

/// `2026-01-31 12:00 UTC`.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2026-01-31`.
pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `40 s`, `20 min`, `3 h 20 min`, `2 d 4 h`: two units at most, and what is below is left out.
pub(super) fn lasted(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let with = |whole: u64, unit: &str, rest: u64, below: &str| match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {below}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => with(hours, "h", minutes % 60, "min"),
        (days, hours, _) => with(days, "d", hours % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::lasted;

    #[test]
    fn a_length_has_two_units_at_most() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (12_059, "3 h 20 min"),
            (86_400, "1 d"),
            (187_300, "2 d 4 h"),
        ] {
            assert_eq!(lasted(seconds), words);
        }
    }
}
