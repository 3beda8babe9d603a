//! In: findings. Out: them for a terminal, as JSON, as a Markdown report. Never: how they were found.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// It was looked at, and is well.
    Ok,
    /// It is not there, and need not be.
    Note,
    /// It works, and may surprise.
    Warning,
    /// Something will not work, or is not safe.
    Problem,
}

impl Level {
    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "PROBLEM",
        }
    }

    /// The colour of a terminal.
    fn color(self) -> &'static str {
        match self {
            Self::Ok => "32",
            Self::Note => "2",
            Self::Warning => "33",
            Self::Problem => "31;1",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Which part: `store`, `GitHub`.
    pub(super) area: &'static str,
    /// How bad.
    pub(super) level: Level,
    /// What was found.
    pub(super) what: String,
    /// Why it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    /// What to do, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

impl Finding {
    /// It is well.
    pub(super) fn ok(area: &'static str, what: impl Into<String>) -> Self {
        Self {
            area,
            level: Level::Ok,
            what: what.into(),
            why: None,
            remedy: None,
        }
    }

    /// It is not well, or not there.
    pub(super) fn new(
        area: &'static str,
        level: Level,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            area,
            level,
            what: what.into(),
            why: some(why.into()),
            remedy: some(remedy.into()),
        }
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The program's version.
    pub(super) version: &'static str,
    /// When, in RFC 3339.
    pub(super) at: String,
    /// What the providers were.
    pub(super) providers: &'static str,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    pub(super) fn count(&self, level: Level) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }

    /// The last line.
    pub(super) fn summary(&self) -> String {
        let count = |level, one: &str| format!("{} {one}(s)", self.count(level));
        format!(
            "{}, {}, {} looked at",
            count(Level::Problem, "problem"),
            count(Level::Warning, "warning"),
            self.findings.len()
        )
    }

    /// For a terminal.
    pub(super) fn text(&self, in_color: bool) -> String {
        let area_width = self.findings.iter().map(|finding| finding.area.len()).max();
        let area_width = area_width.unwrap_or(0);
        let mut text = String::new();
        for finding in &self.findings {
            let mark = format!("{:8}", finding.level.mark());
            let mark = match in_color {
                true => format!("\u{1b}[{}m{mark}\u{1b}[0m", finding.level.color()),
                false => mark,
            };
            let _ = writeln!(
                text,
                "{mark} {:area_width$}  {}",
                finding.area,
                clean(&finding.what)
            );
            let indent = " ".repeat(8 + 1 + area_width + 2);
            for (word, more) in [("", &finding.why), ("→ ", &finding.remedy)] {
                for line in more.iter().flat_map(|more| more.lines()) {
                    let _ = writeln!(text, "{indent}{word}{}", clean(line));
                }
            }
        }
        let _ = write!(text, "\n{}", self.summary());
        text
    }

    pub(super) fn json(&self) -> Value {
        let mut report = json!(self);
        report["problems"] = self.count(Level::Problem).into();
        report["warnings"] = self.count(Level::Warning).into();
        report
    }

    /// As a document.
    pub(super) fn markdown(&self) -> String {
        let cell = |text: &str| clean(text).replace('|', "\\|").replace('<', "&lt;");
        let mut text = format!(
            "# Validation report\n\nxmrt {}, {}, on {}.\n\n**{}**\n\n| | part | what was found | what to do |\n|---|---|---|---|\n",
            self.version,
            self.at,
            self.providers,
            self.summary()
        );
        for finding in &self.findings {
            let why = finding.why.as_deref().map(|why| format!(". {}", cell(why)));
            let _ = writeln!(
                text,
                "| {} | {} | {}{} | {} |",
                finding.level.mark(),
                finding.area,
                cell(&finding.what),
                why.unwrap_or_default(),
                finding.remedy.as_deref().map(cell).unwrap_or_default()
            );
        }
        text
    }
}

/// One line, without what could move a terminal's cursor: parts of it are words of others.
fn clean(text: &str) -> String {
    text.chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect()
}
