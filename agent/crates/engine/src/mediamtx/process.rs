//! The media server's process: one start of it, from configuration to end.
//!
//! Owns the configuration file and the process. Started again by the supervisor when it fails.

use super::keeper::Board;
use super::log::Log;
use super::{Health, Managed, PortInUse, config};
use crate::process::{Launch, LaunchError, Launcher, Stdout};
use runtime::{CancellationToken, chain};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long it may take to end when asked politely.
const GRACE: Duration = Duration::from_secs(2);

/// Why a start of the server ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    #[error("{} in use by another program", are(.0))]
    PortsInUse(Vec<PortInUse>),
    #[error("cannot write {path}")]
    Config {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot be started")]
    Launch(#[from] LaunchError),
    #[error("ended: {0}")]
    Died(String),
    #[error("does not answer and was killed")]
    Hung,
}

fn are(ports: &[PortInUse]) -> String {
    let names: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// Runs the server once. `Ok` only when it was asked to stop.
pub(super) async fn run(
    stop: CancellationToken,
    launcher: Launcher,
    managed: Managed,
    board: Board,
    log: Log,
) -> Result<(), ServerError> {
    let result = once(&stop, &launcher, &managed, &board, &log).await;
    if let Err(error) = &result {
        let reason = chain(error);
        let in_use = match error {
            ServerError::PortsInUse(ports) => ports.as_slice().into(),
            _ => [].into(),
        };
        // The end is told before the health, so that no late look at the server calls it up again.
        board.boot.send_modify(|boot| boot.runs = false);
        board.health.send_replace(Health::Down {
            reason: reason.into(),
            in_use,
        });
        board.snapshot.send_modify(|snapshot| {
            std::sync::Arc::make_mut(snapshot).paths.clear();
        });
    }
    result
}

async fn once(
    stop: &CancellationToken,
    launcher: &Launcher,
    managed: &Managed,
    board: &Board,
    log: &Log,
) -> Result<(), ServerError> {
    let taken = managed.ports.taken();
    if !taken.is_empty() {
        return Err(ServerError::PortsInUse(taken));
    }
    let file = write_config(managed)?;
    let sink = log.clone();
    let launch = Launch::new(&managed.binary)
        .arg(&file)
        .stdout(Stdout::Log)
        .on_line(move |line| sink.take(line));
    let process = launcher.launch(launch)?;
    let mut hung = board.hung.subscribe();
    board.health.send_replace(Health::Starting);
    let mut boot = 0;
    board.boot.send_modify(|latest| {
        latest.number += 1;
        latest.runs = true;
        boot = latest.number;
    });
    tracing::info!(pid = process.pid(), "The media server is started.");
    let hangs = async {
        // Fails only when the keeper's board is gone, and then nobody waits for this either.
        if hung.wait_for(|number| *number == boot).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        exit = process.ended() => {
            // Somebody else may have been faster by the blink between our look and its start.
            let taken = managed.ports.taken();
            if !taken.is_empty() {
                return Err(ServerError::PortsInUse(taken));
            }
            let said = log.last_error();
            Err(ServerError::Died(said.unwrap_or_else(|| exit.cause.describe().to_owned())))
        }
        () = hangs => {
            process.kill();
            process.ended().await;
            Err(ServerError::Hung)
        }
        () = stop.cancelled() => {
            process.terminate(GRACE).await;
            Ok(())
        }
    }
}

/// Writes the configuration where only we can read it.
fn write_config(managed: &Managed) -> Result<PathBuf, ServerError> {
    let path = managed.directory.join("mediamtx.yml");
    let failed = |source| ServerError::Config {
        path: path.clone(),
        source,
    };
    private_directory(&managed.directory).map_err(failed)?;
    let document = config::document(&managed.ports, &managed.gate).to_string();
    // On a full disk the one that is there does.
    if std::fs::read(&path).is_ok_and(|known| known == document.as_bytes()) {
        return Ok(path);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    file.set_permissions(PermissionsExt::from_mode(0o600))
        .and_then(|()| file.write_all(document.as_bytes()))
        .map_err(failed)?;
    Ok(path)
}

fn private_directory(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))
}
