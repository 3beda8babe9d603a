//! In: when issues and pull requests were opened, closed and answered, and commits written. Out: what a stretch of time came to, who
//! did it. Never: a look anywhere.
//!
//! What counts as which is said at each field, and in `docs/insight.md`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::stretch::{Spread, Window, count, seconds};

/// How the login of an App ends: what it does is no person's activity.
const BOT: &str = "[bot]";

/// An issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) number: u64,
    /// Its author's login; none if the account is gone.
    pub(super) author: Option<String>,
    pub(super) is_pull: bool,
    pub(super) opened: Timestamp,
    pub(super) closed: Option<Timestamp>,
    pub(super) merged: Option<Timestamp>,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    /// A login, or the name in a commit that GitHub knows no account for.
    pub(super) who: String,
    pub(super) at: Timestamp,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) deed: Deed,
    /// What it is on.
    pub(super) number: u64,
}

/// What is known of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) items: Vec<Item>,
    /// Of the default branch.
    pub(super) commits: Vec<Deed>,
    pub(super) words: Vec<Word>,
}

/// What a stretch of time came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(super) struct Activity {
    /// Commits on the default branch, by when they were written.
    pub(super) commits: u32,
    /// People who did anything of this: wrote a commit, opened, commented. Bots are none.
    pub(super) people: u32,
    /// Pull requests that were opened.
    pub(super) pulls_opened: u32,
    /// Pull requests that were merged.
    pub(super) pulls_merged: u32,
    /// Pull requests that were closed without a merge.
    pub(super) pulls_declined: u32,
    /// From when a pull request was opened until it was merged, of those that were merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_merge: Option<Spread>,
    /// Issues that were opened.
    pub(super) issues_opened: u32,
    /// Issues that were closed, for whatever reason.
    pub(super) issues_closed: u32,
    /// From when an issue was opened until it was closed, of those that were closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_close: Option<Spread>,
    /// From when an issue was opened until somebody else than its author, and no bot, commented on it, of those that were opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_answer: Option<Spread>,
    /// Issues that were opened, are open, and that nobody else has commented on.
    pub(super) unanswered: u32,
    /// Comments by people.
    pub(super) comments: u32,
}

/// What a deed was.
#[derive(Clone, Copy, Debug)]
enum What {
    Commit,
    Opened,
    Comment,
}

/// What somebody did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Person {
    /// Their login, or the name in their commits where GitHub knows no account.
    pub(super) who: String,
    pub(super) commits: u32,
    /// Issues and pull requests that they opened.
    pub(super) opened: u32,
    pub(super) comments: u32,
    /// They had done nothing of this in as long a time before.
    pub(super) is_new: bool,
}

fn is_person(who: &str) -> bool {
    !who.ends_with(BOT)
}

impl Flow {
    /// What a stretch of time came to.
    pub(super) fn measured(&self, window: Window) -> Activity {
        let held = |at: Option<Timestamp>| at.is_some_and(|at| window.holds(at));
        let (pulls, issues): (Vec<&Item>, Vec<&Item>) = self.items.iter().partition(|item| item.is_pull);
        let opened = |items: &[&Item]| count(items.iter().filter(|item| window.holds(item.opened)));
        let took = |items: &[&Item], end: fn(&Item) -> Option<Timestamp>| {
            let ended = items.iter().filter_map(|item| Some((item.opened, end(item)?)));
            Spread::of(
                ended
                    .filter(|(_, end)| window.holds(*end))
                    .map(|(from, end)| seconds(from, end))
                    .collect(),
            )
        };
        let new: Vec<&Item> = issues
            .iter()
            .copied()
            .filter(|item| window.holds(item.opened))
            .collect();
        let answers: Vec<Option<u64>> = new.iter().map(|item| self.answered_after(item)).collect();
        let unanswered = new.iter().zip(&answers);
        Activity {
            commits: count(self.commits.iter().filter(|deed| window.holds(deed.at))),
            people: count(self.people(window).iter()),
            pulls_opened: opened(&pulls),
            pulls_merged: count(pulls.iter().filter(|pull| held(pull.merged))),
            pulls_declined: count(
                pulls
                    .iter()
                    .filter(|pull| pull.merged.is_none() && held(pull.closed)),
            ),
            to_merge: took(&pulls, |pull| pull.merged),
            issues_opened: opened(&issues),
            issues_closed: count(issues.iter().filter(|issue| held(issue.closed))),
            to_close: took(&issues, |issue| issue.closed),
            first_answer: Spread::of(answers.iter().copied().flatten().collect()),
            unanswered: count(
                unanswered.filter(|(issue, answer)| issue.closed.is_none() && answer.is_none()),
            ),
            comments: count(
                self.words
                    .iter()
                    .filter(|word| window.holds(word.deed.at) && is_person(&word.deed.who)),
            ),
        }
    }

    /// After how many seconds somebody else said something to it.
    fn answered_after(&self, item: &Item) -> Option<u64> {
        let by_others = self.words.iter().filter(|word| {
            word.number == item.number
                && is_person(&word.deed.who)
                && item.author.as_ref() != Some(&word.deed.who)
        });
        let first = by_others.map(|word| word.deed.at).min()?;
        Some(seconds(item.opened, first))
    }

    /// Who did what in a stretch of time, who did most first.
    pub(super) fn people(&self, window: Window) -> Vec<Person> {
        let mut people: BTreeMap<&str, Person> = BTreeMap::new();
        let mut before: BTreeSet<&str> = BTreeSet::new();
        for (who, at, what) in self.deeds().filter(|(who, ..)| is_person(who)) {
            if window.before().holds(at) {
                before.insert(who);
            }
            if window.holds(at) {
                let person = people.entry(who).or_default();
                match what {
                    What::Commit => person.commits += 1,
                    What::Opened => person.opened += 1,
                    What::Comment => person.comments += 1,
                }
            }
        }
        let mut people: Vec<Person> = people
            .into_iter()
            .map(|(who, person)| Person {
                who: who.to_owned(),
                is_new: !before.contains(who),
                ..person
            })
            .collect();
        people.sort_by_key(|person| Reverse((person.commits + person.opened, person.comments)));
        people
    }

    /// Everything that somebody did, and when.
    fn deeds(&self) -> impl Iterator<Item = (&str, Timestamp, What)> {
        let commits = self
            .commits
            .iter()
            .map(|deed| (deed.who.as_str(), deed.at, What::Commit));
        let opened = self
            .items
            .iter()
            .filter_map(|item| Some((item.author.as_deref()?, item.opened, What::Opened)));
        let words = self
            .words
            .iter()
            .map(|word| (word.deed.who.as_str(), word.deed.at, What::Comment));
        commits.chain(opened).chain(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}:00:00Z").parse().unwrap()
    }

    fn item(number: u64, author: &str, is_pull: bool, times: [Option<&str>; 3]) -> Item {
        let [opened, closed, merged] = times.map(|time| time.map(at));
        Item {
            number,
            author: Some(author.to_owned()),
            is_pull,
            opened: opened.unwrap(),
            closed,
            merged,
        }
    }

    fn deed(who: &str, when: &str) -> Deed {
        Deed {
            who: who.to_owned(),
            at: at(when),
        }
    }

    fn word(who: &str, when: &str, number: u64) -> Word {
        Word {
            deed: deed(who, when),
            number,
        }
    }

    /// Two weeks of a repository, written down and counted by hand; the second is looked at, the 8th to the 14th.
    fn sample() -> Flow {
        Flow {
            items: vec![
                // Opened before, merged within: after 6 days.
                item(1, "ann", true, [Some("03T12"), Some("09T12"), Some("09T12")]),
                // Opened and merged within: after 2 hours.
                item(2, "bob", true, [Some("10T10"), Some("10T12"), Some("10T12")]),
                item(3, "cid", true, [Some("11T10"), Some("12T10"), None]),
                item(4, "renovate[bot]", true, [Some("12T10"), None, None]),
                // Answered after an hour (the author's own word and a bot's are none), closed after three days.
                item(5, "dee", false, [Some("09T10"), Some("12T10"), None]),
                // Nobody answers.
                item(6, "dee", false, [Some("13T10"), None, None]),
                // Closed without a word: it does not wait for one.
                item(7, "ann", false, [Some("13T10"), Some("13T11"), None]),
                // Before.
                item(8, "ann", false, [Some("02T10"), Some("04T10"), None]),
                // At the very end, which is not within.
                item(9, "ann", false, [Some("15T00"), None, None]),
            ],
            commits: vec![
                deed("ann", "02T09"),
                deed("ann", "08T00"),
                deed("ann", "14T23"),
                deed("renovate[bot]", "10T09"),
            ],
            words: vec![
                word("dee", "09T10", 5),
                word("stale[bot]", "09T10", 5),
                word("bob", "09T11", 5),
                word("ann", "09T12", 5),
                word("bob", "03T11", 8),
            ],
        }
    }

    fn week() -> Window {
        Window {
            since: at("08T00"),
            until: at("15T00"),
        }
    }

    #[test]
    fn a_week_counted_by_hand() {
        const HOUR: u64 = 3_600;
        let spread = |count, median, longest| {
            Some(Spread {
                count,
                median_seconds: median,
                p90_seconds: longest,
                longest_seconds: longest,
            })
        };
        assert_eq!(
            sample().measured(week()),
            Activity {
                commits: 3,
                // ann, bob, cid, dee.
                people: 4,
                pulls_opened: 3,
                pulls_merged: 2,
                pulls_declined: 1,
                to_merge: spread(2, (144 + 2) / 2 * HOUR, 144 * HOUR),
                issues_opened: 3,
                issues_closed: 2,
                // 72 h and 1 h.
                to_close: spread(2, 73 * HOUR / 2, 72 * HOUR),
                first_answer: spread(1, HOUR, HOUR),
                unanswered: 1,
                comments: 3,
            }
        );
        let before = sample().measured(week().before());
        assert_eq!((before.commits, before.people, before.comments), (1, 2, 1));
        assert_eq!(before.to_close, spread(1, 48 * HOUR, 48 * HOUR));
    }

    #[test]
    fn who_did_most_is_first_and_who_did_nothing_before_is_new() {
        let people = sample().people(week());
        let told: Vec<(&str, u32, u32, u32, bool)> = people
            .iter()
            .map(|one| {
                (
                    one.who.as_str(),
                    one.commits,
                    one.opened,
                    one.comments,
                    one.is_new,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("ann", 2, 1, 1, false),
                ("dee", 0, 2, 1, true),
                ("bob", 0, 1, 1, false),
                ("cid", 0, 1, 0, true),
            ]
        );
    }

    #[test]
    fn nothing_comes_to_nothing() {
        assert_eq!(Flow::default().measured(week()), Activity::default());
        assert_eq!(Flow::default().people(week()), []);
    }

    proptest::proptest! {
        /// Cut anywhere, the parts have together what the whole has.
        #[test]
        fn what_is_counted_adds_up(times in proptest::collection::vec((0_i64..1_000, 0_i64..1_000, proptest::bool::ANY), 0..30), cut in 0_i64..1_000) {
            let start = at("01T00");
            let hour = |hours: i64| start + jiff::SignedDuration::from_hours(hours);
            let flow = Flow {
                items: times
                    .iter()
                    .zip(1..)
                    .map(|((opened, open, is_pull), number)| Item {
                        number,
                        author: Some(format!("p{}", number % 4)),
                        is_pull: *is_pull,
                        opened: hour(*opened),
                        closed: Some(hour(opened + open)),
                        merged: (open % 2 == 0).then(|| hour(opened + open)),
                    })
                    .collect(),
                commits: times.iter().map(|(at, ..)| Deed { who: "ann".to_owned(), at: hour(*at) }).collect(),
                words: Vec::new(),
            };
            let part = |since: i64, until: i64| flow.measured(Window { since: hour(since), until: hour(until) });
            let (whole, first, second) = (part(0, 2_000), part(0, cut), part(cut, 2_000));
            let counts = |of: Activity| [of.commits, of.pulls_opened, of.pulls_merged, of.pulls_declined, of.issues_opened, of.issues_closed];
            for ((whole, first), second) in counts(whole).into_iter().zip(counts(first)).zip(counts(second)) {
                proptest::prop_assert_eq!(whole, first + second);
            }
            proptest::prop_assert!(whole.people <= first.people + second.people);
        }
    }
}
