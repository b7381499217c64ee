//! Graphics over the program and the shipped pictures, drawn to what the mixer blends.
//!
//! Owns how a [`model::Graphic`] looks: its place inside the safe area, its words and their wrapping,
//! its colours, and the way from RGBA to premultiplied BT.709 4:2:0. Owns the shipped patterns too.
//! Never reads a file, a clock or a socket: pictures come in as decoded RGBA ([`Image`]), values for
//! `{{tokens}}` come in with the graphic. Uses `model` and `protocol`; the agent calls it when a
//! graphic changes, never per frame.

mod halo;
mod image;
mod kind;
mod page;
mod pattern;
mod place;
mod render;
mod studio;
mod text;
mod yuv;

pub use image::{Image, ImageError};
pub use render::RenderError;
pub use studio::{Studio, StudioError};
pub use text::{TEXT_LIMIT, Words, tokens_in};
