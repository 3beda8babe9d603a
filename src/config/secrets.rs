//! Reading one variable at a time, keeping where it came from and what was wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{Environment, Row, read_text};

/// Reads variables, remembers rows for `xmrt config`, and gathers problems instead of stopping at the first.
pub(super) struct Reader<'a> {
    environment: &'a Environment,
    rows: Vec<Row>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            rows: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Vec<Row>, Vec<String>) {
        (self.rows, self.problems)
    }

    pub(super) fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    pub(super) fn row(&mut self, name: &str, value: &str, origin: &str) {
        self.rows.push(Row {
            name: name.into(),
            value: value.into(),
            origin: origin.into(),
        });
    }

    /// A variable as set; an empty one counts as unset.
    pub(super) fn raw(&self, name: &str) -> Option<String> {
        self.environment
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    }

    /// Whether a secret is set, itself or as a file.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.raw(name).is_some() || self.raw(&format!("{name}_FILE")).is_some()
    }

    pub(super) fn text(&mut self, name: &str, default: &str) -> String {
        let (value, origin) = match self.raw(name) {
            Some(value) => (value, "environment"),
            None => (default.to_owned(), "default"),
        };
        self.row(name, &value, origin);
        value
    }

    pub(super) fn choice(&mut self, name: &str, choices: &[&str]) -> String {
        let value = self.text(name, choices[0]);
        if !choices.contains(&value.as_str()) {
            self.problem(format!("{name} is `{value}`; it can be {}", choices.join(" or ")));
        }
        value
    }

    pub(super) fn url(&mut self, name: &str, default: &str) -> String {
        let value = self.text(name, default);
        if !is_http(&value) {
            self.problem(format!(
                "{name} is `{value}`, which is not an http(s) URL; try {default}"
            ));
        }
        value.trim_end_matches('/').to_owned()
    }

    pub(super) fn path(
        &mut self,
        name: &str,
        flag: Option<&Path>,
        flag_name: &str,
        default: &str,
    ) -> PathBuf {
        if let Some(path) = flag {
            self.row(name, &path.display().to_string(), flag_name);
            return path.to_owned();
        }
        PathBuf::from(self.text(name, default))
    }

    /// A secret, or the content of the file that `<name>_FILE` points to, without the last line's end.
    pub(super) fn secret(&mut self, name: &str) -> Option<SecretString> {
        let found = self.secret_text(name);
        match &found {
            Some((secret, origin)) => {
                let (shown, origin) = (mask(secret.expose_secret()), origin.clone());
                self.row(name, &shown, &origin);
            }
            None => self.row(name, "(not set)", "default"),
        }
        found.map(|(secret, _)| secret)
    }

    fn secret_text(&mut self, name: &str) -> Option<(SecretString, String)> {
        let file_name = format!("{name}_FILE");
        match (self.raw(name), self.raw(&file_name)) {
            (Some(_), Some(_)) => {
                self.problem(format!(
                    "both {name} and {file_name} are set; unset one, so that it is clear which holds"
                ));
                None
            }
            (Some(value), None) => Some((value.into(), "environment".into())),
            (None, Some(path)) => match read_text(Path::new(&path)) {
                Ok(text) if text.trim().is_empty() => {
                    self.problem(format!(
                        "{file_name}: `{path}` is empty; put the secret into it or unset the variable"
                    ));
                    None
                }
                Ok(text) => Some((text.trim_end_matches(['\n', '\r']).into(), format!("file {path}"))),
                Err(error) => {
                    self.problem(format!("{file_name}: `{path}` cannot be read: {error}"));
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// `NAME`, `NAME_2`, `NAME_3`, and every line of `NAME_FILE`: all valid at once, for rotation with overlap.
    pub(super) fn rotating_secrets(&mut self, name: &str) -> Vec<SecretString> {
        let mut secrets = Vec::new();
        let mut origins = Vec::new();
        if let Some((secret, origin)) = self.secret_text(name) {
            if origin.starts_with("file ") {
                let lines = secret
                    .expose_secret()
                    .lines()
                    .map(str::trim_end)
                    .filter(|line| !line.is_empty());
                secrets.extend(lines.map(SecretString::from));
            } else {
                secrets.push(secret);
            }
            origins.push(origin);
        }
        for suffix in ["_2", "_3"] {
            if let Some(value) = self.raw(&format!("{name}{suffix}")) {
                secrets.push(value.into());
                origins.push(format!("environment ({name}{suffix})"));
            }
        }
        if secrets.is_empty() {
            self.row(name, "(not set)", "default");
        } else {
            let shown: Vec<String> = secrets
                .iter()
                .map(|secret| mask(secret.expose_secret()))
                .collect();
            self.row(name, &shown.join(", "), &origins.join(", "));
        }
        secrets
    }

    /// The address of a Redis server. Its password is a secret; the rest is shown.
    pub(super) fn redis_url(&mut self, name: &str) -> Option<SecretString> {
        let Some((text, origin)) = self.secret_text(name) else {
            self.row(name, "(not set)", "default");
            return None;
        };
        match redis_url_shown(text.expose_secret()) {
            Ok(shown) => {
                self.row(name, &shown, &origin);
                Some(text)
            }
            Err(problem) => {
                self.problem(format!("{name} {problem}"));
                None
            }
        }
    }

    /// `name=url,name=url`. The URLs are secrets: whoever knows one can post to it.
    pub(super) fn named_urls(&mut self, name: &str) -> BTreeMap<String, SecretString> {
        let mut named = BTreeMap::new();
        let Some((text, origin)) = self.secret_text(name) else {
            self.row(name, "(not set)", "default");
            return named;
        };
        for entry in text
            .expose_secret()
            .split([',', '\n'])
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            match entry.split_once('=') {
                Some((key, url)) if !key.trim().is_empty() && is_http(url.trim()) => {
                    named.insert(key.trim().to_owned(), url.trim().into());
                }
                Some((key, _)) => self.problem(format!(
                    "{name}: what follows `{}=` is not an http(s) URL",
                    key.trim()
                )),
                None => self.problem(format!("{name}: an entry lacks `=`; write `name=url,name=url`")),
            }
        }
        let names: Vec<&str> = named.keys().map(String::as_str).collect();
        let shown = names.join(", ");
        self.row(name, &shown, &origin);
        named
    }
}

pub(super) fn is_http(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A URL as it may be shown; what is none is shown as it is.
pub(super) fn without_password(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return text.to_owned();
    };
    match url.password().is_some() && url.set_password(Some("*****")).is_ok() {
        true => url.to_string(),
        false => text.to_owned(),
    }
}

/// The address without its password, or what is wrong with it, in words that do not hold it either.
fn redis_url_shown(text: &str) -> Result<String, String> {
    const FORM: &str =
        "redis://user:password@host:6379/0, or rediss:// with TLS, or redis+cluster://host:6379,host:6379";
    // A Cluster may be named by several of its nodes; a comma before the `@` is the password's.
    let hosts = text.rfind('@').unwrap_or_default();
    let comma = text[hosts..].find(',').filter(|_| text.contains("+cluster://"));
    let (first, others) = text.split_at(comma.map_or(text.len(), |comma| hosts + comma));
    let mut url = url::Url::parse(first).map_err(|error| format!("is not a URL ({error}); write {FORM}"))?;
    match url.scheme() {
        "redis" | "rediss" | "redis+cluster" | "rediss+cluster" => {}
        other => return Err(format!("begins with `{other}:`; write {FORM}")),
    }
    if !url.has_host() {
        return Err(format!("names no host; write {FORM}"));
    }
    let database = url.path().trim_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err(format!(
            "names the database `{database}`, which is not a number; write {FORM}"
        ));
    }
    if url.password().is_some() && url.set_password(Some("*****")).is_err() {
        return Err(format!("cannot be read; write {FORM}"));
    }
    // Options may hold anything.
    url.set_query(None);
    url.set_fragment(None);
    Ok(format!("{url}{others}"))
}

/// Enough to tell two secrets apart for the one who knows them, and no more: the length, and for long ones two
/// characters.
pub(super) fn mask(secret: &str) -> String {
    let length = secret.chars().count();
    if length < 12 {
        return format!("***** ({length} characters)");
    }
    let head: String = secret.chars().take(2).collect();
    format!("{head}***** ({length} characters)")
}
