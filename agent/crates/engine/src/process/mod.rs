//! Child processes: started, watched and ended, never orphaned.
//!
//! Owns the one place in the product that spawns a process. Every child is the leader of its own
//! group and dies with the agent (parent-death signal), its last 200 lines are kept, and dropping
//! its [`Process`] kills it. Knows no FFmpeg option; [`crate::input`], [`crate::program`] and the
//! media server build on it.

mod cause;
mod child;
mod launcher;

pub use cause::Cause;
pub use child::{Exit, Process};
pub use launcher::{Launch, LaunchError, Launcher, Stdin, Stdout};
