//! The ledger of coverage, in every store: written by who has the right to compare, and by nobody else.

use xmrt::journal::*;

use super::desk::{at, desks};

const LEASE_MS: i64 = 60_000;
const SOURCE: &str = "github:acme/api:1";

fn compared(until: i64, ok: u64) -> Coverage {
    let mut coverage = Coverage::new(SOURCE, at(until));
    coverage.enter(Range {
        from: at(0),
        until: at(until),
        found: Found {
            ok,
            ..Found::default()
        },
    });
    coverage
}

#[tokio::test]
async fn the_ledger_is_written_only_under_the_right_to_compare_and_as_long_as_it_lasts() {
    for desk in desks().await {
        let store = &*desk.store;
        let (one, other) = (CoverageLease::new(LEASE_MS), CoverageLease::new(LEASE_MS));
        let pass = |at| CoveragePass {
            at,
            next_at: at,
            unwatched: Default::default(),
        };
        assert!(
            !one.keep(store, &compared(1, 1), at(0)).await.unwrap(),
            "{}",
            desk.name
        );
        assert!(one.take(store, at(0)).await.unwrap());
        assert!(!other.take(store, at(1)).await.unwrap());
        assert!(!other.keep(store, &compared(2, 2), at(1)).await.unwrap());
        assert!(one.keep(store, &compared(1, 1), at(1)).await.unwrap());
        assert!(one.keep_pass(store, &pass(at(1)), at(1)).await.unwrap());

        // The first stands still for longer than its right lasts; another goes on.
        let later = LEASE_MS + 1;
        assert!(other.take(store, at(later)).await.unwrap(), "{}", desk.name);
        assert!(other.keep(store, &compared(later, 9), at(later)).await.unwrap());
        assert!(other.keep_pass(store, &pass(at(later)), at(later)).await.unwrap());
        for written in [
            one.renew(store, at(later)).await.unwrap(),
            one.keep(store, &compared(2, 2), at(later)).await.unwrap(),
            one.keep_pass(store, &pass(at(2)), at(later)).await.unwrap(),
            one.forget(store, SOURCE, at(later)).await.unwrap(),
        ] {
            assert!(!written, "{}", desk.name);
        }
        one.give_back(store, at(later)).await.unwrap();
        let kept = coverage_of(store, SOURCE, at(later)).await.unwrap();
        assert_eq!(kept, Some(compared(later, 9)), "{}", desk.name);
        let kept = coverage_pass(store, at(later)).await.unwrap();
        assert_eq!(kept, Some(pass(at(later))), "{}", desk.name);

        assert!(other.forget(store, SOURCE, at(later)).await.unwrap());
        assert_eq!(all_coverage(store, at(later)).await.unwrap(), []);
        // Given back, it is over for whoever had it, too.
        other.give_back(store, at(later)).await.unwrap();
        assert!(!other.keep(store, &compared(3, 3), at(later)).await.unwrap());
        assert!(one.take(store, at(later)).await.unwrap(), "{}", desk.name);
    }
}
