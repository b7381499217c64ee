//! Where a message stands at an MQTT broker. Pure words: who connects to one is not known here.

use crate::kind::{Kind, Signer};
use crate::words::{DeviceId, TenantId};

/// Studio's messages that the broker keeps for the device.
const COMMANDS: &str = "cmd";

/// Studio's messages that belong to one connection of the device.
const SESSION: &str = "session";

/// How a kind of message goes over a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The last part of its topic.
    pub topic: &'static str,
    /// The broker keeps it until whoever it is for has acknowledged it: QoS 1, else 0.
    pub kept: bool,
    /// The broker shows the last one to whoever comes later.
    pub retained: bool,
}

impl Carried {
    /// How a kind goes; `None` for those that are files.
    #[must_use]
    pub const fn of(kind: Kind) -> Option<Self> {
        let topic = match kind {
            Kind::SegmentManifest | Kind::UpdateManifest => return None,
            Kind::Command | Kind::Receipt | Kind::Keyset | Kind::Root => COMMANDS,
            Kind::Welcome => SESSION,
            _ => kind.as_str(),
        };
        Some(Self {
            topic,
            kept: !matches!(kind, Kind::Welcome | Kind::Metrics),
            retained: matches!(kind, Kind::Hello),
        })
    }

    /// How a kind goes that a device sends; `None` for all others.
    #[must_use]
    pub fn of_device(kind: Kind) -> Option<Self> {
        Self::of(kind).filter(|_| kind.signer() == Signer::Device)
    }
}

/// Topics of one device. Neither id can hold a `/`, `+` or `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    root: String,
    /// Studio's messages that the broker keeps for the device.
    pub commands: String,
    /// Studio's messages that belong to one connection of the device.
    pub session: String,
    /// Whether the device is connected to the broker; not signed.
    pub state: String,
}

impl Topics {
    /// Those of a device, below `vistter/v1/{tenant}/{device}`.
    #[must_use]
    pub fn of(tenant: &TenantId, device: &DeviceId) -> Self {
        let root = format!("vistter/v1/{}/{}", tenant.as_str(), device.as_str());
        Self {
            commands: format!("{root}/{COMMANDS}"),
            session: format!("{root}/{SESSION}"),
            state: format!("{root}/state"),
            root,
        }
    }

    /// The topic of what is carried so.
    #[must_use]
    pub fn topic(&self, carried: Carried) -> String {
        format!("{}/{}", self.root, carried.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_arrive_is_kept_and_each_side_has_its_own_topics() {
        for kind in Kind::ALL.iter().copied() {
            let expected = match kind {
                Kind::Command | Kind::Receipt | Kind::Keyset | Kind::Root => {
                    Some(("cmd", true, false))
                }
                Kind::Welcome => Some(("session", false, false)),
                Kind::Hello => Some(("hello", true, true)),
                Kind::Ack => Some(("ack", true, false)),
                Kind::Progress => Some(("progress", true, false)),
                Kind::Event => Some(("event", true, false)),
                Kind::Metrics => Some(("metrics", false, false)),
                Kind::SegmentManifest | Kind::UpdateManifest => None,
            };
            let carried = Carried::of(kind).map(|it| (it.topic, it.kept, it.retained));
            assert_eq!(carried, expected, "{kind:?}");
            let sent = expected.is_some() && kind.signer() == Signer::Device;
            assert_eq!(Carried::of_device(kind).is_some(), sent, "{kind:?}");
        }
    }

    #[test]
    fn topics_are_below_tenant_and_device() {
        let tenant = TenantId::parse("acme").unwrap();
        let topics = Topics::of(&tenant, &DeviceId::parse("dev-1").unwrap());
        assert_eq!(topics.commands, "vistter/v1/acme/dev-1/cmd");
        assert_eq!(topics.session, "vistter/v1/acme/dev-1/session");
        assert_eq!(topics.state, "vistter/v1/acme/dev-1/state");
        let ack = Carried::of(Kind::Ack).unwrap();
        assert_eq!(topics.topic(ack), "vistter/v1/acme/dev-1/ack");
    }
}
