//! The closed list of error codes, and the shape of a refusal.

use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

macro_rules! codes {
    ($( $variant:ident = $text:literal, $retryable:literal, $remediation:literal; )*) => {
        /// Every reason the agent can give for not doing what it was asked.
        ///
        /// The list is closed: a new reason is a new line here, with what the operator can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each code's meaning is its remediation")]
        pub enum Code { $( $variant, )* }

        impl Code {
            /// Every code, in the order of the list.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// The code as it is written on the wire, e.g. `TIMELINE_NOT_FOUND`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }

            /// Whether the same request may succeed later without being changed.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $( Self::$variant => $retryable, )* }
            }

            /// What the operator can do about it, as one sentence.
            #[must_use]
            pub const fn remediation(self) -> &'static str {
                match self { $( Self::$variant => $remediation, )* }
            }
        }
    };
}

codes! {
    Malformed = "MALFORMED", false, "Send well-formed JSON with the fields that the API description names.";
    TooLarge = "TOO_LARGE", false, "Send a smaller body.";
    SchemaInvalid = "SCHEMA_INVALID", false, "Correct the field that is named and send the request again.";
    FeatureDisabled = "FEATURE_DISABLED", false, "This agent does not support that yet; see docs/requirements.md.";
    SignatureMissing = "SIGNATURE_MISSING", false, "Sign the message with one key of the keyset.";
    SignatureInvalid = "SIGNATURE_INVALID", false, "Sign the exact bytes that are sent, with the key that is named.";
    KeyUnknown = "KEY_UNKNOWN", false, "Sign with a key of the keyset that the device has, or send it the newer keyset first.";
    AlgUnsupported = "ALG_UNSUPPORTED", false, "Use Ed25519 keys.";
    DeviceMismatch = "DEVICE_MISMATCH", false, "Address the message to this device and its customer.";
    VersionUnsupported = "VERSION_UNSUPPORTED", false, "Use one of the schema versions that the device names in its hello.";
    TimestampSkew = "TIMESTAMP_SKEW", true, "Correct the sender's clock, or bind the command to the connection by its nonce.";
    Expired = "EXPIRED", false, "Send it again as a new message with a later end.";
    ReplayDetected = "REPLAY_DETECTED", false, "Send it as a new message with the next sequence number of this epoch.";
    TypeUnknown = "TYPE_UNKNOWN", false, "Use one of the commands that the device names in its hello.";
    Unauthorized = "UNAUTHORIZED", false, "Open the page on the device itself: the API answers on loopback only.";
    RateLimited = "RATE_LIMITED", true, "Wait a moment and try again.";
    NotFound = "NOT_FOUND", false, "Check the address; the list of resources shows what exists.";
    Conflict = "CONFLICT", false, "Something else holds that name or is in use; change or stop it first.";
    PriorityConflict = "PRIORITY_CONFLICT", true, "Something more important has it; wait for its end or stop it first.";
    OverrideActive = "OVERRIDE_ACTIVE", true, "An operator holds it; wait for the release, or send it with override_hold.";
    EmergencyActive = "EMERGENCY_ACTIVE", true, "An emergency stop is being carried out; send it again afterwards.";
    Cancelled = "CANCELLED", false, "It was taken back; send it anew if it is wanted after all.";
    CredRotationFailed = "CRED_ROTATION_FAILED", false, "The device keeps its old credentials; send the steps of the rotation in their order.";
    PairTokenInvalid = "PAIR_TOKEN_INVALID", false, "Check the token; each can be used once only.";
    PairTokenExpired = "PAIR_TOKEN_EXPIRED", false, "Ask Studio for a new token: this one is too old.";
    PairSerialMismatch = "PAIR_SERIAL_MISMATCH", false, "The token is for another device: ask Studio for one for this serial.";
    PairAlreadyPaired = "PAIR_ALREADY_PAIRED", false, "Unpair the device first, then pair it anew.";
    NotPaired = "NOT_PAIRED", false, "Nothing has to be undone; pair the device first if it should be.";
    StudioUnreachable = "STUDIO_UNREACHABLE", true, "Check the network and that the firewall lets this device out to the address.";
    StudioUntrusted = "STUDIO_UNTRUSTED", false, "Check the date of this device and that no proxy opens TLS; for a Studio of your own give its authority's certificate.";
    StudioRefused = "STUDIO_REFUSED", true, "Try again later; if it stays so, ask Studio's support.";
    Interrupted = "INTERRUPTED", true, "The agent stopped while it worked on this; send it again.";
    Timeout = "TIMEOUT", true, "The other side did not answer in time; check it and try again.";
    Busy = "BUSY", true, "The agent is working on an earlier request; try again in a moment.";
    Internal = "INTERNAL", true, "Try again; if it stays, restart the agent and look at its log.";
    ConfigInvalid = "CONFIG_INVALID", false, "Correct the settings that are named; the agent keeps the old ones.";
    ConfigApplyFailed = "CONFIG_APPLY_FAILED", true, "The agent goes on with the old settings; correct what is named, or try again when the machine has less to do.";
    ConfigConflict = "CONFIG_CONFLICT", false, "Read the settings again and make the change for the version in force.";
    CameraNotFound = "CAMERA_NOT_FOUND", false, "Add the camera first, or choose one from the list of cameras.";
    CameraOffline = "CAMERA_OFFLINE", true, "Check the camera's power, cable and address, then test it again.";
    CameraAuthFailed = "CAMERA_AUTH_FAILED", false, "Correct the camera's user name and password.";
    CameraUnsupported = "CAMERA_UNSUPPORTED", false, "Set the camera to H.264 video over RTSP or RTMP.";
    CameraInUse = "CAMERA_IN_USE", false, "Stop the show or remove the camera from its timelines first.";
    TimelineNotFound = "TIMELINE_NOT_FOUND", false, "Choose a timeline from the list, or save it first.";
    TimelineInvalid = "TIMELINE_INVALID", false, "Correct the places that are listed in the timeline and save it again.";
    TimelineNotRunning = "TIMELINE_NOT_RUNNING", false, "Start the preview of a timeline first.";
    TimelineAlreadyRunning = "TIMELINE_ALREADY_RUNNING", false, "Stop the running timeline first.";
    CueNotFound = "CUE_NOT_FOUND", false, "Choose a cue of the running timeline.";
    SeekOutOfRange = "SEEK_OUT_OF_RANGE", false, "Choose a position inside the timeline.";
    OverlayNotFound = "OVERLAY_NOT_FOUND", false, "Choose an overlay cue of the running timeline.";
    OverlayInvalid = "OVERLAY_INVALID", false, "Correct the overlay's text, picture or position.";
    AssetMissing = "ASSET_MISSING", false, "Put the file into the assets folder, or correct its name.";
    AssetType = "ASSET_TYPE", false, "Use a picture (PNG, JPEG, WebP) or a video that FFmpeg can read.";
    AssetTooLarge = "ASSET_TOO_LARGE", false, "Use a picture of at most 8192 by 8192 pixels.";
    DestinationNotFound = "DESTINATION_NOT_FOUND", false, "Choose a destination from the list, or add it first.";
    DestinationInactive = "DESTINATION_INACTIVE", false, "Switch the destination on first.";
    DestinationInvalid = "DESTINATION_INVALID", false, "Correct the destination's address or stream key.";
    DestinationInUse = "DESTINATION_IN_USE", false, "Take the destination off air first.";
    DestinationRejected = "DESTINATION_REJECTED", false, "Copy the stream key from the platform's live page again.";
    DestinationUnreachable = "DESTINATION_UNREACHABLE", true, "Check the internet connection and the destination's address.";
    DestinationLimit = "DESTINATION_LIMIT", false, "Choose a profile within the destination's limits.";
    EncoderUnavailable = "ENCODER_UNAVAILABLE", false, "Install an FFmpeg with libx264, then restart the agent.";
    EncoderOverload = "ENCODER_OVERLOAD", true, "Choose a smaller profile, such as 720p or low_power.";
    AlertNotFound = "ALERT_NOT_FOUND", false, "Choose an alert from the list.";
    WebhookInvalid = "WEBHOOK_INVALID", false, "Give an https address, or an http address on this machine.";
    WebhookNotFound = "WEBHOOK_NOT_FOUND", false, "Set the webhook first.";
    WebhookFailed = "WEBHOOK_FAILED", true, "Check the webhook's address and that its server takes POST requests.";
    StreamNotFound = "STREAM_NOT_FOUND", false, "Choose a stream from the list, or add it first.";
    StreamLimit = "STREAM_LIMIT", false, "Stop another stream first.";
    StreamNotRunning = "STREAM_NOT_RUNNING", false, "Start the stream first.";
    StreamAlreadyRunning = "STREAM_ALREADY_RUNNING", false, "Stop the stream first.";
    NotInPreview = "NOT_IN_PREVIEW", false, "Start the preview first, then go live.";
    PreviewActive = "PREVIEW_ACTIVE", false, "Stop the running preview first.";
    PreviewServerDown = "PREVIEW_SERVER_DOWN", true, "The media server is being restarted; try again in a few seconds.";
    StorageFull = "STORAGE_FULL", false, "Free some disk space.";
    FfmpegMissing = "FFMPEG_MISSING", false, "Install FFmpeg (Debian: apt install ffmpeg), then restart the agent.";
    MediamtxMissing = "MEDIAMTX_MISSING", false, "Run make setup, or set mediamtx.path to a MediaMTX of the pinned version.";
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// An error that has a place in the closed list.
pub trait HasCode: std::error::Error {
    /// The code of this error. Implementations match every variant without a wildcard.
    fn code(&self) -> Code;

    /// JSON pointer of the field at fault, where one can be named.
    fn field(&self) -> Option<String> {
        None
    }

    /// More for a machine to read, such as a list of places.
    fn details(&self) -> Option<Value> {
        None
    }

    /// What to do next, where more can be said than the code says.
    fn remediation(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.code().remediation())
    }

    /// The refusal that is sent to whoever asked.
    fn problem(&self) -> Problem {
        let code = self.code();
        Problem {
            code,
            message: self.to_string(),
            field: self.field(),
            retryable: code.retryable(),
            remediation: self.remediation(),
            details: self.details(),
        }
    }
}

/// A refusal, the same for every caller.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// Which of the closed list.
    pub code: Code,
    /// What went wrong, for the operator.
    pub message: String,
    /// JSON pointer into the request, where one field is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// What to do next.
    pub remediation: Cow<'static, str>,
    /// More for a machine to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_upper_case_and_says_what_to_do() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} stands twice");
            assert!(
                text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
                "{text}"
            );
            assert!(
                code.remediation().ends_with('.'),
                "{text} has no whole sentence"
            );
        }
    }
}
