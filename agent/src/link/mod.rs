//! The cloud link's joints with the rest: where its rows are kept, who carries commands out, pairing.
//!
//! The connection itself is the `link` crate, the rules of dispatch are `control`'s. A command becomes
//! one or two [`crate::modules::command::Command`]s, through the one door that the page uses too. Pairing
//! is asked of [`Link`], and done by the task behind it.

mod credentials;
mod hands;
mod identity;
mod keeper;
mod map;
mod pairing;
mod unit;

pub use credentials::Credentials;
pub use hands::StudioHands;
pub use keeper::RowKeeper;
pub use pairing::{Asked, PairFault, identity, pair, unpair};
pub use unit::{Joints, LinkKeeper};

use crate::modules::view::PairDraft;
use control::Answered;
use link::{LinkState, LinkStatus, PostError, PostNonce, Posts, Proxy, Validity};
use protocol::{Code, HasCode};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use unit::{Ask, Wish};

/// The link as others see it, and where pairing is asked for. Cheap to clone.
#[derive(Clone)]
pub struct Link {
    /// The device's serial, where it has one.
    pub serial: Option<String>,
    /// Its id in Studio, while it is paired.
    pub device: watch::Receiver<Option<String>>,
    /// How long its certificate is good, while it is paired.
    pub validity: watch::Receiver<Option<Validity>>,
    /// How the connection is.
    pub status: watch::Receiver<LinkStatus>,
    asks: mpsc::Sender<Ask>,
    posts: Posts,
    /// Held by whoever pairs or unpairs.
    turn: Arc<Mutex<()>>,
}

/// Reads who the device is. Whatever is wrong with that, everything local works. The connection of a
/// device that is paired begins when the task runs.
#[must_use]
pub fn open(store: &Store, proxy: Option<Proxy>) -> (Link, LinkKeeper) {
    let file = identity::IdentityFile::of(store.clone());
    let first = file.read().inspect_err(|error| {
        tracing::error!(%error, "The device's identity cannot be used; there is no link to Studio.");
    });
    let first = first.ok();
    let (device, its_device) = watch::channel(None);
    let (validity, its_validity) = watch::channel(None);
    let (status, its_status) = watch::channel(LinkStatus::default());
    let (asks, asked) = mpsc::channel(1);
    let posts = Posts::default();
    let link = Link {
        serial: first.as_ref().map(|identity| identity.serial.to_string()),
        device: its_device,
        validity: its_validity,
        status: its_status,
        asks,
        posts: posts.clone(),
        turn: Arc::default(),
    };
    let keeper = LinkKeeper {
        store: store.clone(),
        file,
        proxy,
        first,
        device,
        validity,
        status: Arc::new(status),
        asks: asked,
        posts,
        connected: None,
    };
    // Before the task runs it is known already whether the device is paired.
    if let Some(identity) = &keeper.first {
        keeper.show(identity);
    }
    (link, keeper)
}

/// Why a command was not taken that was posted at the device.
#[derive(Debug, thiserror::Error)]
pub enum PostFault {
    /// There is no Studio that it believes.
    #[error("the device is not paired with a Studio that could have signed it")]
    NotPaired,
    /// It was not believed, or not in time.
    #[error(transparent)]
    Post(#[from] PostError),
}

impl HasCode for PostFault {
    fn code(&self) -> Code {
        match self {
            Self::NotPaired => Code::NotPaired,
            Self::Post(error) => error.code(),
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::NotPaired => "Pair the device first.".into(),
            Self::Post(error) => error.remediation(),
        }
    }
}

impl Link {
    /// Pairs the device and connects it. Answers its id in Studio.
    ///
    /// # Errors
    /// [`PairFault`]; nothing is changed then.
    pub async fn pair(&self, draft: PairDraft) -> Result<String, PairFault> {
        self.ask(Wish::Pair(draft)).await
    }

    /// Forgets Studio and ends the connection. Answers what the device's id was.
    ///
    /// # Errors
    /// [`PairFault`]; nothing is changed then.
    pub async fn unpair(&self) -> Result<String, PairFault> {
        self.ask(Wish::Unpair).await
    }

    /// Posts a command that Studio signed, and waits so long for its end.
    ///
    /// # Errors
    /// [`PostFault`].
    pub async fn post(&self, envelope: Vec<u8>, patience: Duration) -> Result<Answered, PostFault> {
        self.is_paired()?;
        Ok(self.posts.post(envelope, patience).await?)
    }

    /// What a command can be bound to that is posted.
    ///
    /// # Errors
    /// [`PostFault`].
    pub async fn nonce(&self) -> Result<PostNonce, PostFault> {
        self.is_paired()?;
        Ok(self.posts.nonce().await?)
    }

    fn is_paired(&self) -> Result<(), PostFault> {
        let state = self.status.borrow().state;
        let is_none = matches!(state, LinkState::Revoked | LinkState::Unpaired);
        if is_none || self.device.borrow().is_none() {
            return Err(PostFault::NotPaired);
        }
        Ok(())
    }

    async fn ask(&self, wish: Wish) -> Result<String, PairFault> {
        let Ok(_turn) = self.turn.try_lock() else {
            return Err(PairFault::Busy);
        };
        let (answer, answered) = oneshot::channel();
        let sent = self.asks.send(Ask { wish, answer }).await;
        sent.map_err(|_closed| PairFault::Stopping)?;
        answered.await.unwrap_or(Err(PairFault::Stopping))
    }
}
