//! In: a text somebody wrote. Out: the step keys of the markers in it. Never: more than a few.

const OPEN: &str = "<!-- xmrt:";
const CLOSE: &str = " -->";

/// A step key: this many lowercase hexadecimal digits.
const KEY_DIGITS: usize = 32;

/// A text of ours holds one marker; somebody may quote others. More than these would be an attempt to fill an index.
const KEYS_MAX: usize = 4;

/// The keys of all `<!-- xmrt:<32 hex> -->` in a text, each once, the last [`KEYS_MAX`]: ours stands on the last line.
pub(super) fn keys(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, after) in text
        .rmatch_indices(OPEN)
        .map(|(at, open)| (at, &text[at + open.len()..]))
    {
        let Some((key, rest)) = after.split_at_checked(KEY_DIGITS) else {
            continue;
        };
        let digits = key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && rest.starts_with(CLOSE) && !found.iter().any(|known| known == key) {
            found.push(key.to_owned());
            if found.len() == KEYS_MAX {
                break;
            }
        }
    }
    found
}
