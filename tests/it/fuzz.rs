//! The corpus of the fuzz targets, run as they run it; no fuzzer is needed. See `fuzz/README.md`.

#[path = "../../fuzz/exercise.rs"]
mod exercise;

use std::path::PathBuf;

fn replay(target: &str, run: fn(&[u8])) {
    let inputs = replay_folder(&format!("fuzz/corpus/{target}"), run);
    assert!(inputs >= 5, "{target} has {inputs} inputs");
}

#[expect(clippy::print_stdout, reason = "captured, and shown only when the test fails")]
fn replay_folder(folder: &str, run: fn(&[u8])) -> usize {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let data = std::fs::read(&path).expect("an input");
        // The last one is the culprit.
        println!("{}", path.display());
        run(&data);
        inputs += 1;
    }
    inputs
}

#[test]
fn any_bytes_as_a_rule_file_are_read_or_refused() {
    replay("rules", exercise::rules);
    let whole =
        replay_folder("rules", exercise::rules) + replay_folder("docs/rules/cookbook", exercise::rules);
    assert!(whole >= 30, "{whole} rules and recipes");
}

#[test]
fn any_text_as_conditions_is_read_or_refused() {
    replay("patterns", exercise::patterns);
}

#[test]
fn the_index_and_the_obvious_way_agree_on_the_corpus() {
    replay("matching", exercise::matching);
}

#[test]
fn no_template_panics_and_none_lets_a_stranger_shape_a_call() {
    replay("templates", exercise::templates);
}
