//! What the agent offers, and the emergency stop.

use super::Parts;
use super::command::{CatalogueCommand, EmergencyCommand, Reply};
use super::fault::{Fault, refuse};
use super::view::{AssetView, Done, EmergencyStatusView, KillView, ProfileView};
use crate::assets::AssetFile;
use crate::show::{DestinationState, Mode, StreamState};
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: CatalogueCommand) -> Result<Reply, Problem> {
    match command {
        CatalogueCommand::Profiles => {
            let view = |name| ProfileView {
                name,
                profile: stream::profile(name),
                is_default: name == parts.profile(),
            };
            Ok(Reply::Profiles(
                stream::PROFILES.into_iter().map(view).collect(),
            ))
        }
        CatalogueCommand::Assets => {
            let assets = parts.assets.clone();
            let found = tokio::task::spawn_blocking(move || assets.list()).await;
            let found = found.map_err(|_| Fault::Thread)?;
            Ok(Reply::Assets(found.iter().map(asset).collect()))
        }
    }
}

pub(super) async fn emergency(parts: &Parts, command: EmergencyCommand) -> Result<Reply, Problem> {
    match command {
        EmergencyCommand::KillAllStreams => {
            let killed = parts
                .show
                .kill_all()
                .await
                .map_err(|error| refuse(&error))?;
            let message = "All streams were stopped".to_owned();
            Ok(Reply::Killed(KillView { message, killed }))
        }
        EmergencyCommand::TestPattern(asked) => {
            let done = parts.show.test_pattern(asked.shown).await;
            done.map_err(|error| refuse(&error))?;
            let message = if asked.shown {
                "The test pattern is on program"
            } else {
                "The timeline is on program again"
            };
            let message = message.to_owned();
            Ok(Reply::Done(Done { message }))
        }
        EmergencyCommand::Status => {
            let status = parts.show.status();
            let taking = status
                .destinations
                .iter()
                .filter(|one| one.state != DestinationState::Idle);
            let running = status
                .streams
                .iter()
                .filter(|one| one.state != StreamState::Stopped);
            Ok(Reply::EmergencyStatus(EmergencyStatusView {
                program_running: status.mode != Mode::Idle,
                live_destinations: taking.count(),
                running_streams: running.count(),
            }))
        }
    }
}

fn asset(file: &AssetFile) -> AssetView {
    let path = file.path.as_str();
    let filename = path.rsplit('/').next().unwrap_or(path).to_owned();
    let ending = filename
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    let asset_type = match ending.as_deref() {
        Some("png" | "jpg" | "jpeg" | "webp" | "gif" | "bmp" | "svg") => "image",
        Some("mp4" | "mov" | "mkv" | "webm" | "ts" | "m4v" | "avi" | "flv") => "video",
        Some("mp3" | "aac" | "m4a" | "wav" | "flac" | "ogg" | "opus") => "audio",
        _ => "other",
    };
    AssetView {
        url: format!("/assets/{path}"),
        filename,
        asset_type,
        file_size: file.bytes,
    }
}
