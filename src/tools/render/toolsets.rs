//! In: the server. Out: the server with the tools of a set. Never: what a tool does.

use super::{
    Server, analysis, config, create, events, health, jobs, metrics, scaling, services, settings,
    subscriptions, webhooks,
};
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// Workspaces, and a service from its making to its deletion.
pub(super) fn with_services(server: Server) -> Server {
    server
        .with(
            reads(
                "list_workspaces",
                "List workspaces",
                "The workspaces the key can see. Their ids are the owner_id of services.",
            )
            .answers(services::workspaces),
        )
        .with(
            writes(
                "create_service",
                "Create a service",
                "Makes a service from a repository or an image and deploys it. Costs money unless the plan is free.",
                Doubt::Evidence,
            )
            .told_apart_by(&["service {name}/{service.id}"])
            .acts(create::create)
            .looks(create::look_created),
        )
        .with(
            writes(
                "update_service",
                "Change a service's settings",
                "Name, branch, repository, commands, health check, plan, schedule: only what is given changes. Refuses \
                 what the service's type does not have. Built and run as before until the next deploy.",
                Doubt::Idempotent,
            )
            .destructive()
            .announced_as(&["render.plan_changed:{service_id}"])
            .acts(settings::update),
        )
        .with(
            writes(
                "delete_service",
                "Delete a service",
                "Deletes a service for ever, with its disk, its domains and its deploys. Wants the service's name in \
                 confirm.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(services::delete)
            .looks(services::look_deleted),
        )
        .with(
            writes(
                "suspend_service",
                "Suspend a service",
                "Stops every instance; nothing answers until resume_service.",
                Doubt::GoalState,
            )
            .urgent()
            .destructive()
            .announced_as(&["render.service_suspended:{service_id}"])
            .acts(services::suspend)
            .looks(services::look_suspended),
        )
        .with(
            writes(
                "resume_service",
                "Resume a service",
                "Starts a suspended service again, with a deploy.",
                Doubt::GoalState,
            )
            .urgent()
            .announced_as(&[
                "render.service_resumed:{service_id}",
                "render.build_started:{service_id}",
                "render.build_ended:{service_id}",
                "render.deploy_started:{service_id}",
                "render.deploy_ended:{service_id}",
            ])
            .announced_within_ms(super::DEPLOY_ANNOUNCED_MS)
            .acts(services::resume)
            .looks(services::look_resumed),
        )
}

/// How many instances there are.
pub(super) fn with_scaling(server: Server) -> Server {
    server
        .with(
            reads(
                "list_instances",
                "List instances",
                "The instances a service runs on now, and since when.",
            )
            .answers(scaling::instances),
        )
        .with(
            writes(
                "scale_service",
                "Set the number of instances",
                "Runs the service on so many instances. Refuses while it scales by itself, because Render would take \
                 the number and ignore it.",
                Doubt::Idempotent,
            )
            .urgent()
            .destructive()
            .announced_as(&["render.instance_count_changed:{service_id}"])
            .acts(scaling::scale),
        )
        .with(
            writes(
                "set_autoscaling",
                "Turn autoscaling on or off",
                "Lets the number of instances follow CPU or memory use between two bounds, or stops that.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "render.autoscaling_config_changed:{service_id}",
                "render.autoscaling_started:{service_id}",
                "render.autoscaling_ended:{service_id}",
            ])
            .acts(scaling::set_autoscaling),
        )
}

/// What happened.
pub(super) fn with_events(server: Server) -> Server {
    server.with(
        reads(
            "list_events",
            "List events",
            "What happened to a service, newest first: deploys and builds begun and ended and why, servers failed or \
             restarted, scaling, plans, suspensions, in Render's own names. Filter by type and time; the default window \
             is the last hour.",
        )
        .untrusted(&["details"])
        .answers(events::list),
    )
    .with(
        reads(
            "list_webhooks",
            "List webhooks",
            "The webhooks of the workspaces the key can see: where each sends, which event types, and whether it is on.",
        )
        .answers(webhooks::list),
    )
    .with(
        reads(
            "list_webhook_events",
            "List what a webhook sent",
            "What a webhook sent, newest first: each attempt with its event, the receiver's answer or the error.",
        )
        .untrusted(&["error"])
        .answers(webhooks::events),
    )
}

/// Who is told of what happens.
pub(super) fn with_subscriptions(server: Server) -> Server {
    server
        .with(
            writes(
                "create_webhook",
                "Create a webhook",
                "Makes a webhook of a workspace: Render sends the events (all, or these types) of all its services to url, \
                 signed with a secret that it makes and that is not shown here. Refuses an address that a webhook of the \
                 workspace has already. Wants a Professional plan (one webhook) or a higher one (100), and an admin.",
                Doubt::GoalState,
            )
            .acts(subscriptions::create)
            .looks(subscriptions::look_created),
        )
        .with(
            writes(
                "update_webhook",
                "Change a webhook",
                "Sets a webhook's name, address or event types, or switches it on or off: only what is given changes. Render \
                 switches a webhook off whose receiver did not take a delivery for 33 hours; enabled = true switches it \
                 on again.",
                Doubt::Idempotent,
            )
            .destructive()
            .acts(subscriptions::update),
        )
        .with(
            writes(
                "delete_webhook",
                "Delete a webhook",
                "Takes a webhook away with its secret: its receiver hears nothing more of any service of the workspace.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(subscriptions::delete)
            .looks(subscriptions::look_deleted),
        )
}

/// Environment variables.
pub(super) fn with_config(server: Server) -> Server {
    server
        .with(
            reads(
                "list_env_vars",
                "List environment variables",
                "The names of the variables set on a service itself, and which of them are empty. Values are never given.",
            )
            .answers(config::list),
        )
        .with(
            writes(
                "set_env_vars",
                "Set environment variables",
                "Sets variables of a service; the others stay unless replace = true. Says which were new, changed or the \
                 same, and never a value. Takes effect with the next deploy.",
                Doubt::Idempotent,
            )
            .destructive()
            .acts(config::set),
        )
        .with(
            writes(
                "delete_env_var",
                "Delete an environment variable",
                "Deletes one variable set on a service itself. Takes effect with the next deploy.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(config::delete)
            .looks(config::look_deleted),
        )
}

/// Load, and what it means.
pub(super) fn with_metrics(server: Server) -> Server {
    server
        .with(
            reads(
                "get_metrics",
                "Get metrics",
                "CPU, memory, requests, latency, bandwidth, instances, disk, connections: each series as least, mean, \
                 greatest and newest value in its unit; points = true gives every point. The default window is the last \
                 hour.",
            )
            .answers(metrics::get),
        )
        .with(
            reads(
                "check_health",
                "Check a service's health",
                "Whether a service is healthy, degraded, failing or suspended, with the evidence: its deploys, what \
                 happened to it, its load against its limits, its share of failed requests, its latency against the time \
                 before. The report can be pasted into an incident channel as it is.",
            )
            .untrusted(&["what", "report"])
            .reports("report")
            .answers(health::check),
        )
}

/// What a log comes to.
pub(super) fn with_analysis(server: Server) -> Server {
    server.with(
        reads(
            "analyze_logs",
            "Analyze logs",
            "Groups log lines into templates with counts, first and last time and a sample; says which are new since the \
             newest deploy (or deploy_id) and how the share of errors changed. Stack traces count as one. Reads up to \
             lines_max lines, a hundred per request.",
        )
        .untrusted(&["template", "sample", "cause", "digest", "report"])
        .reports("report")
        .answers(analysis::analyze),
    )
}

/// Commands that end.
pub(super) fn with_jobs(server: Server) -> Server {
    server
        .with(
            reads(
                "list_jobs",
                "List jobs",
                "A service's one-off jobs, newest first, with command, status and times. Filter by status and by how long \
                 ago they were asked for.",
            )
            .answers(jobs::list),
        )
        .with(
            writes(
                "run_job",
                "Run a one-off job",
                "Runs a command once, on an instance of its own with the service's newest build and variables. Its end \
                 comes as render.job_run_ended.",
                Doubt::Evidence,
            )
            .destructive()
            .settles_in_ms(super::DEPLOY_SETTLES_MS)
            .announced_as(&["render.job_run_ended:{service_id}"])
            .announced_within_ms(super::DEPLOY_ANNOUNCED_MS)
            .told_apart_by(&["job {service_id}/{id}"])
            .acts(jobs::run)
            .looks(jobs::look_run),
        )
        .with(
            writes(
                "run_cron_job",
                "Run a cron job now",
                "Begins a run of a cron job outside its schedule; a run that is under way is canceled by it.",
                Doubt::Evidence,
            )
            .destructive()
            .settles_in_ms(super::DEPLOY_SETTLES_MS)
            .announced_as(&[
                "render.cron_job_run_started:{service_id}",
                "render.cron_job_run_ended:{service_id}",
            ])
            .announced_within_ms(super::DEPLOY_ANNOUNCED_MS)
            .told_apart_by(&["cron run {service_id}/{id}"])
            .acts(jobs::run_cron)
            .looks(jobs::look_cron),
        )
}
