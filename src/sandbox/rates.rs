//! In: how many calls a window takes. Out: how many are left, and whether the next one is refused. Never: a clock.

/// A user's token has so many calls an hour at GitHub.
impl Default for Rate {
    fn default() -> Self {
        Self::new(5_000, 3_600)
    }
}

/// A provider's limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) limit: u64,
    pub(super) used: u64,
    /// When a new window begins, in seconds since the epoch.
    pub(super) reset: i64,
    window: i64,
    /// Whether what is beyond the limit is refused. Otherwise a window that is half used begins anew: nobody runs dry here
    /// who did not ask for it.
    enforced: bool,
}

impl Rate {
    /// So many calls in so many seconds.
    pub(super) const fn new(limit: u64, window: i64) -> Self {
        Self {
            limit,
            used: 0,
            reset: 0,
            window,
            enforced: false,
        }
    }

    /// From now on no more than `limit` calls in so many seconds, counted from here.
    pub(super) fn enforce(&mut self, limit: u64, window: i64) {
        *self = Self {
            enforced: true,
            ..Self::new(limit, window)
        };
    }

    /// A call at `now` is to be refused.
    pub(super) fn refuses(&self, now: i64) -> bool {
        self.enforced && now < self.reset && self.used >= self.limit
    }

    /// Counts a call, unless it is one that does not count.
    pub(super) fn count(&mut self, now: i64, counts: bool) {
        if now >= self.reset || (!self.enforced && self.used > self.limit / 2) {
            self.reset = now + self.window;
            self.used = 0;
        }
        self.used += u64::from(counts);
    }

    /// What is left of the window.
    pub(super) fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}
