//! The gateway itself: names, toolsets, confirmation, keys, cancellation.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::hub::{Caller, Face, Gateway, GatewayError, Hub, META_LOOK_FOR, Selection, ToolError, Toolsets};
use xmrt::journal::MemoryStore;
use xmrt::tools::toolbox::{Ctx, Toolbox, reads};
use xmrt::tools::xmrt::{Starter, XmrtParts};
use xmrt::tools::{self, github, render};

use super::desk::{Agent, Desk, Nothing, SOON, Told, outcome, told, toolbox, toolsets};

/// What a list may cost a model, in tokens of about four bytes.
const DEFAULT_TOKENS_MAX: usize = 8_000;
const DEFAULT_TOOLS_MAX: usize = 30;

/// An agent that is offered these tools.
async fn agent_offered(hub: &Hub, gateway: &Gateway, selection: Selection) -> Agent {
    let caller = Caller {
        who: xmrt::agents::Who::Operator("eliza".into()),
        selection,
        paused: None,
        credential: None,
    };
    Agent::at(hub.clone(), gateway.clone().with_local(caller)).await
}

#[tokio::test]
async fn a_gateway_over_all_servers_prefixes_names_and_one_over_a_single_server_does_not() {
    let desk = Arc::default();
    let all = Agent::of(&desk, Face::All, "eliza").await;
    let names = all.names().await;
    assert_eq!(
        names,
        [
            "desk_burn",
            "desk_close_issue",
            "desk_read_letter",
            "desk_stop_service",
            "desk_wait",
            "desk_write_letter"
        ]
    );
    let result = all.call("desk_read_letter", json!({ "text": "hi" })).await;
    assert_eq!(outcome(&result), Ok("hi".into()));
    // What strangers wrote stays marked on the way.
    assert!(result.content[0].as_text().unwrap().text.contains("```untrusted"));
    assert!(result.meta.unwrap().contains_key("xmrt/untrusted"));
    all.leave().await;
    let one = Agent::of(&desk, Face::One("desk".into()), "eliza").await;
    assert_eq!(one.names().await[0], "burn");
    one.leave().await;
}

#[tokio::test]
async fn names_that_collide_or_are_too_long_are_errors_that_name_the_tools() {
    let long = Toolbox::named("x", "", ()).with(reads("read", "Read", "Reads.").answers(read_nothing));
    let name = "a-very-long-name-for-a-server-of-anybody";
    let hub = Hub::builder().serve(name, long).start().await.unwrap();
    let error = Gateway::new(&hub, Face::All, Toolsets::default()).unwrap_err();
    assert!(
        matches!(&error, GatewayError::TooLong { tool, .. } if *tool == format!("{name}.read")),
        "{error}"
    );
    hub.stop().await;

    let tool = |name: &'static str| {
        Toolbox::named("x", "", ()).with(reads(name, "T", "Does.").answers(read_nothing))
    };
    let hub = Hub::builder()
        .serve("a", tool("b_c"))
        .serve("a_b", tool("c"))
        .start()
        .await
        .unwrap();
    let error = Gateway::new(&hub, Face::All, Toolsets::default()).unwrap_err();
    assert_eq!(
        error,
        GatewayError::Collision("a.b_c".into(), "a_b.c".into(), "a_b_c".into())
    );
    let missing = Gateway::new(&hub, Face::One("z".into()), Toolsets::default()).unwrap_err();
    assert_eq!(missing, GatewayError::NoServer("z".into()));
    hub.stop().await;
}

async fn read_nothing(_: Ctx<()>, _: Nothing) -> Result<Told, ToolError> {
    Ok(told(""))
}

#[tokio::test]
async fn a_caller_is_offered_the_toolsets_it_asks_for_and_told_where_the_rest_is() {
    let desk = Arc::default();
    let hub = Hub::builder()
        .serve("desk", toolbox(&desk))
        .start()
        .await
        .unwrap();
    let gateway = Gateway::new(&hub, Face::All, toolsets()).unwrap();
    let sets = gateway.toolsets();
    for (words, offered) in [
        ("mail", 2),
        ("desk.mail,fire", 3),
        ("desk", 6),
        ("all", 6),
        ("default", 1),
        ("other", 3),
    ] {
        let selection = sets.select(words).unwrap();
        let agent = agent_offered(&hub, &gateway, selection).await;
        assert_eq!(agent.names().await.len(), offered, "{words}");
        agent.client.cancel().await.unwrap();
    }
    let unknown = sets.select("mai").unwrap_err();
    assert!(unknown.contains("did you mean `mail`"), "{unknown}");
    assert!(sets.select(" , ").unwrap_err().contains("desk.mail"));

    let selection = sets.select("mail").unwrap().read_only(true);
    let agent = agent_offered(&hub, &gateway, selection).await;
    assert_eq!(agent.names().await, ["desk_read_letter"]);
    for (tool, why) in [
        ("desk_write_letter", "reading only"),
        ("desk_wait", "its toolset is `desk`"),
        ("desk_read_leter", "did you mean `desk_read_letter`"),
    ] {
        let refused = agent
            .try_call(tool, json!({}), json!({}))
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains(why), "{tool}: {refused}");
    }
    agent.leave().await;
}

#[tokio::test]
async fn a_destructive_call_wants_the_name_of_the_thing_unless_nothing_is_sent() {
    let agent = Agent::of(&Arc::default(), Face::All, "eliza").await;
    let stop = async |more: Value| {
        let mut arguments = json!({ "service_id": "srv-1" });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().cloned().unwrap());
        outcome(&agent.call("desk_stop_service", arguments).await)
    };
    for wrong in [
        json!({}),
        json!({ "confirm": "srv-2" }),
        json!({ "confirm": true }),
        json!({ "confirm": null }),
    ] {
        let (class, remedy) = stop(wrong.clone()).await.unwrap_err();
        assert_eq!(class, "invalid", "{wrong}");
        assert!(remedy.contains("confirm = \"srv-1\""), "{remedy}");
    }
    assert_eq!(
        stop(json!({ "confirm": "srv-1" })).await,
        Ok("stopped srv-1".into())
    );
    assert_eq!(
        stop(json!({ "dry_run": true })).await,
        Ok(r#"{"dry_run":[]}"#.into())
    );

    let issue = json!({ "repo": "acme/api", "number": 7 });
    let (_, remedy) = outcome(&agent.call("desk_close_issue", issue).await).unwrap_err();
    assert!(remedy.contains("confirm = \"acme/api#7\""), "{remedy}");
    let (_, remedy) = outcome(&agent.call("desk_burn", json!({})).await).unwrap_err();
    assert!(remedy.contains("confirm = \"desk_burn\""), "{remedy}");
    let (class, _) = outcome(&agent.call("desk_stop_service", json!({ "confirm": "x" })).await).unwrap_err();
    assert_eq!(class, "invalid");

    let tools = agent.client.list_all_tools().await.unwrap();
    let asked = |tool: &str| {
        let tool = tools.iter().find(|listed| listed.name == tool).unwrap();
        tool.input_schema["properties"].get("confirm").is_some()
    };
    assert!(asked("desk_burn") && !asked("desk_write_letter") && !asked("desk_read_letter"));
    agent.leave().await;
}

#[tokio::test]
async fn a_write_repeated_under_the_callers_key_is_found_and_another_callers_is_not() {
    let desk = Arc::<Desk>::default();
    let eliza = Agent::of(&desk, Face::All, "eliza").await;
    let letter = json!({ "text": "hi", "idempotency_key": "monday" });
    assert_eq!(
        outcome(&eliza.call("desk_write_letter", letter.clone()).await),
        Ok("hi".into())
    );
    assert_eq!(
        outcome(&eliza.call("desk_write_letter", letter.clone()).await),
        Ok("it is there".into())
    );
    let by_meta = eliza
        .try_call(
            "desk_write_letter",
            json!({ "text": "hi" }),
            json!({ "xmrt/idempotency-key": "monday" }),
        )
        .await;
    assert_eq!(outcome(&by_meta.unwrap()), Ok("it is there".into()));
    let dry = json!({ "text": "hi", "idempotency_key": "monday", "dry_run": true });
    assert!(
        outcome(&eliza.call("desk_write_letter", dry).await)
            .unwrap()
            .contains("/letters")
    );
    let (class, _) = outcome(
        &eliza
            .call(
                "desk_write_letter",
                json!({ "text": "hi", "idempotency_key": "" }),
            )
            .await,
    )
    .unwrap_err();
    assert_eq!(class, "invalid");
    eliza.leave().await;

    let parry = Agent::of(&desk, Face::All, "parry").await;
    assert_eq!(
        outcome(&parry.call("desk_write_letter", letter).await),
        Ok("hi".into())
    );
    assert_eq!(
        outcome(&parry.call("desk_write_letter", json!({ "text": "hi" })).await),
        Ok("hi".into())
    );
    parry.leave().await;
    let written = desk.written.lock().unwrap().clone();
    let [Some(first), Some(second), None] = written.as_slice() else {
        panic!("{written:?}");
    };
    assert_ne!(first, second);
    assert!(
        first.len() == 32 && first.chars().all(|digit| digit.is_ascii_hexdigit()),
        "{first}"
    );
}

#[tokio::test]
async fn an_agent_cannot_pass_for_the_reactor_looking_for_an_effect() {
    let agent = Agent::of(&Arc::default(), Face::All, "eliza").await;
    let meta = json!({ META_LOOK_FOR: { "since": "2026-01-01T00:00:00Z" } });
    let refused = agent
        .try_call("desk_write_letter", json!({ "text": "hi" }), meta)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains(META_LOOK_FOR), "{refused}");
    agent.leave().await;
}

#[tokio::test]
async fn a_call_the_agent_gives_up_is_given_up_at_the_tool() {
    let desk = Arc::<Desk>::default();
    let agent = Agent::of(&desk, Face::All, "eliza").await;
    for progress in [json!({}), json!({ "progressToken": 1 })] {
        let call = agent.try_call("desk_wait", json!({}), progress);
        tokio::select! {
            answer = call => panic!("{answer:?}"),
            () = desk.reached.notified() => {}
        }
        // The call's future is dropped, which is how a client gives up.
        tokio::time::timeout(SOON, desk.dropped.notified())
            .await
            .expect("the handler to be dropped");
        tokio::time::timeout(SOON, agent.gateway.idle())
            .await
            .expect("no call under way");
    }
    agent.leave().await;
}

#[tokio::test]
async fn a_stopped_gateway_answers_the_calls_under_way_and_later_ones() {
    let desk = Arc::<Desk>::default();
    let agent = Agent::of(&desk, Face::All, "eliza").await;
    let call = agent.call("desk_wait", json!({}));
    let stop = async {
        desk.reached.notified().await;
        agent.gateway.stop();
    };
    let (result, ()) = tokio::join!(call, stop);
    assert_eq!(outcome(&result).unwrap_err().0, "unavailable");
    assert!(
        result.content[0]
            .as_text()
            .unwrap()
            .text
            .contains("shutting down")
    );
    let later = agent.call("desk_write_letter", json!({ "text": "hi" })).await;
    assert_eq!(outcome(&later).unwrap_err().0, "unknown_effect");
    agent.leave().await;
}

/// The built-in servers, none of them configured.
pub(super) async fn built_in() -> Hub {
    let clock = Clock::system();
    let own = XmrtParts {
        starter: Starter::default(),
        store: Arc::new(MemoryStore::new(clock.now())),
        github: None,
        render: None,
        agents: BTreeMap::new(),
        notify: BTreeMap::new(),
        clock,
        hub: Default::default(),
    };
    Hub::builder()
        .serve("github", github::Server::new(None))
        .serve("render", render::Server::new(None))
        .serve("xmrt", tools::xmrt::Server::new(own))
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn every_built_in_tool_has_a_toolset_and_the_default_over_http_is_small() {
    let hub = built_in().await;
    let gateway = Gateway::new(&hub, Face::All, tools::toolsets()).unwrap();
    let sets = gateway.toolsets();
    let homeless: Vec<&String> = sets
        .sets
        .iter()
        .filter(|(name, _)| name.ends_with(".other"))
        .flat_map(|(_, tools)| tools)
        .collect();
    assert!(
        homeless.is_empty(),
        "in no table of src/tools/toolsets.rs: {homeless:?}"
    );

    let selection = sets.by_default();
    let agent = agent_offered(&hub, &gateway, selection).await;
    let listed = agent.client.list_tools(None).await.unwrap();
    let tokens = serde_json::to_string(&listed).unwrap().len() / 4;
    assert!(
        (20..=DEFAULT_TOOLS_MAX).contains(&listed.tools.len()),
        "{}",
        listed.tools.len()
    );
    assert!(tokens <= DEFAULT_TOKENS_MAX, "{tokens} tokens");
    let said = agent.client.peer_info().unwrap().instructions.clone().unwrap();
    let numbers = format!(
        "\n{} of {} tools are listed over HTTP",
        listed.tools.len(),
        hub.tools().len()
    );
    assert!(said.contains(&numbers), "{said}");
    assert_eq!(listed.cache_scope, Some(rmcp::model::CacheScope::Private));
    agent.leave().await;
}

/// Sending them again is safe, and yet does something again: a client must not be told otherwise.
#[tokio::test]
async fn what_happens_again_when_it_is_sent_again_is_not_called_idempotent() {
    let hub = built_in().await;
    let gateway = Gateway::new(&hub, Face::All, tools::toolsets()).unwrap();
    let selection = gateway.toolsets().select("all").unwrap();
    let agent = agent_offered(&hub, &gateway, selection).await;
    let listed = agent.client.list_tools(None).await.unwrap().tools;
    let again: Vec<String> = listed
        .into_iter()
        .filter(|tool| {
            tool.annotations
                .as_ref()
                .is_some_and(|hints| hints.idempotent_hint == Some(false))
        })
        .map(|tool| tool.name.replacen('_', ".", 1))
        .filter(|name| hub.tool(name).unwrap().promises.doubt == xmrt::hub::Doubt::Idempotent)
        .collect();
    assert_eq!(
        again,
        [
            "github.create_deployment_status",
            "github.ping_webhook",
            "github.redeliver",
            "render.restart_service"
        ]
    );
    agent.leave().await;
}

#[tokio::test]
async fn what_is_destroyed_is_named_by_whatever_argument_names_it() {
    let hub = built_in().await;
    let gateway = Gateway::new(&hub, Face::All, tools::toolsets()).unwrap();
    let selection = gateway.toolsets().select("all").unwrap();
    let agent = agent_offered(&hub, &gateway, selection).await;
    for (tool, arguments, confirm) in [
        ("xmrt_pause", json!({"what": "all"}), "all"),
        ("xmrt_retry_run", json!({"id": "0f"}), "0f"),
        ("render_delete_webhook", json!({"webhook_id": "whk-1"}), "whk-1"),
        (
            "render_unlink_env_group",
            json!({"env_group_id": "evg-1", "service_id": "srv-1"}),
            "srv-1",
        ),
    ] {
        let (_, remedy) = outcome(&agent.call(tool, arguments).await).unwrap_err();
        assert!(
            remedy.contains(&format!("confirm = \"{confirm}\"")),
            "{tool}: {remedy}"
        );
    }
    agent.leave().await;
}

#[tokio::test]
async fn at_a_door_where_nothing_was_chosen_a_server_shows_all_its_tools() {
    let desk = Arc::new(Desk::default());
    let hub = Hub::builder()
        .serve("desk", toolbox(&desk))
        .start()
        .await
        .unwrap();
    let gateway = Gateway::new(&hub, Face::One("desk".into()), Toolsets::default()).unwrap();
    let listed = gateway.offered(&Caller {
        who: xmrt::agents::Who::Operator("anybody".into()),
        selection: gateway.toolsets().by_default(),
        paused: None,
        credential: None,
    });
    assert_eq!(listed.len(), hub.tools().len());
    hub.stop().await;
}
