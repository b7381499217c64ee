//! libFuzzer on every reader of the wire, from the committed corpus on.

#![no_main]

#[path = "../../tests/support/every_reader.rs"]
mod every_reader;
#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| every_reader::read_all(bytes));
