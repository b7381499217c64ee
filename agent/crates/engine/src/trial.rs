//! Chooses an encoder by encoding with it: device files and model names prove nothing.

use crate::nut::{Writer, WriterSpec};
use crate::process::{Cause, Launch, LaunchError, Launcher, Process, Stdin};
use crate::program::args;
use model::{EncoderName, Profile, Size, X264Preset};
use runtime::{Clock, SystemClock};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An encoder that has been seen to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Chosen {
    /// Which.
    pub name: EncoderName,
    /// For libx264: the preset. Ignored by the others.
    pub preset: X264Preset,
}

/// One candidate's result.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Tried {
    /// Which encoder and preset.
    pub candidate: Chosen,
    /// How many times faster than real time it was; `None` when it failed.
    pub speed: Option<f64>,
    /// Why it failed.
    pub cause: Option<Cause>,
}

/// What the trial found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Trial {
    /// The choice.
    pub chosen: Chosen,
    /// False when even the fastest preset misses twice real time: the machine may not keep up.
    pub fast_enough: bool,
    /// Everything that was tried, in order.
    pub tried: Vec<Tried>,
}

/// Why no encoder could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// FFmpeg could not be started.
    #[error("FFmpeg cannot be started")]
    Launch(#[from] LaunchError),
    /// Neither a hardware encoder nor libx264 works.
    #[error("no H.264 encoder of this FFmpeg works, libx264 included")]
    NoEncoder(Vec<Tried>),
}

/// An encoder has to be so many times faster than real time.
const ENOUGH: f64 = 2.0;
/// Longest trial of one candidate, its start included.
const LIMIT: Duration = Duration::from_secs(6);
/// Different pictures that are encoded in turn.
const PICTURES: u64 = 6;

/// Chooses an encoder for a profile: each candidate encodes one second of pictures at the real size.
/// Hardware first, in the order of [`EncoderName::ALL`]; for libx264 the slowest preset not beyond
/// [`Profile::slowest`] that is twice as fast as real time. Blocks for one to five seconds; what else
/// runs on the machine counts, so let the cameras run meanwhile.
///
/// # Errors
/// [`TrialError`].
pub fn choose(launcher: &Launcher, ffmpeg: &Path, profile: &Profile) -> Result<Trial, TrialError> {
    let pictures: Vec<Vec<u8>> = (0..PICTURES).map(|k| picture(profile.size, k)).collect();
    let mut tried: Vec<Tried> = Vec::new();
    for candidate in candidates(profile) {
        let last_resort = candidate.preset == X264Preset::Ultrafast;
        let software = candidate.name == EncoderName::X264;
        let result = encode(launcher, ffmpeg, profile, candidate, &pictures, last_resort)?;
        let fast_enough = result.speed.is_some_and(|s| s >= ENOUGH);
        let works = result.speed.is_some();
        tried.push(result);
        if fast_enough || (software && last_resort && works) {
            return Ok(Trial {
                chosen: candidate,
                fast_enough,
                tried,
            });
        }
    }
    Err(TrialError::NoEncoder(tried))
}

/// What encodes instead of an encoder that keeps ending: libx264, the next candidate that needs no
/// device, at a preset that any machine keeps up with. `None` where it is libx264 already: that no
/// other preset cures.
pub(crate) fn fallback(failed: Chosen, profile: &Profile) -> Option<Chosen> {
    (failed.name != EncoderName::X264).then(|| Chosen {
        name: EncoderName::X264,
        preset: profile.slowest.min(X264Preset::Superfast),
    })
}

fn candidates(profile: &Profile) -> impl Iterator<Item = Chosen> {
    const SLOWEST_FIRST: [X264Preset; 6] = [
        X264Preset::Medium,
        X264Preset::Fast,
        X264Preset::Faster,
        X264Preset::Veryfast,
        X264Preset::Superfast,
        X264Preset::Ultrafast,
    ];
    let slowest = profile.slowest;
    EncoderName::ALL.into_iter().flat_map(move |name| {
        let software = name == EncoderName::X264;
        let presets = SLOWEST_FIRST.into_iter().filter(move |preset| {
            if software {
                *preset <= slowest
            } else {
                *preset == X264Preset::Medium
            }
        });
        presets.map(move |preset| Chosen { name, preset })
    })
}

/// Encodes one second. Unless it is the last resort, a candidate that is too slow is not waited for.
fn encode(
    launcher: &Launcher,
    ffmpeg: &Path,
    profile: &Profile,
    candidate: Chosen,
    pictures: &[Vec<u8>],
    last_resort: bool,
) -> Result<Tried, TrialError> {
    let mut args = Vec::new();
    args::input(&mut args, candidate.name);
    args.extend(["-map", "0:v"].map(str::to_owned));
    args::video(&mut args, candidate, profile, profile.size, profile.rate);
    args.extend(["-f", "null", "-"].map(str::to_owned));
    let mut process = launcher.launch(Launch::new(ffmpeg).args(args).stdin(Stdin::Pipe))?;
    let failed = |process: &Process| Tried {
        candidate,
        speed: None,
        cause: Some(match process.cause() {
            Cause::Unknown => Cause::Encoder,
            known => known,
        }),
    };
    let Some(pipe) = process.take_stdin() else {
        return Ok(failed(&process));
    };
    let process = Arc::new(process);
    let guard = process.clone();
    let timer = std::thread::Builder::new().name("trial-timer".to_owned());
    let _timer = timer.spawn(move || {
        if guard.wait_timeout(LIMIT).is_none() {
            guard.kill();
        }
    });
    let second = u64::from(profile.rate.num().div_ceil(profile.rate.den()));
    let limit = profile.rate.time_of(second).div_f64(ENOUGH);
    let speed = feed(
        pipe,
        profile,
        pictures,
        second,
        (!last_resort).then_some(limit),
    );
    let Ok(begun) = speed else {
        let _exit = process.wait_timeout(Duration::from_secs(1));
        process.kill();
        return Ok(failed(&process));
    };
    let (began, frames) = begun;
    let exit = if frames == second {
        process.wait_timeout(LIMIT)
    } else {
        None
    };
    let spent = SystemClock.monotonic().saturating_sub(began);
    process.kill();
    if frames == second && !exit.is_some_and(|e| e.is_success()) {
        return Ok(failed(&process));
    }
    // The clock starts when the first picture has gone in: the program's start does not count.
    let done = profile.rate.time_of(frames.saturating_sub(1));
    Ok(Tried {
        candidate,
        speed: Some(done.as_secs_f64() / spent.as_secs_f64().max(0.001)),
        cause: None,
    })
}

/// Writes one second of pictures, or as many as go in within the limit. Returns when the first had
/// gone in, and how many did.
fn feed(
    pipe: std::process::ChildStdin,
    profile: &Profile,
    pictures: &[Vec<u8>],
    second: u64,
    limit: Option<Duration>,
) -> std::io::Result<(Duration, u64)> {
    let format = WriterSpec {
        size: profile.size,
        rate: profile.rate,
    };
    let mut writer = Writer::open(pipe, format)?;
    let mut began = Duration::ZERO;
    for (n, picture) in (0..second).zip(pictures.iter().cycle()) {
        writer.picture(n, picture)?;
        let now = SystemClock.monotonic();
        if n == 0 {
            began = now;
        }
        if limit.is_some_and(|limit| now.saturating_sub(began) > limit) {
            return Ok((began, n + 1));
        }
    }
    Ok((began, second))
}

/// A picture with edges, a moving gradient and grain: about as hard to encode as a lively camera.
fn picture(size: Size, k: u64) -> Vec<u8> {
    let mut noise = 0x9E37_79B9_7F4A_7C15_u64 ^ k;
    let width = size.width() as usize;
    let mut grain = move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 60) as u8
    };
    let shift = usize::try_from(k).unwrap_or(0) * 6;
    let mut data: Vec<u8> = (0..size.luma_bytes())
        .map(|i| {
            let (x, y) = (i % width + shift, i / width);
            let block = if (x / 48 + y / 36) % 3 == 0 { 60 } else { 0 };
            #[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
            let slope = ((x / 8 + y / 6) & 0x7f) as u8;
            32 + slope + block + grain() / 2
        })
        .collect();
    data.resize(size.yuv420_bytes(), 128);
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{FrameRate, H264Profile, RateMode};

    pub(super) fn profile() -> Profile {
        Profile {
            size: Size::new(320, 180).unwrap(),
            rate: FrameRate::THIRTY,
            video_kbps: 500,
            mode: RateMode::Cbr,
            buffer_kbit: 1000,
            gop_ms: 2000,
            slowest: X264Preset::Faster,
            h264_profile: H264Profile::Main,
            level: 31,
            audio_kbps: 128,
        }
    }

    #[test]
    fn hardware_is_tried_first_and_no_preset_beyond_the_slowest() {
        let all: Vec<_> = candidates(&profile()).collect();
        assert_eq!(all.len(), 5 + 4);
        assert_eq!(all[0].name, EncoderName::V4l2m2m);
        assert_eq!(all[5].preset, X264Preset::Faster);
        assert_eq!(all[8].preset, X264Preset::Ultrafast);
    }

    #[test]
    fn only_hardware_has_another_encoder_behind_it() {
        let chosen = |name| Chosen {
            name,
            preset: X264Preset::Medium,
        };
        let other = fallback(chosen(EncoderName::Vaapi), &profile()).unwrap();
        assert_eq!(
            (other.name, other.preset),
            (EncoderName::X264, X264Preset::Superfast)
        );
        assert_eq!(fallback(chosen(EncoderName::X264), &profile()), None);
    }

    #[test]
    fn a_small_picture_is_encoded_by_the_real_ffmpeg() {
        let launcher = Launcher::start().unwrap();
        let trial = choose(&launcher, Path::new("ffmpeg"), &profile()).unwrap();
        assert!(
            trial.tried.last().unwrap().speed.unwrap() > 0.1,
            "{trial:?}"
        );
    }

    #[test]
    fn without_ffmpeg_the_error_names_it() {
        let launcher = Launcher::start().unwrap();
        let error = choose(&launcher, Path::new("/nowhere/ffmpeg"), &profile()).unwrap_err();
        assert!(matches!(error, TrialError::Launch(LaunchError::Missing(_))));
    }
}
