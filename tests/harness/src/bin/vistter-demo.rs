//! Starts the demo; see `harness::demo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::demo::run()
}
