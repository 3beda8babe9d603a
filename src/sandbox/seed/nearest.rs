//! In: a word that is not known, and those that are. Out: what was probably meant, or all there are. Never: a decision.

/// `did you mean …?` where one of the known words is near, else all of them.
pub(super) fn hint<'w>(wrong: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let allowed = (wrong.chars().count() / 3).clamp(1, 4);
    let near = known
        .iter()
        .map(|word| (strsim::osa_distance(wrong, word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min();
    match near {
        Some((_, near)) => format!("did you mean \"{near}\"?"),
        None => format!("known are {}", known.join(", ")),
    }
}
