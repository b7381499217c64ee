//! What an envelope carries, and who may sign it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a signing key may be used for. A key has one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// Signs commands, within its scopes.
    Command,
    /// Signs what belongs to a connection: welcome and receipt.
    Session,
    /// Signs manifests of show packages.
    Package,
    /// Signs manifests of updates.
    Update,
}

/// Who signs a kind of envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// The device itself.
    Device,
    /// A key of the keyset with this use.
    Key(KeyUse),
    /// Enough of the root keys.
    Root,
}

macro_rules! kinds {
    ($( $(#[$doc:meta])* $variant:ident = $text:literal, $signer:expr; )*) => {
        /// What an envelope carries; its `payloadType` is `application/vnd.vistter.<kind>.v1+json`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $( $(#[$doc])* $variant, )* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// Its name, e.g. `command`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }

            /// The `payloadType` that stands in the envelope and is signed with the payload.
            #[must_use]
            pub const fn payload_type(self) -> &'static str {
                match self { $(
                    Self::$variant => concat!("application/vnd.vistter.", $text, ".v1+json"),
                )* }
            }

            /// Who signs it.
            #[must_use]
            pub const fn signer(self) -> Signer {
                match self { $( Self::$variant => $signer, )* }
            }
        }
    };
}

kinds! {
    /// Something that the device is to do.
    Command = "command", Signer::Key(KeyUse::Command);
    /// What became of a command.
    Ack = "ack", Signer::Device;
    /// The other side has kept a message of the device.
    Receipt = "receipt", Signer::Key(KeyUse::Session);
    /// How far a command is.
    Progress = "progress", Signer::Device;
    /// Something happened on the device.
    Event = "event", Signer::Device;
    /// Figures of the device.
    Metrics = "metrics", Signer::Device;
    /// The first message of a connection.
    Hello = "hello", Signer::Device;
    /// The answer to it.
    Welcome = "welcome", Signer::Key(KeyUse::Session);
    /// The keys that may sign.
    Keyset = "keyset", Signer::Root;
    /// A new set of root keys.
    Root = "root", Signer::Root;
    /// What is in a show package.
    SegmentManifest = "segment-manifest", Signer::Key(KeyUse::Package);
    /// What is in an update.
    UpdateManifest = "update-manifest", Signer::Key(KeyUse::Update);
}

impl Kind {
    /// The kind of a `payloadType`, where it is one of ours.
    #[must_use]
    pub fn from_payload_type(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.payload_type() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_payload_type_and_by_no_other() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_payload_type(kind.payload_type()), Some(*kind));
            assert_eq!(Kind::from_payload_type(kind.as_str()), None);
        }
        assert_eq!(
            Kind::from_payload_type("application/vnd.vistter.command.v2+json"),
            None
        );
    }
}
