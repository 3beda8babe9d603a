//! In: an agent's requests for resources, prompts and completions. Out: what the servers behind the endpoint have. Never:
//! a tool.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CompleteRequestParams, CompleteResult, ContentBlock, ErrorCode, ErrorData, GetPromptRequestParams,
    GetPromptResponse, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ReadResourceRequestParams, ReadResourceResponse, ResourcesCapability, ResultType, ServerCapabilities,
};
use rmcp::service::{Peer, RequestContext, RoleClient, RoleServer, ServiceError};

use super::passing::check_moving;
use super::{Caller, Face, Gateway};
use crate::hub::external::External;
use crate::hub::link::Wire;

/// How long a client may keep a list, in milliseconds.
const LIST_TTL_MS: u64 = 60_000;
/// How long a server may take to answer what is no call of a tool.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

impl Gateway {
    /// Refuses who may not read what the servers have besides tools. It is granted like a tool, as `xmrt.read_resources`.
    pub(super) fn check_reading(&self, caller: &Caller) -> Result<(), ErrorData> {
        check_moving(caller).map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        let who = &caller.who;
        let server = match &self.0.face {
            Face::All => "xmrt",
            Face::One(server) => server,
        };
        let name = format!("{server}.read_resources");
        if self.0.hub.directory().may_use(who, &name) {
            return Ok(());
        }
        let message = format!("`{who}` may read no resources: its role would have to allow `{name}`");
        Err(ErrorData::invalid_params(message, None))
    }

    fn external(&self) -> Option<&Arc<External>> {
        match &self.0.face {
            Face::All => None,
            Face::One(server) => self.0.hub.0.externals.get(server),
        }
    }

    /// Whether this is the door of a server of somebody else.
    pub(super) fn is_external(&self) -> bool {
        self.external().is_some()
    }

    /// How long a server may take to answer.
    pub(super) fn patience(&self) -> Duration {
        self.external().map_or(READ_TIMEOUT, |external| {
            external.spec.call_timeout.min(READ_TIMEOUT)
        })
    }

    /// A server's answer, for as long as it may take and the client waits for it.
    pub(super) async fn answered<T>(
        &self,
        context: &RequestContext<RoleServer>,
        asked: impl Future<Output = Result<T, ErrorData>>,
    ) -> Result<T, ErrorData> {
        // What is asked here may be what the server says something about.
        if let Some(wire) = self.external().and_then(|external| external.wire()) {
            let who = self.caller(&context.extensions).who;
            wire.switchboard.used_by(&who.to_string());
        }
        let ended = |why: &'static str| Err(ErrorData::internal_error(why, None));
        tokio::select! {
            biased;
            () = context.ct.cancelled() => ended("the client does not wait any more"),
            () = self.0.stop.cancelled() => ended("the server is shutting down"),
            answer = tokio::time::timeout(self.patience(), asked) => {
                answer.unwrap_or_else(|_elapsed| Err(late(self.patience())))
            }
        }
    }

    /// The servers that are asked: ours behind the gateway, and at its own endpoint an external one.
    pub(super) fn wires(&self) -> Vec<Arc<Wire>> {
        let hub = &self.0.hub.0;
        let own = hub.links.iter().filter(|(name, _)| self.0.face.shows(name));
        let own = own.map(|(_, link)| Arc::clone(&link.wire));
        own.chain(self.external().and_then(|external| external.wire()))
            .collect()
    }

    fn with(&self, has: impl Fn(&ServerCapabilities) -> bool) -> Vec<Peer<RoleClient>> {
        let wires = self.wires().into_iter();
        let peers = wires.map(|wire| wire.peer.clone());
        peers
            .filter(|peer| peer.peer_info().is_some_and(|info| has(&info.capabilities)))
            .collect()
    }

    /// Reading them, and being told when one is another, as far as any of the servers can.
    pub(super) fn has_resources(&self) -> Option<ResourcesCapability> {
        let watches = |can: &ResourcesCapability| can.subscribe == Some(true);
        let there = !self.with(|can| can.resources.is_some()).is_empty();
        let watched = !self
            .with(|can| can.resources.as_ref().is_some_and(watches))
            .is_empty();
        let mut capability = ResourcesCapability::default();
        capability.subscribe = watched.then_some(true);
        there.then_some(capability)
    }

    pub(super) fn has_prompts(&self) -> bool {
        !self.with(|can| can.prompts.is_some()).is_empty()
    }

    pub(super) fn has_completions(&self) -> bool {
        !self.with(|can| can.completions.is_some()).is_empty()
    }

    pub(super) async fn resources(&self) -> Result<ListResourcesResult, ErrorData> {
        let mut all = Vec::new();
        for peer in self.with(|can| can.resources.is_some()) {
            all.extend(peer.list_all_resources().await.map_err(passed)?);
        }
        Ok(ListResourcesResult::with_all_items(all).with_ttl_ms(LIST_TTL_MS))
    }

    pub(super) async fn templates(&self) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut all = Vec::new();
        for peer in self.with(|can| can.resources.is_some()) {
            all.extend(peer.list_all_resource_templates().await.map_err(passed)?);
        }
        Ok(ListResourceTemplatesResult::with_all_items(all).with_ttl_ms(LIST_TTL_MS))
    }

    pub(super) async fn page(
        &self,
        request: ReadResourceRequestParams,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let mut last = ErrorData::resource_not_found(format!("there is nothing at {}", request.uri), None);
        for peer in self.with(|can| can.resources.is_some()) {
            let mut request = request.clone();
            request.meta = None;
            match peer.read_resource_once(request).await {
                Ok(ReadResourceResponse::Complete(mut read)) => {
                    read.result_type.get_or_insert(ResultType::COMPLETE);
                    return Ok(read.into());
                }
                Ok(answer) => return Ok(answer),
                Err(error) => last = passed(error),
            }
        }
        Err(last)
    }

    pub(super) async fn prompts(&self) -> Result<ListPromptsResult, ErrorData> {
        let mut all = Vec::new();
        for peer in self.with(|can| can.prompts.is_some()) {
            all.extend(peer.list_all_prompts().await.map_err(passed)?);
        }
        Ok(ListPromptsResult::with_all_items(all).with_ttl_ms(LIST_TTL_MS))
    }

    pub(super) async fn prompt(
        &self,
        request: GetPromptRequestParams,
    ) -> Result<GetPromptResponse, ErrorData> {
        let message = format!("there is no prompt `{}`", request.name);
        let mut last = ErrorData::invalid_params(message, None);
        for peer in self.with(|can| can.prompts.is_some()) {
            let mut request = request.clone();
            request.meta = None;
            match peer.get_prompt_once(request).await {
                Ok(GetPromptResponse::Complete(mut prompt)) => {
                    prompt.result_type.get_or_insert(ResultType::COMPLETE);
                    for message in &mut prompt.messages {
                        if let ContentBlock::Text(text) = &mut message.content {
                            text.text = self.in_its_names(&text.text);
                        }
                    }
                    return Ok(prompt.into());
                }
                Ok(answer) => return Ok(answer),
                Err(error) => last = passed(error),
            }
        }
        Err(last)
    }

    /// A text in which our tools are called as they are here.
    fn in_its_names(&self, text: &str) -> String {
        let shown = self.shown();
        let mut text = text.to_owned();
        for (name, offered) in &shown.tools {
            text = text.replace(&format!("`{}`", offered.tool), &format!("`{name}`"));
        }
        text
    }

    pub(super) async fn completion(
        &self,
        request: CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        for peer in self.with(|can| can.completions.is_some()) {
            let mut request = request.clone();
            request.meta = None;
            let answer = peer.complete(request).await.map_err(passed)?;
            if !answer.completion.values.is_empty() {
                return Ok(answer);
            }
        }
        Ok(CompleteResult::default())
    }
}

/// Nobody answered in time.
pub(super) fn late(patience: Duration) -> ErrorData {
    let message = format!("the server did not answer within {} s", patience.as_secs());
    ErrorData::internal_error(message, None)
}

/// A server's error as it is; anything else is ours to say.
pub(super) fn passed(error: ServiceError) -> ErrorData {
    match error {
        ServiceError::McpError(error) => error,
        other => ErrorData::new(ErrorCode::INTERNAL_ERROR, other.to_string(), None),
    }
}
