//! In: a client's requests, of any revision. Out: what the gateway makes of them. Never: a way past what it asks for.

#![expect(deprecated, reason = "clients of older revisions know nothing else")]

use std::sync::{Arc, OnceLock};

use rmcp::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, ErrorData,
    GetPromptRequestParams, GetPromptResponse, Implementation, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    LoggingMessageNotificationParam, PaginatedRequestParams, PromptsCapability, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
    SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use serde_json::{Value, json};

use super::audit::{self, Ending, Line};
use super::passing::{Counted, in_band};
use super::{Caller, Gateway, LIST_TTL_MS};
use crate::hub::META_LOOK_FOR;

impl Gateway {
    /// A call's end is on record, and said to a client that wants to hear of it.
    async fn end(&self, line: Line, ending: Ending, context: &RequestContext<RoleServer>) {
        let level = ending.level();
        let Some(entry) = line.end(ending).await else {
            return;
        };
        if self
            .1
            .level(context)
            .is_none_or(|wanted| wanted as u8 > level as u8)
        {
            return;
        }
        let said = json!({
            "tool": entry.what,
            "outcome": entry.outcome,
            "note": entry.note,
            "latency_ms": entry.latency_ms,
        });
        let said = LoggingMessageNotificationParam::new(level, said).with_logger("gateway");
        let _ = context.peer.notify_logging_message(said).await;
    }

    async fn watch_for(
        &self,
        caller: &Caller,
        uri: String,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.check_reading(caller)?;
        self.1.check_room(&uri)?;
        let told = self.tell_of(&uri, caller.clone(), context.peer.clone());
        let teller = self.answered(context, told).await?;
        self.1.watch(uri, teller);
        Ok(())
    }
}

fn object(accepted: &SubscriptionFilter) -> JsonObject {
    match json!(accepted) {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

impl Ending {
    fn level(&self) -> LoggingLevel {
        match self.outcome {
            "done" | "dry_run" | "asked" => LoggingLevel::Info,
            "unknown_effect" => LoggingLevel::Error,
            _ => LoggingLevel::Warning,
        }
    }
}

fn read_ending<T>(read: &Result<T, ErrorData>) -> Ending {
    match read {
        Ok(_) => Ending {
            outcome: "done",
            note: None,
        },
        Err(error) => Ending::of("refused", &error.message),
    }
}

impl ServerHandler for Gateway {
    fn get_info(&self) -> ServerConfig {
        let (name, instructions) = self.introduction();
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_logging()
            .build();
        capabilities.resources = self.has_resources();
        capabilities.prompts = self.has_prompts().then(PromptsCapability::default);
        capabilities.completions = self.has_completions().then(JsonObject::default);
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new(name, env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(
            ListToolsResult::with_all_items(self.offered(&self.caller(&context.extensions)))
                .with_ttl_ms(LIST_TTL_MS)
                .with_cache_scope(CacheScope::Private),
        )
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.check_reading(&self.caller(&context.extensions))?;
        let listed = self.answered(&context, self.resources()).await?;
        Ok(listed.with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.check_reading(&self.caller(&context.extensions))?;
        let listed = self.answered(&context, self.templates()).await?;
        Ok(listed.with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let mut asked = JsonObject::new();
        asked.insert("uri".to_owned(), request.uri.clone().into());
        let caller = self.caller(&context.extensions);
        let line = self.line(&caller, "resources/read", &asked, &context);
        let read = match self.check_reading(&caller) {
            Ok(()) => self.answered(&context, self.page(request)).await,
            Err(error) => Err(error),
        };
        line.end(read_ending(&read)).await;
        read
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.check_reading(&self.caller(&context.extensions))?;
        let listed = self.answered(&context, self.prompts()).await?;
        Ok(listed.with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let mut asked = JsonObject::new();
        asked.insert("name".to_owned(), request.name.clone().into());
        let caller = self.caller(&context.extensions);
        let line = self.line(&caller, "prompts/get", &asked, &context);
        let read = match self.check_reading(&caller) {
            Ok(()) => self.answered(&context, self.prompt(request)).await,
            Err(error) => Err(error),
        };
        line.end(read_ending(&read)).await;
        read
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.check_reading(&self.caller(&context.extensions))?;
        self.answered(&context, self.completion(request)).await
    }

    fn accepted_subscription_filter(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(Self::accepted(wanted))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context();
        let caller = self.caller(&request.extensions);
        let line = self.line(
            &caller,
            "subscriptions/listen",
            &object(context.accepted()),
            request,
        );
        let tellers = self.answered(request, self.tellers(&context, caller)).await;
        line.end(read_ending(&tellers)).await;
        self.told(&context, tellers?).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = self.caller(&context.extensions);
        let asked = JsonObject::from_iter([("uri".to_owned(), request.uri.clone().into())]);
        let line = self.line(&caller, "resources/subscribe", &asked, &context);
        let watched = self.watch_for(&caller, request.uri, &context).await;
        line.end(read_ending(&watched)).await;
        watched
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        match self.1.leave(&request.uri) {
            true => Ok(()),
            false => {
                let message = format!("{} is not watched", request.uri);
                Err(ErrorData::invalid_params(message, None))
            }
        }
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let caller = self.caller(&context.extensions);
        self.1.tell_of_list(self.tell_of_list(caller, context.peer));
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.1.set_level(request.level);
        Ok(())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shown()
            .tools
            .get(name)
            .map(|offered| offered.described.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context.extensions);
        let arguments = request.arguments.unwrap_or_default();
        let shown = self.shown();
        let tool = shown.tools.get(request.name.as_ref());
        let tool = tool.map_or(request.name.as_ref(), |offered| &offered.tool);
        let line = self.line(&caller, tool, &arguments, &context);
        let offered = match self.find(&shown, &request.name, &caller) {
            Ok(offered) => offered,
            Err(error) => {
                self.end(line, Ending::of("refused", &error.message), &context)
                    .await;
                return Err(error);
            }
        };
        if context.meta.get(META_LOOK_FOR).is_some() {
            let message = format!("`_meta` {META_LOOK_FOR} is for the reactor's own calls");
            self.end(line, Ending::of("refused", &message), &context).await;
            return Err(ErrorData::invalid_params(message, None));
        }
        let _counted = Counted::new(&self.0.calls);
        let fault = Arc::new(OnceLock::new());
        let hands_back = request.request_state.is_some();
        let lost = |why: &str| Err(crate::hub::answer::lost(!offered.read_only, why.to_owned()));
        let answer = tokio::select! {
            biased;
            () = context.ct.cancelled() => lost("the call was canceled"),
            () = self.0.stop.cancelled() => lost("the server is shutting down"),
            answer = self.pass_on(offered, arguments, (request.input_responses, request.request_state), &caller, (&context, &fault)) => answer,
        };
        if context.ct.is_cancelled() {
            line.end(Ending::of("canceled", "the agent canceled it")).await;
        } else {
            self.end(line, audit::ending(&answer), &context).await;
        }
        // What the protocol says of the client itself is for the client, and in the protocol's own words.
        if let Some(fault) = fault
            .get()
            .filter(|fault| super::asked::is_for_the_client(fault, hands_back))
        {
            return Err(fault.clone());
        }
        Ok(answer.unwrap_or_else(|error| in_band(&error).into()))
    }
}
