//! The cloud link's joints with the rest: where its rows are kept, who carries commands out, pairing.
//!
//! The connection itself is the `link` crate, the rules of dispatch are `control`'s. A command becomes
//! one or two [`crate::modules::command::Command`]s, through the one door that the page uses too.

mod hands;
mod keeper;
mod map;
mod pairing;

pub use hands::StudioHands;
pub use keeper::RowKeeper;
pub use pairing::{PairFault, identity, pair, unpair};

use crate::modules::Router;
use crate::telemetry::System;
use link::{Identity, LinkStatus, Parts, Setup};
use runtime::{Policy, Supervisor, SystemClock};
use std::sync::Arc;
use store::Store;
use tokio::sync::watch;

/// The link as others see it.
#[derive(Clone)]
pub struct Link {
    /// The device's serial, where it has one.
    pub serial: Option<String>,
    /// Its id in Studio, while it is paired.
    pub device_id: Option<String>,
    /// How the connection is.
    pub status: watch::Receiver<LinkStatus>,
}

impl Link {
    /// A link that is not there.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            serial: None,
            device_id: None,
            status: watch::channel(LinkStatus::default()).1,
        }
    }
}

/// Starts the link if the device is paired. Whatever is wrong with it, everything local works.
#[must_use]
pub fn start(supervisor: &Supervisor, store: &Store, router: Router, system: System) -> Link {
    let identity = match identity(store) {
        Ok(identity) => identity,
        Err(error) => {
            tracing::error!(%error, "The device's identity cannot be used; there is no link to Studio.");
            return Link::absent();
        }
    };
    let serial = Some(identity.serial.to_string());
    let (status, seen) = watch::channel(LinkStatus::default());
    let device_id = identity
        .pairing
        .as_ref()
        .map(|pairing| pairing.device_id.to_string());
    let link = Link {
        serial,
        device_id,
        status: seen,
    };
    let setup = match setup(&identity) {
        Some(setup) => Arc::new(setup),
        None => return link,
    };
    let parts = Parts {
        keeper: Arc::new(RowKeeper::new(store.clone())),
        hands: Arc::new(StudioHands::new(router, system)),
        clock: Arc::new(SystemClock),
        status: Arc::new(status),
    };
    supervisor.start("studio link", Policy::default(), move |stop| {
        link::run(Arc::clone(&setup), parts.clone(), stop)
    });
    link
}

fn setup(identity: &Identity) -> Option<Setup> {
    let pairing = identity.pairing.as_ref()?;
    match Setup::new(identity, pairing) {
        Ok(setup) => Some(setup),
        Err(error) => {
            tracing::error!(%error, "What pairing gave cannot be used; pair the device anew.");
            None
        }
    }
}
