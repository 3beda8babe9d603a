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

/// The longest beginning of `text` of at most `bytes_max` bytes that ends between two characters.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
