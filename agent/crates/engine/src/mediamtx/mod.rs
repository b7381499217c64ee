//! The media server: MediaMTX, started and kept by us, or somebody else's that we are given.
//!
//! Owns its process, its generated configuration, the wanted paths and the picture of what it does.
//! Never decides what is wanted, and never serves the gate's HTTP endpoint itself: the agent does, and
//! asks [`gate::permit`]. Neighbours: `process` starts it, the agent's modules want paths of it.
//!
//! MediaMTX plays two roles, named apart so that they can become two processes: ingest and preview
//! (`cam/…`, `preview…`, `program_rtc`), and program and egress (`program…`, `out/…`).

mod api;
mod config;
mod door;
pub mod gate;
mod health;
mod keeper;
mod log;
mod path;
mod presence;
mod probe;
mod process;
mod reconcile;
mod server;

pub use api::{ApiError, Forwarding, PathState, Track, VideoTrack};
pub use config::{Addresses, Credentials, NoRandomness, PortInUse, PortUse, Ports};
pub use door::Door;
pub use health::{Health, Snapshot};
pub use path::{Forward, Local, PathName, PathNameError, PathSource, PathSpec, camera_url};
pub use probe::{Probe, ProbeError};
pub use server::{Choice, Managed, MediaMtx, PathError, StartError};
