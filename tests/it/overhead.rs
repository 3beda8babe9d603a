//! The integration layer costs little beside the call itself.

#[path = "../../benches/overhead/measure.rs"]
mod measure;

/// Far above what is seen (docs/performance.md): the machine does other things, too.
const RATIO_MAX: f64 = 1.6;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_through_the_layer_takes_about_as_long_as_one_to_the_server_itself() {
    let mut seen = Vec::new();
    // One undisturbed round of three is enough: noise makes a ratio large by chance, and not small.
    for _ in 0..3 {
        let ratio = measure::measure(300).await.ratio();
        if ratio <= RATIO_MAX {
            return;
        }
        seen.push(ratio);
    }
    panic!("{seen:?} times as long; `cargo bench --bench overhead` measures it at length");
}
