//! One thing beside another, as a table: each is called for a while, in turns, and told as a multiple of the first.

use std::fmt::Display;
use std::time::Duration;

use xmrt::clock::Clock;

const TURNS: usize = 15;
const TURN: Duration = Duration::from_millis(20);

/// What is measured, and what it is called.
pub(crate) type Measured<'a, N> = (N, Box<dyn Fn() + 'a>);

/// Nanoseconds of one call, from a turn of about [`TURN`]; at least one call.
fn turn(call: &dyn Fn()) -> f64 {
    let start = Clock::monotonic();
    let mut calls = 0_u32;
    loop {
        call();
        calls += 1;
        let elapsed = start.elapsed();
        if elapsed >= TURN {
            return elapsed.as_nanos() as f64 / f64::from(calls);
        }
    }
}

/// Measures them all over a body of so many bytes, and prints what came out.
pub(crate) fn print<N: Display>(bytes: usize, all: &[Measured<'_, N>]) {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); all.len()];
    for _ in 0..TURNS {
        for (times, (_, call)) in times.iter_mut().zip(all) {
            times.push(turn(call.as_ref()));
        }
    }
    println!("{bytes} bytes; {TURNS} turns, in turns\n");
    println!(
        "{:<26} {:>12} {:>9} {:>12}",
        "", "median µs", "spread", "× signature"
    );
    let mut signature = None;
    for (times, (name, _)) in times.iter_mut().zip(all) {
        times.sort_unstable_by(f64::total_cmp);
        let (low, median, high) = (times[TURNS / 4], times[TURNS / 2], times[TURNS * 3 / 4]);
        let base = *signature.get_or_insert(median);
        let (micros, spread, over) = (median / 1000.0, (high - low) / median * 100.0, median / base);
        println!("{name:<26} {micros:>12.2} {spread:>8.0}% {over:>12.2}");
    }
}
