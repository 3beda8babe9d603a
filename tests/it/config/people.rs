//! Who may use the dashboard, as `xmrt.toml` says it.

use super::with_file;

#[test]
fn people_and_teams_are_checked_and_everything_wrong_with_them_is_told_at_once() {
    let check = |text: &str| with_file(text, &[]).map(|settings| settings.file);
    let person = |rest: &str| format!("[[person]]\ngithub_login = \"octocat\"\nlevel = \"viewer\"\n{rest}\n");
    let team = |name: &str| format!("[[team]]\ngithub_team = \"{name}\"\nlevel = \"viewer\"\n");
    let file = check(&format!(
        "{}{}",
        person("roles = [\"ops\"]"),
        team("acme/release")
    ))
    .unwrap();
    assert_eq!(file.person[0].roles, ["ops"]);
    assert_eq!(file.team[0].parts(), Some(("acme", "release")));
    for (text, words) in [
        (
            person("").replace("viewer", "chief"),
            "unknown variant `chief`, expected one of `none`, `viewer`, `operator`, `admin`",
        ),
        (
            person("").replace("level = \"viewer\"", ""),
            "missing field `level`",
        ),
        (person("").replace("octocat", "octo cat"), "no login of GitHub's"),
        (
            format!("{}{}", person(""), person("").replace("octocat", "OctoCat")),
            "`OctoCat` is there twice",
        ),
        (
            format!(
                "{}{}",
                person("github_id = 7"),
                person("github_id = 7").replace("octocat", "mona")
            ),
            "the same `github_id` 7",
        ),
        (
            format!(
                "{}{}",
                person("name = \"al\""),
                person("name = \"al\"").replace("octocat", "mona")
            ),
            "could not tell them apart",
        ),
        (person("name = \"github:mona\""), "without `:`"),
        (person("roles = [\"role:ops\"]"), "without `role:`"),
        (person("role = \"ops\""), "unknown field `role`"),
        (team("release"), "organization and team"),
        (team("acme/"), "organization and team"),
        (team("acme/../x"), "organization and team"),
        (
            format!("{}{}", team("acme/ops"), team("Acme/Ops")),
            "`Acme/Ops` is there twice",
        ),
        (team("acme/ops").replace("viewer", "none"), "leave it out"),
        (
            (0..21).map(|number| team(&format!("acme/t{number}"))).collect(),
            "there can be 20",
        ),
    ] {
        let wrong = check(&text).unwrap_err();
        assert!(
            wrong.contains(words) && wrong.contains("xmrt.toml"),
            "{words}: {wrong}"
        );
    }
    let both = check(&format!("{}{}", team("release"), person("roles = [\"a b\"]"))).unwrap_err();
    assert!(
        both.contains("organization and team") && both.contains("\"a b\""),
        "{both}"
    );
}
