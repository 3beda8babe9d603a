//! In: MCP requests for a toolbox. Out: MCP results, errors in band. Never: what a tool does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rmcp::ServerHandler;
use rmcp::model::{
    Annotations, CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
    CompleteResult, ContentBlock, ErrorData, GetPromptRequestParams, GetPromptResponse, Implementation,
    JsonObject, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    MetaObject, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, RequestMetaObject,
    Role, ServerCapabilities, ServerConfig, SubscriptionFilter, TextContent,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};
use serde::Deserialize;
use serde_json::{Value, json};

use super::declare::{Answer, Told};
use super::{Ctx, Effect, Look, Tool, Toolbox, arguments, text, waiting};
use crate::agents::{Who, covers_repository};
use crate::hub::{
    ErrorClass, META_IDEMPOTENCY_KEY, META_LOOK_FOR, META_REPOS, META_RESOLVE, META_WHO, Patience, ToolError,
    nearest,
};
use crate::integrations::github::{Bounds, within_bounds};
use crate::telemetry::Span;

/// How long a client may keep the list of tools, in milliseconds. It changes only with the program.
pub(super) const LIST_TTL_MS: u64 = 60_000;
/// `_meta` key of a call: W3C trace context.
const META_TRACEPARENT: &str = "traceparent";
/// `_meta` key of a result: the names of its fields that hold what strangers wrote.
const META_UNTRUSTED: &str = "xmrt/untrusted";

impl<P: Send + Sync + 'static> ServerHandler for Toolbox<P> {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools();
        let mut capabilities = match self.library() {
            Some(_) => tools
                .enable_resources()
                .enable_prompts()
                .enable_completions()
                .build(),
            None => tools.build(),
        };
        if let (Some(resources), Some(_)) = (&mut capabilities.resources, self.watched()) {
            resources.subscribe = Some(true);
        }
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new(
                format!("xmrt-{}", self.0.name),
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions(self.0.instructions.clone())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.0.tools.values().map(|tool| tool.described.clone());
        Ok(ListToolsResult::with_all_items(tools.collect())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(self.resources())
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(self.templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(self.page(request.uri).await?.into())
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(self.prompts())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(self.prompt(request)?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.completion(request).await
    }

    fn accepted_subscription_filter(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.accepted(wanted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.watch(&context).await;
        Ok(())
    }

    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        self.0.tools.get(name).map(|tool| tool.described.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.0.tools.get(request.name.as_ref()) else {
            return Err(self.unknown(&request.name));
        };
        let canceled = context.ct.clone();
        let waiting = AtomicBool::new(false);
        let called = within_bounds(
            bounds(&context.meta),
            self.call(tool, request.arguments.unwrap_or_default(), &context, &waiting),
        );
        let trace = context.meta.get(META_TRACEPARENT).and_then(Value::as_str);
        let caller = Span::joined(trace);
        let answer = tokio::select! {
            answer = caller.within(tool.priority().over(called)) => answer,
            () = canceled.cancelled() => Err(abandoned(tool, waiting.load(Ordering::Relaxed))),
        };
        let result = match answer {
            Ok(answer) => result_of(tool, answer),
            Err(error) => error_of(&error),
        };
        Ok(result.into())
    }
}

impl<P: Send + Sync + 'static> Toolbox<P> {
    async fn call(
        &self,
        tool: &Tool<P>,
        mut given: JsonObject,
        context: &RequestContext<RoleServer>,
        waiting: &AtomicBool,
    ) -> Result<Answer, ToolError> {
        arguments::check(&tool.described.input_schema, &given)?;
        let dry_run = tool.writes && arguments::take_dry_run(&mut given);
        let look_for = look_for(&context.meta)?;
        let patience = waiting::patience(&context.meta)?;
        let ctx = || Ctx {
            parts: Arc::clone(&self.0.parts),
            key: key(&context.meta),
            since: look_for.unwrap_or(Timestamp::UNIX_EPOCH),
            taken: taken(&context.meta),
            clock: self.0.clock.clone(),
            dry_run,
            who: who(&context.meta),
            canceled: context.ct.clone(),
        };
        if context.meta.get(META_RESOLVE).is_some() {
            return match &tool.resolve {
                Some(resolve) => resolve(ctx(), given).await,
                None => Err(cannot(tool, "say beforehand what a call comes to")),
            };
        }
        match (&tool.look, look_for) {
            (_, None) => {}
            (Some(look), Some(_)) => return look(ctx(), given).await,
            (None, Some(_)) => {
                return Ok(Answer::Look(Look::Ambiguous(format!(
                    "`{}` leaves nothing by which its effect could be recognized",
                    tool.name()
                ))));
            }
        }
        let poll = |cursor| match &tool.poll {
            Some(poll) => Ok(poll(ctx(), given.clone(), cursor)),
            None => Err(cannot(tool, "be asked what became of a call")),
        };
        if let Patience::Asks(cursor) = patience {
            return poll(cursor)?.await;
        }
        let answer = (tool.run)(ctx(), given.clone()).await?;
        match (answer, patience) {
            (Answer::Effect(Effect::Pending(pending)), Patience::Waits) => {
                waiting.store(true, Ordering::Relaxed);
                waiting::wait(&self.0.clock, context, tool, pending, poll).await
            }
            (answer, _) => Ok(answer),
        }
    }

    fn unknown(&self, name: &str) -> ErrorData {
        let meant = nearest(name, self.0.tools.keys().map(String::as_str))
            .map(|meant| format!("; did you mean `{meant}`?"))
            .unwrap_or_default();
        let server = &self.0.name;
        ErrorData::invalid_params(format!("server `{server}` has no tool `{name}`{meant}"), None)
    }
}

/// On whose behalf the call is made. The hub says so of every call; nobody else reaches this server.
fn who(meta: &RequestMetaObject) -> Who {
    let told = meta.get(META_WHO).cloned();
    told.and_then(|told| serde_json::from_value(told).ok())
        .unwrap_or_default()
}

/// Where the caller may be led. What cannot be read leads nowhere.
fn bounds(meta: &RequestMetaObject) -> Option<Bounds> {
    let told = meta.get(META_REPOS)?.clone();
    let patterns: Vec<String> = serde_json::from_value(told).unwrap_or_default();
    Some(Arc::new(move |name| covers_repository(&patterns, name)))
}

fn key(meta: &RequestMetaObject) -> Option<String> {
    let key = meta.get(META_IDEMPOTENCY_KEY)?.as_str()?;
    Some(key.to_owned())
}

fn look_for(meta: &RequestMetaObject) -> Result<Option<Timestamp>, ToolError> {
    let Some(look_for) = meta.get(META_LOOK_FOR) else {
        return Ok(None);
    };
    // A search misunderstood as a call would do the thing twice, so what cannot be read is refused.
    look_for
        .get("since")
        .and_then(Value::as_str)
        .and_then(|since| since.parse().ok())
        .map(Some)
        .ok_or_else(|| {
            ToolError::new(
                ErrorClass::Invalid,
                format!("_meta `{META_LOOK_FOR}` must be {{\"since\": <RFC 3339 time>}}"),
            )
        })
}

/// The effects that are other calls'. Nothing to be read is nothing known.
fn taken(meta: &RequestMetaObject) -> BTreeSet<String> {
    let listed = meta.get(META_LOOK_FOR).and_then(|look_for| look_for.get("taken"));
    listed
        .and_then(|listed| BTreeSet::deserialize(listed).ok())
        .unwrap_or_default()
}

fn cannot<P>(tool: &Tool<P>, what: &str) -> ToolError {
    ToolError::new(ErrorClass::Invalid, format!("`{}` cannot {what}", tool.name()))
}

fn abandoned<P>(tool: &Tool<P>, waiting: bool) -> ToolError {
    if waiting && tool.writes {
        let message = "the caller canceled the call while waiting for its end; it was made, and goes on";
        return ToolError::new(ErrorClass::Conflict, message);
    }
    let class = if tool.writes {
        ErrorClass::UnknownEffect
    } else {
        ErrorClass::Unavailable
    };
    ToolError::new(class, "the caller canceled the call")
}

fn result_of<P>(tool: &Tool<P>, answer: Answer) -> CallToolResult {
    match answer {
        Answer::Effect(Effect::Done(value)) | Answer::Look(Look::Found(value)) => {
            let told = text::of_result(&value, tool.untrusted, tool.told);
            let mut result = structured(told, value);
            if !tool.untrusted.is_empty() {
                if matches!(tool.told, Told::Report(_)) {
                    // Apart from the report, so that this is the model's and the report is all that is pasted.
                    let said = TextContent::new(text::OF_REPORTS)
                        .with_annotations(Annotations::default().with_audience(vec![Role::Assistant]));
                    result.content.push(ContentBlock::Text(said));
                }
                let mut meta = JsonObject::new();
                meta.insert(META_UNTRUSTED.to_owned(), json!(tool.untrusted));
                result.meta = Some(MetaObject(meta));
            }
            result
        }
        Answer::Effect(Effect::WouldSend(requests)) => {
            let value = json!({ "dry_run": requests });
            structured(
                format!(
                    "Nothing was sent. This would be:\n{}",
                    text::of_result(&value, &[], Told::ByAll)
                ),
                value,
            )
        }
        Answer::Effect(Effect::Pending(pending)) | Answer::Look(Look::Pending(pending)) => structured(
            format!("It is not over: {}", pending.note),
            json!({ "xmrt": { "pending": pending } }),
        ),
        Answer::Resolved(resolved) => structured(
            resolved.shows.clone(),
            json!({ "xmrt": { "resolved": resolved } }),
        ),
        Answer::Look(Look::Absent) => structured(
            "The effect is not there.".to_owned(),
            json!({ "xmrt": { "absent": true } }),
        ),
        Answer::Look(Look::Ambiguous(why)) => structured(
            format!("It cannot be told whether the effect is there: {why}"),
            json!({ "xmrt": { "ambiguous": why } }),
        ),
    }
}

fn structured(text: String, value: Value) -> CallToolResult {
    let mut result = CallToolResult::structured(value);
    result.content = vec![ContentBlock::text(text)];
    result
}

/// In band, because clients show such an error to whoever can act on it and hide the protocol's own.
fn error_of(error: &ToolError) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(error.to_string())]);
    result.structured_content = Some(json!({ "error": error }));
    result
}
