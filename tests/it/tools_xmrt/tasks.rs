//! What agents say about tasks, tool by tool: dry, in earnest, and once more as after a lost answer.

use serde_json::{Value, json};
use xmrt::agents::Who;
use xmrt::hub::{CallMeta, ErrorClass, Reply};

use super::SOON;
use super::room::{Room, room};

impl Room {
    /// A call under a key, made dry, then twice: gives the first result, and says whether the second was the same.
    async fn twice(&self, who: &str, tool: &str, arguments: Value) -> (Value, Value) {
        let call = async |arguments: Value| {
            let meta = CallMeta {
                who: Who::Agent(who.into()),
                idempotency_key: Some(format!("{who} {tool} {arguments}")),
                ..CallMeta::default()
            };
            match self
                .hub
                .call(&format!("xmrt.{tool}"), arguments, meta, SOON)
                .await
                .unwrap()
            {
                Reply::Done(result) => result,
                other => unreachable!("{tool}: {other:?}"),
            }
        };
        let before = self.seen().await;
        let mut dry = arguments.clone();
        dry["dry_run"] = json!(true);
        let shown = call(dry).await;
        let [only] = shown["dry_run"].as_array().unwrap().as_slice() else {
            panic!("{tool}: {shown}")
        };
        assert_eq!(only["path"], format!("<reactor>/{tool}"), "{shown}");
        assert_eq!(self.seen().await, before, "{tool}: a dry run changes nothing");
        let first = call(arguments.clone()).await;
        let after = self.seen().await;
        assert_ne!(after, before, "{tool} changes something");
        let second = call(arguments).await;
        assert_eq!(self.seen().await, after, "{tool} twice is as {tool} once");
        (first, second)
    }

    /// All that there is to see of agents, tasks and messages.
    async fn seen(&self) -> Value {
        let mut tasks = Vec::new();
        for state in ["open", "claimed", "done", "failed", "cancelled"] {
            let list = self
                .operator("list_tasks", json!({ "state": state }))
                .await
                .unwrap();
            for task in list["tasks"].as_array().unwrap() {
                tasks.push(
                    self.operator("get_task", json!({ "task": task["id"] }))
                        .await
                        .unwrap(),
                );
            }
        }
        json!({
            "agents": self.operator("list_agents", json!({})).await.unwrap(),
            "tasks": tasks,
            // Before she said that she is there she has none.
            "messages": self.eliza("read_messages", json!({})).await.ok(),
        })
    }
}

#[tokio::test]
async fn a_task_goes_from_hand_to_hand_and_every_word_about_it_counts_once() {
    let room = room().await;
    let (there, _) = room
        .twice(
            "eliza",
            "register_agent",
            json!({ "capabilities": ["rust"], "note": "Reviews" }),
        )
        .await;
    assert_eq!(
        (&there["agent"], &there["capabilities"]),
        (&json!("eliza"), &json!(["rust"]))
    );
    room.twice(
        "otto",
        "register_agent",
        json!({ "capabilities": ["rust", "docs"] }),
    )
    .await;

    let wish = json!({ "title": "Review #7", "needs": ["rust"], "about": "acme/api#7", "attempts": 2 });
    let (posted, again) = room.twice("eliza", "post_task", wish).await;
    assert_eq!((&again["id"], &again["duplicate"]), (&posted["id"], &json!(true)));
    let id = posted["id"].as_str().unwrap().to_owned();

    let (claimed, again) = room.twice("eliza", "claim_task", json!({ "task": id })).await;
    assert_eq!(again["fence"], claimed["fence"]);
    let held = |more: Value, fence: &Value| {
        let mut arguments = json!({ "task": id, "fence": fence });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        arguments
    };
    let fence = &claimed["fence"];
    let (said, _) = room
        .twice("eliza", "update_task", held(json!({ "note": "half" }), fence))
        .await;
    assert_eq!(said["note"], "half");
    let on = json!({ "to": "otto", "needs": ["docs"], "note": "the rest is prose" });
    let (handed, again) = room.twice("eliza", "hand_off_task", held(on, fence)).await;
    assert_eq!(
        (&handed["state"], &handed["to"]),
        (&json!("open"), &json!("otto"))
    );
    assert_eq!(again, handed);

    let (claimed, _) = room.twice("otto", "claim_task", json!({})).await;
    assert_eq!(claimed["task"]["id"], json!(id));
    let (failed, again) = room
        .twice(
            "otto",
            "fail_task",
            held(json!({ "reason": "no words" }), &claimed["fence"]),
        )
        .await;
    assert_eq!(
        (&failed["state"], &failed["reason"]),
        (&json!("open"), &json!("no words"))
    );
    assert_eq!(again, failed);
    let lists = room
        .operator("list_tasks", json!({ "agent": "otto" }))
        .await
        .unwrap();
    assert_eq!(
        lists["tasks"][0]["attempts"], 1,
        "a hand-off is no failed attempt: {lists}"
    );

    let (gone, _) = room
        .twice(
            "eliza",
            "cancel_task",
            json!({ "task": id, "reason": "nobody asks any more" }),
        )
        .await;
    assert_eq!(gone["state"], "cancelled");
    let all = room.operator("get_task", json!({ "task": id })).await.unwrap();
    let happened: Vec<&str> = all["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(
        happened,
        [
            "posted",
            "claimed",
            "handed_off",
            "claimed",
            "failed",
            "cancelled"
        ],
        "{all}"
    );
}

#[tokio::test]
async fn a_message_arrives_once_and_is_read_by_saying_so() {
    let room = room().await;
    room.eliza("register_agent", json!({})).await.unwrap();
    let (sent, again) = room
        .twice(
            "otto",
            "send_message",
            json!({ "to": "eliza", "text": "Look at #7" }),
        )
        .await;
    assert_eq!((&again["seq"], &again["duplicate"]), (&sent["seq"], &json!(true)));
    let letters = room.eliza("read_messages", json!({})).await.unwrap();
    assert_eq!(letters["messages"][0]["text"], "Look at #7");
    let (heard, _) = room
        .twice("eliza", "heartbeat", json!({ "read_up_to": sent["seq"] }))
        .await;
    assert_eq!(heard["messages"], 0);
    let letters = room.eliza("read_messages", json!({})).await.unwrap();
    assert_eq!(letters["messages"], json!([]));
    let unknown = room
        .eliza("send_message", json!({ "to": "nobody", "text": "?" }))
        .await
        .unwrap_err();
    assert_eq!(unknown.class, ErrorClass::NotFound);
    assert!(unknown.remedy.unwrap().contains("list_agents"));
}
