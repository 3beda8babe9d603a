//! In: an event type as a rule names it. Out: whether there is such a type. Never: payloads.
//!
//! The tables are what GitHub's and Render's documentation listed in November 2026. New types appear, so an unknown one
//! is a warning; only what no type can look like is an error.

use std::ops::Range;

use crate::rules::diagnostic::{Findings, nearest};

/// GitHub's events with their actions; an empty list means the event has none, `["*"]` that any may come.
pub(crate) const GITHUB: &[(&str, &str)] = &[
    ("branch_protection_configuration", "disabled enabled"),
    ("branch_protection_rule", "created deleted edited"),
    ("check_run", "created completed rerequested requested_action"),
    ("check_suite", "completed requested rerequested"),
    (
        "code_scanning_alert",
        "created appeared_in_branch closed_by_user fixed reopened reopened_by_user updated_assignment",
    ),
    ("commit_comment", "created"),
    ("create", ""),
    ("custom_property", "*"),
    ("custom_property_values", "updated"),
    ("delete", ""),
    (
        "dependabot_alert",
        "created dismissed fixed reintroduced reopened auto_dismissed auto_reopened assignees_changed",
    ),
    ("deploy_key", "created deleted"),
    ("deployment", "created"),
    ("deployment_protection_rule", "requested"),
    ("deployment_review", "approved rejected requested"),
    ("deployment_status", "created"),
    (
        "discussion",
        "answered category_changed closed created deleted edited labeled locked pinned reopened transferred unanswered unlabeled unlocked unpinned",
    ),
    ("discussion_comment", "created edited deleted"),
    ("fork", ""),
    ("github_app_authorization", "revoked"),
    ("gollum", ""),
    (
        "installation",
        "created deleted suspend unsuspend new_permissions_accepted",
    ),
    ("installation_repositories", "added removed"),
    ("installation_target", "renamed"),
    ("issue_comment", "created edited deleted pinned unpinned"),
    (
        "issue_dependencies",
        "blocked_by_added blocked_by_removed blocking_added blocking_removed",
    ),
    (
        "issues",
        "assigned closed deleted demilestoned edited field_added field_removed labeled locked milestoned opened pinned reopened transferred typed unassigned unlabeled unlocked unpinned untyped",
    ),
    ("label", "created deleted edited"),
    ("marketplace_purchase", "*"),
    ("member", "added edited removed"),
    ("membership", "added removed"),
    ("merge_group", "checks_requested destroyed"),
    ("meta", "deleted"),
    ("milestone", "closed created deleted edited opened"),
    ("org_block", "blocked unblocked"),
    (
        "organization",
        "deleted member_added member_invited member_removed renamed",
    ),
    ("package", "published updated"),
    ("page_build", ""),
    ("personal_access_token_request", "*"),
    ("ping", ""),
    ("projects_v2", "*"),
    ("projects_v2_item", "*"),
    ("projects_v2_status_update", "*"),
    ("public", ""),
    (
        "pull_request",
        "assigned auto_merge_enabled auto_merge_disabled closed converted_to_draft demilestoned dequeued edited enqueued labeled locked milestoned opened ready_for_review reopened review_requested review_request_removed stacked synchronize unassigned unlabeled unlocked",
    ),
    ("pull_request_review", "submitted edited dismissed"),
    ("pull_request_review_comment", "created edited deleted"),
    ("pull_request_review_thread", "resolved unresolved"),
    ("push", ""),
    ("registry_package", "*"),
    (
        "release",
        "created edited deleted prereleased published released unpublished",
    ),
    (
        "repository",
        "archived created deleted edited privatized publicized renamed transferred unarchived",
    ),
    ("repository_advisory", "published reported"),
    ("repository_dispatch", "*"),
    ("repository_import", ""),
    ("repository_ruleset", "created deleted edited"),
    ("repository_vulnerability_alert", "create dismiss reopen resolve"),
    (
        "secret_scanning_alert",
        "created resolved reopened validated publicly_leaked assigned unassigned metadata_created metadata_removed",
    ),
    ("secret_scanning_alert_location", "created"),
    ("secret_scanning_scan", "*"),
    ("security_advisory", "published updated withdrawn"),
    ("security_and_analysis", ""),
    (
        "sponsorship",
        "created cancelled edited tier_changed pending_cancellation pending_tier_change",
    ),
    ("star", "created deleted"),
    ("status", ""),
    (
        "sub_issues",
        "sub_issue_added sub_issue_removed parent_issue_added parent_issue_removed",
    ),
    ("team", "*"),
    ("team_add", ""),
    ("watch", "started"),
    ("workflow_dispatch", ""),
    ("workflow_job", "queued waiting in_progress completed"),
    ("workflow_run", "requested in_progress completed"),
];

/// Render's event types.
pub(crate) const RENDER: &str = "build_started build_ended deploy_started deploy_ended pre_deploy_started pre_deploy_ended \
image_pull_failed commit_ignored branch_deleted job_run_ended pipeline_minutes_exhausted artifact_fetch_failed \
artifact_source_changed auto_deploy_enabled auto_deploy_disabled server_available server_failed \
server_hardware_failure server_restarted service_suspended service_resumed maintenance_started maintenance_ended \
maintenance_mode_enabled maintenance_mode_uri_updated zero_downtime_redeploy_started zero_downtime_redeploy_ended \
instance_count_changed autoscaling_started autoscaling_ended autoscaling_config_changed plan_changed \
edge_cache_enabled edge_cache_disabled edge_cache_purged cron_job_run_started cron_job_run_ended disk_created \
disk_updated disk_deleted key_value_available key_value_config_restart key_value_unhealthy postgres_available \
postgres_unavailable postgres_created postgres_restarted postgres_backup_started postgres_backup_completed \
postgres_backup_failed postgres_cluster_leader_changed postgres_credentials_created postgres_credentials_deleted \
postgres_disk_size_changed postgres_disk_autoscaling_enabled_changed postgres_ha_status_changed \
postgres_pitr_checkpoint_started postgres_pitr_checkpoint_completed postgres_pitr_checkpoint_failed \
postgres_read_replica_stale postgres_read_replicas_changed postgres_restore_succeeded postgres_restore_failed \
postgres_upgrade_started postgres_upgrade_succeeded postgres_upgrade_failed postgres_wal_archive_failed \
postgres_connection_pool_changed postgres_connection_pool_enabled_changed";

/// What the reactor tells of itself.
pub(crate) const OWN: &str = "run_succeeded run_dead run_unknown run_declined run_cancelled run_shadowed approval_requested \
     task_done task_failed agent_silent gap_recovered";

/// Values of `on` that mean the rule itself: its schedule, its name.
pub(crate) const OF_THE_RULE: &[&str] = &["schedule", "manual"];

/// Reports what is wrong with one value of `on`.
pub(crate) fn check(on: &str, span: &Range<usize>, findings: &mut Findings<'_>) {
    if OF_THE_RULE.contains(&on) {
        return;
    }
    if let Some(trouble) = malformed(on) {
        findings
            .error("event-type", span, format!("`{on}` is not an event type: {trouble}"))
            .hint("an event type is `source.type` or `source.type.action`, such as `github.issues.opened` or `render.*`");
        return;
    }
    let (source, rest) = on.split_once('.').unwrap_or((on, "*"));
    match source {
        "*" => {}
        "github" | "render" if rest == "*" => {}
        "github" => github(rest, span, findings),
        "render" => render(rest, span, findings),
        "xmrt" if rest == "*" => {}
        "xmrt" => own(rest, span, findings),
        "schedule" | "manual" => {
            findings
                .error(
                    "event-type",
                    span,
                    format!("`{on}` is not an event type: a rule has one schedule and one name"),
                )
                .hint(format!("write `{source}`"));
        }
        _ => unknown_source(on, source, span, findings),
    }
}

/// Nothing would ever come from there, and the rule would be silent without a word.
fn unknown_source(on: &str, source: &str, span: &Range<usize>, findings: &mut Findings<'_>) {
    let hint = if GITHUB.iter().any(|(name, _)| *name == source) {
        format!("did you mean `github.{on}`?")
    } else if RENDER.split(' ').any(|name| name == source) {
        format!("did you mean `render.{on}`?")
    } else {
        match nearest(source, ["github", "render", "xmrt", "schedule", "manual"]) {
            Some(near) => format!("did you mean `{near}{}`?", &on[source.len()..]),
            None => "there are `github` and `render`, `xmrt` for the reactor's own events, `schedule` and `manual`".to_owned(),
        }
    };
    findings
        .warning("unknown-event", span, format!("there is no source `{source}`"))
        .hint(hint);
}

fn malformed(on: &str) -> Option<&'static str> {
    if on == "*" {
        return None;
    }
    let segments: Vec<&str> = on.split('.').collect();
    let (last, before) = segments.split_last()?;
    if before.iter().any(|segment| segment.contains('*')) || (last.contains('*') && *last != "*") {
        return Some("`*` stands alone, at the end");
    }
    if segments.iter().any(|segment| segment.is_empty()) {
        return Some("a part of it is empty");
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '*');
    // The action of a `repository_dispatch` is whatever its caller says.
    let free = segments.get(..2) == Some(&["github", "repository_dispatch"][..]);
    if !free && !on.split('.').all(|segment| segment.chars().all(fits)) {
        return Some("it is made of lower-case letters, digits and `_`");
    }
    None
}

fn github(rest: &str, span: &Range<usize>, findings: &mut Findings<'_>) {
    let (event, action) = rest
        .split_once('.')
        .map_or((rest, None), |(event, action)| (event, Some(action)));
    let Some((_, actions)) = GITHUB.iter().find(|(name, _)| *name == event) else {
        let near = nearest(event, GITHUB.iter().map(|(name, _)| *name)).or_else(|| {
            GITHUB
                .iter()
                .map(|(name, _)| *name)
                .find(|name| name.strip_suffix('s') == Some(event))
        });
        findings
            .warning(
                "unknown-event",
                span,
                format!("GitHub is not known to send an event `{event}`"),
            )
            .maybe_hint(near.map(|near| {
                // Both may be misspelled.
                let actions = GITHUB
                    .iter()
                    .find(|(name, _)| *name == near)
                    .map_or("*", |(_, actions)| actions);
                let action = match action {
                    Some(action) if actions == "*" => Some(action),
                    Some(action) => Some(near_action(action, actions).unwrap_or(action)),
                    None => None,
                };
                let action = action.map_or(String::new(), |action| format!(".{action}"));
                format!("did you mean `github.{near}{action}`?")
            }));
        return;
    };
    let Some(action) = action.filter(|action| *action != "*") else {
        return;
    };
    if *actions == "*" || actions.split(' ').any(|known| known == action) {
        return;
    }
    let known = actions.split(' ').filter(|name| !name.is_empty());
    let hint = match near_action(action, actions) {
        Some(near) => format!("did you mean `github.{event}.{near}`?"),
        None if actions.is_empty() => format!("`{event}` has no actions: write `github.{event}`"),
        None => format!("its actions: {}", known.collect::<Vec<_>>().join(", ")),
    };
    findings
        .warning(
            "unknown-event",
            span,
            format!("GitHub's event `{event}` is not known to have an action `{action}`"),
        )
        .hint(hint);
}

/// The action that was meant: one that is spelled nearly so, or the same verb in another form (`open` for `opened`).
fn near_action<'a>(action: &str, actions: &'a str) -> Option<&'a str> {
    let all = || actions.split(' ').filter(|known| !known.is_empty());
    nearest(action, all()).or_else(|| {
        let mut same = all().filter(|known| {
            let stem = action.trim_end_matches('s').trim_end_matches('e');
            stem.len() > 2
                && known
                    .strip_prefix(stem)
                    .is_some_and(|end| matches!(end, "d" | "ed"))
        });
        same.next().filter(|_| same.next().is_none())
    })
}

fn own(kind: &str, span: &Range<usize>, findings: &mut Findings<'_>) {
    if OWN.split(' ').any(|known| known == kind) {
        return;
    }
    let near = nearest(kind, OWN.split(' '));
    findings
        .warning("unknown-event", span, format!("the reactor tells of no `{kind}`"))
        .hint(match near {
            Some(near) => format!("did you mean `xmrt.{near}`?"),
            None => format!("there are {}", OWN.replace(' ', ", ")),
        });
}

fn render(kind: &str, span: &Range<usize>, findings: &mut Findings<'_>) {
    if RENDER.split(' ').any(|known| known == kind) {
        return;
    }
    let hint = if kind == "server_unhealthy" {
        Some("Render sends `render.server_failed` instead since November 2025".to_owned())
    } else {
        nearest(kind, RENDER.split(' ')).map(|near| format!("did you mean `render.{near}`?"))
    };
    findings
        .warning(
            "unknown-event",
            span,
            format!("Render is not known to send `{kind}`"),
        )
        .maybe_hint(hint);
}
