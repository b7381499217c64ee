//! The show as others see it: a whole picture, made after every answer and ten times a second.
//!
//! Owns nothing; reads the session, the connections and their counters.

use super::degraded::Keeper;
use super::opening::Open;
use super::owner::mode;
use super::parts::Parts;
use super::sending::Sending;
use super::session::Session;
use super::straight::Straight;
use super::{
    ActiveOverlay, EncoderStatus, InputStatus, OnAirRung, OnAirStatus, Position, ProgramStatus,
    ShowStatus, ShownTimeline,
};
use ::program::Rung;
use engine::input::SourceState;
use model::{CameraId, FrameRate, InputId, Pattern, Source};
use runtime::Clock;
use std::time::Duration;
use stream::Mode;
use timeline::Look;

/// Without a picture for so long, a source is called lost.
const LOST_NS: u64 = 200_000_000;

pub(super) fn status(
    parts: &Parts,
    running: &Mode,
    session: Option<&Session>,
    sending: &Sending,
    straight: &Straight,
    keeper: &Keeper,
) -> ShowStatus {
    let destinations = sending.statuses();
    let mut status = ShowStatus {
        mode: mode(running),
        quality: keeper.status(session, &destinations),
        destinations,
        streams: straight.statuses(),
        notices: parts.notices.standing(),
        ..ShowStatus::default()
    };
    let Some(session) = session else {
        return status;
    };
    let standing = session.standing();
    let rate = session.rate();
    let cues = session.rundown.video();
    status.timeline = session.timeline.id.clone().map(|id| ShownTimeline {
        id,
        name: session.timeline.name.clone(),
        duration_s: session.timeline.duration,
        total_cues: cues.len(),
        started_at: session.started_at.clone(),
    });
    status.paused = standing.paused;
    status.position = Some(Position {
        current_time: seconds(rate, standing.at.frame),
        current_cue_id: standing
            .cue
            .and_then(|cue| cues.get(cue))
            .map(|cue| cue.id.clone()),
        current_cue_index: standing.cue,
        loop_count: standing.at.loops,
        total_cues: cues.len(),
        updated_at: crate::time::rfc3339(parts.clock.wall()),
    });
    status.program = Some(program(parts, session));
    status.encoder = Some(encoder(session));
    status.on_air = on_air(parts, session);
    status.inputs = session
        .sources
        .iter()
        .map(|open| input(parts, session, open))
        .collect();
    status.overlays = overlays(session, status.quality.graphics);
    status
}

/// How many processes a session has running.
pub(super) fn children(session: &Session) -> u32 {
    let decoders = session
        .sources
        .iter()
        .filter_map(Open::stats)
        .map(|stats| stats.decoder_pid);
    let encoders = session
        .program
        .stats()
        .encoders
        .into_iter()
        .map(|encoder| encoder.pid);
    u32::try_from(decoders.chain(encoders).filter(|pid| *pid != 0).count()).unwrap_or(u32::MAX)
}

fn seconds(rate: FrameRate, frame: u64) -> f64 {
    let micros = rate.time_of(frame).as_micros();
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)).as_secs_f64()
}

fn program(parts: &Parts, session: &Session) -> ProgramStatus {
    let stats = session.program.stats();
    let encoder = stats.encoders.first();
    let uptime_ns = parts
        .clock
        .monotonic_ns()
        .saturating_sub(session.started_ns);
    ProgramStatus {
        uptime_s: uptime_ns / 1_000_000_000,
        frames: stats.frames,
        repeated: stats.late_repeats,
        spared: stats.spared,
        dropped: encoder.map_or(0, |encoder| encoder.queue_drops),
        fps: encoder.map_or(0.0, |encoder| f64::from(encoder.fps)),
        // The media server counts it; without one it is what the encoder makes.
        kbps: match encoder.filter(|_| parts.media.is_absent()) {
            Some(encoder) => u32::try_from(encoder.bits_per_second / 1000).unwrap_or(u32::MAX),
            None => session.kbps(),
        },
        encoder_restarts: encoder.map_or(0, |encoder| u64::from(encoder.restarts)),
        encoder_pid: encoder.map(|encoder| encoder.pid).filter(|pid| *pid != 0),
        encoded: encoder.map_or(0, |encoder| encoder.frames),
        kbps_target: session.profile.video_kbps + session.profile.audio_kbps,
        fps_target: f64::from(session.rate().num()) / f64::from(session.rate().den()),
        buffer_fullness: buffer(parts, session),
        mix_p50_us: stats.mix_p50_us,
        mix_p99_us: stats.mix_p99_us,
        worst_late_us: stats.worst_late_us,
        missing: stats.missing,
        // An encoder that has no output yet publishes nothing.
        publishing: encoder.is_some_and(|encoder| {
            !encoder.outputs.is_empty() && encoder.outputs.iter().all(|to| to.connected)
        }),
        mix_us: stats.hand_p50_us,
        encode_us: encoder.map_or(0, |encoder| encoder.encode_p50_us),
        publish_us: encoder.map_or(0, |encoder| encoder.publish_p50_us),
    }
}

/// What is left of the time for which the picture of the camera on air may be held, in percent.
fn buffer(parts: &Parts, session: &Session) -> Option<f32> {
    let shown = InputId(session.standing().on_air?);
    let on_air = session.sources.input(shown)?;
    if !matches!(on_air.source, Source::Camera(_)) {
        return None;
    }
    let last = u64::try_from(on_air.stats()?.last_frame_ns).ok()?;
    let age = parts.clock.monotonic_ns().saturating_sub(last);
    let left = LOST_NS.saturating_sub(age);
    Some(f32::from(u16::try_from(left * 1000 / LOST_NS).unwrap_or(0)) / 10.0)
}

fn encoder(session: &Session) -> EncoderStatus {
    let encodes = session.program.stats().encoders;
    let now = encodes.first().and_then(|encoder| encoder.encoder);
    let chosen = now.unwrap_or(session.trial.chosen);
    let software = chosen.name == model::EncoderName::X264;
    let tried = session.trial.tried.iter().map(|tried| {
        let preset = if tried.candidate.name == model::EncoderName::X264 {
            format!(" {}", tried.candidate.preset.as_str())
        } else {
            String::new()
        };
        match (tried.speed, tried.cause) {
            (Some(speed), _) => {
                format!(
                    "{}{preset}: {speed:.1} times real time",
                    tried.candidate.name.as_str()
                )
            }
            (None, Some(cause)) => {
                format!("{}: {}", tried.candidate.name.as_str(), cause.describe())
            }
            (None, None) => format!("{}: failed", tried.candidate.name.as_str()),
        }
    });
    let mut why = tried.collect::<Vec<_>>().join("; ");
    if chosen != session.trial.chosen {
        why.push_str("; the chosen one kept ending");
    }
    if !session.trial.fast_enough {
        why.push_str("; the machine may be too slow for this profile");
    }
    EncoderStatus {
        name: chosen.name.as_str().to_owned(),
        preset: software.then(|| chosen.preset.as_str().to_owned()),
        profile: session.profile_name,
        size: session.profile.size.to_string(),
        why,
    }
}

/// What a source is called, and which camera it is.
fn named(source: &Source) -> (String, Option<CameraId>) {
    match source {
        Source::Camera(id) => (format!("camera {id}"), Some(id.clone())),
        Source::Media { asset, .. } => (format!("media {}", asset.as_str()), None),
        Source::Pattern(pattern) => (format!("pattern {}", pattern.name()), None),
        Source::Colour(colour) => (format!("colour {colour}"), None),
    }
}

fn on_air(parts: &Parts, session: &Session) -> Option<OnAirStatus> {
    let standing = session.standing();
    let sources = &session.sources;
    let of = |input: u32| {
        let pattern = Source::Pattern(Pattern::TechnicalDifficulties);
        named(sources.roster.shown(InputId(input)).unwrap_or(&pattern))
    };
    let (wanted, wanted_camera_id) = of(standing.asked?);
    let (shown, shown_camera_id) = of(standing.on_air?);
    let rung = match standing.rung? {
        Rung::Waiting => OnAirRung::Waiting,
        Rung::Asked => OnAirRung::Wanted,
        Rung::Backup | Rung::ShowBackup => OnAirRung::Backup,
        Rung::Fallback | Rung::Pattern => OnAirRung::Pattern,
        Rung::LastPicture => OnAirRung::LastPicture,
    };
    let cause = (rung.stands_in() || rung == OnAirRung::Waiting).then(|| {
        let camera = wanted_camera_id.as_ref();
        let trouble = camera.and_then(|id| sources.trouble(id));
        trouble.unwrap_or_else(|| "it gives no picture; see the log".to_owned())
    });
    let now_ns = parts.clock.monotonic_ns();
    let due_ns = session.program.due_ns(standing.since).unwrap_or(now_ns);
    let ago = Duration::from_nanos(now_ns.saturating_sub(due_ns));
    let wall = parts.clock.wall();
    Some(OnAirStatus {
        wanted,
        wanted_camera_id,
        shown,
        shown_camera_id,
        rung,
        since: crate::time::rfc3339(wall.checked_sub(ago).unwrap_or(wall)),
        cause,
        forced: standing.forced,
        test_pattern: standing.pattern,
        overloaded: standing.overloaded,
    })
}

fn input(parts: &Parts, session: &Session, open: &Open) -> InputStatus {
    let (name, camera_id) = named(&open.source);
    let trouble = camera_id
        .as_ref()
        .and_then(|id| session.sources.trouble(id));
    let Some(stats) = open.stats() else {
        let unknown = || "It cannot be opened; see the log.".to_owned();
        let last_error = Some(trouble.unwrap_or_else(unknown));
        let state = "absent".to_owned();
        return InputStatus {
            name,
            camera_id,
            state,
            last_error,
            frames_in: 0,
            dropped: 0,
            late: 0,
            duplicate: 0,
            wait_us: 0,
            restarts: 0,
        };
    };
    let last = u64::try_from(stats.last_frame_ns).unwrap_or(0);
    let age = parts.clock.monotonic_ns().saturating_sub(last);
    let live = matches!(open.source, Source::Camera(_));
    let state = match stats.state {
        SourceState::Failed => "absent",
        SourceState::Connecting | SourceState::Waiting if stats.frames_in == 0 => "absent",
        _ if live && age > LOST_NS => "lost",
        SourceState::Connecting | SourceState::Waiting => "held",
        SourceState::Running | SourceState::Ended => "fresh",
    };
    InputStatus {
        name,
        camera_id,
        state: state.to_owned(),
        frames_in: stats.frames_in,
        dropped: stats.dropped,
        late: stats.late,
        duplicate: stats.duplicate,
        wait_us: stats.wait_p50_us,
        restarts: u64::from(stats.restarts),
        last_error: trouble.or_else(|| stats.last_cause.map(|cause| cause.describe().to_owned())),
    }
}

fn overlays(session: &Session, shown: bool) -> Vec<ActiveOverlay> {
    let mut look = Look::new();
    let at = session.standing().at;
    session.rundown.look(at, &mut look);
    let shown = look.graphics().iter().filter_map(|now| {
        let cue = session.rundown.graphics().get(now.cue)?;
        let graphic = session.gallery.graphic(now.cue)?.clone();
        let left = cue.end.saturating_sub(at.frame);
        Some(ActiveOverlay {
            cue_id: cue.id.clone(),
            layer: u16::try_from(cue.z).unwrap_or(0),
            opacity: graphic.opacity * f64::from(now.opacity) / 256.0,
            visible: shown && !session.gallery.is_hidden(now.cue),
            remaining_s: seconds(session.rate(), left),
            graphic,
        })
    });
    shown.collect()
}
