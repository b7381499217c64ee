//! The task that pairs and unpairs the device while the agent runs, one after the other.
//!
//! Owns whether there is a connection to Studio: it starts the unit that has one, and ends it. Neither
//! touches a show. What it is asked comes through [`super::Link`].

use super::identity::IdentityFile;
use super::pairing::{Asked, PairFault, forget, keep, redeem};
use super::{Credentials, RowKeeper, StudioHands};
use crate::modules::Router;
use crate::modules::view::PairDraft;
use crate::telemetry::System;
use link::{Face, Identity, LinkState, LinkStatus, News, Parts, Posts, Proxy, Setup, Validity};
use runtime::{CancellationToken, Policy, Supervisor, SystemClock, Unit, chain};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

/// So long a device whose credentials were taken away stays to say that they are.
const FAREWELL: Duration = Duration::from_secs(10);

/// What the link is joined with.
pub struct Joints {
    /// Who sees to its connection.
    pub supervisor: Supervisor,
    /// Who carries out what Studio asks.
    pub router: Router,
    /// How the machine is.
    pub system: System,
    /// What Studio is told without asking.
    pub news: News,
}

/// What is wanted.
pub(super) enum Wish {
    /// Redeem a token.
    Pair(PairDraft),
    /// Forget Studio.
    Unpair,
}

/// What is wanted, and who is told the device's id in Studio when it is done.
pub(super) struct Ask {
    pub(super) wish: Wish,
    pub(super) answer: oneshot::Sender<Result<String, PairFault>>,
}

/// The task.
pub struct LinkKeeper {
    pub(super) store: Store,
    pub(super) file: IdentityFile,
    pub(super) proxy: Option<Proxy>,
    /// Who the device was when the agent began.
    pub(super) first: Option<Identity>,
    pub(super) device: watch::Sender<Option<String>>,
    pub(super) validity: watch::Sender<Option<Validity>>,
    pub(super) status: Arc<watch::Sender<LinkStatus>>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) posts: Posts,
    pub(super) connected: Option<Connected>,
}

/// The unit that is connected to Studio, or tries to be.
pub(super) struct Connected {
    unit: Unit,
    rows: Arc<RowKeeper>,
}

impl LinkKeeper {
    /// Connects a device that is paired, and does what is asked until `stop`.
    pub async fn run(mut self, with: Joints, stop: CancellationToken) {
        if let Some(identity) = self.first.take() {
            self.connect(&with, &identity);
        }
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = self.asks.recv() => asked,
            };
            let Some(Ask { wish, answer }) = asked else {
                return;
            };
            // Where the agent ends in between, the device is paired or it is not.
            let done = tokio::select! {
                () = stop.cancelled() => return,
                done = self.grant(&with, wish) => done,
            };
            let _nobody_waits = answer.send(done);
        }
    }

    async fn grant(&mut self, with: &Joints, wish: Wish) -> Result<String, PairFault> {
        match wish {
            Wish::Pair(draft) => self.pair(with, &draft).await,
            Wish::Unpair => self.unpair().await,
        }
    }

    async fn pair(&mut self, with: &Joints, draft: &PairDraft) -> Result<String, PairFault> {
        let before = self.file.look().await?;
        let asked = Asked {
            studio: &draft.studio,
            token: draft.token.expose(),
            ca_pem: draft.ca.as_deref(),
            proxy: self.proxy.as_ref(),
        };
        let pairing = redeem(&before, &asked).await?;
        let device = pairing.device_id.to_string();
        // One that Studio took away may still be saying farewell.
        self.disconnect().await;
        let rows = RowKeeper::new(self.store.clone(), with.router.audit().clone());
        match keep(&self.file, rows, pairing).await {
            Ok(identity) => {
                tracing::info!(device_id = device, "Paired with Studio.");
                // What happened before is no business of this Studio's.
                with.news.forget();
                self.connect(with, &identity);
                Ok(device)
            }
            Err(fault) => {
                self.show(&before);
                Err(fault)
            }
        }
    }

    async fn unpair(&mut self) -> Result<String, PairFault> {
        let forgotten = self.file.changed(|identity| forget(&identity));
        let (device, identity) = forgotten.await?;
        self.disconnect().await;
        self.show(&identity);
        tracing::info!(
            device_id = device,
            "Unpaired from Studio; everything local goes on."
        );
        Ok(device)
    }

    /// Ends the connection, if there is one, and waits until nothing of it is left.
    async fn disconnect(&mut self) {
        let Some(Connected { unit, rows }) = self.connected.take() else {
            return;
        };
        unit.stop();
        unit.ended().await;
        let _shut = tokio::task::spawn_blocking(move || rows.shut()).await;
    }

    /// Shows whether the device is paired.
    pub(super) fn show(&self, identity: &Identity) {
        let (state, why) = match (&identity.pairing, &identity.revoked) {
            (Some(_), _) => (LinkState::Connecting, None),
            (None, Some(reason)) => (LinkState::Revoked, Some(reason.clone())),
            (None, None) => (LinkState::Unpaired, None),
        };
        let device = identity.pairing.as_ref();
        self.validity
            .send_replace(device.and_then(link::Pairing::validity));
        let device = device.map(|pairing| pairing.device_id.to_string());
        self.device.send_replace(device);
        self.status.send_modify(|status| over(status, state, why));
    }

    /// Starts the connection of a device that is paired.
    fn connect(&mut self, with: &Joints, identity: &Identity) {
        self.show(identity);
        let Some(face) = Face::of(identity) else {
            return;
        };
        let credentials = Credentials::new(
            self.file.clone(),
            face,
            self.proxy.clone(),
            self.validity.clone(),
        );
        let setup = match Setup::new(credentials.face(), self.proxy.clone()) {
            Ok(setup) => Arc::new(setup),
            Err(error) => {
                tracing::error!(%error, "What pairing gave cannot be used; pair the device anew.");
                let why = Some(chain(&error));
                self.status
                    .send_modify(|status| over(status, LinkState::Unpaired, why));
                return;
            }
        };
        let revoked = credentials.revoked();
        let audit = with.router.audit().clone();
        let rows = Arc::new(RowKeeper::new(self.store.clone(), audit));
        let hands = StudioHands::new(with.router.clone(), with.system.clone(), Some(credentials));
        let parts = Parts {
            keeper: Arc::clone(&rows) as Arc<dyn link::Keeper>,
            hands: Arc::new(hands),
            news: with.news.clone(),
            posts: self.posts.clone(),
            clock: Arc::new(SystemClock),
            status: Arc::clone(&self.status),
        };
        let file = self.file.clone();
        let unit = with
            .supervisor
            .start("studio link", Policy::default(), move |stop| {
                let (setup, file) = (Arc::clone(&setup), file.clone());
                linked(setup, parts.clone(), file, revoked.clone(), stop)
            });
        self.connected = Some(Connected { unit, rows });
    }
}

/// The link until it is to end, or its credentials were taken away.
async fn linked(
    setup: Arc<Setup>,
    parts: Parts,
    file: IdentityFile,
    revoked: CancellationToken,
    stop: CancellationToken,
) -> Result<(), link::SetupError> {
    let status = Arc::clone(&parts.status);
    let own = stop.child_token();
    let running = link::run(setup, parts, own.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        () = farewell(&revoked, &status) => own.cancel(),
    }
    let _ended = running.await;
    let why = file.look().await.ok().and_then(|identity| identity.revoked);
    status.send_modify(|status| over(status, LinkState::Revoked, why));
    Ok(())
}

/// Ends when the credentials are taken away and Studio was told so, or could not be.
async fn farewell(revoked: &CancellationToken, status: &watch::Sender<LinkStatus>) {
    revoked.cancelled().await;
    let mut seen = status.subscribe();
    let told = seen.wait_for(|status| status.open_commands == 0 && status.outbox == 0);
    if tokio::time::timeout(FAREWELL, told).await.is_err() {
        tracing::warn!("Studio was not told that the credentials are gone.");
    }
}

/// There is no connection. What was counted since the start of the agent stays.
fn over(status: &mut LinkStatus, state: LinkState, why: Option<String>) {
    *status = LinkStatus {
        state,
        last_error: why,
        sessions: status.sessions,
        carried_out: status.carried_out,
        refused: std::mem::take(&mut status.refused),
        alerts: std::mem::take(&mut status.alerts),
        events_lost: status.events_lost,
        figures_lost: status.figures_lost,
        ..LinkStatus::default()
    };
}
