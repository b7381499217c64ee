//! Tries a camera through a temporary path, and says what it found in one word.
//!
//! MediaMTX connects, not FFmpeg, so the password never reaches an argument list.

use super::log::{Log, parts};
use super::{MediaMtx, PathError, PathName, PathSpec, PathState, Track};
use model::Secret;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(150);
/// How long to wait for the size of a picture whose headers come with it and not before.
const SIZE: Duration = Duration::from_secs(2);
/// Pixels a side that we can work with.
const LARGEST: u32 = 8192;

/// What a camera sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// All its tracks; one of them is a picture.
    pub tracks: Vec<Track>,
    /// Codec of the picture as MediaMTX spells it, e.g. `H264`.
    pub codec: String,
    /// Its size in pixels, where it was seen in time.
    pub size: Option<(u32, u32)>,
    /// Whether it has sound.
    pub has_audio: bool,
}

/// Why a camera gives no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// Nothing listens there.
    #[error("the camera refuses the connection")]
    Refused,
    /// No way to it, or its name is unknown.
    #[error("the camera cannot be reached")]
    Unreachable,
    /// It does not answer in time.
    #[error("the camera does not answer in time")]
    Timeout,
    /// It wants another user name or password.
    #[error("the camera does not accept the user name and password")]
    AuthFailed,
    /// It has no such stream.
    #[error("the camera has no stream of that path")]
    NotFound,
    /// It sends sound only.
    #[error("the camera sends no picture")]
    NoVideo,
    /// It sends something that cannot be used.
    #[error("the camera sends something that cannot be used: {0}")]
    Unsupported(String),
    /// The media server is away, so nothing can be tried.
    #[error("the media server does not answer")]
    ServerDown,
    /// The address cannot be used.
    #[error("the address cannot be used: {0}")]
    Address(String),
}

pub(super) async fn run(
    server: &MediaMtx,
    log: &Log,
    path: PathName,
    address: Secret,
    limit: Duration,
) -> Result<Probe, ProbeError> {
    let guard = Temporary { server, path };
    let attempt = attempt(server, log, &guard.path, address);
    let result = timeout(limit, attempt).await;
    drop(guard);
    result.unwrap_or(Err(ProbeError::Timeout))
}

/// A path that is gone when its probe is, however that ends.
struct Temporary<'a> {
    server: &'a MediaMtx,
    path: PathName,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        self.server.forget(&self.path);
    }
}

async fn attempt(
    server: &MediaMtx,
    log: &Log,
    path: &PathName,
    address: Secret,
) -> Result<Probe, ProbeError> {
    let mut lines = log.watch();
    let mut seen = lines.borrow_and_update().taken();
    server
        .put(path, PathSpec::pulled(address))
        .await
        .map_err(|error| match error {
            PathError::Down => ProbeError::ServerDown,
            PathError::Refused { reason, .. } => ProbeError::Address(reason),
        })?;
    let mut sized_by = None;
    loop {
        if let Some(state) = server.refresh().await.path(path)
            && state.online
        {
            let by = *sized_by.get_or_insert_with(|| Instant::now() + SIZE);
            let probe = judge(state)?;
            if probe.size.is_some() || Instant::now() >= by {
                return Ok(probe);
            }
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = lines.changed() => {
                let new = lines.borrow_and_update();
                let complaint = new.since(seen).find_map(|line| complaint(line, path));
                if let Some(text) = complaint {
                    return Err(classify(text));
                }
                seen = new.taken();
            }
        }
    }
}

fn judge(state: &PathState) -> Result<Probe, ProbeError> {
    let picture = state
        .tracks
        .iter()
        .find_map(|track| track.video.map(|video| (track, video)));
    let Some((track, video)) = picture else {
        let unknown = |track: &&Track| matches!(track.codec.as_str(), "Generic" | "MPEG-TS");
        return Err(match state.tracks.iter().find(unknown) {
            Some(track) => ProbeError::Unsupported(format!("{} data", track.codec)),
            None => ProbeError::NoVideo,
        });
    };
    if let Some((width, height)) = video.size
        && (width > LARGEST || height > LARGEST)
    {
        let text = format!("a picture of {width}x{height} pixels");
        return Err(ProbeError::Unsupported(text));
    }
    Ok(Probe {
        codec: track.codec.clone(),
        size: video.size,
        has_audio: state.tracks.iter().any(|track| is_audio(&track.codec)),
        tracks: state.tracks.clone(),
    })
}

/// Sound by the names that MediaMTX gives.
fn is_audio(codec: &str) -> bool {
    matches!(
        codec,
        "Opus"
            | "FLAC"
            | "Vorbis"
            | "MPEG-4 Audio"
            | "MPEG-4 Audio LATM"
            | "MPEG-1/2 Audio"
            | "AC3"
            | "Speex"
            | "G726"
            | "G722"
            | "G711"
            | "LPCM"
    )
}

/// What a line complains about a pulled path: `… ERR [path cam/1] [RTSP source] <text>`.
pub(super) fn complaint<'a>(line: &'a str, path: &PathName) -> Option<&'a str> {
    let (level, text) = parts(line);
    let text = text
        .strip_prefix("[path ")?
        .strip_prefix(path.as_str())?
        .strip_prefix("] ")?;
    let text = text
        .strip_prefix("[RTSP source] ")
        .or_else(|| text.strip_prefix("[RTMP source] "))?;
    (level == "ERR").then_some(text)
}

/// One word for what gortsplib, gortmplib and the system say.
pub(super) fn classify(text: &str) -> ProbeError {
    let low = text.to_ascii_lowercase();
    let has = |any: &[&str]| any.iter().any(|word| low.contains(word));
    if has(&["connection refused"]) {
        ProbeError::Refused
    } else if has(&["timeout", "timed out", "deadline exceeded"]) {
        ProbeError::Timeout
    } else if has(&["no route to host", "unreachable", "no such host", "lookup "]) {
        ProbeError::Unreachable
    } else if has(&[
        "code: 401",
        "code: 403",
        "unauthorized",
        "auth",
        "credentials",
    ]) {
        ProbeError::AuthFailed
    } else if has(&[
        "code: 400",
        "code: 404",
        "code: 454",
        "not found",
        "streamnotfound",
    ]) {
        ProbeError::NotFound
    } else if has(&["no medias", "no supported", "no tracks"]) {
        ProbeError::NoVideo
    } else if has(&["eof", "connection reset", "broken pipe", "closed"]) {
        ProbeError::Unsupported("it ends the connection".to_owned())
    } else {
        ProbeError::Unsupported(text.chars().take(200).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_found_by_their_path_alone() {
        let path = PathName::parse("cam/1").unwrap();
        let line = "2026/11/21 10:00:00 ERR [path cam/1] [RTSP source] bad status code: 401 (Unauthorized)";
        assert_eq!(
            complaint(line, &path),
            Some("bad status code: 401 (Unauthorized)")
        );
        for other in [
            "2026/11/21 10:00:00 ERR [path cam/12] [RTSP source] EOF",
            "2026/11/21 10:00:00 INF [path cam/1] [RTSP source] ready",
            "cam/1",
        ] {
            assert_eq!(complaint(other, &path), None, "{other}");
        }
    }

    #[test]
    fn each_complaint_is_one_word() {
        for (text, want) in [
            (
                "dial tcp 127.0.0.1:1: connect: connection refused",
                ProbeError::Refused,
            ),
            ("dial tcp 10.0.0.9:554: i/o timeout", ProbeError::Timeout),
            (
                "bad status code: 401 (Unauthorized)",
                ProbeError::AuthFailed,
            ),
            ("bad status code: 404 (Not Found)", ProbeError::NotFound),
            (
                "dial tcp: lookup nowhere.invalid: no such host",
                ProbeError::Unreachable,
            ),
            ("no medias have been setupped", ProbeError::NoVideo),
            (
                "EOF",
                ProbeError::Unsupported("it ends the connection".to_owned()),
            ),
        ] {
            assert_eq!(classify(text), want, "{text}");
        }
    }
}
