//! In: nothing. Out: the table of calls about issues, pull requests and what hangs on them.
//! Never: what a call does.

use super::super::{comments, issues, labels, merge, pulls, reviews, search, sub_issues};
use crate::sandbox::call::Route;

/// Calls about issues, pull requests and what hangs on them.
pub(super) const ISSUES: &[Route] = &[
    Route::new(
        "GET",
        "/repositories/{id}/issues/{n}",
        "get_issue",
        issues::get_moved,
    ),
    Route::new("GET", "/search/issues", "search_issues", search::issues),
    Route::new("GET", "/repos/{o}/{r}/labels", "list_labels", labels::of_repo),
    Route::new("POST", "/repos/{o}/{r}/labels", "create_label", labels::create),
    Route::new("GET", "/repos/{o}/{r}/labels/{label}", "get_label", labels::get),
    Route::new("GET", "/repos/{o}/{r}/issues", "list_issues", issues::list),
    Route::new("POST", "/repos/{o}/{r}/issues", "create_issue", issues::create),
    Route::new(
        "GET",
        "/repos/{o}/{r}/issues/comments",
        "list_comments",
        comments::list_all,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/issues/comments/{id}",
        "get_comment",
        comments::get,
    ),
    Route::new(
        "PATCH",
        "/repos/{o}/{r}/issues/comments/{id}",
        "update_comment",
        comments::update,
    ),
    Route::new(
        "DELETE",
        "/repos/{o}/{r}/issues/comments/{id}",
        "delete_comment",
        comments::delete,
    ),
    Route::new("GET", "/repos/{o}/{r}/issues/{n}", "get_issue", issues::get),
    Route::new(
        "PATCH",
        "/repos/{o}/{r}/issues/{n}",
        "update_issue",
        issues::update,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/issues/{n}/labels",
        "list_issue_labels",
        labels::of_issue,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/issues/{n}/labels",
        "add_labels",
        labels::add,
    ),
    Route::new(
        "PUT",
        "/repos/{o}/{r}/issues/{n}/labels",
        "set_labels",
        labels::set,
    ),
    Route::new(
        "DELETE",
        "/repos/{o}/{r}/issues/{n}/labels",
        "remove_all_labels",
        labels::clear,
    ),
    Route::new(
        "DELETE",
        "/repos/{o}/{r}/issues/{n}/labels/{label}",
        "remove_label",
        labels::remove,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/issues/{n}/assignees",
        "assign_issue",
        issues::assign,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/issues/{n}/sub_issues",
        "list_sub_issues",
        sub_issues::list,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/issues/{n}/sub_issues",
        "add_sub_issue",
        sub_issues::add,
    ),
    Route::new(
        "PUT",
        "/repos/{o}/{r}/issues/{n}/lock",
        "lock_issue",
        issues::lock,
    ),
    Route::new(
        "DELETE",
        "/repos/{o}/{r}/issues/{n}/lock",
        "unlock_issue",
        issues::unlock,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/issues/{n}/comments",
        "list_comments",
        comments::list,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/issues/{n}/comments",
        "create_comment",
        comments::create,
    ),
    Route::new("GET", "/repos/{o}/{r}/pulls", "list_pull_requests", pulls::list),
    Route::new(
        "POST",
        "/repos/{o}/{r}/pulls",
        "create_pull_request",
        pulls::create,
    ),
    Route::new("GET", "/repos/{o}/{r}/pulls/{n}", "get_pull_request", pulls::get),
    Route::new(
        "PATCH",
        "/repos/{o}/{r}/pulls/{n}",
        "update_pull_request",
        pulls::update,
    ),
    Route::new(
        "PUT",
        "/repos/{o}/{r}/pulls/{n}/merge",
        "merge_pull_request",
        merge::merge,
    ),
    Route::new(
        "PUT",
        "/repos/{o}/{r}/pulls/{n}/update-branch",
        "update_branch",
        merge::update_branch,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/pulls/{n}/requested_reviewers",
        "request_reviewers",
        reviews::request,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/pulls/{n}/reviews",
        "list_reviews",
        reviews::list,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/pulls/{n}/reviews",
        "create_review",
        reviews::create,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/pulls/{n}/files",
        "list_pull_request_files",
        pulls::files,
    ),
];
