//! The program: arguments, settings, run, exit code. Nothing clever; `wiring` builds the parts.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use vistter_agent::{config, telemetry, wiring};

/// Keeps a venue's show on air: cameras in, one seamless program out.
///
/// Without a command it runs. Settings come from the file, and every one of them from the environment
/// as VISTTER__SECTION__KEY; VISTTER__DATA_DIR is enough to start.
#[derive(Debug, Parser)]
#[command(name = "vistter-agent", version)]
struct Arguments {
    /// Settings file; it must exist. Without it /etc/vistter-agent/config.toml is read, if it is there.
    #[arg(long, short, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Run until stopped (the default).
    Run,
    /// Check settings, data folder, FFmpeg, MediaMTX and ports, and say what to do.
    Doctor,
    /// Pair the device with Studio by a token. While the agent runs, its page does that.
    Pair {
        /// Studio's address, https://host[:port].
        #[arg(long, value_name = "URL")]
        studio: String,
        /// Authorities to check Studio's certificate by, as PEM; those of the system without it.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// The token that Studio shows; it can be used once, for a quarter of an hour.
        token: String,
    },
    /// Forget Studio; everything local stays. While the agent runs, its page does that.
    Unpair,
    /// Print the device's serial, which a pairing token is for. While the agent runs, its page shows it.
    Serial,
    /// Print the version.
    Version,
}

fn main() -> ExitCode {
    wiring::one_heap();
    let arguments = Arguments::parse();
    let verb = arguments.command.unwrap_or(Verb::Run);
    if matches!(verb, Verb::Version) {
        return said(
            &format!("vistter-agent {}\n", env!("CARGO_PKG_VERSION")),
            true,
        );
    }
    let (config, layers) = match config::load(arguments.config.as_deref(), std::env::vars()) {
        Ok(loaded) => loaded,
        Err(faults) => return failed(&faults.to_string(), config::EXIT_CODE),
    };
    if matches!(verb, Verb::Doctor) {
        let report = wiring::doctor(&config);
        return said(&report.text, report.well);
    }
    let told = match &verb {
        Verb::Pair { studio, ca, token } => {
            Some(wiring::pair(&config, studio, token, ca.as_deref()))
        }
        Verb::Unpair => Some(wiring::unpair(&config)),
        Verb::Serial => Some(wiring::serial(&config)),
        Verb::Run | Verb::Doctor | Verb::Version => None,
    };
    match told {
        Some(Ok(text)) => return said(&text, true),
        Some(Err(error)) => return failed(&format!("{error:#}"), 1),
        None => {}
    }
    let log = match telemetry::init(&config.log) {
        Ok(log) => log,
        Err(error) => return failed(&error.to_string(), config::EXIT_CODE),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no runtime: {error}"), 1),
    };
    match runtime.block_on(wiring::run(config, layers, log)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}"), 1),
    }
}

fn said(text: &str, well: bool) -> ExitCode {
    use std::io::Write;
    // A reader that went away is no reason to fail.
    drop(std::io::stdout().write_all(text.as_bytes()));
    ExitCode::from(u8::from(!well))
}

fn failed(text: &str, code: u8) -> ExitCode {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "vistter-agent: {text}"));
    ExitCode::from(code)
}
