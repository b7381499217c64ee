//! The rules: what is wrong at one moment, in the operator's words. Pure.
//!
//! Owns the limits. Says nothing of how long it has been so (`ledger` does), but for how long it has to
//! be before anyone is told, and what it may follow from.

use super::finding::{Found, Key, Subject, SubjectKind};
use super::seen::{
    CameraSeen, CredentialsSeen, DestinationSeen, LoweredSeen, MediaSeen, ProgramSeen, Seen,
    StandIn, StreamSeen,
};
use crate::show::{DestinationState, StreamState};
use crate::telemetry::SystemSample;
use protocol::{Condition, Severity};
use std::time::Duration;

/// The encoder's share of the machine that is too much, in percent.
const ENCODER_CPU: f32 = 90.0;
/// The machine's load that is too much, in percent, and for how long.
const CPU: f32 = 80.0;
const CPU_FOR: Duration = Duration::from_secs(30);
/// Frames a second that may be dropped or repeated.
const LOST: f32 = 5.0;
/// The least reserve of pictures of the source on air, in percent.
const BUFFER: f32 = 10.0;
/// How full the data folder's file system may be, in percent.
const DISK_LOW: f32 = 85.0;
const DISK_FULL: f32 = 95.0;
/// Memory that has to be left, in percent.
const MEMORY: u64 = 5;
/// Degrees Celsius.
const HOT: f32 = 80.0;
/// Without a frame of the encoder for so long, the program counts as stalled, in seconds.
const SILENT_S: f32 = 3.0;
/// Restarts of the encoder within a minute that are too many.
const RESTARTS: u64 = 3;
/// Before the end of the device's certificate.
const RENEWAL: Duration = Duration::from_secs(30 * 86_400);
/// How long a camera has to be away, so that a flicker raises nothing.
const CAMERA: Duration = Duration::from_secs(1);
/// How long a camera may take to connect.
const OPENING: Duration = Duration::from_secs(5);
/// How long going live may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection has to be lost: what cuts one often cuts all.
const LOSS: Duration = Duration::from_millis(1500);
/// How long the media server may be silent before it counts as away.
const SILENCE: Duration = Duration::from_secs(3);
/// For conditions of the machine that come and go within moments.
const MOMENTS: Duration = Duration::from_secs(5);

/// Everything that is wrong.
pub(super) fn rules(seen: &Seen) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(media_server(seen));
    found.extend(seen.cameras.iter().filter_map(camera));
    found.extend(seen.unreadable.iter().map(unreadable));
    found.extend(network(&seen.destinations));
    found.extend(seen.destinations.iter().filter_map(destination));
    found.extend(seen.streams.iter().filter_map(stream));
    if let Some(program) = &seen.program {
        found.extend(self::program(program, seen.live));
    }
    found.extend(seen.lowered.as_ref().map(lowered));
    found.extend(seen.credentials.as_ref().and_then(credentials));
    found.extend(machine(&seen.machine));
    if done_without(seen) {
        for one in &mut found {
            one.roots.retain(|root| *root != media_root());
        }
    }
    found
}

const fn done_without(seen: &Seen) -> bool {
    matches!(
        seen.media,
        MediaSeen::Down {
            done_without: true,
            ..
        }
    )
}

/// A third of its life before a certificate ends, and not earlier than [`RENEWAL`], it should be new.
fn credentials(seen: &CredentialsSeen) -> Option<Found> {
    let (left, renewal) = (seen.left, RENEWAL.min(seen.life / 3));
    let (severity, message, cause) = if left.is_zero() {
        let message = "The device's credentials have ended – Studio cannot direct it any more";
        (
            Severity::Error,
            message,
            "they were not renewed in time".to_owned(),
        )
    } else if left <= renewal {
        let (days, hours) = (left.as_secs() / 86_400, left.as_secs() / 3_600);
        let cause = match (days, hours) {
            (0, 0) => "they end within the hour".to_owned(),
            (0, hours) => format!("they end in {hours} h"),
            (days, _) => format!("they end in {days} d"),
        };
        let message = "The device's credentials for Studio end soon";
        (Severity::Warning, message, cause)
    } else {
        return None;
    };
    Some(Found::new(
        Condition::CredentialsExpiring,
        severity,
        message,
        cause,
    ))
}

fn media_server(seen: &Seen) -> Option<Found> {
    let done_without = done_without(seen);
    let severity = match (seen.live, seen.running) {
        (true, _) if done_without => Severity::Error,
        (true, _) => Severity::Critical,
        (false, true) => Severity::Error,
        (false, false) => Severity::Warning,
    };
    let message = if done_without && seen.running {
        "The media server is down – there is no preview; RTMP destinations are sent to without it"
    } else if seen.live {
        "The media server is down – destinations and preview are interrupted"
    } else {
        "The media server is down – the preview is interrupted"
    };
    let found = |cause: &str| Found::new(Condition::MediaServerDown, severity, message, cause);
    match &seen.media {
        MediaSeen::Up => None,
        MediaSeen::Silent => Some(found("it does not answer").after(SILENCE)),
        MediaSeen::Down {
            reason,
            remediation,
            ..
        } => Some(found(reason).advise(remediation.clone())),
    }
}

fn media_root() -> Key {
    Key::whole(Condition::MediaServerDown)
}

fn camera(camera: &CameraSeen) -> Option<Found> {
    if camera.delivers {
        return None;
    }
    let name = &camera.name;
    let (severity, message) = match &camera.stand_in {
        Some(StandIn::Backup(backup)) if backup.is_empty() => (
            Severity::Warning,
            format!("{name} is offline – switched to backup"),
        ),
        Some(StandIn::Backup(backup)) => (
            Severity::Warning,
            format!("{name} is offline – switched to backup {backup}"),
        ),
        Some(StandIn::Pattern) => (
            Severity::Critical,
            format!("{name} is offline – the program shows the test pattern"),
        ),
        Some(StandIn::LastPicture) => (
            Severity::Error,
            format!("{name} is offline – the program holds its last picture"),
        ),
        Some(StandIn::NotOnProgram) => (
            Severity::Warning,
            format!("{name} is offline – it is not on program now"),
        ),
        None => (Severity::Error, format!("{name} is offline")),
    };
    let cause = camera.cause.as_deref().unwrap_or("no picture arrives");
    Some(
        Found::new(Condition::CameraOffline, severity, message, cause)
            .about(Subject::new(SubjectKind::Camera, &camera.id, name))
            .after(if camera.known { CAMERA } else { OPENING })
            .from([media_root()]),
    )
}

fn unreadable((file, why): &(String, String)) -> Found {
    let message = format!("{file} cannot be played");
    Found::new(Condition::MediaUnreadable, Severity::Error, message, why)
        .about(Subject::new(SubjectKind::Media, file, file))
        .after(CAMERA)
}

const fn is_down(destination: &DestinationSeen) -> bool {
    matches!(
        destination.state,
        DestinationState::Retrying | DestinationState::Failed
    )
}

/// Two and more destinations that are all away, and none because of its key: that is the network.
fn network(destinations: &[DestinationSeen]) -> Option<Found> {
    let cut = |one: &DestinationSeen| is_down(one) && !one.rejected;
    let mut away = destinations.iter().filter(|one| cut(one));
    let all_others_rejected = destinations.iter().all(|one| cut(one) || one.rejected);
    if away.by_ref().take(2).count() < 2 || !all_others_rejected {
        return None;
    }
    let message = "No destination can be reached – the program goes out nowhere";
    let cause = "every connection is lost at once";
    Some(
        Found::new(Condition::NetworkDown, Severity::Critical, message, cause)
            .after(LOSS)
            .from([media_root()]),
    )
}

fn destination(destination: &DestinationSeen) -> Option<Found> {
    let name = &destination.name;
    let rejected = destination.rejected;
    let (code, message, settle) = match destination.state {
        DestinationState::Idle | DestinationState::Active => return None,
        DestinationState::Connecting if rejected => (
            Condition::DestinationRejected,
            format!("{name} does not accept the stream key"),
            LOSS,
        ),
        DestinationState::Connecting => (
            Condition::DestinationDown,
            format!("{name} does not take the program yet"),
            CONNECT,
        ),
        DestinationState::Retrying | DestinationState::Failed if rejected => (
            Condition::DestinationRejected,
            format!("{name} does not accept the stream key"),
            LOSS,
        ),
        DestinationState::Retrying => (
            Condition::DestinationDown,
            format!("{name} is offline – it is being connected again"),
            LOSS,
        ),
        DestinationState::Failed => (
            Condition::DestinationDown,
            format!(
                "{name} is offline – {} tries failed, tried each minute",
                destination.retries
            ),
            LOSS,
        ),
    };
    let cause = destination
        .cause
        .as_deref()
        .unwrap_or("it takes no data yet");
    let found = Found::new(code, Severity::Error, message, cause)
        .about(Subject::new(
            SubjectKind::Destination,
            &destination.id,
            name,
        ))
        .after(settle)
        .from([media_root(), Key::whole(Condition::NetworkDown)]);
    Some(
        match (&destination.platform, rejected, &destination.advice) {
            (Some((platform, page)), true, _) => {
                found.advise(key_advice(platform, page.as_deref()))
            }
            (_, _, Some(advice)) => found.advise(advice.clone()),
            _ => found,
        },
    )
}

fn key_advice(platform: &str, page: Option<&str>) -> String {
    match page {
        Some(page) => format!(
            "Copy the stream key from {platform}'s live page again, and check that the broadcast is \
             set up there: {page}."
        ),
        None => format!(
            "Copy the stream key from the page of {platform} again, and check that it takes this name."
        ),
    }
}

fn stream(stream: &StreamSeen) -> Option<Found> {
    let name = &stream.name;
    let (message, settle) = match stream.state {
        StreamState::Stopped | StreamState::Running => return None,
        StreamState::Starting => (format!("Stream {name} does not run yet"), CONNECT),
        StreamState::Degraded => (format!("Stream {name} runs with trouble"), MOMENTS),
        StreamState::Restarting => (format!("Stream {name} is being connected again"), LOSS),
        StreamState::Failed => (
            format!("Stream {name} is offline – tried each minute"),
            LOSS,
        ),
    };
    let cause = stream.cause.as_deref().unwrap_or("it takes no data yet");
    Some(
        Found::new(Condition::StreamDown, Severity::Error, message, cause)
            .about(Subject::new(SubjectKind::Stream, &stream.id, name))
            .after(settle)
            .from([media_root(), Key::whole(Condition::NetworkDown)]),
    )
}

fn program(program: &ProgramSeen, live: bool) -> Vec<Found> {
    let mut found = Vec::new();
    let off_air = if live {
        Severity::Critical
    } else {
        Severity::Error
    };
    if program.silent_s >= SILENT_S {
        let message = "The program stands still – its encoder is being started again";
        let cause = "the encoder makes no frames";
        found.push(
            Found::new(Condition::ProgramStalled, off_air, message, cause)
                .from([media_root(), Key::whole(Condition::EncoderUnstable)]),
        );
    }
    if program.restarts >= RESTARTS {
        let message = "The encoder keeps ending – the program breaks off again and again";
        let cause = format!("{} restarts within a minute", program.restarts);
        found.push(
            Found::new(Condition::EncoderUnstable, Severity::Error, message, cause)
                .from([media_root()]),
        );
    }
    if let Some(share) = program.encoder_cpu.filter(|share| *share > ENCODER_CPU) {
        let message = "The encoder needs nearly the whole processor";
        let cause = format!("it uses {share:.0} % of it");
        found.push(
            Found::new(Condition::EncoderCpu, Severity::Warning, message, cause)
                .after(MOMENTS)
                .from([Key::whole(Condition::CpuThrottled)]),
        );
    }
    if program.lost_per_s > LOST {
        let message = "The program loses frames – it stutters";
        let cause = format!("{:.0} frames a second are lost", program.lost_per_s);
        let roots = [
            Condition::MediaServerDown,
            Condition::CpuThrottled,
            Condition::EncoderCpu,
            Condition::CpuHigh,
            Condition::EncoderUnstable,
        ];
        found.push(
            Found::new(Condition::FramesDropped, Severity::Error, message, cause)
                .from(roots.map(Key::whole)),
        );
    }
    if let Some(buffer) = program.buffer.filter(|buffer| *buffer < BUFFER) {
        let message = "The source on air delivers late – its picture may be held";
        let cause = format!("{buffer:.0} % of its reserve is left");
        found.push(
            Found::new(Condition::BufferLow, Severity::Info, message, cause)
                .after(MOMENTS)
                .from([media_root(), Key::whole(Condition::CpuHigh)]),
        );
    }
    found
}

fn lowered(seen: &LoweredSeen) -> Found {
    let code = Condition::QualityLowered;
    let message = format!("Quality is lowered – viewers get {}", seen.what);
    let roots: &[Condition] = if seen.busy {
        &[
            Condition::CpuThrottled,
            Condition::EncoderCpu,
            Condition::CpuHigh,
        ]
    } else {
        &[]
    };
    let advice = format!("{} {}", seen.advice, code.remediation());
    Found::new(code, Severity::Warning, message, seen.cause.as_str())
        .advise(advice)
        .from(roots.iter().copied().map(Key::whole))
}

fn machine(now: &SystemSample) -> Vec<Found> {
    let mut found = Vec::new();
    if now.at_ns == 0 {
        return found;
    }
    let mut warn = |code, message: &str, cause: String, settle, roots: &[Condition]| {
        found.push(
            Found::new(code, Severity::Warning, message, cause)
                .after(settle)
                .from(roots.iter().copied().map(Key::whole)),
        );
    };
    if now.cpu.busy > CPU {
        let cause = format!("{:.0} % busy", now.cpu.busy_5s);
        let message = "The processor is nearly fully busy";
        let roots = [Condition::CpuThrottled, Condition::EncoderCpu];
        warn(Condition::CpuHigh, message, cause, CPU_FOR, &roots);
    }
    let memory = now.memory;
    if memory.total > 0 && memory.available < memory.total / 100 * MEMORY {
        let cause = format!("{} MB are left", memory.available >> 20);
        let message = "The machine has nearly no memory left";
        warn(Condition::MemoryLow, message, cause, MOMENTS, &[]);
    }
    if let Some(degrees) = now.temperature_c.filter(|degrees| *degrees >= HOT) {
        let cause = format!("{degrees:.0} °C");
        let message = "The machine is hot";
        warn(Condition::TemperatureHigh, message, cause, MOMENTS, &[]);
    }
    if now.throttled == Some(true) || now.under_voltage == Some(true) {
        let (message, cause) = if now.under_voltage == Some(true) {
            ("The power supply is too weak", "the voltage is too low")
        } else {
            (
                "The processor is being held back",
                "the firmware throttles it",
            )
        };
        let roots = [Condition::TemperatureHigh];
        warn(
            Condition::CpuThrottled,
            message,
            cause.to_owned(),
            MOMENTS,
            &roots,
        );
    }
    if now.clock_synced == Some(false) {
        let message = "The clock is not in step with a time server";
        let cause = "no time server answers".to_owned();
        warn(Condition::ClockUnsynced, message, cause, CPU_FOR, &[]);
    }
    let used = now.disk.used_percent();
    if used > DISK_FULL {
        let cause = format!("{used:.0} % full");
        let message = "The disk is nearly full";
        found.push(Found::new(
            Condition::StorageFull,
            Severity::Error,
            message,
            cause,
        ));
    } else if used > DISK_LOW {
        let cause = format!("{used:.0} % full");
        let message = "The disk is filling up";
        found.push(Found::new(
            Condition::StorageLow,
            Severity::Warning,
            message,
            cause,
        ));
    }
    found
}

#[cfg(test)]
mod tests;
