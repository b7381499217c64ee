//! What is on air: takes, transitions, lost sources, sound.
//!
//! Owns the program [`Bus`]: for each frame it is told what the show asks for and how the inputs are
//! doing, and answers with the picture and the sounds. Never does I/O, reads no clock, allocates
//! nothing, knows no timeline and no camera. Uses `model` only; the agent's director joins it with
//! `timeline` and `overlay`.

mod ask;
mod bus;
mod ladder;
mod overload;
mod sound;

pub use ask::{Ask, Entering, Take};
pub use bus::{Bus, OnAir};
pub use ladder::Rung;

#[cfg(test)]
mod tests;
