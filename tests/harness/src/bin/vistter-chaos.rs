//! The command of `make chaos` and `make soak`.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::chaos::main()
}
