//! In: a stranger's words. Out: the same, harmless in a Markdown text we write. Never: their markup.

/// A stranger's words as a code span on one line, of at most `bytes_max` bytes: in it GitHub renders no Markdown and
/// pings nobody. Comment brackets are broken up, because a marker of ours is looked for in the raw text.
pub fn quote(text: &str, bytes_max: usize) -> String {
    let flat: String = text
        .chars()
        .map(|c| match c {
            '`' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    let flat = flat.replace("<!--", "<! --").replace("-->", "-- >");
    let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = cut(&flat, bytes_max).trim_end();
    let more = match kept.len() {
        len if len < flat.len() => "…",
        // Two backticks with nothing between them begin a span that ends who knows where.
        0 => " ",
        _ => "",
    };
    format!("`{kept}{more}`")
}

/// A stranger's name where nothing is rendered: on one line, without characters that are not seen and turn others around, of at most
/// `bytes_max` bytes; nothing where nothing is left.
pub fn plain(name: &str, bytes_max: usize) -> Option<String> {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let seen: String = name.chars().map(|c| if unseen(c) { ' ' } else { c }).collect();
    let seen = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = cut(&seen, bytes_max).trim_end();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// The longest beginning of `text` of at most `bytes_max` bytes that ends between two characters.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_name_is_a_line_of_what_can_be_seen() {
        for (name, seen) in [
            ("api-prod", Some("api-prod")),
            ("  a\n\tb ", Some("a b")),
            ("abc\u{202e}def\u{200b}", Some("abc def")),
            ("äöü", Some("äö")),
            ("\u{2066}\u{feff} ", None),
            ("", None),
        ] {
            let bytes_max = if name == "äöü" { 5 } else { 80 };
            assert_eq!(plain(name, bytes_max).as_deref(), seen, "{name:?}");
        }
    }
}
