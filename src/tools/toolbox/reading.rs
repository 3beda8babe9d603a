//! In: MCP requests for resources, prompts and completions. Out: what the server's library has. Never: a tool.

use rmcp::model::{
    CacheScope, CompleteRequestParams, CompleteResult, CompletionInfo, ErrorData, GetPromptRequestParams,
    GetPromptResult, JsonObject, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    PromptMessage, ReadResourceResult, Reference, ResourceContents, Role,
};
use serde_json::{Value, json};

use super::library::{Library, Opening, Wanted};
use super::serve::LIST_TTL_MS;
use super::{Toolbox, invalid};
use crate::hub::{ErrorClass, ToolError, nearest};

/// The longest value of a prompt's argument, in characters.
const ARGUMENT_CHARS_MAX: usize = 4_000;
/// How many completions are given.
const COMPLETIONS_MAX: usize = 100;

impl<P: Send + Sync + 'static> Toolbox<P> {
    pub(super) fn library(&self) -> Option<&Library<P>> {
        self.0.library.as_deref()
    }

    pub(super) fn resources(&self) -> ListResourcesResult {
        let resources = self.library().map(|library| library.resources.clone());
        ListResourcesResult::with_all_items(resources.unwrap_or_default())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private)
    }

    pub(super) fn templates(&self) -> ListResourceTemplatesResult {
        let templates = self.library().map(|library| library.templates.clone());
        ListResourceTemplatesResult::with_all_items(templates.unwrap_or_default())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private)
    }

    pub(super) fn prompts(&self) -> ListPromptsResult {
        let openings = self.library().into_iter().flat_map(|library| &library.openings);
        let prompts = openings.map(|opening| opening.described.clone());
        ListPromptsResult::with_all_items(prompts.collect())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private)
    }

    pub(super) async fn page(&self, uri: String) -> Result<ReadResourceResult, ErrorData> {
        let page = match self.library() {
            Some(library) => (library.read)(self.0.parts.clone(), uri.clone())
                .await
                .map_err(|error| protocol(&error))?,
            None => None,
        };
        let Some(page) = page else {
            let data = Some(json!({ "uri": uri }));
            return Err(ErrorData::resource_not_found(
                format!(
                    "there is nothing at {uri}; resources/list and resources/templates/list say what there is"
                ),
                data,
            ));
        };
        let contents = ResourceContents::text(page.text, uri).with_mime_type(page.mime_type);
        // What is on record grows; what is there of it may be kept by nobody else, and not for long.
        Ok(ReadResourceResult::new(vec![contents])
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private))
    }

    pub(super) fn prompt(&self, request: GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
        let openings = self.library().map_or(&[][..], |library| &library.openings);
        let Some(opening) = openings
            .iter()
            .find(|opening| opening.described.name == request.name)
        else {
            let names = openings.iter().map(|opening| opening.described.name.as_str());
            let meant = nearest(&request.name, names)
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            let message = format!("there is no prompt `{}`{meant}", request.name);
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        check(opening, &arguments).map_err(|error| protocol(&error))?;
        let text = (opening.worded)(&arguments);
        let result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
        Ok(match &opening.described.description {
            Some(description) => result.with_description(description.clone()),
            None => result,
        })
    }

    pub(super) async fn completion(
        &self,
        request: CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        let Some(library) = self.library() else {
            return Ok(CompleteResult::default());
        };
        let of = match request.r#ref {
            Reference::Prompt(prompt) => prompt.name,
            Reference::Resource(resource) => resource.uri,
            _ => return Ok(CompleteResult::default()),
        };
        let wanted = Wanted {
            of,
            argument: request.argument.name,
            typed: request.argument.value,
        };
        let mut values = (library.complete)(self.0.parts.clone(), wanted)
            .await
            .map_err(|error| protocol(&error))?;
        let all = values.len();
        values.truncate(COMPLETIONS_MAX);
        let total = u32::try_from(all).ok();
        let info = CompletionInfo::with_pagination(values, total, all > COMPLETIONS_MAX)
            .map_err(|error| ErrorData::internal_error(error, None))?;
        Ok(CompleteResult::new(info))
    }
}

fn check(opening: &Opening, given: &JsonObject) -> Result<(), ToolError> {
    let arguments = opening.described.arguments.as_deref().unwrap_or_default();
    for (name, value) in given {
        if !arguments.iter().any(|argument| argument.name == *name) {
            let names: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
            return Err(
                invalid(name, "does not exist").with_remedy(format!("arguments: {}", names.join(", ")))
            );
        }
        match value {
            Value::String(text) if text.chars().count() <= ARGUMENT_CHARS_MAX => {}
            _ => {
                let problem = format!("must be a text of at most {ARGUMENT_CHARS_MAX} characters");
                return Err(invalid(name, problem));
            }
        }
    }
    match arguments
        .iter()
        .find(|argument| argument.required == Some(true) && !given.contains_key(&argument.name))
    {
        Some(missing) => Err(invalid(&missing.name, "is missing")),
        None => Ok(()),
    }
}

fn protocol(error: &ToolError) -> ErrorData {
    let message = error.to_string();
    match error.class {
        ErrorClass::Invalid => ErrorData::invalid_params(message, None),
        _ => ErrorData::internal_error(message, None),
    }
}
