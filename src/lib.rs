//! `xmrt`: the automation layer between GitHub, Render and AI agents.

// doors: who may come in
pub mod cli;
pub mod http;
pub mod tools;
pub mod sandbox;
// the composer
pub mod assemble;
pub mod reactor;
// the path of an event
pub mod receive;
pub mod normalize;
pub mod rules;
pub mod journal;
pub mod plan;
pub mod act;
pub mod record;
// the world
pub mod hub;
pub mod accounts;
pub mod coordination;
pub mod insights;
pub mod agents;
pub mod integrations;
pub mod store;
pub mod budget;
pub mod chart;
pub mod clock;
pub mod telemetry;
pub mod config;
