//! The fault suite, small: it ends with 0 when nothing is lost or doubled, and with 1 when something is.

// The suite as it stands: `scripts/chaos` runs the same files.
#[path = "../../benches/chaos/suite.rs"]
mod suite;

use suite::{BROKEN, FOUND, HOLDS};

/// Runs it on SQLite: enough events for one of each kind, a kill or two.
async fn chaos(more: &[&str]) -> (u8, String) {
    let small = [
        "--backend",
        "sqlite",
        "--cycles",
        "2",
        "--events",
        "80",
        "--no-scenarios",
    ];
    let arguments: Vec<String> = small.iter().chain(more).map(|&word| word.to_owned()).collect();
    Box::pin(suite::run(env!("CARGO_BIN_EXE_xmrt"), &arguments)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twice_under_load_nothing_is_lost_or_doubled_and_the_suite_says_so() {
    let (code, told) = chaos(&[]).await;
    assert_eq!(code, HOLDS, "{told}");
    assert!(told.ends_with("lost 0, doubled 0"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_somebody_acknowledged_and_forgot_makes_the_suite_fail() {
    let (code, told) = chaos(&["--plant", "lost"]).await;
    assert_eq!(code, FOUND, "{told}");
    assert!(
        told.contains("lost: event 80: acknowledged, and not on record"),
        "{told}"
    );
    assert!(told.contains("\nlost 1, doubled 0"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_happened_twice_makes_the_suite_fail() {
    let (code, told) = chaos(&["--plant", "doubled"]).await;
    assert_eq!(code, FOUND, "{told}");
    assert!(
        told.contains("create_comment took effect 2 times, 1 are allowed"),
        "{told}"
    );
    assert!(told.contains("\nlost 0, doubled 1"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_two_agents_hold_under_one_fence_makes_the_suite_fail() {
    let (code, told) = chaos(&["--plant", "two-holders"]).await;
    assert_eq!(code, FOUND, "{told}");
    assert!(told.contains("has two holders"), "{told}");
    assert!(told.contains("\nlost 0, doubled 1"), "{told}");
}

#[tokio::test]
async fn a_suite_that_cannot_run_does_not_say_that_all_holds() {
    let (code, told) = chaos(&["--seeds", "1"]).await;
    assert_eq!(code, BROKEN, "{told}");
    let (code, told) = chaos(&["--program", "/nowhere/xmrt"]).await;
    assert_eq!(code, BROKEN, "{told}");
}

/// An accounting that shares code with what it accounts for shares its errors.
#[test]
fn the_suite_uses_no_code_of_the_program() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/chaos");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("xmrt::"), "{}", file.display());
    }
}
