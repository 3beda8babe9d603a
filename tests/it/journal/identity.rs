use proptest::prelude::*;
use xmrt::journal::{EventKey, RunId, StepKey};

fn event(source: &str, id: &str) -> EventKey {
    EventKey {
        source: source.into(),
        id: id.into(),
    }
}

/// Computed by another program from the documented layout: SHA-256 over each field behind its length.
#[test]
fn ids_are_the_same_in_every_version_of_the_program() {
    let event = event("github", "0b989ba4-242f-11e5-81e1-c7b6966d2516");
    let run = RunId::of(&event, "triage-new-issue", 0);
    assert_eq!(run.to_string(), "363fa85cfde43cfb7d951561bd36fc32");
    let again = RunId::of(&event, "triage-new-issue", 1);
    assert_eq!(again.to_string(), "c2b4825300d65e0f734ecfb566e474dc");
    let step = StepKey::of(&run, "comment", "");
    assert_eq!(step.to_string(), "ae5697520ca1f06e7b7f828a91d6b12f");
    let item = StepKey::of(&run, "comment", "acme/api");
    assert_eq!(item.to_string(), "2a8af3185dcc745ac68c77644115e2a5");
}

proptest! {
    /// Small alphabets, so that moving a character from one field to its neighbor happens often.
    #[test]
    fn different_fields_never_share_an_id(
        a in ("[ab\0]{0,3}", "[ab\0]{0,3}", "[ab\0]{0,3}", 0u32..3),
        b in ("[ab\0]{0,3}", "[ab\0]{0,3}", "[ab\0]{0,3}", 0u32..3),
    ) {
        let run = |f: &(String, String, String, u32)| RunId::of(&event(&f.0, &f.1), &f.2, f.3);
        prop_assert_eq!(run(&a) == run(&b), a == b);
        let step = |f: &(String, String, String, u32)| StepKey::of(&RunId(f.0.clone()), &f.1, &f.2);
        prop_assert_eq!(step(&a) == step(&b), (&a.0, &a.1, &a.2) == (&b.0, &b.1, &b.2));
    }
}
