//! Why a connection ended or did not begin: read from the media server's words, told in our own.
//!
//! Owns the reading of `lastError` and the sentences for the operator. The words themselves are never
//! shown: a server's answer may repeat the stream's name. Decides nothing about when to try again.

use crate::preset::Preset;
use serde::Serialize;

/// Why a connection ended or did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nobody answers at the address.
    Unreachable,
    /// The server does not take this key or this stream.
    Rejected,
    /// The secure connection could not be made.
    Tls,
    /// The server ended the connection.
    Closed,
    /// Connected, but no bytes went out.
    Stalled,
}

impl Cause {
    /// For the operator, one sentence. `preset` is the destination's platform.
    #[must_use]
    pub fn message(self, preset: &Preset) -> String {
        let who = preset.who();
        match self {
            Self::Unreachable => format!("{who} does not answer."),
            Self::Rejected => format!("{who} does not accept the stream key."),
            Self::Tls => format!(
                "The secure connection to {who} could not be made: its certificate is not trusted."
            ),
            Self::Closed => format!("{who} closed the connection."),
            Self::Stalled => format!("{who} takes no data."),
        }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn remediation(self, preset: &Preset) -> String {
        let page = |before: &str, without: &str| match &preset.help_url {
            Some(url) => format!("{before} {url}"),
            None => without.to_owned(),
        };
        match self {
            Self::Unreachable => "It is tried again by itself. Check the address, and this network's way to the \
                internet."
                .to_owned(),
            Self::Rejected => page(
                "Copy the stream key again and save it in the destination; where to find it:",
                "Check the stream key, or the token and the passphrase, in the server's own settings, and save it \
                    in the destination.",
            ),
            Self::Tls => "Check the address and this device's clock. For a server of your own that has signed its \
                certificate itself, save the certificate's SHA-256 fingerprint in the destination."
                .to_owned(),
            Self::Closed => page(
                "It is tried again by itself. Check on the platform's page that the event has not ended:",
                "It is tried again by itself. Check that the server runs and takes another stream.",
            ),
            Self::Stalled => "It is tried again by itself. Check the network's speed upwards, or choose a lower bit \
                rate for the destination."
                .to_owned(),
        }
    }
}

/// What is said of a destination that takes the program, but not all of it.
#[must_use]
pub fn slow_message(preset: &Preset) -> String {
    let who = preset.who();
    format!("{who} takes less than is sent to it: pictures are lost there.")
}

/// Reads the media server's `lastError`. The text itself must not be shown: a server's answer may
/// repeat the stream's name.
#[must_use]
pub fn classify(last_error: &str) -> Cause {
    let text = last_error.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["x509", "tls:", "certificate", "fingerprint"]) {
        Cause::Tls
    } else if has(&[
        "bad result",
        "badname",
        "authenti",
        "credentials",
        "unauthorized",
        "denied",
        "forbidden",
        "status code: 4",
        "rejected",
    ]) {
        Cause::Rejected
    } else if has(&[
        "refused",
        "no such host",
        "no route",
        "unreachable",
        "dial ",
        "lookup ",
        "server misbehaving",
        "server didn't respond",
        "waiting connection",
        "awaiting headers",
    ]) {
        Cause::Unreachable
    } else if has(&["timeout", "deadline"]) {
        Cause::Stalled
    } else {
        Cause::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::preset;
    use model::Platform;

    #[test]
    fn the_media_servers_words_are_read_as_causes() {
        for (text, cause) in [
            (
                "dial tcp 127.0.0.1:1935: connect: connection refused",
                Cause::Unreachable,
            ),
            (
                "dial tcp: lookup nowhere.example: no such host",
                Cause::Unreachable,
            ),
            ("dial tcp 10.0.0.1:1935: i/o timeout", Cause::Unreachable),
            (
                "bad result: &{3 _error 4 0 [<nil> map[code:NetStream.Publish.BadName]]}",
                Cause::Rejected,
            ),
            ("credentials are required", Cause::Rejected),
            ("authentication error", Cause::Rejected),
            ("bad status code: 401", Cause::Rejected),
            ("bad status code: 503", Cause::Closed),
            ("connection rejected: REJECT (v9)", Cause::Rejected),
            (
                "connection timeout. server didn't respond",
                Cause::Unreachable,
            ),
            (
                "deadline exceeded while waiting connection",
                Cause::Unreachable,
            ),
            ("peer connection closed", Cause::Closed),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                Cause::Tls,
            ),
            (
                "source fingerprint does not match: expected aa, got bb",
                Cause::Tls,
            ),
            ("EOF", Cause::Closed),
            (
                "write tcp 1.2.3.4:5->1.2.3.4:6: write: broken pipe",
                Cause::Closed,
            ),
            (
                "write tcp 1.2.3.4:5->1.2.3.4:6: i/o timeout",
                Cause::Stalled,
            ),
            ("", Cause::Closed),
        ] {
            assert_eq!(classify(text), cause, "{text}");
        }
    }

    #[test]
    fn a_rejected_key_names_the_platform_and_its_page() {
        for platform in [Platform::Youtube, Platform::Facebook, Platform::Twitch] {
            let preset = preset(platform);
            let told = Cause::Rejected.message(preset);
            assert!(told.starts_with(&preset.name), "{told}");
            let page = preset.help_url.as_deref().unwrap();
            assert!(Cause::Rejected.remediation(preset).ends_with(page));
        }
        let own = preset(Platform::Custom);
        assert_eq!(
            Cause::Rejected.message(own),
            "The destination's server does not accept the stream key."
        );
        assert!(!Cause::Rejected.remediation(own).contains("http"));
    }

    #[test]
    fn every_cause_is_a_sentence_with_something_to_do() {
        for cause in [
            Cause::Unreachable,
            Cause::Rejected,
            Cause::Tls,
            Cause::Closed,
            Cause::Stalled,
        ] {
            let own = preset(Platform::Custom);
            for text in [cause.message(own), cause.remediation(own)] {
                assert!(text.ends_with('.') && !text.contains("  "), "{text}");
            }
        }
    }
}
