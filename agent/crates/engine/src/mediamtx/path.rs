//! Paths of the media server as they are wanted.
//!
//! Owns names, sources and the words of MediaMTX's path configuration. Pure.

use super::Addresses;
use model::{Camera, CameraId, CameraProtocol, DestinationId, Secret, StreamId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The name of a path: `[a-z0-9_/-]`, 1 to 80 characters, no empty part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathName(String);

/// Why a text is no name of a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path's name is 1 to 80 of a-z, 0-9, '_', '-' and single '/', not {0:?}")]
pub struct PathNameError(String);

impl PathName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`PathNameError`] when it is empty, too long or has anything else in it.
    pub fn parse(text: impl Into<String>) -> Result<Self, PathNameError> {
        let text = text.into();
        let fits = text.len() <= 80
            && text.split('/').all(|part| {
                !part.is_empty()
                    && part.bytes().all(|b| {
                        b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-'
                    })
            });
        if fits {
            Ok(Self(text))
        } else {
            Err(PathNameError(text.chars().take(100).collect()))
        }
    }

    /// `cam/<id>`: a camera.
    #[must_use]
    pub fn camera(id: &CameraId) -> Self {
        Self(format!("cam/{id}"))
    }

    /// `out/<id>`: a destination.
    #[must_use]
    pub fn destination(id: &DestinationId) -> Self {
        Self(format!("out/{id}"))
    }

    /// `probe/<n>`: a camera that is being tried.
    pub(super) fn probe(n: u64) -> Self {
        Self(format!("probe/{n}"))
    }

    /// `program`: H.264 and AAC.
    #[must_use]
    pub fn program() -> Self {
        Self("program".to_owned())
    }

    /// `program/<rendition>`: another encode of the program, H.264 and AAC.
    ///
    /// # Errors
    /// [`PathNameError`] when the name cannot stand in a path.
    pub fn rendition(name: &str) -> Result<Self, PathNameError> {
        Self::parse(format!("program/{name}"))
    }

    /// `stream/<id>`: a camera on its way straight to a destination.
    #[must_use]
    pub fn stream(id: &StreamId) -> Self {
        Self(format!("stream/{id}"))
    }

    /// `stream/<id>/encode`: the encode that feeds it, where the camera's own codecs do not do.
    #[must_use]
    pub fn stream_encode(id: &StreamId) -> Self {
        Self(format!("stream/{id}/encode"))
    }

    /// `program_rtc`: H.264 and Opus, for WHEP.
    #[must_use]
    pub fn program_rtc() -> Self {
        Self("program_rtc".to_owned())
    }

    /// `preview`: what HLS players read.
    #[must_use]
    pub fn preview() -> Self {
        Self("preview".to_owned())
    }

    /// `preview/stream`: the same, under the name that publishers use.
    #[must_use]
    pub fn preview_stream() -> Self {
        Self("preview/stream".to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PathName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How one path of the server reads another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// Keeps the time between picture and sound exactly; carries H.264 and AAC.
    Rtmp,
    /// Carries everything. Picture and sound are placed by when the first packet of each arrives, so
    /// they may be a few hundred milliseconds apart from then on (gortsplib's `rtptime`).
    Rtsp,
}

/// Where a path's pictures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSource {
    /// Somebody publishes to it, if the gate lets them.
    Publisher {
        /// A second publisher throws the first out; otherwise the second is refused.
        replaceable: bool,
    },
    /// MediaMTX pulls this `rtsp://` (always over TCP) or `rtmp://` address. It may hold a password.
    Pull(Secret),
    /// Another path of the same server, over loopback.
    Path {
        /// Which.
        name: PathName,
        /// By which protocol.
        over: Local,
    },
}

/// Where everything on a path is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// An address that MediaMTX's `forward` understands, stream key and all.
    pub dest: Secret,
    /// WHIP's bearer token.
    pub bearer: Option<Secret>,
    /// SHA-256 of the certificate that is trusted instead of the public authorities', in hexadecimal
    /// digits.
    pub fingerprint: Option<String>,
}

impl Forward {
    /// To an address without a token.
    #[must_use]
    pub const fn to(dest: Secret) -> Self {
        Self {
            dest,
            bearer: None,
            fingerprint: None,
        }
    }
}

/// A path as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSpec {
    /// Where its pictures come from.
    pub source: PathSource,
    /// Where everything on it is sent.
    pub forward: Option<Forward>,
    /// An MP4 that is played, looping, whenever there is no publisher. Its tracks must be those of
    /// the publisher.
    pub filler: Option<PathBuf>,
}

impl PathSpec {
    /// A path that somebody publishes to; the newest publisher wins.
    #[must_use]
    pub const fn published() -> Self {
        Self {
            source: PathSource::Publisher { replaceable: true },
            forward: None,
            filler: None,
        }
    }

    /// A path that MediaMTX pulls.
    #[must_use]
    pub const fn pulled(address: Secret) -> Self {
        Self {
            source: PathSource::Pull(address),
            forward: None,
            filler: None,
        }
    }

    /// A destination: `from` of the same server, sent to `to`.
    #[must_use]
    pub const fn forwarded(from: PathName, over: Local, to: Forward) -> Self {
        Self {
            source: PathSource::Path { name: from, over },
            forward: Some(to),
            filler: None,
        }
    }

    /// Whether its end is told to another server, which may keep MediaMTX waiting.
    pub(super) fn says_farewell(&self) -> bool {
        self.forward
            .as_ref()
            .is_some_and(|to| to.dest.expose().starts_with("whip"))
    }

    /// MediaMTX's words for it. `at` is where the server itself answers.
    pub(super) fn document(&self, at: &Addresses) -> Value {
        let mut document = match &self.source {
            PathSource::Publisher { replaceable } => json!({
                "source": "publisher",
                "overridePublisher": replaceable,
            }),
            PathSource::Pull(address) => json!({
                "source": address.expose(),
                "rtspTransport": "tcp",
            }),
            PathSource::Path { name, over } => {
                let source = match over {
                    Local::Rtmp => format!("rtmp://{}/{name}", at.rtmp),
                    Local::Rtsp => format!("rtsp://{}/{name}", at.rtsp),
                };
                json!({ "source": source, "rtspTransport": "tcp" })
            }
        };
        if let Some(to) = &self.forward {
            document["forward"] = json!([{
                "dest": to.dest.expose(),
                "destFingerprint": to.fingerprint.as_deref().unwrap_or_default(),
                "whipBearerToken": to.bearer.as_ref().map_or("", Secret::expose),
            }]);
        }
        if let Some(file) = &self.filler {
            document["alwaysAvailable"] = json!(true);
            document["alwaysAvailableFile"] = json!(file);
        }
        document
    }

    /// Every text that must never be shown, however MediaMTX may spell it.
    pub(super) fn needles(&self) -> Vec<Secret> {
        let pulled = match &self.source {
            PathSource::Pull(address) => Some(address),
            PathSource::Publisher { .. } | PathSource::Path { .. } => None,
        };
        let dest = self.forward.as_ref().map(|to| &to.dest);
        let bearer = self.forward.as_ref().and_then(|to| to.bearer.clone());
        pulled
            .into_iter()
            .chain(dest)
            .flat_map(|address| needles(address.expose()))
            .chain(bearer)
            .collect()
    }
}

/// The secret parts of an address: itself, its password, its fragment and its query, as written and
/// decoded. Parts shorter than four characters are left out: hiding them would hide everything.
fn needles(address: &str) -> Vec<Secret> {
    let mut found = vec![address.to_owned()];
    if let Some((_, key)) = address.split_once('#') {
        found.push(key.to_owned());
    }
    if let Ok(url) = url::Url::parse(address) {
        found.extend(url.password().map(str::to_owned));
        found.extend(url.query().map(str::to_owned));
        // An SRT address: each of its secrets may be shown by itself.
        for part in url.query().unwrap_or_default().split('&') {
            found.extend(
                ["streamid=", "passphrase="]
                    .iter()
                    .filter_map(|name| part.strip_prefix(name).map(str::to_owned)),
            );
        }
    }
    let decoded: Vec<String> = found
        .iter()
        .filter_map(|text| {
            let plain = percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .ok()?;
            (plain != *text).then(|| plain.into_owned())
        })
        .collect();
    found.extend(decoded);
    found.retain(|text| text.len() >= 4);
    // The longest first, so that a part is not cut out of a whole that then stays readable.
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    found.into_iter().map(Secret::new).collect()
}

/// Everything that means something in an address is escaped; `$` is among it, which MediaMTX would
/// take for a variable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same for a path and query, whose own separators stay.
const PATH: &AsciiSet = &ESCAPED
    .remove(b'/')
    .remove(b'?')
    .remove(b'&')
    .remove(b'=')
    .remove(b'%')
    .remove(b':')
    .remove(b',')
    .remove(b';')
    .remove(b'+')
    .remove(b'@')
    .remove(b'!')
    .remove(b'*');

/// The address that MediaMTX pulls a camera from, its user name and password percent-encoded.
#[must_use]
pub fn camera_url(camera: &Camera, password: Option<&Secret>) -> Secret {
    let scheme = match camera.protocol {
        CameraProtocol::Rtsp => "rtsp",
        CameraProtocol::Rtmp => "rtmp",
    };
    let encode = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let user = match (&camera.username, password) {
        (Some(user), Some(password)) if !user.is_empty() => {
            format!("{}:{}@", encode(user), encode(password.expose()))
        }
        _ => String::new(),
    };
    let host = if camera.address.contains(':') && !camera.address.starts_with('[') {
        format!("[{}]", camera.address)
    } else {
        camera.address.clone()
    };
    let path = utf8_percent_encode(&camera.stream_path, PATH);
    let slash = if camera.stream_path.starts_with('/') {
        ""
    } else {
        "/"
    };
    Secret::new(format!(
        "{scheme}://{user}{host}:{}{slash}{path}",
        camera.port
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CameraKind;

    fn camera(address: &str, path: &str) -> Camera {
        Camera {
            id: CameraId::parse("1").unwrap(),
            name: "Stage".to_owned(),
            kind: CameraKind::default(),
            protocol: CameraProtocol::Rtsp,
            address: address.to_owned(),
            port: 554,
            username: Some("admin".to_owned()),
            stream_path: path.to_owned(),
            audio: model::AudioPolicy::default(),
            backup_camera_id: None,
            is_active: true,
        }
    }

    #[test]
    fn a_password_full_of_separators_stays_a_password() {
        let password = Secret::new("p@s:/#%s $MTX_PATH?é");
        let address = camera_url(&camera("10.0.0.7", "/s?ch=1&sub=0"), Some(&password));
        let url = url::Url::parse(address.expose()).unwrap();
        assert_eq!(url.host_str(), Some("10.0.0.7"));
        assert_eq!(url.path(), "/s");
        assert_eq!(url.query(), Some("ch=1&sub=0"));
        let decoded = percent_encoding::percent_decode_str(url.password().unwrap());
        assert_eq!(decoded.decode_utf8().unwrap(), password.expose());
        assert!(!address.expose().contains('$'));
    }

    #[test]
    fn an_address_of_version_six_gets_its_brackets() {
        let address = camera_url(&camera("fe80::1", "live"), None);
        assert_eq!(address.expose(), "rtsp://[fe80::1]:554/live");
    }

    #[test]
    fn names_hold_nothing_that_means_something() {
        for good in [
            "program",
            "cam/1",
            "out/a-b",
            "program_rtc",
            "preview/stream",
        ] {
            assert!(PathName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "a//b", "/a", "a/", "~^.*$", "a b", "A", "..", "a?b",
        ] {
            assert!(PathName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_spelling_of_a_secret_is_known() {
        let spec = PathSpec {
            forward: Some(Forward::to(Secret::new("rtmp://h/live#ab%2Fcd-key"))),
            ..PathSpec::pulled(Secret::new("rtsp://u:p%40ss%3A1@h:554/x"))
        };
        let srt = PathSpec::pulled(Secret::new(
            "srt://h:1?streamid=the-id&passphrase=the%20phrase",
        ));
        let mut needles = spec.needles();
        needles.extend(srt.needles());
        for hidden in [
            "ab%2Fcd-key",
            "ab/cd-key",
            "p%40ss%3A1",
            "p@ss:1",
            "the-id",
            "the phrase",
            "the%20phrase",
        ] {
            assert!(
                needles.iter().any(|needle| needle.expose() == hidden),
                "{hidden}"
            );
        }
    }

    #[test]
    fn a_destination_is_a_local_pull_and_one_forward() {
        let to = Forward::to(Secret::new("rtmp://h/live#k"));
        let spec = PathSpec::forwarded(PathName::program(), Local::Rtmp, to);
        let document = spec.document(&super::super::Ports::default().into());
        assert_eq!(document["source"], "rtmp://127.0.0.1:1935/program");
        assert_eq!(document["forward"][0]["dest"], "rtmp://h/live#k");
        assert!(!format!("{spec:?}").contains("#k"));
    }
}
