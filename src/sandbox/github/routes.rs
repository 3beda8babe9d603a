//! In: nothing. Out: the tables of every call that the GitHub side knows.
//! Never: what a call does.

mod talk;
mod hooks;
mod around;

use super::{actions, commits, contents, graphql, history, oauth, repos};
use crate::sandbox::call::Route;

/// Every call that the GitHub side knows.
pub(in crate::sandbox) const ROUTES: &[&[Route]] = &[CODE, talk::ISSUES, hooks::HOOKS, around::AROUND];

/// Calls about accounts, repositories and what is in them, and those of GraphQL.
const CODE: &[Route] = &[
    Route::new("GET", "/user", "get_me", repos::me),
    Route::new("GET", "/users/{u}", "get_user", repos::user),
    Route::new(
        "GET",
        "/login/oauth/authorize",
        "authorize_page",
        oauth::authorize,
    ),
    Route::new("POST", "/login/oauth/authorize", "authorize", oauth::decide),
    Route::new("POST", "/login/oauth/access_token", "oauth_token", oauth::token),
    Route::new("POST", "/login/device/code", "device_code", oauth::device_code),
    Route::new("GET", "/login/device", "device_page", oauth::device_page),
    Route::new("POST", "/login/device", "authorize_device", oauth::device_decide),
    Route::new(
        "POST",
        "/applications/{client}/token",
        "check_token",
        oauth::check,
    ),
    Route::new(
        "DELETE",
        "/applications/{client}/token",
        "revoke_token",
        oauth::delete,
    ),
    Route::new("GET", "/rate_limit", "get_rate_limit", repos::rate_limit),
    Route::new("GET", "/user/repos", "list_repositories", repos::list),
    Route::new("GET", "/users/{u}/repos", "list_repositories", repos::list),
    Route::new("GET", "/orgs/{u}/repos", "list_repositories", repos::list),
    Route::new("POST", "/graphql", "graphql", graphql::unknown),
    Route::new("GET", "/repos/{o}/{r}/commits", "list_commits", commits::list),
    Route::new(
        "GET",
        "/repos/{o}/{r}/git/ref/{ref*}",
        "get_reference",
        commits::reference,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/git/refs",
        "create_branch",
        commits::create_reference,
    ),
    Route::new("GET", "/repos/{o}/{r}", "get_repository", repos::get),
    Route::new("GET", "/repositories/{id}", "get_repository", repos::get_by_id),
    Route::new("GET", "/repos/{o}/{r}/branches", "list_branches", repos::branches),
    Route::new(
        "GET",
        "/repos/{o}/{r}/collaborators",
        "list_collaborators",
        repos::collaborators,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/collaborators/{u}/permission",
        "get_permission",
        repos::permission,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/statuses/{sha}",
        "create_commit_status",
        repos::create_status,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/commits/{sha}/statuses",
        "list_commit_statuses",
        repos::statuses,
    ),
    Route::new("GET", "/repos/{o}/{r}/contents", "list_files", contents::get),
    Route::new(
        "GET",
        "/repos/{o}/{r}/contents/{path*}",
        "get_file",
        contents::get,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/git/trees/{sha}",
        "get_tree",
        contents::tree,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/compare/{ends}",
        "compare_commits",
        history::compare,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/actions/runs",
        "list_workflow_runs",
        actions::list,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/actions/workflows/{w}/runs",
        "list_workflow_runs",
        actions::list,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/actions/workflows/{w}/dispatches",
        "run_workflow",
        actions::dispatch,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/actions/runs/{id}",
        "get_workflow_run",
        actions::get,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/actions/runs/{id}/rerun",
        "rerun_workflow",
        actions::rerun,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/actions/runs/{id}/rerun-failed-jobs",
        "rerun_failed_jobs",
        actions::rerun_failed,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/actions/runs/{id}/cancel",
        "cancel_workflow_run",
        actions::cancel,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/actions/runs/{id}/jobs",
        "list_workflow_jobs",
        actions::jobs,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/actions/jobs/{id}/logs",
        "get_job_logs",
        actions::job_logs,
    ),
];
