//! In: nothing. Out: the table of calls about Apps and webhooks.
//! Never: what a call does.

use super::super::{app, hooks};
use crate::sandbox::call::Route;

/// Calls about Apps and webhooks.
pub(super) const HOOKS: &[Route] = &[
    Route::new("GET", "/app", "get_app", app::get),
    Route::new(
        "GET",
        "/app/installations",
        "list_installations",
        app::installations,
    ),
    Route::new(
        "POST",
        "/app/installations/{id}/access_tokens",
        "create_installation_token",
        app::create_token,
    ),
    Route::new("GET", "/app/hook/config", "get_app_webhook", app::hook_config),
    Route::new(
        "GET",
        "/app/hook/deliveries",
        "list_app_deliveries",
        hooks::deliveries,
    ),
    Route::new(
        "GET",
        "/app/hook/deliveries/{delivery}",
        "get_app_delivery",
        hooks::get_delivery,
    ),
    Route::new(
        "POST",
        "/app/hook/deliveries/{delivery}/attempts",
        "redeliver_app_delivery",
        hooks::redeliver,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/installation",
        "get_installation",
        app::of_repo,
    ),
    Route::new(
        "GET",
        "/orgs/{u}/installation",
        "get_installation",
        app::of_account,
    ),
    Route::new(
        "GET",
        "/users/{u}/installation",
        "get_installation",
        app::of_account,
    ),
    Route::new(
        "DELETE",
        "/installation/token",
        "revoke_installation_token",
        app::revoke,
    ),
    Route::new(
        "GET",
        "/installation/repositories",
        "list_installation_repositories",
        app::repositories,
    ),
    Route::new("GET", "/repos/{o}/{r}/hooks", "list_webhooks", hooks::list),
    Route::new("POST", "/repos/{o}/{r}/hooks", "create_webhook", hooks::create),
    Route::new("GET", "/repos/{o}/{r}/hooks/{hook}", "get_webhook", hooks::get),
    Route::new(
        "PATCH",
        "/repos/{o}/{r}/hooks/{hook}",
        "update_webhook",
        hooks::update,
    ),
    Route::new(
        "DELETE",
        "/repos/{o}/{r}/hooks/{hook}",
        "delete_webhook",
        hooks::delete,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/hooks/{hook}/pings",
        "ping_webhook",
        hooks::ping,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/hooks/{hook}/deliveries",
        "list_deliveries",
        hooks::deliveries,
    ),
    Route::new(
        "GET",
        "/repos/{o}/{r}/hooks/{hook}/deliveries/{delivery}",
        "get_delivery",
        hooks::get_delivery,
    ),
    Route::new(
        "POST",
        "/repos/{o}/{r}/hooks/{hook}/deliveries/{delivery}/attempts",
        "redeliver",
        hooks::redeliver,
    ),
    Route::new("GET", "/orgs/{org}/hooks", "list_webhooks", hooks::list),
    Route::new("POST", "/orgs/{org}/hooks", "create_webhook", hooks::create),
    Route::new("GET", "/orgs/{org}/hooks/{hook}", "get_webhook", hooks::get),
    Route::new(
        "PATCH",
        "/orgs/{org}/hooks/{hook}",
        "update_webhook",
        hooks::update,
    ),
    Route::new(
        "DELETE",
        "/orgs/{org}/hooks/{hook}",
        "delete_webhook",
        hooks::delete,
    ),
    Route::new(
        "POST",
        "/orgs/{org}/hooks/{hook}/pings",
        "ping_webhook",
        hooks::ping,
    ),
    Route::new(
        "GET",
        "/orgs/{org}/hooks/{hook}/deliveries",
        "list_deliveries",
        hooks::deliveries,
    ),
    Route::new(
        "GET",
        "/orgs/{org}/hooks/{hook}/deliveries/{delivery}",
        "get_delivery",
        hooks::get_delivery,
    ),
    Route::new(
        "POST",
        "/orgs/{org}/hooks/{hook}/deliveries/{delivery}/attempts",
        "redeliver",
        hooks::redeliver,
    ),
];
