//! The toolset `discussions`: what each tool does, what GitHub refuses, and what a lost answer leaves behind.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass::{Invalid, NotFound, Unavailable, UnknownEffect};
use xmrt::hub::Reply;

use super::{KEY, Stage};

async fn stage() -> Stage {
    Stage::new(json!({
        "repos": [{ "full_name": "acme/api", "has_discussions": true }, { "full_name": "acme/mute" }],
        "discussions": [
            { "repo": "acme/api", "number": 1, "title": "How?", "body": "How does it `work`?", "category": "q-a", "author": "mona",
              "created": "-3h", "comments": [
                { "id": 11, "body": "Like this.", "author": "hubot" },
                { "id": 12, "body": "Thanks.", "author": "mona", "reply_to": 11 },
                { "id": 13, "body": "Or that.", "author": "octo-user" },
            ] },
            { "repo": "acme/api", "number": 2, "title": "Idea", "category": "ideas", "closed": true, "created": "-2h" },
            { "repo": "acme/api", "number": 3, "title": "Hello", "created": "-1h",
              "comments": [{ "id": 31, "body": "Hi.", "author": "mona" }] },
        ],
    }))
    .await
}

fn one(number: u64, more: Value) -> Value {
    let mut arguments = json!({ "repo": "acme/api", "number": number });
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

fn numbers(page: &Value) -> Vec<u64> {
    let found = page["discussions"].as_array().unwrap().iter();
    found.map(|one| one["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn categories_and_discussions_are_listed_filtered_and_page_by_page() {
    let stage = stage().await;
    let listed = stage.done("list_categories", json!({ "repo": "acme/api" })).await;
    assert_eq!(listed["enabled"], true);
    assert_eq!(
        listed["categories"][3],
        json!({ "name": "Q&A", "slug": "q-a", "description": null, "is_answerable": true })
    );
    let mute = stage
        .done("list_categories", json!({ "repo": "acme/mute" }))
        .await;
    assert_eq!(mute, json!({ "enabled": false, "categories": [] }));
    let list = async |more: Value| {
        let mut arguments = more;
        arguments["repo"] = json!("acme/api");
        stage.done("list_discussions", arguments).await
    };
    let first = list(json!({ "limit": 2 })).await;
    assert_eq!((numbers(&first), &first["total"]), (vec![3, 2], &json!(3)));
    assert_eq!(
        (
            &first["discussions"][0]["body"],
            &first["discussions"][0]["comments"]
        ),
        (&Value::Null, &json!(1))
    );
    let rest = list(json!({ "limit": 2, "cursor": first["next_cursor"], "bodies": true })).await;
    assert_eq!((numbers(&rest), &rest["next_cursor"]), (vec![1], &Value::Null));
    assert_eq!(rest["discussions"][0]["body"], "How does it `work`?");
    assert_eq!(numbers(&list(json!({ "category": "Q&A" })).await), [1]);
    assert_eq!(numbers(&list(json!({ "closed": true })).await), [2]);
    assert_eq!(numbers(&list(json!({ "answered": true })).await), [0; 0]);
    stage.end().await;
}

#[tokio::test]
async fn get_discussion_gives_the_comments_and_what_was_said_to_them() {
    let stage = stage().await;
    let said = stage.done("get_discussion", one(1, json!({ "limit": 1 }))).await;
    assert_eq!(
        (&said["discussion"]["title"], &said["discussion"]["is_answered"]),
        (&json!("How?"), &json!(false))
    );
    assert_eq!(
        (
            &said["comments"][0]["id"],
            &said["comments"][0]["replies"][0]["id"]
        ),
        (&json!(11), &json!(12))
    );
    assert_eq!(
        said["comments"][0].get("node"),
        None,
        "what GraphQL knows things by stays inside"
    );
    let rest = one(1, json!({ "limit": 1, "cursor": said["next_cursor"] }));
    let rest = stage.done("get_discussion", rest).await;
    assert_eq!(
        (&rest["comments"][0]["id"], &rest["next_cursor"]),
        (&json!(13), &Value::Null)
    );
    stage.end().await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of refusals")]
async fn what_is_not_there_or_does_not_fit_says_so() {
    let stage = stage().await;
    let new = |more: Value| {
        let mut new = json!({ "repo": "acme/api", "category": "ideas", "title": "t", "body": "b" });
        new.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        new
    };
    for (tool, arguments, class, said) in [
        (
            "list_categories",
            json!({ "repo": "acme/none" }),
            NotFound,
            "Repository with the name",
        ),
        (
            "list_discussions",
            json!({ "repo": "acme/none" }),
            NotFound,
            "Repository with the name",
        ),
        (
            "list_discussions",
            json!({ "repo": "acme/api", "category": "x" }),
            Invalid,
            "must be one of announcements",
        ),
        (
            "get_discussion",
            one(404, json!({})),
            NotFound,
            "Discussion with the number of 404",
        ),
        (
            "create_discussion",
            new(json!({ "category": "x" })),
            Invalid,
            "must be one of announcements",
        ),
        (
            "create_discussion",
            new(json!({ "repo": "acme/mute" })),
            Invalid,
            "has no discussions",
        ),
        (
            "create_discussion",
            new(json!({ "title": " " })),
            Invalid,
            "must not be blank",
        ),
        (
            "comment_on_discussion",
            one(404, json!({ "body": "x" })),
            NotFound,
            "number of 404",
        ),
        (
            "comment_on_discussion",
            one(1, json!({ "body": "x", "reply_to": 31 })),
            NotFound,
            "has no comment 31",
        ),
        (
            "comment_on_discussion",
            one(1, json!({ "body": "x", "reply_to": 12 })),
            Invalid,
            "top-level comment",
        ),
        (
            "update_discussion",
            one(1, json!({})),
            Invalid,
            "nothing would change",
        ),
        (
            "mark_answer",
            one(1, json!({ "comment_id": 31 })),
            NotFound,
            "has no comment 31",
        ),
        (
            "mark_answer",
            one(3, json!({ "comment_id": 31 })),
            Invalid,
            "cannot be marked",
        ),
        ("close_discussion", one(404, json!({})), NotFound, "number of 404"),
        ("lock_discussion", one(404, json!({})), NotFound, "number of 404"),
    ] {
        let error = stage.fails(tool, arguments).await;
        assert_eq!(
            (error.class.clone(), error.message.contains(said)),
            (class, true),
            "{tool}: {error}"
        );
    }
    stage.fault(
        json!({ "match": { "operation": "list_discussions" }, "kind": "status", "status": 502, "times": 1 }),
    );
    assert_eq!(
        stage
            .look("create_discussion", new(json!({})))
            .await
            .unwrap_err()
            .class,
        Unavailable
    );
    assert_eq!(stage.effects(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn a_discussion_and_a_comment_whose_answers_were_lost_are_found_by_their_marks() {
    let stage = stage().await;
    let new =
        json!({ "repo": "acme/api", "category": "General", "title": "News", "body": "There are some." });
    let found = stage.doubt("create_discussion", new).await;
    assert_eq!(
        (&found["number"], &found["category"]["slug"]),
        (&json!(4), &json!("general"))
    );
    assert_eq!(found["body"], format!("There are some.\n\n<!-- xmrt:{KEY} -->"));
    let plain = json!({ "repo": "acme/api", "category": "General", "title": "More", "body": "And more." });
    let made = stage.done("create_discussion", plain).await;
    assert_eq!((&made["number"], &made["title"]), (&json!(5), &json!("More")));
    stage.end().await;
    for more in [json!({}), json!({ "reply_to": 11 })] {
        let stage = self::stage().await;
        let mut say = one(1, json!({ "body": "It does." }));
        say.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let found = stage.doubt("comment_on_discussion", say).await;
        let shown = stage.done("get_discussion", one(1, json!({}))).await;
        let told = match more.get("reply_to") {
            Some(_) => &shown["comments"][0]["replies"][1],
            None => &shown["comments"][2],
        };
        assert_eq!((&told["id"], &told["url"]), (&found["id"], &found["html_url"]));
        assert_eq!(told["body"], format!("It does.\n\n<!-- xmrt:{KEY} -->"));
        stage.end().await;
    }
}

#[tokio::test]
async fn a_reply_among_more_than_github_tells_is_not_taken_for_absent() {
    let mut comments = vec![
        json!({ "id": 11, "body": "Like this.", "author": "hubot" }),
        json!({ "id": 12, "body": "Or that.", "author": "hubot" }),
    ];
    comments
        .extend((0..101).map(|n| json!({ "id": 100 + n, "body": "Yes.", "author": "mona", "reply_to": 11 })));
    let stage = Stage::new(json!({
        "repos": [{ "full_name": "acme/api", "has_discussions": true }],
        "discussions": [{ "repo": "acme/api", "number": 1, "title": "How?", "category": "q-a", "created": "-0s", "comments": comments }],
    }))
    .await;
    let looked = async |more| {
        let mut say = one(1, json!({ "body": "It does." }));
        say.as_object_mut()
            .unwrap()
            .extend(one(1, more).as_object().unwrap().clone());
        stage.look("comment_on_discussion", say).await
    };
    let cut = looked(json!({ "reply_to": 11 })).await;
    assert!(
        matches!(cut, Ok(Reply::Ambiguous(ref why)) if why.contains("more comments")),
        "{cut:?}"
    );
    // Elsewhere it would be seen.
    assert_eq!(looked(json!({ "reply_to": 12 })).await, Ok(Reply::Absent));
    assert_eq!(looked(json!({})).await, Ok(Reply::Absent));
    stage.end().await;
}

#[tokio::test]
async fn a_comment_is_looked_for_from_the_end_of_a_long_discussion() {
    let comments: Vec<Value> = (0..2_300)
        .map(|n| json!({ "id": 1_000 + n, "body": "Me too.", "author": "mona" }))
        .collect();
    let stage = Stage::new(json!({
        "repos": [{ "full_name": "acme/api", "has_discussions": true }],
        "discussions": [{
            "repo": "acme/api", "number": 1, "title": "How?", "category": "q-a", "created": "-2h", "comments": comments,
        }],
    }))
    .await;
    let say = one(1, json!({ "body": "It does." }));
    let before = stage.sandbox.requests_after(0).len();
    assert_eq!(
        stage.look("comment_on_discussion", say.clone()).await,
        Ok(Reply::Absent)
    );
    let asked = stage.sandbox.requests_after(0).len() - before;
    assert!(asked <= 3, "{asked} requests for what is older than the intent");
    let made = stage.done("comment_on_discussion", say.clone()).await;
    let Ok(Reply::Done(found)) = stage.look("comment_on_discussion", say).await else {
        panic!("it is the last comment")
    };
    assert_eq!(found["id"], made["id"]);
    stage.end().await;
}

#[tokio::test]
async fn a_discussion_is_changed_answered_closed_and_locked() {
    let stage = stage().await;
    let change = one(1, json!({ "title": "How come?", "category": "general" }));
    let changed = stage
        .repeated("update_discussion", "update_discussion", change)
        .await;
    assert_eq!(
        (
            &changed["title"],
            &changed["category"]["slug"],
            &changed["is_answered"]
        ),
        (&json!("How come?"), &json!("general"), &Value::Null)
    );
    stage.end().await;
    let stage = self::stage().await;
    let answered = stage
        .repeated("mark_answer", "mark_answer", one(1, json!({ "comment_id": 13 })))
        .await;
    assert_eq!(
        (&answered["is_answered"], stage.effects().len()),
        (&json!(true), 1),
        "it is not marked again"
    );
    stage.end().await;
    for (tool, field) in [("close_discussion", "closed"), ("lock_discussion", "locked")] {
        let stage = self::stage().await;
        let found = stage.doubt(tool, one(1, json!({}))).await;
        assert_eq!(found[field], true);
        let again = stage.done(tool, one(1, json!({}))).await;
        assert_eq!(
            (&again[field], stage.effects().len()),
            (&json!(true), 1),
            "it stays as it is"
        );
        let reason = if tool == "close_discussion" {
            "outdated"
        } else {
            "too heated"
        };
        let with_reason = stage.done(tool, one(3, json!({ "reason": reason }))).await;
        assert_eq!(with_reason[field], true);
        stage.end().await;
    }
}

#[tokio::test]
async fn a_discussion_that_fails_to_be_made_leaves_doubt_and_none_when_it_is_looked_for() {
    let stage = stage().await;
    let new = json!({ "repo": "acme/api", "category": "ideas", "title": "t", "body": "b" });
    stage.fault(
        json!({ "match": { "operation": "create_discussion" }, "kind": "status", "status": 502, "times": 1 }),
    );
    assert_eq!(
        stage.fails("create_discussion", new.clone()).await.class,
        UnknownEffect
    );
    assert_eq!(stage.look("create_discussion", new).await, Ok(Reply::Absent));
    stage.end().await;
}

#[tokio::test]
async fn dry_runs_of_discussion_tools_show_the_mutation_and_send_nothing() {
    let stage = stage().await;
    let id = "the id of acme/api#1";
    for (tool, arguments, operation, input) in [
        (
            "update_discussion",
            one(1, json!({ "title": "t", "category": "ideas" })),
            "UpdateDiscussion",
            json!({ "discussionId": id, "title": "t", "categoryId": "the id of ideas" }),
        ),
        (
            "mark_answer",
            one(1, json!({ "comment_id": 13 })),
            "MarkAnswer",
            json!({ "id": "the id of comment 13" }),
        ),
        (
            "comment_on_discussion",
            one(1, json!({ "body": "x", "reply_to": 11 })),
            "CommentOnDiscussion",
            json!({ "discussionId": id, "body": format!("x\n\n<!-- xmrt:{KEY} -->"), "replyToId": "the id of comment 11" }),
        ),
        (
            "create_discussion",
            json!({ "repo": "acme/api", "category": "ideas", "title": "t", "body": "b" }),
            "CreateDiscussion",
            json!({
                "repositoryId": "the id of acme/api", "categoryId": "the id of ideas", "title": "t",
                "body": format!("b\n\n<!-- xmrt:{KEY} -->"),
            }),
        ),
        (
            "close_discussion",
            one(1, json!({})),
            "CloseDiscussion",
            json!({ "discussionId": id, "reason": "RESOLVED" }),
        ),
        (
            "lock_discussion",
            one(1, json!({ "reason": "spam" })),
            "LockDiscussion",
            json!({ "lockableId": id, "lockReason": "SPAM" }),
        ),
    ] {
        let mut arguments = arguments;
        arguments["dry_run"] = json!(true);
        let shown = stage.done(tool, arguments).await;
        let request = &shown["dry_run"][0];
        assert_eq!(
            (&request["method"], &request["path"]),
            (&json!("POST"), &json!("/graphql"))
        );
        assert_eq!(
            (
                &request["body"]["operationName"],
                &request["body"]["variables"]["input"]
            ),
            (&json!(operation), &input),
            "{tool}"
        );
    }
    assert_eq!(stage.sandbox.requests(), [Value::Null; 0]);
    stage.end().await;
}
