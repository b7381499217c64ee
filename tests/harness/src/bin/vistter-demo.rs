//! Starts the demo; see `harness::demo`.

fn main() {}
