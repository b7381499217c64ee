//! `vistter-agent doctor`: what is missing, and what to do about it.

use crate::config::{Config, MediamtxMode};
use engine::process::Launcher;
use engine::tools::{self, ToolName};
use protocol::Code;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One line a check, with what to do under those that failed.
    pub text: String,
    /// Whether everything is as it should be.
    pub well: bool,
}

impl Report {
    fn line(&mut self, what: &str, result: Result<String, (String, &str)>) {
        // Writing to a string cannot fail.
        let _written = match result {
            Ok(found) => writeln!(self.text, "ok    {what}: {found}"),
            Err((wrong, to_do)) => {
                self.well = false;
                writeln!(self.text, "FAIL  {what}: {wrong}\n      {to_do}")
            }
        };
    }
}

/// Checks data folder, tools and ports. A running agent holds its own ports; they are then shown as
/// taken.
#[must_use]
pub fn doctor(config: &Config) -> Report {
    let mut report = Report {
        text: String::new(),
        well: true,
    };
    report.line("settings", Ok("read".to_owned()));
    report.line("data folder", folder(&config.data_dir));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let launcher = runtime.as_ref().map(|runtime| {
        let _inside = runtime.enter();
        Launcher::start()
    });
    let Ok(Ok(launcher)) = launcher else {
        report.line(
            "threads",
            Err(("the system gives none".to_owned(), "Free memory.")),
        );
        return report;
    };
    let ffmpeg = config.ffmpeg.path.as_deref();
    report.line(
        "FFmpeg",
        tool(&launcher, ToolName::Ffmpeg, ffmpeg, Code::FfmpegMissing),
    );
    if config.mediamtx.mode == MediamtxMode::Managed {
        let path = config.mediamtx.path.as_deref();
        report.line(
            "MediaMTX",
            tool(&launcher, ToolName::Mediamtx, path, Code::MediamtxMissing),
        );
        for (name, number) in super::ports(&config.mediamtx).named() {
            // The one that is UDP is looked at by MediaMTX itself.
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
            report.line(&format!("port {number} ({name})"), port(address));
        }
    }
    report.line(
        &format!("port {} (page)", config.api.listen.port()),
        port(config.api.listen),
    );
    report
}

fn folder(path: &Path) -> Result<String, (String, &'static str)> {
    let to_do = "Make the folder, or set data_dir to one that this user may write to.";
    let probe = path.join(".doctor");
    let tried = std::fs::create_dir_all(path).and_then(|()| std::fs::write(&probe, b"x"));
    let tried = tried.and_then(|()| std::fs::remove_file(&probe));
    tried
        .map(|()| path.display().to_string())
        .map_err(|error| (format!("{}: {error}", path.display()), to_do))
}

fn tool(
    launcher: &Launcher,
    name: ToolName,
    path: Option<&Path>,
    code: Code,
) -> Result<String, (String, &'static str)> {
    let found = tools::find(launcher, name, path);
    let found = found.map_err(|error| (error.to_string(), code.remediation()))?;
    Ok(format!("{} {}", found.version, found.path.display()))
}

fn port(address: SocketAddr) -> Result<String, (String, &'static str)> {
    let to_do = "Stop what uses it (the agent itself, if it runs), or set another port.";
    TcpListener::bind(address)
        .map(|_| "free".to_owned())
        .map_err(|error| (error.to_string(), to_do))
}
