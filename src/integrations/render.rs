//! In: calls of Render's REST API, the key as an argument. Out: its answers, typed and compact, or an
//! [`ApiError`](super::ApiError). Never: a rule's meaning, a retry, a clock.
//!
//! Shapes and limits: Render's OpenAPI document "Render Public API" 1.0.0 and api-docs.render.com. Every field but an
//! id is optional here: an answer that lacks one is still an answer.

mod answer;
mod blueprint;
mod calls;
mod config;
mod data;
mod domains;
mod env_groups;
mod events;
mod hook;
mod jobs;
mod metrics;
mod rates;
mod records;
mod service;
mod services;
mod webhooks;
mod wire;

pub use blueprint::{Blueprint, BlueprintError, BlueprintPlan};
pub use calls::{
    DeployQuery, LogQuery, NewDeploy, Page, auto_deploy, cancel_deploy, new_deploy, restart, rollback,
};
pub use config::{EnvVars, delete_env_var, replace_env_vars, set_env_var};
pub use data::{Allowed, Database, Kind as DatabaseKind, create_database};
pub use domains::{Domain, add_domain, delete_domain, verify_domain};
pub use env_groups::{
    EnvGroup, EnvGroupWhole, Linked, create_env_group, delete_env_group, env_group_var, link_env_group,
};
pub use events::EventQuery;
pub use hook::DeployHook;
pub use jobs::{CronRun, Job, JobQuery, run_cron_job, run_job};
pub use metrics::{MetricQuery, Series};
pub use rates::Rates;
pub use records::{Commit, Deploy, Image, LogLine, LogPage, ServiceEvent};
pub use service::{Autoscaling, Instance, NewService, Service, Workspace};
pub use services::{autoscaling, create_service, delete_service, resume, scale, suspend, update_service};
pub use webhooks::{Webhook, WebhookEvent, create_webhook, delete_webhook, update_webhook};
pub use wire::Client;
