//! The toolset `people`: who belongs where, and may do what.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass::{Forbidden, Invalid, NotFound, UnknownEffect};
use xmrt::hub::Reply;

use super::Stage;

async fn stage() -> Stage {
    Stage::new(json!({
        "repos": [{ "full_name": "acme/api" }, { "full_name": "umbrella/core" }, { "full_name": "acme/closed" }],
        "collaborators": [
            { "repo": "acme/api", "login": "mona", "permission": "maintain" },
            { "repo": "acme/closed", "login": "xmrt-bot", "permission": "read" },
        ],
        "invitations": [
            { "repo": "umbrella/core", "role": "triage" },
            { "repo": "acme/api", "invitee": "hubot", "inviter": "mona" },
        ],
        "members": [{ "org": "acme", "login": "mona", "role": "admin" }, { "org": "umbrella", "login": "xmrt-bot", "state": "pending" }],
    }))
    .await
}

fn of(repo: &str, login: &str) -> Value {
    json!({ "repo": repo, "login": login })
}

#[tokio::test]
async fn accounts_access_invitations_and_memberships_are_told() {
    let stage = stage().await;
    let user = stage.done("get_user", json!({ "login": "mona" })).await;
    assert_eq!(
        (&user["login"], &user["type"], &user["created_at"]),
        (&json!("mona"), &json!("User"), &json!("2020-01-01T00:00:00Z"))
    );
    let people = stage
        .done("list_collaborators", json!({ "repo": "acme/api", "limit": 1 }))
        .await;
    assert_eq!(
        (&people["collaborators"][0]["role_name"], &people["next_cursor"]),
        (&json!("admin"), &json!(2))
    );
    let allowed = stage.done("get_permission", of("acme/api", "mona")).await;
    assert_eq!(
        allowed,
        json!({ "login": "mona", "permission": "write", "role_name": "maintain" })
    );
    let to_us = stage.done("list_invitations", json!({})).await;
    assert_eq!(
        (
            &to_us["invitations"][0]["repo"],
            &to_us["invitations"][0]["permissions"]
        ),
        (&json!("umbrella/core"), &json!("triage"))
    );
    let of_repo = stage
        .done("list_invitations", json!({ "repo": "acme/api" }))
        .await;
    assert_eq!(of_repo["invitations"][0]["invitee"]["login"], "hubot");
    for (org, login, state) in [
        ("acme", "mona", "active"),
        ("acme", "hubot", "none"),
        ("umbrella", "xmrt-bot", "pending"),
    ] {
        let found = stage
            .done("get_membership", json!({ "org": org, "login": login }))
            .await;
        assert_eq!(found["state"], state, "{found}");
    }
    stage.end().await;
}

#[tokio::test]
async fn who_may_not_or_is_not_there_hears_so() {
    let stage = stage().await;
    for (tool, arguments, class) in [
        ("get_user", json!({ "login": "a/b" }), Invalid),
        ("list_collaborators", json!({ "repo": "acme/none" }), NotFound),
        ("get_permission", of("acme/none", "mona"), NotFound),
        ("list_invitations", json!({ "repo": "acme/closed" }), Forbidden),
        (
            "get_membership",
            json!({ "org": "nobody", "login": "mona" }),
            NotFound,
        ),
        ("add_collaborator", of("acme/closed", "mona"), Forbidden),
        ("add_collaborator", of("acme/api", "acme"), Invalid),
        ("remove_collaborator", of("acme/closed", "mona"), Forbidden),
        (
            "respond_to_invitation",
            json!({ "repo": "acme/api", "accept": true }),
            NotFound,
        ),
        (
            "respond_to_invitation",
            json!({ "org": "umbrella", "accept": false }),
            Invalid,
        ),
        ("respond_to_invitation", json!({ "accept": true }), Invalid),
        (
            "invite_member",
            json!({ "org": "nobody", "login": "mona" }),
            NotFound,
        ),
        (
            "remove_member",
            json!({ "org": "acme", "login": "hubot" }),
            NotFound,
        ),
    ] {
        let error = stage.fails(tool, arguments).await;
        assert_eq!(error.class, class, "{tool}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn an_account_is_invited_once_however_often_it_is_added_and_its_role_can_change() {
    let stage = stage().await;
    let add = json!({ "repo": "acme/api", "login": "newbie", "role": "triage" });
    let again = stage.repeated("add_collaborator", "add_collaborator", add).await;
    assert_eq!(
        (&again["login"], &again["invitation"]["permissions"]),
        (&json!("newbie"), &json!("triage"))
    );
    let open = stage
        .done("list_invitations", json!({ "repo": "acme/api" }))
        .await;
    assert_eq!(
        open["invitations"].as_array().unwrap().len(),
        2,
        "hubot's and newbie's"
    );
    let changed = json!({ "repo": "acme/api", "login": "mona", "role": "admin" });
    assert_eq!(
        stage.done("add_collaborator", changed).await["invitation"],
        Value::Null
    );
    assert_eq!(
        stage.done("get_permission", of("acme/api", "mona")).await["role_name"],
        "admin"
    );
    stage.end().await;
}

#[tokio::test]
async fn access_that_was_taken_is_known_to_be_gone_also_where_it_was_an_invitation() {
    for login in ["mona", "hubot"] {
        let stage = stage().await;
        let found = stage.doubt("remove_collaborator", of("acme/api", login)).await;
        assert_eq!(found, json!({ "login": login }));
        stage.end().await;
    }
    let stage = stage().await;
    let hidden = stage.look("remove_collaborator", of("acme/none", "mona")).await;
    assert_eq!(
        hidden.unwrap_err().class,
        NotFound,
        "a repository that is hidden proves nothing"
    );
    stage.end().await;
}

#[tokio::test]
async fn an_invitation_behind_more_than_are_looked_through_is_not_taken_for_answered() {
    let mut invitations = vec![json!({ "repo": "acme/closed" }); 300];
    invitations.push(json!({ "repo": "umbrella/core" }));
    let stage = Stage::new(json!({
        "repos": [{ "full_name": "acme/closed" }, { "full_name": "umbrella/core" }], "invitations": invitations,
    }))
    .await;
    let decline = json!({ "repo": "umbrella/core", "accept": false });
    let reply = stage.look("respond_to_invitation", decline.clone()).await;
    assert!(
        matches!(reply, Ok(Reply::Ambiguous(ref why)) if why.contains("first 300")),
        "{reply:?}"
    );
    let error = stage.fails("respond_to_invitation", decline).await;
    assert!(
        error.class == NotFound && error.message.contains("first 300"),
        "{error}"
    );
    assert_eq!(stage.effects(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn an_invitation_whose_answer_was_lost_is_known_to_be_answered() {
    for accept in [true, false] {
        let stage = stage().await;
        let respond = json!({ "repo": "umbrella/core", "accept": accept });
        assert_eq!(
            stage.look("respond_to_invitation", respond.clone()).await,
            Ok(Reply::Absent)
        );
        // Accepting and declining are two calls of GitHub's, with one name here.
        let found = stage.doubt("respond_to_invitation", respond.clone()).await;
        assert_eq!(found, json!({ "accepted": accept }));
        if !accept {
            let accepted = json!({ "repo": "umbrella/core", "accept": true });
            let reply = stage.look("respond_to_invitation", accepted).await;
            // Not told of as a collaborator, and no invitation any more: somebody must look.
            assert!(matches!(reply, Ok(Reply::Ambiguous(_))), "{reply:?}");
        }
        stage.end().await;
    }
    let stage = stage().await;
    let found = stage
        .doubt(
            "respond_to_invitation",
            json!({ "org": "umbrella", "accept": true }),
        )
        .await;
    assert_eq!(found, json!({ "accepted": true }));
    let me = stage
        .done(
            "get_membership",
            json!({ "org": "umbrella", "login": "xmrt-bot" }),
        )
        .await;
    assert_eq!(me["state"], "active");
    stage.end().await;
}

#[tokio::test]
async fn members_are_invited_and_removed() {
    let stage = stage().await;
    let invite = json!({ "org": "acme", "login": "newbie" });
    let invited = stage.repeated("invite_member", "invite_member", invite).await;
    assert_eq!(
        invited,
        json!({ "login": "newbie", "state": "pending", "role": "member" })
    );
    stage.end().await;
    let stage = self::stage().await;
    let found = stage
        .doubt("remove_member", json!({ "org": "acme", "login": "mona" }))
        .await;
    assert_eq!(found, json!({ "login": "mona", "state": "none", "role": null }));
    let unseen = stage
        .look("remove_member", json!({ "org": "nobody", "login": "mona" }))
        .await;
    assert_eq!(unseen.unwrap_err().class, NotFound);
    stage.fault(
        json!({ "match": { "operation": "invite_member" }, "kind": "status", "status": 502, "times": 1 }),
    );
    let error = stage
        .fails("invite_member", json!({ "org": "acme", "login": "newbie" }))
        .await;
    assert_eq!(error.class, UnknownEffect);
    stage.end().await;
}

#[tokio::test]
async fn dry_runs_of_people_tools_show_the_request_and_send_none() {
    let stage = stage().await;
    stage
        .dry_runs(&[
            (
                "add_collaborator",
                of("acme/api", "newbie"),
                "PUT /repos/acme/api/collaborators/newbie",
                json!({ "permission": "push" }),
            ),
            (
                "remove_collaborator",
                of("acme/api", "mona"),
                "DELETE /repos/acme/api/collaborators/mona",
                Value::Null,
            ),
            (
                "respond_to_invitation",
                json!({ "org": "umbrella", "accept": true }),
                "PATCH /user/memberships/orgs/umbrella",
                json!({ "state": "active" }),
            ),
            (
                "respond_to_invitation",
                json!({ "repo": "umbrella/core", "accept": false }),
                "DELETE /user/repository_invitations/the%20id%20of%20the%20invitation%20to%20umbrella%2Fcore",
                Value::Null,
            ),
            (
                "invite_member",
                json!({ "org": "acme", "login": "newbie", "role": "admin" }),
                "PUT /orgs/acme/memberships/newbie",
                json!({ "role": "admin" }),
            ),
            (
                "remove_member",
                json!({ "org": "acme", "login": "mona" }),
                "DELETE /orgs/acme/memberships/mona",
                Value::Null,
            ),
        ])
        .await;
    stage.end().await;
}
