//! The command of `make bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::bench::main()
}
