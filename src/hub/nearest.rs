//! In: a name somebody typed and the names there are. Out: the one they meant, perhaps. Never: a guess far off.

/// The candidate closest to `typed`, if it is close enough to be a slip of the hand: a third of its letters at most.
/// Ties go to the first in order.
///
/// ```
/// # use xmrt::hub::nearest;
/// assert_eq!(nearest("github.get_isue", ["github.get_issue", "github.get_me"]), Some("github.get_issue"));
/// assert_eq!(nearest("fly", ["github.get_issue"]), None);
/// ```
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (typed.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(typed, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters, by the row-by-row method.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut current = i + 1;
        let mut next = vec![current];
        for (r, above) in right.iter().zip(row.iter().skip(1)) {
            current = (diagonal + usize::from(l != *r)).min(above + 1).min(current + 1);
            diagonal = *above;
            next.push(current);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
