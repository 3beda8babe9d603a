//! A journal with a bound, as whoever runs the server sees it.

use serde_json::json;

use crate::harness::{World, issue_opened};

/// Every run of it waits for its next attempt for longer than the test.
const WAITS: &str = r#"
description = "Tells somebody who does not answer"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "nobody", text = "x" }
retry = { attempts = 50, initial = "1h", max = "1h" }
"#;

const CONFIG: &str = "[retention]\nsize = \"3MiB\"\n";

/// A payload that compression does not make smaller.
fn large(seed: u64) -> serde_json::Value {
    let mut payload = issue_opened(seed);
    let mut state = seed + 1;
    let noise: String = (0..400_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + 2 + (state >> 58) as u8)
        })
        .collect();
    payload["issue"]["body"] = json!(noise.replace('\\', "x"));
    payload
}

#[tokio::test]
async fn a_journal_that_may_not_grow_drops_the_oldest_and_goes_on_accepting() {
    let world = World::start(&[], CONFIG).await;
    // Twice as much as there is room for, at no greater pace than it is made room for.
    for n in 0..16 {
        let id = format!("delivery-{n}");
        world
            .until("room for the next", async || {
                let (status, _) = world.github("issues", &id, &large(n)).await?;
                (status == 202).then_some(())
            })
            .await;
    }
    world
        .until("the oldest to go", async || {
            (world.api("events/delivery-0").await.0 == 404).then_some(())
        })
        .await;
    let (status, answer) = world.github("issues", "delivery-0", &large(0)).await.unwrap();
    assert_eq!(status, 202);
    assert_eq!(answer["duplicate"], true, "it is still known: {answer}");
    assert_eq!(answer["decisions"], json!([]));
    let (out, told, code) = world.xmrt(&["journal"]);
    assert_eq!(code, 0, "{told}");
    assert!(out.contains("of 3.0 MiB") && out.contains("dedupe"), "{out}");
    let metrics = world
        .client
        .get(format!("{}/metrics", world.server.url))
        .send()
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(
        metrics.contains("xmrt_pruned_events_total") && metrics.contains("xmrt_journal_bytes"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_journal_full_of_what_is_still_needed_answers_503_and_says_why() {
    let nobody = [("XMRT_NOTIFY_URLS", "nobody=http://127.0.0.1:1/")];
    let world = World::start_with(&[("waits", WAITS)], CONFIG, &nobody).await;
    let mut n = 0;
    let refused = world
        .until("a refusal", async || {
            n += 1;
            let (status, answer) = world
                .github("issues", &format!("delivery-{n}"), &large(n))
                .await?;
            (status == 503).then_some(answer)
        })
        .await;
    let said = refused["detail"].as_str().unwrap();
    assert!(said.contains("[retention] size"), "{said}");
    // On a busy machine a look at the journal may come too late, and that is said instead.
    world
        .until("readiness that says why", async || {
            let asked = world.client.get(format!("{}/readyz", world.server.url));
            let ready = asked.send().await.ok()?;
            let status = ready.status().as_u16();
            let said = ready.text().await.ok()?;
            (status == 503 && said.contains("[retention] size")).then_some(())
        })
        .await;
    assert_eq!(
        world.api("events/delivery-1").await.0,
        200,
        "nothing that is needed was deleted"
    );
}
