//! In: attempts to sign in that failed, or were begun at GitHub, and from where. Out: whether another one is heard now. Never: more memory however
//! many places they come from.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many may fail from one place within [`WINDOW`].
const FAILURES_MAX: u32 = 5;
/// How many may fail from everywhere: a sender can make places up.
const FAILURES_MAX_ALL: u32 = 60;
/// How many may be begun at GitHub from one place: a whole office can be one.
const BEGUN_MAX: u32 = 20;
/// How many from everywhere.
const BEGUN_MAX_ALL: u32 = 120;
/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(60);
/// How many places are told apart.
const PLACES_MAX: usize = 1024;

/// The failures of the last minute.
pub(super) type Attempts = Places<FAILURES_MAX, FAILURES_MAX_ALL>;

/// What was begun in the last minute.
pub(super) type Begun = Places<BEGUN_MAX, BEGUN_MAX_ALL>;

/// What counts against a place, of which so many are let be from it, and so many from all.
#[derive(Debug, Default)]
pub(super) struct Places<const MAX: u32, const MAX_ALL: u32>(Mutex<Windows>);

#[derive(Debug, Default)]
struct Windows {
    places: HashMap<String, Window>,
    all: Option<Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    failures: u32,
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }

    fn add(window: Option<Self>, now: Instant) -> Self {
        match window.filter(|window| !window.is_over(now)) {
            Some(window) => Self {
                failures: window.failures.saturating_add(1),
                ..window
            },
            None => Self {
                since: now,
                failures: 1,
            },
        }
    }
}

impl<const MAX: u32, const MAX_ALL: u32> Places<MAX, MAX_ALL> {
    /// How long nothing more is heard from a place; `None` when it may try.
    pub(super) fn wait(&self, place: &str, now: Instant) -> Option<Duration> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |window: Option<&Window>, max: u32| {
            let window = window.filter(|window| !window.is_over(now) && window.failures >= max)?;
            Some(WINDOW.saturating_sub(now.saturating_duration_since(window.since)))
        };
        full(windows.places.get(place), MAX).max(full(windows.all.as_ref(), MAX_ALL))
    }

    /// Notes one more.
    pub(super) fn count(&self, place: &str, now: Instant) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.all = Some(Window::add(windows.all, now));
        if windows.places.len() >= PLACES_MAX {
            windows.places.retain(|_, window| !window.is_over(now));
        }
        // When there are more, those that are left over are bounded by what all may fail.
        if windows.places.len() < PLACES_MAX || windows.places.contains_key(place) {
            let window = Window::add(windows.places.get(place).copied(), now);
            windows.places.insert(place.to_owned(), window);
        }
    }
}
