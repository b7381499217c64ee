//! Draft.
pub mod command;
pub mod view;
