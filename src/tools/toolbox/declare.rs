//! In: a tool's words, types, promises and functions. Out: a [`Tool`]. Never: a call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use rmcp::model::{JsonObject, MetaObject, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Ctx, Effect, Look, Progress, Resolved, arguments, schema};
use crate::budget::Priority;
use crate::hub::{Doubt, META_FACTS, META_PENDING, Promises, ToolError};

/// How long after an intent the effect may still be invisible to a reader, in milliseconds, unless a tool says otherwise.
const SETTLE_MS: i64 = 2_000;
/// How long the provider's announcement of an effect is expected, in milliseconds, unless a tool says otherwise.
const EFFECTS_MS: i64 = 300_000;

/// The words and promises of a tool whose functions are still missing.
#[derive(Clone, Debug)]
pub struct Draft {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    annotations: ToolAnnotations,
    promises: Promises,
    untrusted: &'static [&'static str],
    told: Told,
}

/// How the text form of a result is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Of all its fields.
    ByAll,
    /// Of one field, as if there were no other.
    By(&'static str),
    /// It is one field, as it stands.
    Report(&'static str),
}

impl Told {
    fn field(self) -> Option<&'static str> {
        match self {
            Self::ByAll => None,
            Self::By(field) | Self::Report(field) => Some(field),
        }
    }
}

/// A tool: what `tools/list` says of it, and how it is done.
pub struct Tool<P> {
    promises: Promises,
    pub(super) described: rmcp::model::Tool,
    pub(super) writes: bool,
    pub(super) untrusted: &'static [&'static str],
    pub(super) told: Told,
    pub(super) run: Handler<P>,
    pub(super) look: Option<Handler<P>>,
    pub(super) poll: Option<Poller<P>>,
    pub(super) resolve: Option<Handler<P>>,
}

/// What a handler comes to, its result no longer typed.
pub(super) enum Answer {
    Effect(Effect<Value>),
    Look(Look<Value>),
    Resolved(Resolved),
}

pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Answer, ToolError>> + Send>>;
pub(super) type Poller<P> = Arc<dyn Fn(Ctx<P>, JsonObject, Value) -> Answering + Send + Sync>;
pub(super) type Handler<P> = Arc<dyn Fn(Ctx<P>, JsonObject) -> Answering + Send + Sync>;

/// Declares a tool that changes nothing. `name` is a snake_case verb_noun; `description` tells people and agents what
/// it gives and when to use it.
pub fn reads(name: &'static str, title: &'static str, description: &'static str) -> Draft {
    Draft::new(name, title, description, Doubt::Idempotent)
        .annotated(|hints| hints.read_only(true).destructive(false).idempotent(true))
}

/// Declares a tool that changes something, and how a lost answer is dealt with. It gets an argument `dry_run`.
pub fn writes(name: &'static str, title: &'static str, description: &'static str, doubt: Doubt) -> Draft {
    Draft::new(name, title, description, doubt).annotated(|hints| {
        hints
            .read_only(false)
            .destructive(false)
            .idempotent(doubt == Doubt::Idempotent)
    })
}

impl<P> Tool<P> {
    /// How the effect of an earlier call is looked for: `async fn(Ctx, Args) -> Result<Look<Out>, ToolError>`.
    pub fn looks<A, O, F, Fut>(mut self, handler: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(Ctx<P>, A) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<Look<O>, ToolError>> + Send + 'static,
        P: Send + Sync + 'static,
    {
        self.look = Some(Arc::new(move |ctx, object| {
            Box::pin(async move {
                let look = match handler(ctx, arguments::typed(object)?).await? {
                    Look::Found(out) => Look::Found(value(&out)?),
                    Look::Absent => Look::Absent,
                    Look::Ambiguous(why) => Look::Ambiguous(why),
                    Look::Pending(pending) => Look::Pending(pending),
                };
                Ok(Answer::Look(look))
            })
        }));
        self
    }

    /// How it is asked what became of a call that is not over:
    /// `async fn(Ctx, Args, Cursor) -> Result<Progress<Out>, ToolError>`. It changes nothing, and an error that is not
    /// retryable means that what the call began has failed.
    pub fn polls<A, C, O, F, Fut>(mut self, handler: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        C: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(Ctx<P>, A, C) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<Progress<O>, ToolError>> + Send + 'static,
        P: Send + Sync + 'static,
    {
        self.poll = Some(Arc::new(move |ctx, object, cursor| {
            Box::pin(async move {
                let cursor = serde_json::from_value(cursor).map_err(|error| {
                    let message = format!("_meta `{META_PENDING}`: the cursor is none of this tool: {error}");
                    ToolError::new(crate::hub::ErrorClass::Invalid, message)
                })?;
                let effect = match handler(ctx, arguments::typed(object)?, cursor).await? {
                    Progress::Done(out) => Effect::Done(value(&out)?),
                    Progress::Pending(pending) => Effect::Pending(pending),
                };
                Ok(Answer::Effect(effect))
            })
        }));
        self.promise(|promises| promises.pending = true);
        self
    }

    /// What a call would come to: `async fn(Ctx, Args) -> Result<Resolved, ToolError>`. It changes nothing. Where a person
    /// is to approve of a call, it is this one's arguments that they see, and that are sent.
    pub fn resolves<A, F, Fut>(mut self, handler: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        F: Fn(Ctx<P>, A) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<Resolved, ToolError>> + Send + 'static,
        P: Send + Sync + 'static,
    {
        self.resolve = Some(Arc::new(move |ctx, object| {
            Box::pin(async move { Ok(Answer::Resolved(handler(ctx, arguments::typed(object)?).await?)) })
        }));
        self.promise(|promises| promises.resolves = true);
        self
    }

    /// Changes what it says of itself in `tools/list`.
    fn promise(&mut self, change: impl FnOnce(&mut Promises)) {
        change(&mut self.promises);
        let mut meta = JsonObject::new();
        meta.insert(META_FACTS.to_owned(), json!(self.promises));
        self.described.meta = Some(MetaObject(meta));
    }

    /// How much its requests weigh.
    pub(super) fn priority(&self) -> Priority {
        match (self.promises.urgent, self.writes) {
            (true, _) => Priority::Urgent,
            (false, true) => Priority::Normal,
            (false, false) => Priority::Background,
        }
    }

    /// Its name, without the server's.
    pub fn name(&self) -> &str {
        &self.described.name
    }
}

impl Draft {
    fn new(name: &'static str, title: &'static str, description: &'static str, doubt: Doubt) -> Self {
        Self {
            name,
            title,
            description,
            annotations: ToolAnnotations::new().open_world(true),
            promises: Promises {
                doubt,
                settle_ms: SETTLE_MS,
                effects: Vec::new(),
                effects_ms: EFFECTS_MS,
                ..Promises::default()
            },
            untrusted: &[],
            told: Told::ByAll,
        }
    }

    fn annotated(mut self, change: impl FnOnce(ToolAnnotations) -> ToolAnnotations) -> Self {
        self.annotations = change(self.annotations);
        self
    }

    /// It may destroy or interrupt something.
    pub fn destructive(self) -> Self {
        self.annotated(|hints| hints.destructive(true))
    }

    /// It touches nothing but our own records.
    pub fn closed_world(self) -> Self {
        self.annotated(|hints| hints.open_world(false))
    }

    /// It brings something back that is down: it goes before others where a provider's limits leave little room.
    pub fn urgent(mut self) -> Self {
        self.promises.urgent = true;
        self
    }

    /// How long its effect may stay invisible, in milliseconds.
    pub fn settles_in_ms(mut self, settle_ms: i64) -> Self {
        self.promises.settle_ms = settle_ms;
        self
    }

    /// The event types its effect comes back as: see [`Promises::effects`].
    pub fn announced_as(mut self, effects: &[&str]) -> Self {
        self.promises.effects = effects.iter().map(|&effect| effect.to_owned()).collect();
        self
    }

    /// How long the announcement is expected, in milliseconds.
    pub fn announced_within_ms(mut self, effects_ms: i64) -> Self {
        self.promises.effects_ms = effects_ms;
        self
    }

    /// What tells its effect from another that an equal call had: see [`Promises::evidence`](crate::hub::Promises::evidence).
    pub fn told_apart_by(mut self, evidence: &[&str]) -> Self {
        self.promises.evidence = evidence.iter().map(|&template| template.to_owned()).collect();
        self
    }

    /// The fields of its result, at any depth, that hold what strangers wrote. The text form fences them.
    pub fn untrusted(mut self, fields: &'static [&'static str]) -> Self {
        self.untrusted = fields;
        self.promises.untrusted = fields.iter().map(|&field| field.to_owned()).collect();
        self
    }

    /// The field of its result that says it all to a reader: the text form is nothing else.
    pub fn told_by(mut self, field: &'static str) -> Self {
        self.told = Told::By(field);
        self
    }

    /// The field of its result that is a report: Markdown that can be pasted, every word of strangers in it in a code span
    /// (`quote`). The text form is the report itself.
    pub fn reports(mut self, field: &'static str) -> Self {
        self.told = Told::Report(field);
        self
    }

    /// Nothing is lost by sending it again, but it has its effect again: a restart, a ping.
    pub fn repeats_its_effect(self) -> Self {
        self.annotated(|hints| hints.idempotent(false))
    }

    /// Done by a function that reads: `async fn(Ctx, Args) -> Result<Out, ToolError>`.
    pub fn answers<P, A, O, F, Fut>(self, handler: F) -> Tool<P>
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema,
        F: Fn(Ctx<P>, A) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<O, ToolError>> + Send + 'static,
        P: Send + Sync + 'static,
    {
        let run: Handler<P> = Arc::new(move |ctx, object| {
            Box::pin(async move {
                let out = handler(ctx, arguments::typed(object)?).await?;
                Ok(Answer::Effect(Effect::Done(value(&out)?)))
            })
        });
        self.tool::<P, A, O>(run)
    }

    /// Done by a function that writes: `async fn(Ctx, Args) -> Result<Effect<Out>, ToolError>`.
    pub fn acts<P, A, O, F, Fut>(self, handler: F) -> Tool<P>
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema,
        F: Fn(Ctx<P>, A) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<Effect<O>, ToolError>> + Send + 'static,
        P: Send + Sync + 'static,
    {
        let run: Handler<P> = Arc::new(move |ctx, object| {
            Box::pin(async move {
                let effect = match handler(ctx, arguments::typed(object)?).await? {
                    Effect::Done(out) => Effect::Done(value(&out)?),
                    Effect::WouldSend(requests) => Effect::WouldSend(requests),
                    Effect::Pending(pending) => Effect::Pending(pending),
                };
                Ok(Answer::Effect(effect))
            })
        });
        self.tool::<P, A, O>(run)
    }

    fn tool<P, A: JsonSchema, O: JsonSchema>(self, run: Handler<P>) -> Tool<P> {
        let writes = self.annotations.read_only_hint != Some(true);
        let (mut input, mut output) = (schema::of_input::<A>(), schema::of_output::<O>());
        if writes {
            schema::add_dry_run(&mut input, &mut output);
        }
        // A field that there is not would be fenced, or read alone, in vain.
        debug_assert!(
            self.untrusted
                .iter()
                .chain(&self.told.field())
                .all(|field| schema::has_field(&output, field)),
            "{}: one of {:?} and {:?} is in no result",
            self.name,
            self.untrusted,
            self.told
        );
        let mut tool = Tool {
            described: rmcp::model::Tool::new(self.name, self.description, Arc::new(input))
                .with_title(self.title)
                .with_raw_output_schema(Arc::new(output))
                .with_annotations(self.annotations),
            promises: self.promises,
            writes,
            untrusted: self.untrusted,
            told: self.told,
            run,
            look: None,
            poll: None,
            resolve: None,
        };
        tool.promise(|_| {});
        tool
    }
}

fn value(out: &impl Serialize) -> Result<Value, ToolError> {
    // The call is over and did what it did; a result that cannot be written down must not look like a failure
    // that may be repeated.
    serde_json::to_value(out).map_err(|error| {
        ToolError::new(
            crate::hub::ErrorClass::UnknownEffect,
            format!("the result cannot be written as JSON: {error}"),
        )
    })
}

impl<P> Clone for Tool<P> {
    fn clone(&self) -> Self {
        Self {
            described: self.described.clone(),
            writes: self.writes,
            untrusted: self.untrusted,
            told: self.told,
            run: Arc::clone(&self.run),
            look: self.look.clone(),
            poll: self.poll.clone(),
            resolve: self.resolve.clone(),
            promises: self.promises.clone(),
        }
    }
}

impl<P> fmt::Debug for Tool<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool")
            .field("described", &self.described)
            .field("looks", &self.look.is_some())
            .finish_non_exhaustive()
    }
}
