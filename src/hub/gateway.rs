//! In: an agent's MCP requests. Out: the hub's tools, and what they answer. Never: a call without a line in the audit
//! log; a destructive one without the name of the thing.
//!
//! A rule's calls were reviewed when the rule was. An agent decides by itself, perhaps on a stranger's words; so here,
//! before the hub, is what only agents need: a choice of tools, a confirmation, an audit.

mod asked;
mod audit;
mod earlier;
mod introduction;
mod offered;
mod passing;
mod reading;
mod seat;
mod selection;
mod serving;
mod shown;
mod watching;

pub use selection::{Selection, Toolsets};

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use rmcp::model::{CallToolResponse, ErrorData, Extensions, InputResponses, JsonObject, ResultType, Tool};
use rmcp::service::{RequestContext, RoleServer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    CallMeta, Doubt, ErrorClass, Hub, META_IDEMPOTENCY_KEY, Standing, ToolError, ToolStatus, nearest,
};
use crate::agents::Who;
use offered::Offered;
use passing::{TRACE_KEYS, accompanied, along, check_moving, own_key};
use seat::Seat;
use shown::Shown;
use watching::Watching;

/// How long a client may keep the list of tools, in milliseconds. It changes only with the program.
const LIST_TTL_MS: u64 = 60_000;
/// So many tools are listed without being asked for: a list is read by a model, and paid for.
const LISTED_MAX: usize = 30;
/// The longest name a tool may have here: providers cap at 64, and clients add prefixes of their own.
const NAME_CHARS_MAX: usize = 40;
/// How long an agent's call may take. Tools that wait say so by progress; the agent may cancel.
const CALL_TIMEOUT: Duration = Duration::from_secs(600);
/// How long looking for the effect of an earlier call may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// How far back the effect of an earlier call with the same key is looked for, in milliseconds.
const LOOK_BACK_MS: i64 = 24 * 60 * 60 * 1_000;
/// How often one call may ask its caller something.
const ROUNDS_MAX: usize = 10;

/// Which servers an endpoint shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    /// All of them; a tool is called `server_tool`.
    All,
    /// One; a tool keeps its own name.
    One(String),
}

/// Who makes a call, and which tools are offered to it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What it may do depends on it, and the audit names it.
    pub who: Who,
    /// The tools.
    pub selection: Selection,
    /// Why it makes no calls for now, if somebody paused it.
    pub paused: Option<String>,
    /// What its right to be here rests on, where that can end while it listens.
    pub credential: Option<Arc<dyn Credential>>,
}

/// Something that was good when a stream began.
#[async_trait]
pub trait Credential: std::fmt::Debug + Send + Sync {
    /// Whether it still is.
    async fn holds(&self) -> bool;
}

/// Why the tools cannot be offered as they are called.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GatewayError {
    /// There is no such server.
    #[error("there is no MCP server `{0}`")]
    NoServer(String),
    /// A name would be too long for some provider.
    #[error(
        "the tool `{tool}` would be offered as `{name}`, which is longer than {NAME_CHARS_MAX} characters; give the server or the tool a shorter name"
    )]
    TooLong {
        /// `server.tool`.
        tool: String,
        /// The name agents would see.
        name: String,
    },
    /// Two tools would have one name.
    #[error("the tools `{0}` and `{1}` would both be offered as `{2}`; rename one of the servers")]
    Collision(String, String, String),
}

/// An MCP server that offers the tools of a [`Hub`] to agents. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Inner>, Arc<Seat>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    face: Face,
    /// The sets as they were given; those of one moment are completed by what there is.
    toolsets: Toolsets,
    shown: ArcSwap<Shown>,
    /// Who calls when the transport does not say.
    local: Caller,
    calls: watch::Sender<usize>,
    watching: Watching,
    /// Nobody is told of changes any more.
    hush: CancellationToken,
    stop: CancellationToken,
}

impl Inner {
    fn new(hub: &Hub, face: Face, toolsets: Toolsets, shown: ArcSwap<Shown>, local: Caller) -> Self {
        Self {
            hub: hub.clone(),
            face,
            toolsets,
            shown,
            local,
            calls: watch::Sender::new(0),
            watching: Watching::default(),
            hush: CancellationToken::new(),
            stop: CancellationToken::new(),
        }
    }
}

impl Gateway {
    /// Offers the tools of `hub` that `face` shows. Fails where two tools would have one name, or one a name too long.
    pub fn new(hub: &Hub, face: Face, toolsets: Toolsets) -> Result<Self, GatewayError> {
        if let Face::One(server) = &face
            && !hub.servers().contains(server)
        {
            return Err(GatewayError::NoServer(server.clone()));
        }
        let shown = Shown::of(hub, &hub.0.listing(), &face, &toolsets)?;
        let local = Caller {
            who: Who::Operator("local".to_owned()),
            selection: shown.toolsets.everything(),
            paused: None,
            credential: None,
        };
        let inner = Inner::new(hub, face, toolsets, ArcSwap::from_pointee(shown), local);
        Ok(Self(Arc::new(inner), Arc::default()))
    }

    /// The same gateway for callers the transport says nothing of.
    pub fn with_local(self, local: Caller) -> Self {
        let Inner {
            hub,
            face,
            toolsets,
            shown,
            ..
        } = &*self.0;
        let shown = ArcSwap::new(shown.load_full());
        let inner = Inner::new(hub, face.clone(), toolsets.clone(), shown, local);
        Self(Arc::new(inner), Arc::default())
    }

    /// The same gateway for one more client, which has said nothing yet.
    #[must_use]
    pub fn seated(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::default())
    }

    /// Which servers it shows.
    pub fn face(&self) -> &Face {
        &self.0.face
    }

    /// The toolsets among whose tools a caller can choose at the moment.
    pub fn toolsets(&self) -> Arc<Toolsets> {
        Arc::clone(&self.shown().toolsets)
    }

    /// The tools as they are listed for somebody who chose some: those that they may use.
    pub fn offered(&self, caller: &Caller) -> Vec<Tool> {
        let shown = self.shown();
        let directory = self.0.hub.directory();
        let tools = shown.tools.values();
        tools
            .filter(|offered| directory.may_use(&caller.who, &offered.tool))
            .filter_map(|offered| caller.selection.shown(offered))
            .collect()
    }

    /// What there is now.
    fn shown(&self) -> Arc<Shown> {
        let Inner {
            hub,
            face,
            toolsets,
            shown,
            ..
        } = &*self.0;
        let (was, listing) = (shown.load_full(), hub.0.listing());
        if was.as_of == listing.as_of {
            return was;
        }
        match Shown::of(hub, &listing, face, toolsets) {
            Ok(now) => {
                let now = Arc::new(now);
                shown.store(Arc::clone(&now));
                now
            }
            // Our own tools are the same as when this gateway was made.
            Err(_) => was,
        }
    }

    /// Waits until no call is under way.
    pub async fn idle(&self) {
        let mut calls = self.0.calls.subscribe();
        // The sender lives as long as this gateway.
        let _ = calls.wait_for(|calls| *calls == 0).await;
    }

    /// Tells nobody of changes any more, and ends the streams that are for that alone.
    pub fn hush(&self) {
        self.0.hush.cancel();
    }

    /// Ends the calls under way, and later ones, with an answer that says so.
    pub fn stop(&self) {
        self.hush();
        self.0.stop.cancel();
    }

    fn caller(&self, extensions: &Extensions) -> Caller {
        let parts = extensions.get::<http::request::Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Caller>());
        caller.unwrap_or(&self.0.local).clone()
    }

    fn find<'s>(&self, shown: &'s Shown, name: &str, caller: &Caller) -> Result<&'s Offered, ErrorData> {
        let refuse = |message: String| Err(ErrorData::invalid_params(message, None));
        // By the name that rules and remedies use, too.
        let by_full_name = || shown.tools.values().find(|offered| offered.tool == name);
        let Some(offered) = shown.tools.get(name).or_else(by_full_name) else {
            if let Some(why) = self.out_of_use(name) {
                return refuse(format!("`{name}` {why}"));
            }
            let meant = nearest(name, shown.tools.keys().map(String::as_str))
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            return refuse(format!("there is no tool `{name}`{meant}"));
        };
        match caller.selection.refusal(offered, &shown.toolsets) {
            Some(why) => refuse(format!("`{name}` {why}")),
            None => Ok(offered),
        }
    }

    /// Why a tool that a server of somebody else has, or had, is not offered.
    fn out_of_use(&self, name: &str) -> Option<String> {
        let called = |tool: &ToolStatus| {
            tool.name == name || self.0.face.name(&tool.name).is_some_and(|shown| shown == name)
        };
        let servers = self.0.hub.status();
        let tool = servers
            .iter()
            .flat_map(|server| &server.tools)
            .find(|tool| called(tool))?;
        let looked_at = format!("a person looks at it with `xmrt tools approve {}`", tool.name);
        match tool.standing {
            Standing::Changed => Some(format!(
                "is out of use: it is not what was approved any more; {looked_at}"
            )),
            Standing::New => Some(format!("is not in use yet: nobody has approved it; {looked_at}")),
            Standing::Missing => Some("is gone: its server does not list it any more".to_owned()),
            Standing::Unfit => Some(format!(
                "cannot be used: {}",
                tool.why.as_deref().unwrap_or("it is not as MCP has it")
            )),
            Standing::Unseen => Some("was not seen yet: its server has not answered".to_owned()),
            Standing::Approved => None,
        }
    }

    /// The tools of somebody who asked for none in particular: all that its role allows, if these are few; otherwise those of
    /// `usual`, if its role allows any of them.
    pub fn by_default_for(&self, who: &Who, usual: &Selection) -> Selection {
        if !matches!(who, Who::Agent(_)) {
            return usual.clone();
        }
        let (shown, directory) = (self.shown(), self.0.hub.directory());
        let tools = shown.tools.values().map(|offered| &offered.tool);
        let allowed: Vec<&String> = tools.filter(|tool| directory.may_use(who, tool)).collect();
        if allowed.len() <= LISTED_MAX {
            return shown.toolsets.only(&allowed);
        }
        match allowed.iter().any(|tool| usual.holds(tool)) {
            true => usual.clone(),
            false => shown.toolsets.everything(),
        }
    }

    async fn pass_on(
        &self,
        offered: &Offered,
        mut arguments: JsonObject,
        input: (Option<InputResponses>, Option<String>),
        caller: &Caller,
        (context, fault): (&RequestContext<RoleServer>, &Arc<OnceLock<ErrorData>>),
    ) -> Result<CallToolResponse, ToolError> {
        check_moving(caller)?;
        // Before anything is asked of the caller: who may not make the call is not told how to confirm it.
        self.0
            .hub
            .check_grant(&offered.tool, &arguments, &caller.who, false)?;
        let key = offered.take_key(&mut arguments)?.or_else(|| {
            let key = context.meta.get(META_IDEMPOTENCY_KEY)?.as_str()?;
            Some(key.to_owned())
        });
        offered.check_confirmed(&mut arguments)?;
        let meta = CallMeta {
            who: caller.who.clone(),
            idempotency_key: key.map(|key| own_key(&caller.who.to_string(), &offered.tool, &key)),
            ..CallMeta::default()
        };
        let recognizable = meta.idempotency_key.is_some() && offered.doubt == Doubt::Marker;
        if recognizable
            && !offered.is_dry_run(&arguments)
            && let Some(earlier) = self.earlier(offered, arguments.clone(), &meta).await?
        {
            return Ok(earlier);
        }
        let mut input = input;
        for _ in 0..ROUNDS_MAX {
            let (mut passed, heard) = along(context, self.1.level(context));
            passed.input = input;
            passed.fault = Arc::clone(fault);
            let arguments = arguments.clone();
            let call = self
                .0
                .hub
                .forward(&offered.tool, arguments, &meta, passed, CALL_TIMEOUT);
            let answer = match heard {
                Some(heard) => accompanied(call, heard, offered.server(), context).await,
                None => call.await,
            }?;
            // A client of an older revision cannot be answered with a question; it is asked.
            match answer {
                CallToolResponse::InputRequired(wanted) if asked::is_to_be_asked(context) => {
                    input = asked::answers(&offered.tool, wanted, context).await?;
                }
                CallToolResponse::Complete(mut result) => {
                    // A server of an older revision does not say so; whoever spoke the newer one with us must hear it.
                    result.result_type.get_or_insert(ResultType::COMPLETE);
                    return Ok(result.into());
                }
                answer => return Ok(answer),
            }
        }
        let message = format!("`{}` asked {ROUNDS_MAX} times, and was not done", offered.tool);
        Err(ToolError::new(ErrorClass::Conflict, message))
    }

    /// A call begins that is to be on record.
    fn line(
        &self,
        caller: &Caller,
        tool: &str,
        arguments: &JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> audit::Line {
        let traceparent = context
            .meta
            .get(TRACE_KEYS[0])
            .and_then(serde_json::Value::as_str);
        let (trail, who) = (self.0.hub.0.trail.as_ref(), caller.who.to_string());
        audit::Line::begin(trail, &who, tool, arguments, traceparent)
    }
}
