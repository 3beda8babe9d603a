//! In: a rule and the type of an event. Out: whether the rule listens to it. Never: what the event says.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::receive::Source;
use crate::rules::book::RuleBook;
use crate::rules::rule::{Mode, Rule};
use crate::rules::vocabulary;

impl Rule {
    /// Whether one of the rule's `on` covers this event type.
    pub fn listens_to(&self, kind: &str) -> bool {
        self.heard().any(|on| covers(&on, kind))
    }

    /// What it listens to, as events are called: `schedule` and `manual` mean this rule's own.
    pub(crate) fn heard(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.on.iter().map(|on| {
            if vocabulary::OF_THE_RULE.contains(&on.as_str()) {
                Cow::Owned(format!("{on}.{}", self.id))
            } else {
                Cow::Borrowed(on.as_str())
            }
        })
    }

    /// Whether nothing but its own schedule, or somebody who asks for it by name, can start it.
    pub(crate) fn is_only_named(&self) -> bool {
        self.on
            .iter()
            .all(|on| vocabulary::OF_THE_RULE.contains(&on.as_str()))
    }

    /// Whether it says `on = "manual"`, so that somebody may ask for it by name.
    pub fn is_manual(&self) -> bool {
        self.on.iter().any(|on| on == "manual")
    }
}

impl RuleBook {
    /// The events of a source that rules listen to, as the source calls them: `github.issues.opened` is about `issues`;
    /// `github.*` and `*` are about everything, which is `*`. A rule that is off needs none.
    pub fn events_of(&self, source: &str) -> BTreeSet<String> {
        let at_work = self.rules().iter().filter(|rule| rule.mode != Mode::Off);
        let events = at_work.flat_map(|rule| &rule.on).filter_map(|on| {
            let mut parts = on.split('.');
            match parts.next() {
                Some("*") => Some("*"),
                Some(first) if first == source => Some(parts.next().unwrap_or("*")),
                _ => None,
            }
        });
        events.map(str::to_owned).collect()
    }
}

/// `github.issues` covers `github.issues.opened` but not `github.issues_x`; `github.*` all below; `*` everything from
/// outside: a rule that hears of its own runs says so.
pub(crate) fn covers(on: &str, kind: &str) -> bool {
    if on == "*" {
        return !Source::is_own(kind);
    }
    let prefix = on.strip_suffix(".*").unwrap_or(on);
    match kind.strip_prefix(prefix) {
        Some("") => prefix.len() == on.len(),
        Some(rest) => rest.starts_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{SourceFile, load};

    #[test]
    fn rules_are_about_events_by_their_second_word_unless_they_are_off() {
        let file = |name: &str, head: &str| SourceFile {
            path: format!("{name}.toml"),
            text: format!(
                "description = \"x\"\n{head}\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"x\" }}\n"
            ),
            unreadable: None,
        };
        let of = |files: &[SourceFile], source: &str| {
            let loaded = load(files, &serde_json::json!({}), None);
            Vec::from_iter(loaded.book.unwrap().events_of(source))
        };
        let several = [
            file(
                "a",
                "on = [\"github.issues.opened\", \"github.push\", \"render.deploy_ended\"]",
            ),
            file("b", "on = \"github.issues\""),
            file(
                "c",
                "on = \"github.release\"\nmode = \"off\"\noff_reason = \"later\"",
            ),
            file("d", "on = \"manual\""),
        ];
        assert_eq!(of(&several, "github"), ["issues", "push"]);
        assert_eq!(of(&several, "render"), ["deploy_ended"]);
        let all = [file("a", "on = \"github.*\""), file("b", "on = \"*\"")];
        assert_eq!(of(&all, "github"), ["*"]);
        assert_eq!(of(&all, "render"), ["*"]);
    }
}
