//! In: a text that somebody wrote, or a program printed. Out: the same without what looks like a secret. Never: a promise that
//! none is left; what looks like any other word is not known for one.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What stands where something was taken out.
pub const HIDDEN: &str = "(hidden)";

/// How words begin that are somebody's token, wherever they stand.
const SECRET_WORDS: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xmrt_agent_",
    "rnd_",
    "whsec_",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "AKIA",
    "ASIA",
    "AIza",
    "eyJ",
];
/// A word that begins so and is at least so long is a token, in characters.
const SECRET_WORD_CHARS_MIN: usize = 16;

/// A pattern; the ones below are constant, and a test compiles them all.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// password=…, "api_key": "…", Authorization: Bearer …, in plain text, in JSON, and in JSON within a text.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r#"(?i)\b(?P<name>[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|credential|private[_-]?key|api[_-]?key|access[_-]?key"#,
        // What may follow it in a name; SecretService and passwords.rs are none.
        r#"|authorization)(?:s|[_.-]?(?:access|key|base|value|hash|digest|string|text|old|new|confirm(?:ation)?|\d+))*"#,
        r#"|[\w.-]*token)(?P<quoted>\\?["'])?(?P<sign>\s*[=:]\s*)(?P<scheme>(?:bearer|basic|token)\s+)?"#,
        r#"(?:(?P<open>\\?["'])(?P<inside>(?:[^"'\\]|\\[^"'])*)|(?P<bare>[^\s,;&"'\\(){}\[\]<>]+))"#,
    ))
});
/// What a browser sends is many values, up to the end of the line.
static COOKIES: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"(?i)\b((?:set-)?cookie\\?["']?\s*:\s*\\?["']?)[^"'\\\r\n]+"#));
/// scheme://name:password@, whatever signs the password is made of.
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@"']*:)[^\s@"']+@"#));

/// A text without what looks like a secret: tokens by how they begin, what is named as a secret, what authorizes a request,
/// the password in an address, the values of a query.
pub fn masked(text: &str) -> String {
    let text = replaced(&COOKIES, text, "${1}(hidden)");
    let text = replaced(&ADDRESS, &text, "${1}(hidden)@");
    let text = replaced(&NAMED, &text, named);
    words(&text)
}

fn replaced(pattern: &LazyLock<Option<Regex>>, text: &str, by: impl regex::Replacer) -> String {
    match &**pattern {
        Some(pattern) => pattern.replace_all(text, by).into_owned(),
        None => text.to_owned(),
    }
}

/// A name and its value, as they are kept.
fn named(found: &Captures<'_>) -> String {
    let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
    let (name, sign, bare) = (part("name"), part("sign"), part("bare"));
    // "unexpected token: end of file" is a sentence, and null is no secret.
    let is_password = name.to_ascii_lowercase().contains("pass");
    let is_said = sign.contains(':')
        && sign.ends_with(' ')
        && part("quoted").is_empty()
        && part("scheme").is_empty()
        && bare.chars().all(|c| c.is_ascii_alphabetic() || c == '.')
        && !is_password;
    let says_nothing = matches!(bare, "null" | "None" | "nil" | "true" | "false");
    if !bare.is_empty() && (is_said || says_nothing) || bare.is_empty() && part("inside").is_empty() {
        return found[0].to_owned();
    }
    // A value without quotes below a name with them is a number in JSON, and must not make it something else.
    let open = if part("open").is_empty() {
        part("quoted")
    } else {
        part("open")
    };
    let close = if part("open").is_empty() { open } else { "" };
    format!(
        "{name}{}{sign}{open}{}{HIDDEN}{close}",
        part("quoted"),
        part("scheme")
    )
}

/// A text without words that are tokens.
fn words(text: &str) -> String {
    let of_a_word = |sign: char| sign.is_ascii_alphanumeric() || "_-.+/=".contains(sign);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(of_a_word) {
        clean.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|sign| !of_a_word(sign)).unwrap_or(rest.len());
        let kept = word(&rest[..end], &clean);
        clean.push_str(&kept);
        rest = &rest[end..];
    }
    clean.push_str(rest);
    clean
}

/// A word as it is kept; `before` is what stands before it.
fn word(word: &str, before: &str) -> String {
    let is_token = |part: &str| {
        part.len() >= SECRET_WORD_CHARS_MIN && SECRET_WORDS.iter().any(|begin| part.starts_with(begin))
    };
    if is_token(word) || before.ends_with("Bearer ") || before.ends_with("bearer ") {
        return HIDDEN.into();
    }
    // What follows `key=` in a query is the key of a hook.
    match word.split_once('=') {
        Some((name, value)) if is_token(value) || (before.ends_with(['?', '&']) && !value.is_empty()) => {
            format!("{name}={HIDDEN}")
        }
        _ => match word.rsplit_once('/') {
            Some((path, last)) if is_token(last) => format!("{path}/{HIDDEN}"),
            _ => word.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert!(
            [&NAMED, &COOKIES, &ADDRESS]
                .iter()
                .all(|pattern| pattern.is_some())
        );
    }

    /// The secret is assembled, so that no scanner takes it for a real one.
    #[test]
    fn a_secret_is_hidden_in_every_way_of_writing_one_and_the_rest_stays() {
        let secret = format!("{}{}", "s3cr", "3t-1/x");
        let token = format!("{}_{}", "ghp", "A1b2".repeat(9));
        for (text, kept) in [
            (
                format!("login failed password={secret} for eve"),
                "login failed password=(hidden) for eve",
            ),
            (
                format!("login failed, password: {secret}"),
                "login failed, password: (hidden)",
            ),
            (format!("password: {}", "letters"), "password: (hidden)"),
            (
                format!("DB_PASSWORD='{secret}' set"),
                "DB_PASSWORD='(hidden)' set",
            ),
            (
                format!(r#"{{"msg":"in","apiKey": "{secret} more","n":1}}"#),
                r#"{"msg":"in","apiKey": "(hidden)","n":1}"#,
            ),
            (
                r#"{"token":98172634,"n":1}"#.to_owned(),
                r#"{"token":"(hidden)","n":1}"#,
            ),
            (
                format!(r#"{{"log":"{{\"client_secret\":\"{secret}\"}}"}}"#),
                r#"{"log":"{\"client_secret\":\"(hidden)\"}"}"#,
            ),
            (
                format!("Authorization: Bearer {secret}"),
                "Authorization: Bearer (hidden)",
            ),
            (
                format!("authorization=Basic {secret} sent"),
                "authorization=Basic (hidden) sent",
            ),
            (
                format!("{{ authorization: 'Bearer {secret}' }}"),
                "{ authorization: '(hidden)' }",
            ),
            (format!("Cookie: sid={secret}; theme=dark"), "Cookie: (hidden)"),
            (
                format!("at postgres://eve:{secret}@db:5432/a"),
                "at postgres://eve:(hidden)@db:5432/a",
            ),
            (format!("cloned with {token}."), "cloned with (hidden)"),
            (format!("GET /hook?key={secret}"), "GET /hook?key=(hidden)"),
            (
                format!("STRIPE_SECRET_KEY={secret}"),
                "STRIPE_SECRET_KEY=(hidden)",
            ),
        ] {
            assert_eq!(masked(&text), kept);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "SyntaxError: Unexpected token: end of file",
            "Unexpected token < in JSON at position 0",
            "token_count=512 max_tokens=4096",
            r#"{"token":null,"credentials":{"user":"eve"}}"#,
            "Caused by: java.sql.SQLException: no such column",
            "password=",
            "at /app/src/secrets.rs:12:7",
            "listening on http://localhost:8080/health",
            "c.acme.api.PasswordResetService : 42 resets",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
