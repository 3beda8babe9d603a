//! In: values inside a template. Out: text that is safe where it goes. Never: time, chance, the world.

use std::borrow::Cow;

use minijinja::{Environment, Error, ErrorKind, State};

use crate::rules::duration;
use crate::rules::expression::OUTPUT_BYTES_MAX;

/// Bytes that a step pays for where a filter looks at each letter: the engine alone asks a step for 64.
const BYTES_PER_STEP: u64 = 4;

/// Puts our filters beside the engine's own.
pub(crate) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("duration", spell);
    environment.add_filter("seconds", seconds);
    environment.add_filter("timestamp", timestamp);
    environment.add_filter("earlier", earlier);
    environment.add_filter("slug", slug);
    environment.add_filter("truncate_bytes", truncate_bytes);
    environment.add_filter("markdown_escape", markdown_escape);
    environment.add_filter("fence", fence);
    environment.add_filter("replace", replace);
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// `5400 | duration` is `1h 30m`.
fn spell(seconds: f64) -> String {
    duration::spell(seconds)
}

/// `"1h30m" | seconds` is `5400`.
fn seconds(text: &str) -> Result<f64, Error> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "ten years of milliseconds fit a float exactly"
    )]
    let ms = duration::parse(text).map_err(invalid)? as f64;
    Ok(ms / 1000.0)
}

/// An RFC 3339 time as seconds since 1970, so that times can be subtracted.
fn timestamp(text: &str) -> Result<f64, Error> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| invalid(format!("`{}` is not an RFC 3339 time", truncate_bytes(text, 60))))?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of the calendar's range fit a float exactly"
    )]
    let ms = at.as_millisecond() as f64;
    Ok(ms / 1000.0)
}

/// The moment that long before another: `now | earlier('60d')`, as RFC 3339.
fn earlier(text: &str, length: &str) -> Result<String, Error> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| invalid(format!("`{}` is not an RFC 3339 time", truncate_bytes(text, 60))))?;
    let length = duration::parse(length).map_err(invalid)?;
    at.checked_sub(jiff::SignedDuration::from_millis(length))
        .map(|at| at.to_string())
        .map_err(|_| invalid("there is no time that long before".to_owned()))
}

/// What a filter costs that looks at each letter of a text.
fn pay(state: &State<'_, '_>, text: &str) -> Result<(), Error> {
    state.consume_fuel(text.len() as u64 / BYTES_PER_STEP)
}

/// Lower-case words joined by hyphens: fit for labels, branches and file names.
fn slug(state: &State<'_, '_>, text: &str) -> Result<String, Error> {
    pay(state, text)?;
    let mut slug = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    Ok(slug.trim_end_matches('-').to_owned())
}

/// At most `limit` bytes, never cutting a character; `…` marks the cut where it fits.
fn truncate_bytes(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let marked = limit >= MARK.len();
    let mut end = if marked { limit - MARK.len() } else { limit };
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut cut = text[..end].to_owned();
    if marked {
        cut.push_str(MARK);
    }
    cut
}

/// Text that Markdown shows as it is: no emphasis, links, headings, mentions or HTML come of it.
fn markdown_escape(state: &State<'_, '_>, text: &str) -> Result<String, Error> {
    pay(state, text)?;
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A mention notifies people, a reference links issues: a zero-width space breaks both.
            '@' => escaped.push_str("@\u{200b}"),
            '#' => escaped.push_str("\\#\u{200b}"),
            letter if letter.is_ascii_punctuation() => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter => escaped.push(letter),
        }
    }
    Ok(escaped)
}

/// The engine's own has no bound: each in a chain of them may make a text ten times as long.
fn replace(text: Cow<'_, str>, from: Cow<'_, str>, to: Cow<'_, str>) -> Result<String, Error> {
    let grown = text.matches(&*from).count().saturating_mul(to.len());
    if text.len().saturating_add(grown) > OUTPUT_BYTES_MAX {
        return Err(invalid("the output is larger than 1 MiB".into()));
    }
    Ok(text.replace(&*from, &to))
}

/// Quotes untrusted text as data: a code block whose fence is longer than any run of backticks in the text, so that
/// nothing in it can close the block.
fn fence(text: &str, info: Option<&str>) -> Result<String, Error> {
    let info = info.unwrap_or("text");
    if !info
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+-_.".contains(c))
    {
        return Err(invalid(
            "the language of `fence` is one word of letters and digits".into(),
        ));
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{ticks}{info}\n{text}{end}{ticks}"))
}
