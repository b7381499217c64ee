//! Blends whole pictures: 8-bit 4:2:0, planes Y, U, V without padding ([`Size::yuv420_bytes`]).
//!
//! Owns the arithmetic and its rounding. Never decides what is blended and never keeps a buffer. The
//! loops are written over plain slices so that the compiler vectorises them; `examples/kernels.rs`
//! prints what they cost.

mod fade;
mod key;

pub use fade::{BlendError, crossfade, wipe};
pub use key::{KeyError, key};

use model::Size;

/// The three planes of a picture. The caller has checked the length.
fn planes(size: Size, picture: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (luma, chroma) = picture.split_at(size.luma_bytes());
    let (u, v) = chroma.split_at(size.chroma_bytes());
    (luma, u, v)
}

/// As [`planes`], to be written.
fn planes_mut(size: Size, picture: &mut [u8]) -> (&mut [u8], &mut [u8], &mut [u8]) {
    let (luma, chroma) = picture.split_at_mut(size.luma_bytes());
    let (u, v) = chroma.split_at_mut(size.chroma_bytes());
    (luma, u, v)
}
