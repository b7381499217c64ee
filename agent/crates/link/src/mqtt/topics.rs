//! What the device says to the broker, and under which topic.

use protocol::{Carried, Timestamp, Topics, kind_of};
use rumqttc::QoS;
use serde_json::json;

/// Where a message goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    /// The broker shows it to whoever comes later.
    pub(crate) retain: bool,
}

/// Where an envelope of the device goes; `None` for those that no device sends.
pub(crate) fn place(topics: &Topics, envelope: &[u8]) -> Option<Place> {
    let carried = Carried::of_device(kind_of(envelope)?)?;
    Some(Place {
        topic: topics.topic(carried),
        qos: if carried.kept {
            QoS::AtLeastOnce
        } else {
            QoS::AtMostOnce
        },
        retain: carried.retained,
    })
}

/// What stands under the topic of the state: not signed, a hint for whoever watches. `since` names the
/// connection that it is about by its beginning.
pub(crate) fn state(online: bool, since: Timestamp, reason: &str) -> Vec<u8> {
    let state = json!({ "online": online, "since": since, "reason": reason });
    state.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{DeviceId, Kind, SigningKey, TenantId, seal};

    #[test]
    fn an_envelope_is_placed_by_what_it_says_it_is_and_none_but_a_devices_is_sent() {
        let tenant = TenantId::parse("acme").unwrap();
        let topics = Topics::of(&tenant, &DeviceId::parse("dev-1").unwrap());
        let key = SigningKey::from_seed(&[8; 32]).unwrap();
        let placed = |kind| place(&topics, &seal(kind, b"{}", &[&key]));
        let hello = Place {
            topic: "vistter/v1/acme/dev-1/hello".to_owned(),
            qos: QoS::AtLeastOnce,
            retain: true,
        };
        assert_eq!(placed(Kind::Hello), Some(hello));
        assert_eq!(placed(Kind::Metrics).unwrap().qos, QoS::AtMostOnce);
        assert_eq!(placed(Kind::Command), None);
        assert_eq!(place(&topics, b"no envelope"), None);
    }
}
