//! In: a role and a call. Out: a [`Grant`] with the reasons for it, in the order they were looked at. Never: a default
//! that allows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::directory::{Directory, REACTOR, Role};
use super::reach::{self, Thing};
use super::wildcard::covers;

/// Who makes a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The program itself, for a rule that names no agent. It has every tool unless `[role.reactor]` narrows it.
    #[default]
    Reactor,
    /// Whoever runs the program: the bearer of the admin token, or the person who started it. It has every tool.
    Operator(String),
    /// An agent, by its id.
    Agent(String),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reactor => REACTOR,
            Self::Operator(name) => name,
            Self::Agent(id) => id,
        })
    }
}

/// A call somebody wants to make.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `server.tool`.
    pub tool: &'a str,
    /// Its arguments, an object.
    pub arguments: &'a Value,
    /// Whether arguments that are not there may still come: they are rendered when a rule fires.
    pub partly: bool,
}

/// What is decided about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// It may be made.
    Granted,
    /// It may be made once a person approved it.
    Approval,
    /// It may not be made.
    Refused {
        /// Why, for the caller.
        why: String,
        /// What would allow it.
        remedy: String,
    },
}

/// One thing that was looked at on the way to a [`Grant`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Whether it speaks for the call.
    pub holds: bool,
    /// What it is, for a person.
    pub text: String,
}

impl Directory {
    /// Decides about a call.
    pub fn decide(&self, who: &Who, asked: &Asked<'_>) -> Grant {
        self.explain(who, asked).0
    }

    /// Decides about a call, and says what was looked at.
    pub fn explain(&self, who: &Who, asked: &Asked<'_>) -> (Grant, Vec<Reason>) {
        let mut inquiry = Inquiry::default();
        let grant = match self.role_of(who) {
            Standing::Free(why) => {
                inquiry.holds(why);
                Grant::Granted
            }
            Standing::Stranger(id) => inquiry.refuse(
                format!("there is no agent `{id}`"),
                format!("add it to xmrt.toml: `[[agent]]` with `id = \"{id}\"` and a `role`"),
            ),
            Standing::Role(role) => role.decide(asked, &mut inquiry),
        };
        (grant, inquiry.0)
    }

    /// The patterns of the repositories that somebody may reach; `None` where that is any.
    pub fn repos_of<'d>(&'d self, who: &'d Who) -> Option<&'d [String]> {
        match self.role_of(who) {
            Standing::Free(_) => None,
            Standing::Stranger(_) => Some(&[]),
            Standing::Role(role)
                if role
                    .repos
                    .iter()
                    .any(|pattern| pattern == "*" || pattern == "*/*") =>
            {
                None
            }
            Standing::Role(role) => Some(&role.repos),
        }
    }

    /// Whether somebody may use a tool at all, whatever its arguments: what a list of tools shows.
    pub fn may_use(&self, who: &Who, tool: &str) -> bool {
        match self.role_of(who) {
            Standing::Free(_) => true,
            Standing::Stranger(_) => false,
            Standing::Role(role) => role.grants(tool).is_some(),
        }
    }

    fn role_of<'d>(&'d self, who: &'d Who) -> Standing<'d> {
        match who {
            Who::Operator(name) => Standing::Free(format!("`{name}` runs this program and has every tool")),
            Who::Reactor => match self.role(REACTOR) {
                Some(role) => Standing::Role(role),
                None => Standing::Free(
                    "the reactor has every tool: there is no `[role.reactor]` to narrow it".into(),
                ),
            },
            Who::Agent(id) => match self.agent(id).and_then(|agent| self.role(&agent.role)) {
                Some(role) => Standing::Role(role),
                None => Standing::Stranger(id),
            },
        }
    }
}

enum Standing<'d> {
    Free(String),
    Stranger(&'d str),
    Role(&'d Role),
}

/// What was looked at so far.
#[derive(Default)]
struct Inquiry(Vec<Reason>);

impl Inquiry {
    fn holds(&mut self, text: String) {
        self.0.push(Reason { holds: true, text });
    }

    fn refuse(&mut self, why: String, remedy: String) -> Grant {
        self.0.push(Reason {
            holds: false,
            text: why.clone(),
        });
        Grant::Refused { why, remedy }
    }
}

impl Role {
    /// The pattern that lets the tool be used, and whether a person has to approve each call. A tool named in both lists
    /// wants approval: the narrower word counts.
    fn grants(&self, tool: &str) -> Option<(&str, bool)> {
        let find = |patterns: &'_ [String]| patterns.iter().position(|pattern| covers(pattern, tool));
        match (find(&self.approval), find(&self.allow)) {
            (Some(at), _) => Some((&self.approval[at], true)),
            (None, Some(at)) => Some((&self.allow[at], false)),
            (None, None) => None,
        }
    }

    fn decide(&self, asked: &Asked<'_>, inquiry: &mut Inquiry) -> Grant {
        let (role, tool) = (&self.name, asked.tool);
        let Some((pattern, approval)) = self.grants(tool) else {
            return inquiry.refuse(
                format!("role `{role}` does not allow `{tool}`"),
                format!("add it to `allow` of `[role.{role}]` in xmrt.toml, or to `approval` if a person is to confirm each call"),
            );
        };
        let list = if approval { "approval" } else { "allow" };
        inquiry.holds(format!("role `{role}` names it: \"{pattern}\" in `{list}`"));
        let things = match reach::of(asked) {
            Ok(things) => things,
            Err(why) => return inquiry.refuse(why, "name it plainly".into()),
        };
        for thing in things {
            if let Some(refused) = self.within(&thing, asked, inquiry) {
                return refused;
            }
        }
        if approval {
            inquiry.holds("a person has to approve each call".into());
            return Grant::Approval;
        }
        Grant::Granted
    }

    /// Whether a thing lies within the role's bounds: `None`, or the refusal.
    fn within(&self, thing: &Thing, asked: &Asked<'_>, inquiry: &mut Inquiry) -> Option<Grant> {
        let (role, tool) = (&self.name, asked.tool);
        let (list, patterns) = match thing {
            Thing::Repo(_) | Thing::Org(_) | Thing::AnyRepo => ("repos", &self.repos),
            Thing::Service(_) | Thing::AnyService => ("services", &self.services),
        };
        let found = patterns.iter().find(|pattern| thing.lies_within(pattern));
        if let Some(pattern) = found {
            inquiry.holds(format!("{thing} lies within `{list}`: \"{pattern}\""));
            return None;
        }
        let bounds = match patterns.is_empty() {
            true => "nothing".to_owned(),
            false => patterns.join(", "),
        };
        let all = thing.pattern_of_all();
        Some(match thing {
            Thing::AnyRepo | Thing::AnyService => inquiry.refuse(
                format!("`{tool}` reaches beyond `{list}` of role `{role}` ({bounds}): {thing}"),
                format!("use a tool that names what it is about, or write `{list} = [\"{all}\"]` in `[role.{role}]` of xmrt.toml"),
            ),
            Thing::Org(login) => inquiry.refuse(
                format!("{thing} is outside `{list}` of role `{role}` ({bounds})"),
                format!("add \"{login}/*\" to `{list}` of `[role.{role}]` in xmrt.toml if it may reach all of its repositories"),
            ),
            Thing::Repo(name) | Thing::Service(name) => inquiry.refuse(
                format!("{thing} is outside `{list}` of role `{role}` ({bounds})"),
                format!("add \"{name}\" to `{list}` of `[role.{role}]` in xmrt.toml if it may"),
            ),
        })
    }
}
