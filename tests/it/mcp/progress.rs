//! Progress: from the tool to the agent, while the tool works.

use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ProgressNotificationParam, ProtocolVersion, RequestMetaObject,
};
use rmcp::service::{ClientLifecycleMode, RoleClient};
use rmcp::{ClientServiceExt, ServiceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use xmrt::hub::{CallMeta, Face, Gateway, Hub, Patience, Reply, ToolError, Toolsets};
use xmrt::tools::toolbox::{Ctx, Effect, Pending, Progress, Toolbox, reads};

use super::desk::{SOON, outcome};

/// A client that keeps the progress it hears of.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<f64>>>, Arc<Notify>);

impl rmcp::ClientHandler for Ear {
    async fn on_progress(
        &self,
        report: ProgressNotificationParam,
        _: rmcp::service::NotificationContext<RoleClient>,
    ) {
        self.0.lock().unwrap().push(report.progress);
        self.1.notify_one();
    }
}

/// A server whose one tool reports before it waits to be told to end.
#[derive(Clone, Default)]
struct Slow(Arc<Notify>);

impl rmcp::ServerHandler for Slow {
    fn get_info(&self) -> rmcp::model::ServerConfig {
        rmcp::model::ServerConfig::new(rmcp::model::ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<rmcp::model::PaginatedRequestParams>,
        _: rmcp::service::RequestContext<rmcp::RoleServer>,
    ) -> Result<rmcp::model::ListToolsResult, rmcp::ErrorData> {
        let schema = json!({ "type": "object", "properties": {} });
        let tool = rmcp::model::Tool::new("work", "Works.", Arc::new(schema.as_object().cloned().unwrap()));
        Ok(rmcp::model::ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: rmcp::service::RequestContext<rmcp::RoleServer>,
    ) -> Result<rmcp::model::CallToolResponse, rmcp::ErrorData> {
        if let Some(token) = context.meta.get_progress_token() {
            let report = ProgressNotificationParam::new(token, 1.0).with_total(2.0);
            context.peer.notify_progress(report).await.unwrap();
        }
        self.0.notified().await;
        let trace = context.meta.get("traceparent").cloned();
        Ok(CallToolResult::structured(json!({ "said": trace })).into())
    }
}

pub(super) fn slow() -> (impl rmcp::ServerHandler + 'static, Arc<Notify>) {
    let slow = Slow::default();
    let end = Arc::clone(&slow.0);
    (slow, end)
}

#[tokio::test]
async fn progress_reaches_the_agent_while_the_tool_works_and_its_trace_reaches_the_tool() {
    let (slow, end) = slow();
    let hub = Hub::builder().serve("slow", slow).start().await.unwrap();
    let gateway = Gateway::new(&hub, Face::All, Toolsets::default()).unwrap();
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move { Box::pin(gateway.serve(far)).await.unwrap().waiting().await });
    let ear = Ear::default();
    let hello = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    let client = ear.clone().serve_with_lifecycle(near, hello).await.unwrap();
    let mut request = CallToolRequestParams::new("slow_work");
    // A tool that says nothing of itself counts as destructive.
    request.arguments = json!({ "confirm": "slow_work" }).as_object().cloned();
    let mut meta = RequestMetaObject::new();
    meta.0.insert("traceparent".into(), json!("00-trace"));
    request.meta = Some(meta);
    let call = tokio::time::timeout(SOON, client.call_tool(request));
    let heard = async {
        ear.1.notified().await;
        end.notify_one();
    };
    let (result, ()) = tokio::join!(call, heard);
    assert_eq!(outcome(&result.unwrap().unwrap()), Ok("00-trace".into()));
    assert_eq!(*ear.0.lock().unwrap(), [1.0]);
    client.cancel().await.unwrap();
    hub.stop().await;
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[derive(Serialize, JsonSchema)]
struct Said {
    said: String,
}

/// How often it was asked.
#[derive(Serialize, Deserialize)]
struct Asked {
    times: u32,
}

fn not_over(times: u32) -> Pending {
    Pending {
        poll_after_ms: 100,
        cursor: json!(Asked { times }),
        note: format!("asked {times} times"),
    }
}

async fn begin(_: Ctx<()>, _: Nothing) -> Result<Effect<Said>, ToolError> {
    Ok(Effect::Pending(not_over(0)))
}

async fn poll(_: Ctx<()>, _: Nothing, cursor: Asked) -> Result<Progress<Said>, ToolError> {
    Ok(match cursor.times {
        2 => Progress::Done(Said { said: "over".into() }),
        times => Progress::Pending(not_over(times + 1)),
    })
}

#[tokio::test]
async fn an_agent_is_kept_waiting_with_progress_for_a_call_that_is_not_over_and_a_rule_is_not() {
    let server = Toolbox::named("slow", "For tests.", ())
        .with(reads("settle", "Settle", "Settles.").acts(begin).polls(poll));
    let hub = Hub::builder().serve("slow", server).start().await.unwrap();
    let gateway = Gateway::new(&hub, Face::All, Toolsets::default()).unwrap();
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move { gateway.serve(far).await.unwrap().waiting().await });
    let ear = Ear::default();
    let hello = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    let client = ear.clone().serve_with_lifecycle(near, hello).await.unwrap();
    let call = client.call_tool(CallToolRequestParams::new("slow_settle"));
    let result = tokio::time::timeout(SOON, call).await.unwrap().unwrap();
    assert_eq!(outcome(&result), Ok("over".into()));
    assert_eq!(*ear.0.lock().unwrap(), [0.0, 1.0, 2.0]);

    let asks_again = CallMeta {
        patience: Patience::AsksAgain,
        ..CallMeta::default()
    };
    let reply = hub
        .call("slow.settle", json!({}), asks_again, SOON)
        .await
        .unwrap();
    assert_eq!(reply, Reply::Pending(not_over(0)));
    let asks = CallMeta {
        patience: Patience::Asks(json!(Asked { times: 2 })),
        ..CallMeta::default()
    };
    let reply = hub.call("slow.settle", json!({}), asks, SOON).await.unwrap();
    assert_eq!(reply, Reply::Done(json!({ "said": "over" })));
    client.cancel().await.unwrap();
    hub.stop().await;
}
