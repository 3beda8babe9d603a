//! The MCP servers of others, as the settings attach them, and how they are doing.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::{self, McpSettings, Settings};
use crate::hub::{Condition, Doubt, ExternalServer, Hub, HubBuilder, Override, Reach, Standing};
use crate::reactor::Reactor;

/// Attaches every server of `xmrt.toml`.
pub(super) fn attached(mut builder: HubBuilder, settings: &Settings) -> HubBuilder {
    for (name, server) in &settings.mcp {
        builder = builder.attach(name, external(server));
    }
    builder
}

fn external(settings: &McpSettings) -> ExternalServer {
    let server = &settings.server;
    let reach = match &server.url {
        Some(url) => Reach::Http {
            url: url.clone(),
            headers: settings.headers.clone(),
            plain_http: server.plain_http,
        },
        None => Reach::Command {
            command: server.command.clone(),
            environment: settings.environment.clone(),
            secrets: settings
                .environment
                .iter()
                .filter(|(name, _)| server.env.contains(name))
                .map(|(_, value)| value.clone())
                .collect(),
        },
    };
    let known = |(name, known): (&String, &config::ToolOverride)| {
        let doubt = known.doubt.map(|doubt| match doubt {
            config::Doubt::None => Doubt::None,
            config::Doubt::Idempotent => Doubt::Idempotent,
            config::Doubt::MayDouble => Doubt::MayDouble,
        });
        let known = Override {
            read_only: known.read_only,
            destructive: known.destructive,
            doubt,
            failure_is_clean: known.failure_is_clean,
        };
        (name.clone(), known)
    };
    let missing = (!settings.missing.is_empty()).then(|| {
        let names = settings.missing.join(" and ");
        format!("{names} must be set (or {names}_FILE)")
    });
    ExternalServer {
        reach,
        tools: server.tools.clone(),
        overrides: server.tool.iter().map(known).collect(),
        believe_annotations: server.believe_annotations,
        approve_by_hand: server.approve_by_hand,
        call_timeout: server.call_timeout(),
        start_timeout: server.start_timeout(),
        health_interval: server.health_interval(),
        missing,
    }
}

/// Tells the instance which servers do not work, for as long as it lives.
pub(super) async fn watch(hub: Hub, reactor: Arc<Reactor>, mut stopped: watch::Receiver<bool>) {
    let mut changes = hub.changes();
    loop {
        for server in hub.status() {
            let quarantined = server
                .tools
                .iter()
                .filter(|tool| matches!(tool.standing, Standing::Changed | Standing::New))
                .map(|tool| tool.name.as_str());
            let quarantined = quarantined.collect::<Vec<_>>().join(", ");
            let why = match server.condition {
                Condition::Down => server.why,
                _ if !quarantined.is_empty() => {
                    Some(format!("out of use until `xmrt tools approve`: {quarantined}"))
                }
                _ => None,
            };
            reactor.set_degraded(&format!("mcp.{}", server.name), why);
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = stopped.changed() => return,
        }
    }
}
