//! A destination that is sent to without the media server, while that is absent.
//!
//! Owns what of an address a relay has to know, and how its end is told. The connection is the engine's.

use engine::relay::{RelayError, RelayTarget};
use model::Secret;
use percent_encoding::percent_decode_str;
use stream::{Cause, Ingest, IngestProtocol};

/// Where a relay connects to; `None` for a protocol that only the media server speaks.
pub(super) fn target(ingest: &Ingest) -> Option<RelayTarget> {
    let secure = match ingest.protocol {
        IngestProtocol::Rtmp => false,
        IngestProtocol::Rtmps => true,
        IngestProtocol::Srt | IngestProtocol::Whip | IngestProtocol::Whips => return None,
    };
    let (_, behind) = ingest.label.split_once("://")?;
    let app = behind.split_once('/').map_or("", |(_, app)| app);
    let key = ingest.dest.expose().split_once('#');
    let key = key.map_or("", |(_, key)| key);
    let key = percent_decode_str(key).decode_utf8_lossy();
    Some(RelayTarget {
        secure,
        host: ingest.host.clone(),
        port: ingest.port,
        app: app.to_owned(),
        url: ingest.label.clone(),
        key: Secret::new(key),
        fingerprint: ingest.fingerprint.clone(),
    })
}

/// A relay's end in the words of the transition table.
pub(super) const fn cause(error: RelayError) -> Cause {
    match error {
        RelayError::Unreachable => Cause::Unreachable,
        RelayError::Tls => Cause::Tls,
        RelayError::Rejected => Cause::Rejected,
        RelayError::Closed | RelayError::Protocol => Cause::Closed,
        RelayError::Stalled => Cause::Stalled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Platform;

    fn ingest(protocol: IngestProtocol, label: &str, dest: &str) -> Ingest {
        Ingest {
            protocol,
            host: "h".to_owned(),
            port: 1935,
            dest: Secret::new(dest),
            bearer: None,
            fingerprint: None,
            label: label.to_owned(),
            platform: Platform::Custom,
        }
    }

    #[test]
    fn an_address_is_taken_apart_and_the_key_decoded() {
        for (label, dest, app, key) in [
            (
                "rtmp://h/live2",
                "rtmp://h/live2#ab%2Fcd%3Fx%3D1",
                "live2",
                "ab/cd?x=1",
            ),
            (
                "rtmp://h:1/app/inst",
                "rtmp://h:1/app/inst#k",
                "app/inst",
                "k",
            ),
            (
                "rtmp://h/live2?backup=1",
                "rtmp://h/live2?backup=1#k",
                "live2?backup=1",
                "k",
            ),
            ("rtmp://h", "rtmp://h", "", ""),
        ] {
            let target = target(&ingest(IngestProtocol::Rtmp, label, dest)).unwrap();
            assert_eq!((target.app.as_str(), target.key.expose()), (app, key));
            assert_eq!(target.url, label);
            assert!(!target.secure && (key.len() < 2 || !format!("{target:?}").contains(key)));
        }
        let secure = ingest(IngestProtocol::Rtmps, "rtmps://h/a", "rtmps://h/a#k");
        assert!(target(&secure).unwrap().secure);
        for other in [IngestProtocol::Srt, IngestProtocol::Whip] {
            assert!(target(&ingest(other, "srt://h:1", "srt://h:1")).is_none());
        }
    }
}
