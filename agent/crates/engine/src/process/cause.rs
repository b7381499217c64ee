//! Why a child ended: one word out of a closed list, read from what it said last.

/// The cause of a child's end, as told to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The other side wants a user name and password (401).
    Unauthorized,
    /// The other side forbids it (403).
    Forbidden,
    /// Nothing listens there.
    Refused,
    /// No way to that host, or its name is unknown.
    Unreachable,
    /// The other side does not answer.
    Timeout,
    /// The other side ended the connection.
    Disconnected,
    /// TLS could not be agreed on.
    Tls,
    /// The other side has no such stream (404).
    NotFound,
    /// No such file.
    NoSuchFile,
    /// What came is no picture or sound that can be read.
    InvalidData,
    /// There is no picture in it.
    NoVideo,
    /// The picture is larger than allowed.
    TooLarge,
    /// This build has no such encoder.
    NoEncoder,
    /// The encoder or its device failed.
    Encoder,
    /// The address or port is taken.
    AddressInUse,
    /// The disk is full.
    DiskFull,
    /// Not enough memory.
    Memory,
    /// No frames for too long although the process lives.
    Stalled,
    /// Ended by a signal that we did not send.
    Killed,
    /// It said nothing that is known.
    #[default]
    Unknown,
}

impl Cause {
    /// A short sentence for an operator, without a full stop.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Unauthorized => "the user name or password is wrong",
            Self::Forbidden => "access is forbidden",
            Self::Refused => "the connection is refused",
            Self::Unreachable => "the host cannot be reached",
            Self::Timeout => "there is no answer",
            Self::Disconnected => "the connection was ended by the other side",
            Self::Tls => "a secure connection could not be made",
            Self::NotFound => "there is no such stream",
            Self::NoSuchFile => "there is no such file",
            Self::InvalidData => "the data cannot be read as picture or sound",
            Self::NoVideo => "there is no picture in it",
            Self::TooLarge => "the picture is too large",
            Self::NoEncoder => "this FFmpeg lacks the encoder",
            Self::Encoder => "the encoder failed",
            Self::AddressInUse => "the port is in use",
            Self::DiskFull => "the disk is full",
            Self::Memory => "there is not enough memory",
            Self::Stalled => "no frames arrive",
            Self::Killed => "the process was killed",
            Self::Unknown => "the process ended without a known cause",
        }
    }

    /// Reads one line of a child's log; `None` when it tells nothing.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let line = line.to_ascii_lowercase();
        TABLE
            .iter()
            .find(|(text, _)| line.contains(text))
            .map(|(_, cause)| *cause)
    }

    /// How much a cause says: a later line replaces an earlier one only if it says at least as much.
    pub(crate) const fn weight(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::InvalidData | Self::Encoder => 1,
            Self::Disconnected => 2,
            _ => 3,
        }
    }
}

/// Texts of FFmpeg 5 to 7, its libraries and MediaMTX 1.20, in lower case; the first hit counts.
const TABLE: &[(&str, Cause)] = &[
    ("401 unauthorized", Cause::Unauthorized),
    ("authorization failed", Cause::Unauthorized),
    ("authentication failed", Cause::Unauthorized),
    ("403 forbidden", Cause::Forbidden),
    ("access denied", Cause::Forbidden),
    ("permission denied", Cause::Forbidden),
    ("404 not found", Cause::NotFound),
    ("404 stream not found", Cause::NotFound),
    ("no stream is available", Cause::NotFound),
    ("connection refused", Cause::Refused),
    ("connection timed out", Cause::Timeout),
    ("operation timed out", Cause::Timeout),
    ("i/o timeout", Cause::Timeout),
    ("no route to host", Cause::Unreachable),
    ("network is unreachable", Cause::Unreachable),
    ("failed to resolve hostname", Cause::Unreachable),
    ("name or service not known", Cause::Unreachable),
    ("address already in use", Cause::AddressInUse),
    ("tls handshake", Cause::Tls),
    ("certificate", Cause::Tls),
    ("gnutls", Cause::Tls),
    ("no such file or directory", Cause::NoSuchFile),
    ("matches no streams", Cause::NoVideo),
    ("output file #0 does not contain any stream", Cause::NoVideo),
    ("picture size", Cause::TooLarge),
    ("exceeds specified max pixel count", Cause::TooLarge),
    ("unknown encoder", Cause::NoEncoder),
    ("no space left on device", Cause::DiskFull),
    ("cannot allocate memory", Cause::Memory),
    ("out of memory", Cause::Memory),
    ("no device available", Cause::Encoder),
    ("error initializing output stream", Cause::Encoder),
    ("error while opening encoder", Cause::Encoder),
    ("could not find a valid device", Cause::Encoder),
    ("cannot load libcuda", Cause::Encoder),
    ("broken pipe", Cause::Disconnected),
    ("connection reset", Cause::Disconnected),
    ("invalid data found", Cause::InvalidData),
    ("moov atom not found", Cause::InvalidData),
    ("could not find codec parameters", Cause::InvalidData),
    ("protocol not on whitelist", Cause::Forbidden),
    ("not on whitelist", Cause::Forbidden),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ffmpeg_says_becomes_one_word() {
        for (line, want) in [
            (
                "[rtsp @ 0x55] method DESCRIBE failed: 401 Unauthorized",
                Some(Cause::Unauthorized),
            ),
            (
                "rtsp://127.0.0.1:1/x: Connection refused",
                Some(Cause::Refused),
            ),
            (
                "a.mp4: Invalid data found when processing input",
                Some(Cause::InvalidData),
            ),
            (
                "/x/none.mp4: No such file or directory",
                Some(Cause::NoSuchFile),
            ),
            (
                "Stream map '0:v:0' matches no streams.",
                Some(Cause::NoVideo),
            ),
            ("Unknown encoder 'h264_qsv'", Some(Cause::NoEncoder)),
            ("[libx264 @ 0x1] using cpu capabilities", None),
        ] {
            assert_eq!(Cause::of_line(line), want, "{line}");
        }
    }
}
