//! In: nothing; the table of everything [`crate::rules::load`] can complain about. Out: what each lint is called, why it
//! is there, and an example each way; the page `docs/rules/lints.md`. Never: deciding whether a rule has it.
//!
//! An example shows only what matters. [`Lint::bad_files`] and [`Lint::good_files`] make whole files of it, and a test
//! loads them all: the bad one has this finding and no other, the good one does not have it.

use std::fmt::Write;

use crate::rules::SourceFile;
use crate::rules::diagnostic::{Severity, did_you_mean};
use crate::rules::fix;

mod reading;
mod conditions;
mod calls;
mod design;
mod examples;

/// One thing that can be wrong with a rule file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Its stable kebab-case name, the `code` of a [`crate::rules::Diagnostic`].
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whether a comment `# xmrt: allow(<id>) because …` silences it. What keeps a file from being understood cannot be
    /// silenced.
    pub allowable: bool,
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// Why that is bad, and what to do.
    pub why: &'static str,
    /// TOML that has it.
    pub bad: &'static str,
    /// The same, mended.
    pub good: &'static str,
}

/// An error that keeps the file from being used as it is written.
const fn error(
    id: &'static str,
    summary: &'static str,
    why: &'static str,
    bad: &'static str,
    good: &'static str,
) -> Lint {
    Lint {
        id,
        severity: Severity::Error,
        allowable: false,
        summary,
        why,
        bad,
        good,
    }
}

/// An error that somebody who knows better may overrule.
const fn refusal(
    id: &'static str,
    summary: &'static str,
    why: &'static str,
    bad: &'static str,
    good: &'static str,
) -> Lint {
    Lint {
        allowable: true,
        ..error(id, summary, why, bad, good)
    }
}

const fn warning(
    id: &'static str,
    summary: &'static str,
    why: &'static str,
    bad: &'static str,
    good: &'static str,
) -> Lint {
    Lint {
        severity: Severity::Warning,
        ..refusal(id, summary, why, bad, good)
    }
}

/// Lints that `xmrt check --fix` mends, where it is certain what was meant.
pub const FIXABLE: &[&str] = fix::FIXABLE;

/// The groups in the order of the page.
const GROUPS: &[(&str, &[Lint])] = &[
    ("Reading the file", reading::LINTS),
    ("Conditions", conditions::LINTS),
    ("Calls", calls::LINTS),
    ("Design, tests and allowances", design::LINTS),
];

/// All of them, in the order of the page.
pub fn lints() -> impl Iterator<Item = &'static Lint> {
    GROUPS.iter().flat_map(|(_, lints)| *lints)
}

/// The lint of this name.
pub fn lint(id: &str) -> Option<&'static Lint> {
    lints().find(|lint| lint.id == id)
}

/// The names nearest to one that is none, as a hint.
pub fn nearest_lint(id: &str) -> Option<String> {
    did_you_mean(id, lints().map(|lint| lint.id))
}

impl Lint {
    /// For the terminal: what `xmrt check --explain` prints.
    pub fn to_text(&self) -> String {
        format!(
            "{} ({})\n\n{}\n\n{}\n\nwrong:\n\n{}\n\nright:\n\n{}\n\n{}\n",
            self.id,
            self.level(),
            self.summary,
            self.why,
            indented(self.bad),
            indented(self.good),
            self.silencing()
        )
    }

    /// Its page below `docs/rules/lints/`.
    pub fn to_markdown(&self) -> String {
        let fix = if FIXABLE.contains(&self.id) {
            "`xmrt check --fix` mends it where it is certain what was meant.\n\n"
        } else {
            ""
        };
        format!(
            "<!-- Written by `xmrt rules reference`: change the code, not this page. -->\n# {}\n\n**{}**: {}\n\n{}\n\nWrong:\n\n\
             ```toml\n{}\n```\n\nRight:\n\n```toml\n{}\n```\n\n{fix}{}\n\n[All lints](../lints.md)\n",
            self.id,
            self.level(),
            self.summary,
            self.why,
            self.bad.trim_matches('\n'),
            self.good.trim_matches('\n'),
            self.silencing()
        )
    }

    /// `error` or `warning`.
    pub fn level(&self) -> &'static str {
        match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }

    fn silencing(&self) -> String {
        if self.allowable {
            format!(
                "Where it is meant: `# xmrt: allow({}) because …` on the line before.",
                self.id
            )
        } else {
            "It cannot be allowed: the file would not do what it says.".to_owned()
        }
    }

    /// The bad example as whole files.
    pub fn bad_files(&self) -> Vec<SourceFile> {
        examples::files(self.bad)
    }

    /// The good example as whole files.
    pub fn good_files(&self) -> Vec<SourceFile> {
        examples::files(self.good)
    }
}

fn indented(text: &str) -> String {
    text.trim_matches('\n')
        .lines()
        .map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!("    {line}")
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The page `docs/rules/lints.md`, which leads to one page for each.
pub fn lints_markdown() -> String {
    let mut page = String::from(
        "# What `xmrt check` finds\n\n\
         This page is written by `xmrt rules reference`. `xmrt check --explain <lint>` shows one entry in the terminal.\n\n\
         An *error* keeps the whole book from being used; a *warning* says that the rule probably does not do what its author\n\
         means (`--deny-warnings` makes it fail, too). Examples show only what matters: the keys that every rule needs are left\n\
         out. `xmrt check --fix` mends what is marked with ✎, where it is certain what was meant.\n\n\
         Where a finding is wrong, or meant, say so on the line before, with the reason:\n\n\
         ```toml\n\
         # xmrt: allow(cyclic-rule) because the label it adds is never the one it listens to\n\
         on = \"github.issues.labeled\"\n\
         ```\n\n\
         An allowance without a reason, for a lint that does not exist, or for one that is not found there, is a warning itself.\n",
    );
    // Writing to a string cannot fail.
    for (title, lints) in GROUPS {
        let _ = write!(page, "\n## {title}\n\n| lint | | |\n|---|---|---|\n");
        for lint in *lints {
            let _ = writeln!(
                page,
                "| [`{0}`](lints/{0}.md) | {1}{2} | {3} |",
                lint.id,
                lint.level(),
                if FIXABLE.contains(&lint.id) { " ✎" } else { "" },
                lint.summary
            );
        }
    }
    page
}
