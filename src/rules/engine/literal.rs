//! In: a regular expression (a glob is one, too). Out: texts of which every match contains one. Never: matching.

use regex_syntax::hir::{Hir, HirKind, Look};

use crate::rules::engine::access::{Atom, Choice, Text};

/// What a regular expression demands of a text; `None` if nothing that can be looked up.
pub(super) fn demands(source: &str, ignore_case: bool) -> Choice {
    match regex_syntax::parse(source) {
        Ok(hir) => choice(&hir, ignore_case),
        Err(_) => Choice::Nothing,
    }
}

/// One after the other.
enum Piece<'h> {
    Start,
    End,
    Literal(Vec<u8>),
    Other(&'h Hir),
}

fn choice(hir: &Hir, ignore_case: bool) -> Choice {
    let mut pieces = Vec::new();
    flatten(hir, &mut pieces);
    let anchored = |at: usize, is: fn(&Piece<'_>) -> bool| pieces.get(at).is_some_and(is);
    let mut choices = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Start | Piece::End => {}
            Piece::Other(hir) => choices.push(match hir.kind() {
                HirKind::Alternation(branches) => {
                    Choice::Union(branches.iter().map(|hir| choice(hir, ignore_case)).collect())
                }
                HirKind::Repetition(repetition) if repetition.min > 0 => choice(&repetition.sub, ignore_case),
                _ => Choice::Nothing,
            }),
            Piece::Literal(bytes) => {
                let first = at > 0 && anchored(at - 1, |piece| matches!(piece, Piece::Start));
                let last = anchored(at + 1, |piece| matches!(piece, Piece::End));
                choices.extend(literal(bytes, ignore_case, first, last));
            }
        }
    }
    Choice::Best(choices)
}

fn flatten<'h>(hir: &'h Hir, pieces: &mut Vec<Piece<'h>>) {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Look(Look::Start) => pieces.push(Piece::Start),
        HirKind::Look(Look::End) => pieces.push(Piece::End),
        HirKind::Capture(capture) => flatten(&capture.sub, pieces),
        HirKind::Concat(parts) => parts.iter().for_each(|part| flatten(part, pieces)),
        HirKind::Literal(literal) => match pieces.last_mut() {
            Some(Piece::Literal(bytes)) => bytes.extend_from_slice(&literal.0),
            _ => pieces.push(Piece::Literal(literal.0.to_vec())),
        },
        _ => pieces.push(Piece::Other(hir)),
    }
}

fn literal(bytes: &[u8], ignore_case: bool, first: bool, last: bool) -> Option<Choice> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !ignore_case {
        let text: Box<str> = text.into();
        return Some(Choice::Atom(match (first, last) {
            (true, true) => Atom::Text(Text::Whole, text, false),
            (true, false) => Atom::Text(Text::Prefix, text, false),
            (false, true) => Atom::Text(Text::Suffix, text, false),
            (false, false) => Atom::Text(Text::Part, text, false),
        }));
    }
    // The longest run of letters whose other case is only the plain one: `k` is also the sign for Kelvin, `s` the long s,
    // and lower case folds those to themselves.
    let plain = |c: char| c.is_ascii() && !matches!(c, 'k' | 'K' | 's' | 'S');
    let run = text.split(|c| !plain(c)).max_by_key(|run| run.len())?;
    let run = run.to_ascii_lowercase().into_boxed_str();
    (!run.is_empty()).then_some(Choice::Atom(Atom::Text(Text::Part, run, true)))
}
