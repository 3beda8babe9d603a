//! What an agent does as its own account is our own effect.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_of_an_agents_own_account_is_known_as_ours() {
    let world = world().await;
    world.close_the_loop().await;
    signed_in(&world).await;
    assert_eq!(label(&world, "first", 1).await["state"], "succeeded");
    let depth = world
        .until("the label comes back", async || {
            let (_, page) = world.api("events?type=github.issues.labeled").await;
            let id = page["events"].as_array()?.first()?["id"].as_str()?.to_owned();
            let (_, event) = world.api(&format!("events/{id}")).await;
            event["depth"].as_u64()
        })
        .await;
    assert_eq!(depth, 1);
}
