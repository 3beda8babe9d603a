//! What `xmrt doctor` and the log say about the door for people.

use super::*;

/// What the report says about the dashboard: level and words.
fn said(world: &World, more: &[(&str, &str)]) -> (String, String) {
    said_of("dashboard", world, more)
}

fn said_of(area: &str, world: &World, more: &[(&str, &str)]) -> (String, String) {
    let (out, err, _) = world.xmrt_with(&["doctor", "--json"], more);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    let findings = report["findings"].as_array().unwrap();
    let of_it: Vec<&Value> = findings
        .iter()
        .filter(|finding| finding["area"] == area)
        .collect();
    let [finding] = of_it[..] else {
        panic!("one finding about {area}: {report:#}")
    };
    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    (text("level"), text("what"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_github_does_not_know_is_found_without_anybody_signing_in() {
    let mut world = World::start_with(&[], CONFIG, CLIENT).await;
    world.server.terminate();
    let app = |more: &[(&str, &str)]| said_of("OAuth", &world, more);
    let (level, what) = app(&[]);
    assert_eq!(
        (level.as_str(), what.as_str()),
        ("ok", "GitHub knows the App by its id and secret")
    );
    for wrong in ["GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"] {
        let (level, what) = app(&[(wrong, "made-up"), ("XMRT_LOG", "info")]);
        assert_eq!(level, "problem", "{wrong}: {what}");
        assert!(what.contains("do not belong together"), "{what}");
    }
    let (level, what) = app(&[("GITHUB_URL", "http://127.0.0.1:9")]);
    assert_eq!(level, "warning", "{what}");
    let (level, what) = app(&[("GITHUB_CLIENT_SECRET", "")]);
    assert_eq!(level, "note", "{what}");
    let (level, what) = app(&[("GITHUB_CLIENT_ID", ""), ("GITHUB_CLIENT_SECRET", "")]);
    assert_eq!((level.as_str(), what.as_str()), ("note", "not configured"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_people_can_sign_in_is_told_as_it_is() {
    let mut world = World::start_with(&[], CONFIG, CLIENT).await;
    world.server.terminate();
    let (level, what) = said(&world, &[]);
    assert_eq!(
        (level.as_str(), what.as_str()),
        (
            "ok",
            "3 person(s) and 2 team(s) may sign in with GitHub, each with a level"
        )
    );
    for (more, words) in [
        (
            [("GITHUB_CLIENT_SECRET", ""), ("XMRT_LOG", "info")],
            "GITHUB_CLIENT_SECRET is not set",
        ),
        (
            [("GITHUB_CLIENT_SECRET", ""), ("GITHUB_CLIENT_ID", "")],
            "GITHUB_CLIENT_ID is not set",
        ),
        (
            [("XMRT_LISTEN", "0.0.0.0:0"), ("XMRT_LOG", "info")],
            "under which name browsers reach this server",
        ),
    ] {
        let (level, what) = said(&world, &more);
        assert_eq!(level, "warning", "{what}");
        assert!(what.contains(words), "{what}");
    }
    let path = world.folder.path().join("xmrt.toml");
    std::fs::write(&path, "[limits]\nsettle_ms = 60\n").unwrap();
    let (level, what) = said(&world, &[]);
    assert_eq!(level, "note");
    assert!(what.contains("has the admin token"), "{what}");
    // What is wrong with the section stops everything that reads the settings, each with the same words.
    std::fs::write(&path, "[[team]]\ngithub_team = \"release\"\nlevel = \"viewer\"\n").unwrap();
    for command in [&["doctor"][..], &["check"], &["config"], &["serve"]] {
        let (out, err, code) = world.xmrt(command);
        assert_ne!(code, 0, "{command:?}");
        assert!(
            format!("{out}{err}").contains("write organization and team"),
            "{command:?}: {out}{err}"
        );
    }
}
