//! Real cameras, sinks and judges for tests and for the demo.
//!
//! Owns processes that stand in for the world outside: simulated cameras (a pre-encoded clip with a
//! barcode and a beep), RTMP servers, a browser's view of a path, the agent as a child, and the
//! judge that decodes a recorded program and says what was lost, repeated or late. Everything runs on
//! free loopback ports and dies with the value that owns it. Never looks inside the agent: it knows
//! the REST API, media URLs and process ids, as a user would.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its processes and clocks are its own"
)]

mod agent;
pub mod bench;
mod camera;
pub mod chaos;
mod child;
mod clip;
mod code;
mod coded;
mod connect;
pub mod demo;
mod dice;
mod disk;
mod doors;
mod fault;
mod form;
mod gate;
mod hook;
mod http;
mod judge;
mod line;
mod link;
mod nginx;
mod packets;
mod picture;
mod place;
mod server;
mod show;
mod standstills;
mod still;
mod tap;
mod viewers;
mod wall;

pub use agent::{Agent, AgentOptions};
pub use camera::{Camera, CameraOptions, Via};
pub use child::{Child, gone, processes_below, ps_of_everything, signal, signal_all, until};
pub use clip::{Clip, Rate, Sound};
pub use code::{Code, read_code};
pub use coded::PacketTap;
pub use connect::ConnectProxy;
pub use dice::Dice;
pub use disk::Disk;
pub use doors::doors;
pub use fault::{Fault, FaultServer, Proxy, Site, Speaks};
pub use form::{excused, long, longest_step_ms, slack, slow};
pub use hook::{HookServer, Hooked};
pub use http::{Http, Reply};
pub use judge::{
    Clock, Counts, Cut, Incident, Judged, Live, Region, RegionReading, Window, Wrong, judge,
    judge_in, percentile, record, spread,
};
pub use line::Line;
pub use link::CameraLink;
pub use nginx::Nginx;
pub use packets::{Packets, PacketsSeen};
pub use picture::FLASH;
pub use place::{build_folder, free_port, root, tmp};
pub use server::{MediaServer, ServerOptions};
pub use show::{all_active, camera_body, cue, overlay, timeline};
pub use standstills::{Allowance, Standstill, Standstills};
pub use still::Stillness;
pub use tap::{Sighting, Tap};
pub use viewers::{HlsSeen, HlsViewers, WhepViewers};
pub use wall::WallClock;
