//! The one integration test binary: a topic a file, named after what it looks at.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests stand outside the fences, and their helpers are shared by topic"
)]

mod accounts;
mod agents;
mod api;
mod approvals;
mod attacks;
mod audit;
mod budget;
mod by_hand;
mod changes;
mod chaos;
mod cli;
mod config;
mod connect;
mod contract;
mod coordination;
mod coverage;
mod crash;
mod demo;
mod deployment;
mod docs;
mod doctor;
mod evidence;
mod explain;
mod external;
mod for_each;
mod fuzz;
mod gallery;
mod github_app;
mod harness;
mod http;
mod hub;
mod hub_toolbox;
mod intake;
mod journal;
mod layers;
mod loops;
mod mcp;
mod moving;
mod normalize;
mod on_failure;
mod once;
mod overhead;
mod pending;
mod people;
mod project;
mod own_events;
mod pages;
mod reactor;
mod receive;
mod record;
mod redis_cluster;
mod redis_server;
mod replicas;
mod reports;
mod retention;
mod rule_limits;
mod rule_tools;
mod rules;
mod sandbox;
mod schedule;
mod store;
mod sweep;
mod telemetry;
mod tools_contract;
mod tools_github;
mod tools_github_client;
mod tools_render;
mod tools_xmrt;
mod triage;
mod worker;
