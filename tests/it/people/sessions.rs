//! What becomes of a session when what let its person in is another.

use super::*;

fn write(world: &World, config: &str) {
    std::fs::write(world.folder.path().join("xmrt.toml"), config).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_changes_holds_from_the_next_request_on_and_who_is_taken_out_is_out() {
    let mut world = world().await;
    let mut olga = signed_in(&world, "olga").await;
    let mut rita = signed_in(&world, "rita").await;
    let mut admin = Browser::new();
    admin.sign_in(&world).await;
    let lowered = CONFIG.replace(
        "github_login = \"olga\"\nlevel = \"operator\"",
        "github_login = \"olga\"\nlevel = \"viewer\"",
    );
    assert_ne!(lowered, CONFIG);
    rewrite(&world, &lowered).await;
    let page = open(&mut olga, &world, "/runs").await;
    assert!(page.text.contains(">viewer<"), "{}", page.text);
    assert_eq!(
        post(&mut olga, &world, "/pauses", &[("what", "all")])
            .await
            .status,
        403
    );

    // A file that cannot be read changes nothing, and says so.
    write(&world, &lowered.replace("\"viewer\"", "\"chief\""));
    world
        .until("the broken file to be told", async || {
            let ready = world.client.get(format!("{}/readyz", world.server.url)).send();
            let told = ready.await.ok()?.text().await.ok()?;
            told.contains("let in to the dashboard before still are")
                .then_some(())
        })
        .await;
    assert_eq!(open(&mut olga, &world, "/runs").await.status, 200);

    let without = lowered.replace("github_login = \"olga\"", "github_login = \"otto\"");
    rewrite(&world, &without).await;
    assert_eq!(open(&mut olga, &world, "/runs").await.status, 303);
    let (_, trail) = world.api("audit?who=github:olga&what=dashboard.logout").await;
    assert!(
        trail["audit"][0]["note"]
            .as_str()
            .unwrap()
            .contains("does not let them in"),
        "{trail}"
    );
    // Back in the file, the old session stays over.
    rewrite(&world, &lowered).await;
    let mut again = signed_in(&world, "olga").await;
    assert_eq!(open(&mut olga, &world, "/runs").await.status, 303);
    assert_eq!(open(&mut again, &world, "/runs").await.status, 200);

    // A team's member who is shut out by name is out at once; the token's bearer is not asked any of this.
    let shut_out = format!("{lowered}\n[[person]]\ngithub_login = \"rita\"\nlevel = \"none\"\n");
    rewrite(&world, &shut_out).await;
    assert_eq!(open(&mut rita, &world, "/runs").await.status, 303);
    assert_eq!(open(&mut admin, &world, "/runs").await.status, 200);
    // Over a restart, too.
    world.server.kill();
    write(&world, &without);
    world.restart();
    assert_eq!(open(&mut again, &world, "/runs").await.status, 303);
    assert_eq!(open(&mut admin, &world, "/runs").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_a_team_does_not_come_in_again() {
    let world = world().await;
    let mut rita = signed_in(&world, "rita").await;
    let left = |team: &str| json!([{ "org": "acme", "team": team, "login": "rita", "state": "none" }]);
    seed(&world, "team_members", left("release")).await;
    // The session is as old as the answer of GitHub's; the next one asks again.
    let page = open(&mut rita, &world, "/").await;
    assert!(page.text.contains(">operator<"), "{}", page.text);
    let mut rita = signed_in(&world, "rita").await;
    let page = open(&mut rita, &world, "/").await;
    assert!(page.text.contains(">viewer<"), "{}", page.text);
    seed(&world, "team_members", left("everybody")).await;
    let (_, page) = try_as(&world, "rita").await;
    assert_eq!(page.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_session_lasts_half_a_day_and_takes_the_place_of_the_one_before() {
    let world = world().await;
    let mut browser = Browser::new();
    let authorize = set_out(&mut browser, &world, "").await;
    let page = come_back(&mut browser, &authorize, &[("login", "ada")]).await;
    let cookie = page
        .cookies
        .iter()
        .find(|cookie| cookie.starts_with("xmrt_session="))
        .unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        page.cookies
            .iter()
            .any(|cookie| cookie.starts_with("xmrt_oauth=;") && cookie.contains("Max-Age=0")),
        "{:?}",
        page.cookies
    );
    // Somebody who is signed in is not sent to GitHub again.
    let page = open(&mut browser, &world, "/sign-in/github").await;
    assert_eq!(page.location.unwrap().path(), "/");
    // In the browser of somebody who is signed in, a sign-in that ends replaces the session, which is over.
    let before = browser.cookies.clone();
    browser.cookies.remove("xmrt_session");
    let authorize = set_out(&mut browser, &world, "").await;
    browser
        .cookies
        .insert("xmrt_session".into(), before["xmrt_session"].clone());
    let page = come_back(&mut browser, &authorize, &[("login", "vera")]).await;
    assert_eq!(page.status, 303);
    let mut old = Browser::new();
    old.cookies = before;
    assert_eq!(open(&mut old, &world, "/").await.status, 303);
    assert!(open(&mut browser, &world, "/").await.text.contains("github:vera"));
}
