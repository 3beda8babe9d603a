//! In: how many there are of something. Out: that in words. Never: a thing whose plural is not its name with an s.

/// `1 day`, `3 days`.
pub(super) fn counted(count: impl TryInto<i64>, thing: &str) -> String {
    let count = count.try_into().unwrap_or(i64::MAX);
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{end}")
}
