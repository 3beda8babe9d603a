//! The model of a counted limit is the list of what was let go, each with its time and its cost.

use std::sync::Arc;

use proptest::prelude::*;
use xmrt::budget::{Budgets, Ledger, Priority, Told, Verdict};
use xmrt::clock::Clock;
use xmrt::journal::MemoryStore;

use super::{at, counted};

const WINDOW_MS: i64 = 60_000;
const SLOT_MS: i64 = WINDOW_MS / 6;

/// What was let go, and when.
#[derive(Default)]
struct Model(Vec<(i64, u32)>);

impl Model {
    /// The cost of what was let go after `from` until `until`.
    fn between(&self, from: i64, until: i64) -> u32 {
        let within = self.0.iter().filter(|(at, _)| *at > from && *at <= until);
        within.map(|(_, cost)| cost).sum()
    }

    /// No window that ends with something let go has more than the limit.
    fn holds(&self, max: u32) -> bool {
        let mut ends = self.0.iter().map(|(at, _)| *at);
        ends.all(|end| self.between(end - WINDOW_MS, end) <= max)
    }
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![
        Just(Priority::Urgent),
        Just(Priority::Normal),
        Just(Priority::Background)
    ]
}

/// A pause in milliseconds, what a request costs, and what it weighs.
fn wishes() -> impl Strategy<Value = Vec<(i64, u32, Priority)>> {
    proptest::collection::vec((0_i64..8_000, 1_u32..6, priority()), 1..120)
}

fn verdict(ledger: &Ledger, max: u32, cost: u32, priority: Priority, now: i64) -> Verdict {
    ledger.verdict(&[counted(max, WINDOW_MS, cost)], priority, |_| 0, at(now))
}

proptest! {
    #[test]
    fn no_window_has_more_than_its_limit_and_nothing_urgent_waits_in_vain(max in 5_u32..60, wishes in wishes()) {
        let (mut ledger, mut model, mut now) = (Ledger::default(), Model::default(), 0);
        for (pause, cost, priority) in wishes {
            now += pause;
            ledger.forget(at(now));
            match verdict(&ledger, max, cost, priority, now) {
                Verdict::Go => {
                    ledger.charge(&[counted(max, WINDOW_MS, cost)], at(now));
                    model.0.push((now, cost));
                }
                Verdict::Wait { until, .. } => {
                    prop_assert!(until > at(now));
                    let then = until.as_millisecond() - at(0).as_millisecond();
                    prop_assert_eq!(verdict(&ledger, max, cost, priority, then), Verdict::Go, "it may go when it was said");
                    let urgent = verdict(&ledger, max, cost, Priority::Urgent, now);
                    if urgent != Verdict::Go {
                        let counts = model.between(now - WINDOW_MS - SLOT_MS, now);
                        prop_assert!(counts + cost > max, "{counts} of {max} count, and {cost} more had to wait");
                    }
                }
            }
        }
        prop_assert!(model.holds(max));
    }

    #[test]
    fn what_may_go_may_go_with_more_weight(max in 1_u32..60, used in 0_u32..60, told in 0_u32..60, cost in 1_u32..4) {
        let mut ledger = Ledger::default();
        ledger.charge(&[counted(max, WINDOW_MS, used)], at(0));
        ledger.learn("writes", Told { limit: 60, remaining: told, until_ms: at(30_000).as_millisecond() });
        let goes = |priority| verdict(&ledger, max, cost, priority, 1_000) == Verdict::Go;
        prop_assert!(!goes(Priority::Background) || goes(Priority::Normal));
        prop_assert!(!goes(Priority::Normal) || goes(Priority::Urgent));
        // The last of what is left is for what is urgent.
        let is_there = told >= cost && used + cost <= max;
        prop_assert!(!is_there || goes(Priority::Urgent));
        prop_assert!(told >= cost || !goes(Priority::Urgent), "nothing goes that the provider has no room for");
    }

    #[test]
    fn ledgers_add_up_in_any_order(parts in proptest::collection::vec((0_i64..60_000, 1_u32..9, 0_u32..60), 1..12)) {
        let part = |&(when, cost, left): &(i64, u32, u32)| {
            let mut ledger = Ledger::default();
            ledger.charge(&[counted(60, WINDOW_MS, cost)], at(when));
            ledger.learn("core", Told { limit: 60, remaining: left, until_ms: at(90_000).as_millisecond() });
            ledger
        };
        let sum = |parts: &mut dyn Iterator<Item = &(i64, u32, u32)>| {
            let mut sum = Ledger::default();
            parts.for_each(|one| sum.add(&part(one)));
            sum
        };
        let forwards = sum(&mut parts.iter());
        prop_assert_eq!(&forwards, &sum(&mut parts.iter().rev()));
        let all: u32 = parts.iter().map(|(_, cost, _)| cost).sum();
        prop_assert_eq!(forwards.in_use("writes", at(59_999).as_millisecond()), all);
    }

    /// Replicas that share a limit and tell each other of what they did only now and then.
    #[test]
    fn three_replicas_together_stay_within_the_limit(
        max in 16_u32..120,
        wishes in proptest::collection::vec((0_i64..3_000, 0_usize..3, 1_u32..4, priority(), any::<bool>()), 1..150),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let model = runtime.block_on(async {
            let clock = Clock::virtual_at(at(0));
            let store = Arc::new(MemoryStore::new(clock.now()));
            let replica = || Budgets::shared(store.clone(), clock.clone()).identity("github token 1", None);
            let replicas = [replica(), replica(), replica()];
            let (mut model, mut now) = (Model::default(), 0);
            for (pause, which, cost, priority, tells) in wishes {
                now += pause;
                clock.advance_to(at(now));
                if replicas[which].pass(vec![counted(max, WINDOW_MS, cost)], priority).await.is_ok() {
                    model.0.push((now, cost));
                }
                if tells {
                    replicas[which].share_now().await;
                }
            }
            model
        });
        prop_assert!(model.holds(max), "{:?}", model.0);
    }
}
