//! In: a glob as GitHub's filters write it. Out: an anchored, linear-time regular expression. Never: the file system.

/// Translates: `*` stops at `/`, `**` does not, `**/` at the begin of a segment is any number of folders, none too (so
/// `docs/**/*.md` finds `docs/README.md`, as on GitHub), `?` is one character but `/`, `[a-z]` one of a class, `\` takes the
/// next character as it is. The result matches the whole text.
pub(crate) fn to_regex(glob: &str) -> Result<String, String> {
    let mut regex = String::from("(?s)\\A");
    let mut letters = glob.chars().peekable();
    let mut segment_begins = true;
    while let Some(letter) = letters.next() {
        let at_begin = std::mem::replace(&mut segment_begins, letter == '/');
        match letter {
            '*' if letters.peek() == Some(&'*') => {
                while letters.next_if_eq(&'*').is_some() {}
                if at_begin && letters.next_if_eq(&'/').is_some() {
                    regex.push_str("(?:.*/)?");
                    segment_begins = true;
                } else {
                    regex.push_str(".*");
                }
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' => class(&mut letters, &mut regex)?,
            '\\' => {
                let next = letters
                    .next()
                    .ok_or("a glob cannot end with a single `\\`: write `\\\\` for the character itself")?;
                push_literal(next, &mut regex);
            }
            other => push_literal(other, &mut regex),
        }
    }
    regex.push_str("\\z");
    Ok(regex)
}

/// One `[…]`: characters and ranges, `!` or `^` first means none of them. Never matches `/`.
fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, regex: &mut String) -> Result<(), String> {
    const OPEN: &str = "`[` without its `]`: write `\\[` for the character itself";
    let negated = letters.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut body = String::new();
    loop {
        let first = match letters.next().ok_or(OPEN)? {
            ']' if body.is_empty() => return Err("`[]` is an empty class: it can match nothing".into()),
            ']' => break,
            '\\' => letters.next().ok_or(OPEN)?,
            other => other,
        };
        push_in_class(first, &mut body);
        let mut ahead = letters.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|next| *next != ']') {
            letters.next();
            let last = match letters.next().ok_or(OPEN)? {
                '\\' => letters.next().ok_or(OPEN)?,
                other => other,
            };
            if last < first {
                return Err(format!("the range `{first}-{last}` is upside down"));
            }
            body.push('-');
            push_in_class(last, &mut body);
        }
    }
    // A class stands within one path segment, like `*` and `?`.
    let class = if negated {
        format!("[^/{body}]")
    } else {
        format!("[{body}&&[^/]]")
    };
    regex.push_str(&class);
    Ok(())
}

fn push_literal(letter: char, regex: &mut String) {
    regex.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
}

fn push_in_class(letter: char, body: &mut String) {
    if letter.is_ascii_punctuation() {
        body.push('\\');
    }
    body.push(letter);
}
