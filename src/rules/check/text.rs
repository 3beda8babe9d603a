//! In: one pattern for texts. Out: whether it can match nothing, or cannot fail to. Never: certainty about every pattern:
//! only the slips that people make are found.

/// Whether a regular expression asks for something before the start or after the end of the text.
pub(super) fn never_matches(regex: &str) -> bool {
    // Flags change what `^` and `$` mean.
    if regex.contains("(?") || regex.contains('|') {
        return false;
    }
    let mut letters = regex.chars().peekable();
    let (mut before, mut in_class) = (false, false);
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
                before = true;
            }
            '[' => in_class = true,
            ']' => {
                in_class = false;
                before = true;
            }
            _ if in_class => {}
            '$' if letters.peek().is_some_and(|next| demands(*next)) && !optional(&letters) => return true,
            '^' if before => return true,
            '^' | '$' | '(' | ')' => {}
            // What is optional demands nothing.
            '*' | '?' | '{' => before = false,
            '+' | '}' => {}
            _ => before = true,
        }
    }
    false
}

fn demands(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, ' ' | '_' | '-' | '/' | '.' | '[' | '\\')
}

/// Whether what comes next may be left out.
fn optional(letters: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    letters.clone().any(|letter| matches!(letter, '*' | '?' | '{'))
}

/// Whether every text matches.
pub(super) fn always_matches(operator: &str, pattern: &str) -> bool {
    match operator {
        "prefix" | "suffix" | "contains" => pattern.is_empty(),
        "glob" => pattern == "**",
        // `^.*$` is not among them: `.` stops at a line break.
        "regex" => matches!(
            pattern,
            "" | "^" | "$" | ".*" | ".*?" | "(.*)" | "^.*" | ".*$" | "(?s).*" | "(?s)^.*$"
        ),
        _ => false,
    }
}

/// Whether a glob has no wildcard.
pub(super) fn is_plain_glob(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', '\\'])
}

/// The operator that was meant by a text with a wildcard at its edge, if it looks like a pattern.
pub(super) fn meant_as(literal: &str) -> Option<&'static str> {
    let regex = literal.contains(".*") || literal.contains(".+");
    let anchored = literal.len() > 1 && (literal.starts_with('^') || literal.ends_with('$'));
    if regex || anchored {
        return Some("regex");
    }
    let letters = literal.trim_matches('*');
    (literal != letters && !letters.is_empty() && !letters.contains('*')).then_some("glob")
}
