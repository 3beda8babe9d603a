//! What the integration layer costs: a call through it next to the same call made directly, in turns, in one run.
//!
//!     cargo bench --bench overhead            five rounds
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench tells and may stop"
)]

#[path = "overhead/measure.rs"]
mod measure;

/// Calls each way in a round.
const CALLS: usize = 2_000;
const ROUNDS: usize = 5;
/// What is aimed at.
const GOAL: f64 = 1.2;

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    let short = std::env::args().any(|argument| argument == "--test");
    let (rounds, calls) = if short { (1, 50) } else { (ROUNDS, CALLS) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let measured = runtime.block_on(measure::measure(calls));
        let ratio = measured.ratio();
        println!(
            "round {round}: directly {:?}, through the layer {:?}: {ratio:.3} times as long",
            measured.direct, measured.layered
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("median of {rounds} rounds: {median:.3} (the goal is {GOAL})");
}
