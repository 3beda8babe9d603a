//! In: nothing. Out: the toolsets of the built-in servers, and the set for who asks for nothing in particular. Never: a
//! tool itself.
//!
//! The tables may name a tool before there is one; a tool that no table names is in its server's set `other`.

use crate::hub::Toolsets;

/// `server.set` and the tools in it.
type Table = &'static [(&'static str, &'static [&'static str])];

const GITHUB: Table = &[
    ("github.context", &["get_me", "get_rate_limit"]),
    (
        "github.repos",
        &[
            "analyze_repository",
            "commit_files",
            "compare_commits",
            "create_branch",
            "create_release",
            "get_file",
            "get_repository",
            "get_traffic",
            "list_branches",
            "list_commits",
            "list_files",
            "list_releases",
            "list_repositories",
            "search_code",
        ],
    ),
    (
        "github.issues",
        &[
            "add_labels",
            "add_sub_issue",
            "assign_issue",
            "close_issue",
            "create_comment",
            "create_issue",
            "create_label",
            "get_issue",
            "list_comments",
            "list_issues",
            "lock_issue",
            "remove_label",
            "reopen_issue",
            "search_issues",
            "set_labels",
            "transfer_issue",
            "update_comment",
            "update_issue",
        ],
    ),
    (
        "github.pulls",
        &[
            "create_pull_request",
            "create_review",
            "enable_auto_merge",
            "get_pull_request",
            "get_pull_request_diff",
            "list_pull_request_files",
            "list_pull_requests",
            "list_reviews",
            "merge_pull_request",
            "request_reviewers",
            "set_draft",
            "update_branch",
            "update_pull_request",
        ],
    ),
    (
        "github.discussions",
        &[
            "close_discussion",
            "comment_on_discussion",
            "create_discussion",
            "get_discussion",
            "list_categories",
            "list_discussions",
            "lock_discussion",
            "mark_answer",
            "update_discussion",
        ],
    ),
    (
        "github.actions",
        &[
            "cancel_workflow_run",
            "get_job_logs",
            "get_workflow_run",
            "list_workflow_runs",
            "rerun_failed_jobs",
            "rerun_workflow",
            "run_workflow",
        ],
    ),
    (
        "github.checks",
        &[
            "create_check_run",
            "create_commit_status",
            "create_deployment",
            "create_deployment_status",
            "list_check_runs",
            "list_commit_statuses",
        ],
    ),
    (
        "github.people",
        &[
            "add_collaborator",
            "get_membership",
            "get_permission",
            "get_user",
            "invite_member",
            "list_collaborators",
            "list_invitations",
            "remove_collaborator",
            "remove_member",
            "respond_to_invitation",
        ],
    ),
    (
        "github.security",
        &[
            "list_code_scanning_alerts",
            "list_dependabot_alerts",
            "list_secret_scanning_alerts",
        ],
    ),
    (
        "github.webhooks",
        &[
            "create_webhook",
            "delete_webhook",
            "get_delivery",
            "list_deliveries",
            "list_webhooks",
            "ping_webhook",
            "redeliver",
            "update_webhook",
        ],
    ),
];

const RENDER: Table = &[
    (
        "render.services",
        &[
            "create_service",
            "delete_service",
            "get_service",
            "list_instances",
            "list_services",
            "list_workspaces",
            "restart_service",
            "resume_service",
            "scale_service",
            "set_autoscaling",
            "suspend_service",
            "update_service",
        ],
    ),
    (
        "render.deploys",
        &[
            "cancel_deploy",
            "get_deploy",
            "list_deploys",
            "rollback_deploy",
            "set_auto_deploy",
            "trigger_deploy",
            "unfreeze_deploys",
            "wait_for_deploy",
        ],
    ),
    (
        "render.config",
        &[
            "add_custom_domain",
            "create_env_group",
            "delete_custom_domain",
            "delete_env_group",
            "delete_env_var",
            "get_env_group",
            "link_env_group",
            "list_custom_domains",
            "list_env_groups",
            "list_env_vars",
            "set_env_group_vars",
            "set_env_vars",
            "unlink_env_group",
            "verify_custom_domain",
        ],
    ),
    ("render.jobs", &["list_jobs", "run_cron_job", "run_job"]),
    ("render.logs", &["analyze_logs", "query_logs"]),
    ("render.metrics", &["check_health", "get_metrics"]),
    ("render.events", &["get_event", "list_events"]),
    (
        "render.data",
        &[
            "create_key_value",
            "create_postgres",
            "get_key_value",
            "get_postgres",
            "list_key_value",
            "list_postgres",
        ],
    ),
    (
        "render.webhooks",
        &[
            "create_webhook",
            "delete_webhook",
            "list_webhook_events",
            "list_webhooks",
            "update_webhook",
            "validate_blueprint",
        ],
    ),
];

const XMRT: Table = &[
    (
        "xmrt.reactor",
        &[
            "approve_run",
            "cancel_run",
            "check_rule",
            "coverage",
            "explain_decision",
            "fan_out",
            "find_events",
            "get_event",
            "get_rule",
            "get_run",
            "list_rules",
            "list_runs",
            "notify",
            "pause",
            "reject_run",
            "replay_event",
            "resolve_run",
            "resume",
            "retry_run",
            "trigger_rule",
        ],
    ),
    (
        "xmrt.agents",
        &[
            "cancel_task",
            "claim_task",
            "complete_task",
            "fail_task",
            "get_task",
            "hand_off_task",
            "heartbeat",
            "list_agents",
            "list_tasks",
            "post_task",
            "read_messages",
            "register_agent",
            "send_message",
            "update_task",
        ],
    ),
    ("xmrt.health", &["ecosystem_health"]),
    (
        "xmrt.improvement",
        &["improvement_status", "propose_improvement", "scan_repository"],
    ),
    (
        "xmrt.insight",
        &[
            "activity_insights",
            "dora_metrics",
            "flaky_workflows",
            "triage_quality",
            "weekly_report",
        ],
    ),
    (
        "xmrt.triage",
        &["find_duplicates", "triage_issue", "triage_pull_request"],
    ),
];

/// Offered over HTTP unless somebody asks for more: every list of tools is read by a model, and paid for.
const DEFAULT: &[&str] = &[
    "github.add_labels",
    "github.create_comment",
    "github.create_issue",
    "github.get_file",
    "github.get_issue",
    "github.get_pull_request",
    "github.list_comments",
    "github.list_issues",
    "github.list_pull_request_files",
    "github.list_pull_requests",
    "github.list_workflow_runs",
    "github.rerun_failed_jobs",
    "render.analyze_logs",
    "render.check_health",
    "render.get_deploy",
    "render.get_service",
    "render.list_deploys",
    "render.list_events",
    "render.list_services",
    "render.query_logs",
    "render.restart_service",
    "render.rollback_deploy",
    "render.trigger_deploy",
    "render.unfreeze_deploys",
    "xmrt.explain_decision",
    "xmrt.find_events",
    "xmrt.get_run",
    "xmrt.list_runs",
    "xmrt.notify",
    "xmrt.triage_issue",
];

/// The toolsets of the built-in servers.
pub fn toolsets() -> Toolsets {
    let tables = [GITHUB, RENDER, XMRT].into_iter().flatten();
    let set = |(name, tools): &(&str, &[&str])| {
        let server = name.split('.').next().unwrap_or_default();
        let tools = tools.iter().map(|tool| format!("{server}.{tool}"));
        ((*name).to_owned(), tools.collect())
    };
    Toolsets {
        sets: tables.map(set).collect(),
        default: DEFAULT.iter().map(|&tool| tool.to_owned()).collect(),
        ..Toolsets::default()
    }
}
