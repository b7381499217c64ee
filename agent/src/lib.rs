//! The agent as a library: everything but the process's own start.
//!
//! Owns the joints between the parts: settings, commands, the local API, the running show. The parts
//! themselves live in `crates/`. `main` and `wiring` build them and hand them to the supervisor.

pub mod alerts;
pub mod assets;
pub mod audit;
pub mod config;
pub mod diagnostics;
pub mod egress;
pub mod health;
pub mod inventory;
pub mod link;
pub mod local_api;
pub mod modules;
pub mod notice;
pub mod outage;
pub mod reporter;
pub mod settings;
pub mod show;
pub mod telemetry;
pub mod time;
pub mod uptime;
pub mod viewing;
pub mod wiring;
