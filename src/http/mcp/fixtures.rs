//! In: requests of the official conformance suite. Out: what its scenarios want of a server: tools, resources and prompts of the
//! suite's own. Never: in a release, unless it was built with the feature `conformance-fixtures`; anywhere unless asked for.
//!
//! The suite tests the protocol by fixtures that no product has. Here they are, behind the same HTTP stack as the product's
//! endpoints and, as a server of the hub, behind the same gateway; what a test of them shows holds for both.

#![expect(
    deprecated,
    reason = "the scenarios of older revisions want what is gone since"
)]

mod asked;
mod content;

use rmcp::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, ErrorData, GetPromptRequestParams,
    GetPromptResponse, Implementation, JsonObject, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, LoggingLevel, LoggingMessageNotificationParam,
    PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
    SubscriptionFilter, Tool, ToolAnnotations, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long a client may keep a list, in milliseconds.
const LIST_TTL_MS: u64 = 60_000;
/// The pause between two reports, as the scenarios ask for it.
const PAUSE: Duration = Duration::from_millis(50);

/// The suite's server. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Fixtures {
    /// What states are sealed with that a client hands back.
    seal: Arc<[u8]>,
}

impl Fixtures {
    /// One that accepts only the states it made itself.
    pub(super) fn new() -> Self {
        Self {
            seal: Arc::from(uuid::Uuid::new_v4().as_bytes().as_slice()),
        }
    }

    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        if let Some(answer) = content::of_tool(name) {
            return Ok(result(answer)?.into());
        }
        let argument = |name: &str| {
            let arguments = request.arguments.as_ref();
            arguments
                .and_then(|arguments| arguments.get(name))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        match name {
            "test_tool_with_logging" => {
                for said in [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ] {
                    log(context, said).await;
                    tokio::time::sleep(PAUSE).await;
                }
                said("Logged three times.")
            }
            "test_tool_with_progress" => {
                for progress in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let report = ProgressNotificationParam::new(token, progress).with_total(100.0);
                        let _ = context.peer.notify_progress(report).await;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                said("Reported three times.")
            }
            "test_missing_capability" => match context.client_capabilities() {
                Some(can) if can.sampling.is_some() => said("The client can sample."),
                _ => {
                    let needed = serde_json::from_value::<ClientCapabilities>(json!({ "sampling": {} }));
                    Err(ErrorData::missing_required_client_capability(
                        needed.unwrap_or_default(),
                    ))
                }
            },
            "test_sampling" => Self::sampled(&argument("prompt"), &request, context).await,
            "test_elicitation" => {
                let form = content::elicitation(&argument("message"));
                Self::elicited("User response", form, &request, context).await
            }
            "test_elicitation_sep1034_defaults" => {
                Self::elicited("Elicitation completed", content::defaults(), &request, context).await
            }
            "test_elicitation_sep1330_enums" => {
                Self::elicited("Elicitation completed", content::enums(), &request, context).await
            }
            other => self.asked(other, &request, context),
        }
    }
}

impl Default for Fixtures {
    fn default() -> Self {
        Self::new()
    }
}

fn said(text: &str) -> Result<CallToolResponse, ErrorData> {
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
}

fn result(mut value: Value) -> Result<CallToolResult, ErrorData> {
    value["resultType"] = json!("complete");
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// Whether the client speaks the revision in which a server never asks by itself.
fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

async fn log(context: &RequestContext<RoleServer>, said: &str) {
    let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(said));
    let _ = context.peer.notify_logging_message(message).await;
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .enable_logging()
            .build();
        ServerConfig::new(can)
            .with_server_info(Implementation::new("xmrt-fixtures", env!("CARGO_PKG_VERSION")))
            .with_instructions("The conformance suite's own tools, resources and prompts.")
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = content::TOOLS.iter().map(|(name, about)| {
            let schema = content::arguments(name);
            let schema = schema.as_object().cloned().unwrap_or_default();
            let harmless = ToolAnnotations::new()
                .read_only(true)
                .destructive(false)
                .idempotent(true)
                .open_world(false);
            Tool::new(*name, *about, Arc::<JsonObject>::new(schema)).with_annotations(harmless)
        });
        Ok(ListToolsResult::with_all_items(tools.collect())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.answer(request, &context).await
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(typed(content::resources())?)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(
            ListResourceTemplatesResult::with_all_items(typed(content::templates())?)
                .with_ttl_ms(LIST_TTL_MS)
                .with_cache_scope(CacheScope::Private),
        )
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match content::of_resource(&request.uri) {
            Some(read) => {
                let read: rmcp::model::ReadResourceResult =
                    typed(json!({ "resultType": "complete", "contents": [read] }))?;
                Ok(read
                    .with_ttl_ms(LIST_TTL_MS)
                    .with_cache_scope(CacheScope::Private)
                    .into())
            }
            None => {
                let data = json!({ "uri": request.uri });
                Err(ErrorData::resource_not_found(
                    format!("there is nothing at {}", request.uri),
                    Some(data),
                ))
            }
        }
    }

    fn accepted_subscription_filter(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(wanted.clone())
    }

    async fn subscribe(
        &self,
        _request: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        // Nothing here ever changes, so there is nothing to keep.
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn set_level(
        &self,
        _request: SetLevelRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(typed(content::prompts())?)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == "test_input_required_result_prompt" {
            return Self::asked_for_prompt(&request);
        }
        let given = request.arguments.clone().unwrap_or_default();
        match content::of_prompt(&request.name, &given) {
            Some(messages) => {
                let prompt: rmcp::model::GetPromptResult =
                    typed(json!({ "resultType": "complete", "messages": messages }))?;
                Ok(prompt.into())
            }
            None => Err(ErrorData::invalid_params(
                format!("there is no prompt `{}`", request.name),
                None,
            )),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let begun = request.argument.value;
        let known = ["paris", "park", "party"].map(str::to_owned);
        let fits = known
            .into_iter()
            .filter(|word| word.starts_with(&begun))
            .collect();
        let values = CompletionInfo::new(fits).map_err(|error| ErrorData::internal_error(error, None))?;
        Ok(CompleteResult::new(values))
    }
}
