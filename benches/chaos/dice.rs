//! In: a seed. Out: numbers that look random and are the same for the same seed. Never: the clock.

/// SplitMix64: small, and known to be good enough for schedules.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice for one matter: what is thrown for it does not depend on what was thrown for others.
    pub(super) fn of(seed: u64, matter: &str, number: u64) -> Self {
        let mixed = matter
            .bytes()
            .fold(seed ^ 0x51_7c_c1_b7_27_22_0a_95, |mixed, byte| {
                Self(mixed ^ u64::from(byte)).next()
            });
        Self(Self(mixed ^ number).next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `from..until`.
    pub(super) fn within(&mut self, from: u64, until: u64) -> u64 {
        from + self.next() % until.saturating_sub(from).max(1)
    }

    /// True so many times in a thousand.
    pub(super) fn permille(&mut self, chance: u64) -> bool {
        self.within(0, 1_000) < chance
    }

    /// One of them.
    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = usize::try_from(self.within(0, of.len() as u64)).unwrap_or(0);
        &of[place]
    }
}
