//! In: what is wrong in a rule file, and where. Out: [`Diagnostic`]s and their text. Never: deciding what is wrong.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use crate::rules::{SourceFile, visible};

/// How bad it is: an error keeps the whole book from being used, a warning does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably does not say what its author means.
    Warning,
}

/// One thing that is wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable kebab-case id: `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// The file, as it was named to [`crate::rules::load`].
    pub path: String,
    /// Where in the file, in bytes.
    pub span: Range<usize>,
    /// Line of the span's start, from 1.
    pub line: usize,
    /// Column of the span's start in characters, from 1.
    pub column: usize,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Whether it keeps the book from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Collects the diagnostics of one file.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    path: &'a str,
    text: &'a str,
    found: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        Self {
            path,
            text,
            found: Vec::new(),
        }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Severity::Error, code, span, message.into())
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Severity::Warning, code, span, message.into())
    }

    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: &Range<usize>,
        message: String,
    ) -> &mut Diagnostic {
        let span = within(self.text, span);
        let (line, column) = place(self.text, span.start);
        let at = self.found.len();
        self.found.push(Diagnostic {
            severity,
            code,
            message,
            path: self.path.to_owned(),
            span,
            line,
            column,
            hint: None,
        });
        &mut self.found[at]
    }

    pub(crate) fn has_error(&self) -> bool {
        self.found.iter().any(|found| found.severity == Severity::Error)
    }

    /// Whether something is wrong at just this place.
    pub(crate) fn has_error_at(&self, span: &Range<usize>) -> bool {
        let mut errors = self.found.iter().filter(|found| found.is_error());
        errors.any(|found| found.span == *span)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Diagnostic> {
        self.found.iter_mut()
    }

    /// Of several findings under this code only the first: the others follow from it.
    pub(crate) fn keep_first(&mut self, code: &str) {
        let mut first = true;
        self.found
            .retain(|found| found.code != code || std::mem::take(&mut first));
    }

    /// Takes out what was found under this code within a range; says how many there were.
    pub(crate) fn remove(&mut self, code: &str, range: &Range<usize>) -> usize {
        let before = self.found.len();
        self.found
            .retain(|found| found.code != code || !range.contains(&found.span.start));
        before - self.found.len()
    }

    /// All of them, in the order of the file.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found
            .sort_by(|a, b| (a.span.start, a.span.end, a.code).cmp(&(b.span.start, b.span.end, b.code)));
        self.found
    }
}

impl Diagnostic {
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Line and column of the span's end in the file's text, from 1; the column is the one after the last character.
    pub fn end(&self, text: &str) -> (usize, usize) {
        place(text, within(text, &self.span).end)
    }

    /// What the hint says to write instead, where it says so: see [`did_you_mean`].
    pub(crate) fn suggestion(&self) -> Option<&str> {
        let hint = self.hint.as_deref()?;
        let forms = [
            "did you mean `",
            "without quotes: `",
            "in quotes: `",
            "in brackets: `",
        ];
        let rest = forms.iter().find_map(|form| hint.strip_prefix(form))?;
        rest.split_once('`').map(|(word, _)| word)
    }

    pub(crate) fn maybe_hint(&mut self, hint: Option<String>) -> &mut Self {
        self.hint = hint;
        self
    }
}

/// Clamps a span to the text and to character boundaries, so that a wrong one can never panic. The end of the file is
/// the end of its last line, not a line of its own.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let last = text.trim_end_matches(['\r', '\n']).len();
    let down = |mut at: usize| {
        if at >= text.len() {
            at = last;
        }
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = down(span.start);
    start..down(span.end).max(start)
}

/// Line and column (in characters) of a byte offset, both from 1.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The diagnostics as a person reads them: what, `file:line:column`, the line itself with a caret, and the hint.
/// `files` must be the ones the diagnostics were made from; a diagnostic of another file is shown without its line.
pub fn render_diagnostics(files: &[SourceFile], diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut shown = String::new();
    for diagnostic in diagnostics {
        // What was found is quoted in it, and a name of a file may hold anything.
        let mut diagnostic = diagnostic.clone();
        diagnostic.message = visible(&diagnostic.message).into_owned();
        diagnostic.hint = diagnostic.hint.map(|hint| visible(&hint).into_owned());
        let text = files
            .iter()
            .find(|file| file.path == diagnostic.path)
            .map_or("", |file| file.text.as_str());
        diagnostic.path = visible(&diagnostic.path).into_owned();
        shown.push_str(&renderer.render(&[group(&diagnostic, text)]));
        shown.push_str("\n\n");
    }
    shown
}

fn group<'a>(diagnostic: &'a Diagnostic, text: &'a str) -> annotate_snippets::Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let annotation = AnnotationKind::Primary.span(within(text, &diagnostic.span));
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code)
        .element(
            Snippet::source(text)
                .path(diagnostic.path.as_str())
                .annotation(annotation),
        );
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    group
}

/// The candidate nearest to `wrong`, when it is near enough to be what was meant.
pub(crate) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (wrong.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// [`nearest`] as a hint.
pub(crate) fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// How many names a hint offers that only share a word with what was written.
const AKIN_MAX: usize = 4;
/// The shortest word worth looking for in other names, in letters.
const WORD_MIN: usize = 4;

/// For a name that is near to none: those that share a word with it (`comment` and `create_comment`, `repo` and
/// `repository`), as a hint. Too vague to be written instead, so it is no [`did_you_mean`].
pub(crate) fn akin<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (path, name) = wrong.rsplit_once('.').unwrap_or(("", wrong));
    let words = |name: &str| -> Vec<String> {
        let parts = name.split(|letter: char| !letter.is_alphanumeric());
        parts
            .filter(|word| word.len() >= WORD_MIN)
            .map(str::to_lowercase)
            .collect()
    };
    let wanted = words(name);
    let found: Vec<String> = candidates
        .into_iter()
        .filter(|candidate| {
            let (beside, other) = candidate.rsplit_once('.').unwrap_or(("", candidate));
            let shares = |word: &String| wanted.iter().any(|wanted| word.starts_with(wanted.as_str()));
            beside == path && words(other).iter().any(shares)
        })
        .take(AKIN_MAX + 1)
        .map(|candidate| format!("`{candidate}`"))
        .collect();
    match found.as_slice() {
        [] => None,
        [only] => Some(format!("perhaps {only};")),
        [first @ .., last] if found.len() <= AKIN_MAX => {
            Some(format!("perhaps {} or {last};", first.join(", ")))
        }
        // A word that is everywhere tells nothing.
        _ => None,
    }
}

/// Edits between two words: insertion, deletion, replacement and the swap of two neighbors each count one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = last;
        last = row;
    }
    last[b.len()]
}
