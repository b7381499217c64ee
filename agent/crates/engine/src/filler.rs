//! Makes the film that the media server shows on a program's path while no encoder publishes.
//!
//! Owns how it is encoded: by the encoder and with the settings of the program, so that its tracks are
//! the program's. Never decides what it shows, nor where it is kept.

use crate::nut::{Writer, WriterSpec};
use crate::process::{Cause, Launch, LaunchError, Launcher, Stdin};
use crate::program::args;
use crate::trial::Chosen;
use model::{Profile, SAMPLE_RATE, Still};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Groups of pictures in the film.
const GROUPS: u64 = 2;
/// Longest that the encode may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Why there is no film.
#[derive(Debug, thiserror::Error)]
pub enum FillerError {
    /// The picture is not of the profile's size.
    #[error("the picture is not of the profile's size")]
    Size,
    /// Its folder cannot be made.
    #[error("the folder of {0} cannot be made")]
    Folder(PathBuf, #[source] io::Error),
    /// FFmpeg could not be started.
    #[error("FFmpeg cannot be started")]
    Launch(#[from] LaunchError),
    /// It took no more pictures.
    #[error("the encoder took no more pictures: {}", .0.describe())]
    Pipe(Cause),
    /// It failed at the end, or never ended.
    #[error("the encoder did not end well: {}", .0.describe())]
    Failed(Cause),
}

/// Encodes two groups of pictures of `picture` with silence (AAC, 48 kHz, stereo) to an MP4 at `to`,
/// which is
/// replaced and whose folder is made. Blocks for about a second.
///
/// # Errors
/// [`FillerError`]; there may be a broken file at `to` then.
pub fn make(
    launcher: &Launcher,
    ffmpeg: &Path,
    profile: &Profile,
    encoder: Chosen,
    picture: &Still,
    to: &Path,
) -> Result<(), FillerError> {
    if picture.size != profile.size {
        return Err(FillerError::Size);
    }
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder).map_err(|error| FillerError::Folder(to.to_owned(), error))?;
    let mut args = Vec::new();
    args::input(&mut args, encoder.name);
    args.extend(["-map", "0:v", "-map", "0:a"].map(str::to_owned));
    args::video(&mut args, encoder, profile, profile.size, profile.rate);
    let sound = format!(
        "-c:a aac -b:a {}k -ar {SAMPLE_RATE} -ac 2 -flags +global_header -f mp4 -y",
        profile.audio_kbps
    );
    args.extend(sound.split_ascii_whitespace().map(str::to_owned));
    let launch = Launch::new(ffmpeg).args(args).arg(to).stdin(Stdin::Pipe);
    let mut process = launcher.launch(launch)?;
    let fed = process
        .take_stdin()
        .ok_or(io::ErrorKind::BrokenPipe.into())
        .and_then(|pipe| feed(pipe, profile, picture));
    let exit = process.wait_timeout(LIMIT);
    process.kill();
    match (fed, exit) {
        (Ok(()), Some(exit)) if exit.is_success() => Ok(()),
        (Ok(()), _) => Err(FillerError::Failed(process.cause())),
        (Err(_), _) => Err(FillerError::Pipe(process.cause())),
    }
}

fn feed(pipe: std::process::ChildStdin, profile: &Profile, picture: &Still) -> io::Result<()> {
    let format = WriterSpec {
        size: profile.size,
        rate: profile.rate,
    };
    let mut writer = Writer::open(pipe, format)?;
    let (mut silence, mut scratch, mut heard) = (Vec::new(), Vec::new(), 0_u64);
    for n in 0..u64::from(profile.gop_frames()) * GROUPS {
        writer.picture(n, &picture.data)?;
        let until = profile.rate.samples_before(n + 1);
        let samples = usize::try_from(until.saturating_sub(heard)).unwrap_or(0);
        silence.resize(samples * 2, 0_i16);
        writer.sound(heard, &silence, &mut scratch)?;
        heard = until;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Stdout;
    use model::{EncoderName, FrameRate, H264Profile, RateMode, Size, X264Preset};
    use std::sync::{Arc, Mutex};

    #[test]
    fn it_has_the_programs_tracks_and_a_key_frame_every_two_seconds() {
        let size = Size::new(320, 180).unwrap();
        let profile = Profile {
            size,
            rate: FrameRate::THIRTY,
            video_kbps: 500,
            mode: RateMode::Cbr,
            buffer_kbit: 1000,
            gop_ms: 2000,
            slowest: X264Preset::Faster,
            h264_profile: H264Profile::Main,
            level: 31,
            audio_kbps: 128,
        };
        let encoder = Chosen {
            name: EncoderName::X264,
            preset: X264Preset::Ultrafast,
        };
        let mut data = vec![60; size.luma_bytes()];
        data.resize(size.yuv420_bytes(), 128);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("filler.mp4");
        let launcher = Launcher::start().unwrap();
        let still = Still { size, data };
        make(
            &launcher,
            Path::new("ffmpeg"),
            &profile,
            encoder,
            &still,
            &file,
        )
        .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        let ask = Launch::new("ffprobe")
            .args(["-v", "error", "-of", "csv=p=0", "-show_entries"])
            .arg("stream=codec_name,sample_rate,channels,nb_frames:packet=codec_type,flags")
            .arg(&file)
            .stdout(Stdout::Log)
            .on_line(move |line| {
                let mut said = heard.lock().unwrap();
                said.push_str(line);
                said.push('\n');
            });
        let probe = launcher.launch(ask).unwrap();
        assert!(probe.wait_timeout(LIMIT).unwrap().is_success());
        let said = said.lock().unwrap();
        let keys: Vec<usize> = said
            .lines()
            .filter(|line| line.starts_with("video,"))
            .enumerate()
            .filter(|(_, line)| line.contains('K'))
            .map(|(n, _)| n)
            .collect();
        assert_eq!(keys, [0, 60], "{said}");
        assert!(said.contains("h264,120"), "{said}");
        assert!(said.contains("aac,48000,2,"), "{said}");
    }
}
