//! Every backend against the model: the same random walk, the same answers, the same journal to look at. A backend joins
//! by implementing [`Backend`] and one line of `conforms!`.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use xmrt::journal::{MemoryStore, Store};
use xmrt::store::Embedded;

use crate::journal::desk::at;
use crate::journal::walk::{Act, Move, perform, pick, view, walks};

/// A kind of store that keeps its journal in a place of its own.
trait Backend {
    /// The journal in `place`, new or as it was left; leases of whoever was there before are void.
    fn open(place: &Path, now: Timestamp) -> Arc<dyn Store>;
}

struct OnSqlite;

impl Backend for OnSqlite {
    fn open(place: &Path, now: Timestamp) -> Arc<dyn Store> {
        Arc::new(Embedded::open(place, now).unwrap())
    }
}

async fn walk<B: Backend>(moves: Vec<Move>) {
    let place = tempfile::tempdir().unwrap();
    let oracle = MemoryStore::new(at(0));
    let mut store = B::open(place.path(), at(0));
    let mut now = 0;
    for (n, Move { after_ms, act }) in moves.into_iter().enumerate() {
        now += after_ms;
        if matches!(act, Act::Crash) {
            drop(store);
            store = B::open(place.path(), at(now));
            oracle.release("", true, at(now)).await.unwrap();
        } else {
            let run = pick(&oracle, &act).await;
            let expected = perform(&oracle, &act, run.as_ref(), now).await;
            let answer = perform(&*store, &act, run.as_ref(), now).await;
            assert_eq!(answer, expected, "move {n}: {act:?}");
        }
        if n % 8 == 0 || matches!(act, Act::Crash) {
            assert_eq!(
                view(&*store).await,
                view(&oracle).await,
                "after move {n}: {act:?}"
            );
        }
    }
    assert_eq!(view(&*store).await, view(&oracle).await);
}

macro_rules! conforms {
    ($name:ident, $backend:ty, $cases:literal) => {
        proptest! {
            #![proptest_config(ProptestConfig {
                cases: $cases,
                failure_persistence: None,
                ..ProptestConfig::default()
            })]

            #[test]
            fn $name(moves in walks(60)) {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(walk::<$backend>(moves));
            }
        }
    };
}

conforms!(
    sqlite_answers_as_the_model_does_through_crashes_and_clock_jumps,
    OnSqlite,
    64
);
