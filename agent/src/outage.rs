//! Why the media server is away, and what the operator can do about it.
//!
//! Owns the wording only. Every refusal that has to do with the media server being away is this one,
//! whichever way it was asked for.

use engine::mediamtx::{Health, MediaMtx, PortInUse, PortUse};
use protocol::{Code, HasCode};
use std::borrow::Cow;

/// The media server cannot be used now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Outage {
    message: String,
    code: Code,
    remediation: Cow<'static, str>,
}

impl Outage {
    /// What a health tells; `None` while the server is up.
    #[must_use]
    pub fn of(health: &Health) -> Option<Self> {
        let down = Code::PreviewServerDown;
        let (reason, code, remediation) = match health {
            Health::Up { .. } => return None,
            Health::Starting => ("it is being started", down, down.remediation().into()),
            Health::Down { reason, in_use } if in_use.is_empty() => {
                (&**reason, down, down.remediation().into())
            }
            Health::Down { reason, in_use } => (&**reason, down, free(in_use).into()),
            Health::Missing { reason } => {
                let code = Code::MediamtxMissing;
                (&**reason, code, code.remediation().into())
            }
        };
        Some(Self {
            message: format!("the media server is not ready: {reason}"),
            code,
            remediation,
        })
    }

    /// Why a show cannot begin now. One that stays away is done without: there is no preview then, and
    /// destinations are sent to all the same.
    #[must_use]
    pub fn in_the_way(media: &MediaMtx) -> Option<Self> {
        Self::of(&media.health().borrow()).filter(|_| !media.is_absent())
    }

    /// It went away while it was asked.
    #[must_use]
    pub fn unanswered(why: impl std::fmt::Display) -> Self {
        let code = Code::PreviewServerDown;
        Self {
            message: format!("the media server does not answer: {why}"),
            code,
            remediation: code.remediation().into(),
        }
    }
}

impl HasCode for Outage {
    fn code(&self) -> Code {
        self.code
    }

    fn remediation(&self) -> Cow<'static, str> {
        self.remediation.clone()
    }
}

/// The setting of each port that is taken.
fn free(ports: &[PortInUse]) -> String {
    let settings: Vec<&str> = ports.iter().map(|port| setting(port.of)).collect();
    let other = if ports.len() == 1 {
        "another port"
    } else {
        "other ports"
    };
    format!(
        "Stop the program that uses it, or set {} to {other} and restart the agent.",
        settings.join(", ")
    )
}

const fn setting(of: PortUse) -> &'static str {
    match of {
        PortUse::Rtsp => "mediamtx.rtsp_port",
        PortUse::Rtmp => "mediamtx.rtmp_port",
        PortUse::Hls => "mediamtx.hls_port",
        PortUse::WebRtc => "mediamtx.webrtc_port",
        PortUse::WebRtcMedia => "mediamtx.webrtc_udp_port",
        PortUse::Api => "mediamtx.api_port",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_use_are_named_with_their_settings() {
        let in_use = [(PortUse::Hls, 8888), (PortUse::Api, 9997)];
        let health = Health::Down {
            reason: "port 8888 (HLS), port 9997 (control API) are in use by another program".into(),
            in_use: in_use.map(|(of, port)| PortInUse { of, port }).into(),
        };
        let problem = Outage::of(&health).unwrap().problem();
        assert_eq!(problem.code, Code::PreviewServerDown);
        assert!(problem.message.contains("8888 (HLS)"), "{problem:?}");
        for key in ["mediamtx.hls_port", "mediamtx.api_port"] {
            assert!(problem.remediation.contains(key), "{problem:?}");
            assert!(crate::config::KEYS.iter().any(|known| known.name == key));
        }
    }

    #[test]
    fn every_port_has_a_setting_that_exists() {
        for (of, _) in engine::mediamtx::Ports::default().named() {
            let key = setting(of);
            assert!(
                crate::config::KEYS.iter().any(|known| known.name == key),
                "{key}"
            );
        }
    }
}
