//! In: what a server offers to be read, and words to begin with. Out: MCP's resources, prompts and completions. Never: a
//! change to anything.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use rmcp::model::{JsonObject, Prompt, PromptArgument, Resource, ResourceTemplate};

use crate::hub::ToolError;

/// A text that can be read, and what kind of text it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The text.
    pub text: String,
    /// As `application/json`.
    pub mime_type: &'static str,
}

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, ToolError>> + Send>>;
type Reader<P> = Arc<dyn Fn(Arc<P>, String) -> Waiting<Option<Page>> + Send + Sync>;
type Marker<P> = Arc<dyn Fn(Arc<P>) -> Waiting<u64> + Send + Sync>;
type Completer<P> = Arc<dyn Fn(Arc<P>, Wanted) -> Waiting<Vec<String>> + Send + Sync>;

/// What is to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A prompt's name, or a resource's template.
    pub of: String,
    /// The argument's name.
    pub argument: String,
    /// What was typed of it.
    pub typed: String,
}

/// Words to begin with: a prompt, and how it is worded.
pub struct Opening {
    pub(super) described: Prompt,
    pub(super) worded: fn(&JsonObject) -> String,
}

/// What a server offers besides tools.
pub struct Library<P> {
    pub(super) resources: Vec<Resource>,
    pub(super) templates: Vec<ResourceTemplate>,
    pub(super) openings: Vec<Opening>,
    pub(super) read: Reader<P>,
    pub(super) complete: Completer<P>,
    /// A number that is another whenever any page may be.
    pub(super) marker: Option<Marker<P>>,
}

impl<P> fmt::Debug for Library<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("resources", &self.resources.len())
            .field("templates", &self.templates.len())
            .field("prompts", &self.openings.len())
            .finish_non_exhaustive()
    }
}

impl<P: 'static> Library<P> {
    /// A library that is read and completed by these functions. Reading gives nothing where there is nothing.
    pub fn new<R, RF, C, CF>(read: R, complete: C) -> Self
    where
        R: Fn(Arc<P>, String) -> RF + Send + Sync + 'static,
        RF: Future<Output = Result<Option<Page>, ToolError>> + Send + 'static,
        C: Fn(Arc<P>, Wanted) -> CF + Send + Sync + 'static,
        CF: Future<Output = Result<Vec<String>, ToolError>> + Send + 'static,
    {
        Self {
            resources: Vec::new(),
            templates: Vec::new(),
            openings: Vec::new(),
            read: Arc::new(move |parts, uri| Box::pin(read(parts, uri))),
            complete: Arc::new(move |parts, wanted| Box::pin(complete(parts, wanted))),
            marker: None,
        }
    }

    /// The same, and what is read can be watched: `marker` gives a number that is another whenever any page may be.
    pub fn watched<M, MF>(mut self, marker: M) -> Self
    where
        M: Fn(Arc<P>) -> MF + Send + Sync + 'static,
        MF: Future<Output = Result<u64, ToolError>> + Send + 'static,
    {
        self.marker = Some(Arc::new(move |parts| Box::pin(marker(parts))));
        self
    }

    /// Adds something to read.
    pub fn resource(mut self, uri: &str, title: &str, description: &str, mime_type: &str) -> Self {
        let name = uri.rsplit_once("://").map_or(uri, |(_, name)| name);
        self.resources.push(
            Resource::new(uri, name)
                .with_title(title)
                .with_description(description)
                .with_mime_type(mime_type),
        );
        self
    }

    /// Adds a family of things to read; `uri` holds one `{argument}`.
    pub fn template(mut self, uri: &str, title: &str, description: &str, mime_type: &str) -> Self {
        let name = uri.rsplit_once("://").map_or(uri, |(_, name)| name);
        let name = name.split('/').next().unwrap_or(name);
        self.templates.push(
            ResourceTemplate::new(uri, name)
                .with_title(title)
                .with_description(description)
                .with_mime_type(mime_type),
        );
        self
    }

    /// Adds a prompt; its arguments are (name, what it is, whether it must be given).
    pub fn opening(
        mut self,
        name: &str,
        title: &str,
        description: &str,
        arguments: &[(&str, &str, bool)],
        worded: fn(&JsonObject) -> String,
    ) -> Self {
        let arguments = arguments.iter().map(|(name, what, required)| {
            PromptArgument::new(*name)
                .with_description(*what)
                .with_required(*required)
        });
        self.openings.push(Opening {
            described: Prompt::new(name, Some(description), Some(arguments.collect())).with_title(title),
            worded,
        });
        self
    }

    /// Whether something can be at an address.
    pub(super) fn has(&self, uri: &str) -> bool {
        let fits = |template: &ResourceTemplate| {
            let fixed = template.uri_template.split('{').next().unwrap_or_default();
            uri.strip_prefix(fixed).is_some_and(|rest| !rest.is_empty())
        };
        self.resources.iter().any(|resource| resource.uri == uri) || self.templates.iter().any(fits)
    }
}
