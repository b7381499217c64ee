//! A device that is nothing but its link: the real one, with hands that do nothing and no disk.

use control::{Row, Stored, TurnedAway};
use link::{
    About, Face, Hands, Identity, KeepError, Keeper, LinkStatus, News, PairRequest, Parts, Posts,
    Setup, Work,
};
use protocol::command::{Command, CommandType};
use protocol::{Capabilities, ClockSource, DeviceState, MessageId, Metrics};
use runtime::{CancellationToken, SystemClock};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;
use tokio::sync::watch;

/// Keeps nothing, and begins with nothing.
struct NoDisk;

impl Keeper for NoDisk {
    fn load(&self, _: &MessageId) -> Result<Stored, KeepError> {
        Ok(Stored::default())
    }

    fn keep(&self, _: &[Row]) -> Result<(), KeepError> {
        Ok(())
    }
}

/// Carries nothing out.
struct NoHands;

impl Hands for NoHands {
    fn commands(&self) -> BTreeSet<CommandType> {
        BTreeSet::new()
    }

    fn about(&self) -> About {
        About {
            capabilities: Capabilities::default(),
            state: DeviceState::Idle,
            clock: ClockSource::Unsynced,
        }
    }

    fn carry_out(&self, _: Command, _: &MessageId, _: CancellationToken) -> Work {
        Box::pin(async { control::Outcome::Disabled })
    }

    fn turned_away(&self, _: &TurnedAway) {}

    fn figures(&self) -> Option<Metrics> {
        None
    }

    fn is_idle(&self) -> bool {
        true
    }
}

/// Who a new device is after it has redeemed a token.
pub(crate) async fn paired(studio: &str, token: &str, ca_pem: &str) -> Identity {
    let mut identity = Identity::fresh().unwrap();
    let asked = PairRequest {
        studio,
        token,
        ca_pem: Some(ca_pem),
        capabilities: &Capabilities::default(),
        proxy: None,
    };
    let pairing = link::pair(&identity, &asked, Arc::new(SystemClock)).await;
    identity.pairing = Some(pairing.unwrap());
    identity
}

/// Runs one until `stop`, and tells each time that Studio welcomes it.
pub(crate) async fn run(
    number: usize,
    identity: Identity,
    came: Sender<(usize, Instant)>,
    stop: CancellationToken,
) {
    let face = Face::of(&identity).unwrap();
    let setup = Setup::new(watch::channel(Arc::new(face)).1, None).unwrap();
    let (status, mut seen) = watch::channel(LinkStatus::default());
    let parts = Parts {
        keeper: Arc::new(NoDisk),
        hands: Arc::new(NoHands),
        news: News::default(),
        posts: Posts::default(),
        clock: Arc::new(SystemClock),
        status: Arc::new(status),
    };
    let tells = async {
        let mut sessions = 0;
        while let Ok(status) = seen.wait_for(|status| status.sessions > sessions).await {
            sessions = status.sessions;
            let _nobody = came.send((number, Instant::now()));
        }
    };
    tokio::select! {
        ended = link::run(Arc::new(setup), parts, stop) => ended.unwrap(),
        () = tells => {}
    }
}
