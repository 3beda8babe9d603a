//! In: how names of keys begin. Out: those there are, a page at a time. Never: a value.

use std::collections::BTreeSet;

use super::link::{Fault, Link};
use super::reply;

/// How many keys one step looks at.
const KEYS: usize = 512;

/// The names of all keys that begin so.
pub(super) struct Names<'a> {
    link: &'a Link,
    prefix: &'a str,
    pattern: String,
    /// Where to go on; nothing behind the last page.
    cursor: Option<String>,
}

impl<'a> Names<'a> {
    /// `begin` comes behind the prefix of all keys; empty for every key of the journal.
    pub(super) fn of(link: &'a Link, prefix: &'a str, begin: &str) -> Self {
        // What a prefix holds of the marks of a pattern is meant as it stands.
        let mut pattern = String::new();
        for letter in format!("{prefix}{begin}").chars() {
            if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('*');
        let cursor = Some("0".to_owned());
        Self {
            link,
            prefix,
            pattern,
            cursor,
        }
    }

    /// The next of them, behind the prefix; `None` behind the last page. A key that is there all the while comes at least once,
    /// and may come twice.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<String>>, Fault> {
        let Some(cursor) = self.cursor.take() else {
            return Ok(None);
        };
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(&self.pattern);
        command.arg("COUNT").arg(KEYS);
        let mut parts = reply::list(self.link.call(&command).await?)?.into_iter();
        let next = reply::text(parts.next().unwrap_or_default())?;
        self.cursor = (next != "0").then_some(next);
        let mut found = Vec::new();
        for key in reply::list(parts.next().unwrap_or_default())? {
            let key = reply::text(key)?;
            found.extend(key.strip_prefix(self.prefix).map(str::to_owned));
        }
        Ok(Some(found))
    }

    /// All of them at once.
    pub(super) async fn all(mut self) -> Result<BTreeSet<String>, Fault> {
        let mut found = BTreeSet::new();
        while let Some(page) = self.page().await? {
            found.extend(page);
        }
        Ok(found)
    }
}
