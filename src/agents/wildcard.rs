//! In: a pattern and a text. Out: whether the one covers the other. Never: more than `*`, which stands for any signs.

/// Whether `pattern` covers all of `text`. `*` stands for any number of signs, none included.
pub(super) fn covers(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    // Each part is taken at its first place: what a later place would allow, the first one allows, too.
    for part in parts {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(tail)
}
