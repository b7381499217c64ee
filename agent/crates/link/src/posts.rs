//! Where a command that Studio signed can be posted at the device itself, with or without a connection.
//!
//! Owns the queue to the driver and how long its answers are waited for. Whether a command is believed and
//! what becomes of it is the dispatcher's matter, as with those that come by the link.

use control::Answered;
use protocol::{Code, HasCode, Nonce};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// Posts that may wait for the driver.
const QUEUE: usize = 16;

/// Posts whose end is waited for at the same time.
pub(crate) const WAITING: usize = 64;

/// The first answer, or the nonce, comes in this time. Only a disk that keeps nothing takes longer.
const FIRST: Duration = Duration::from_secs(5);

/// How long a nonce for posts counts.
pub(crate) const NONCE_LIFE: Duration = Duration::from_secs(600);

/// Answers of one command: accepted, and its end.
const ANSWERS: usize = 2;

/// Why nothing is known of what was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// It is no command for this device by a key of Studio's. Which check it failed is not told.
    #[error("the device does not believe what was posted")]
    Unbelieved,
    /// Too many wait.
    #[error("too many posted commands are waited for")]
    Busy,
    /// Nothing was answered in time.
    #[error("the command was not taken up in time")]
    Late,
}

impl HasCode for PostError {
    fn code(&self) -> Code {
        match self {
            Self::Unbelieved => Code::SignatureInvalid,
            Self::Busy => Code::Busy,
            Self::Late => Code::Timeout,
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::Unbelieved => {
                "Post an envelope that Studio signed for this device, as it is.".into()
            }
            Self::Late => "Post the same envelope again: it is not done twice.".into(),
            Self::Busy => self.code().remediation().into(),
        }
    }
}

/// What a command can be bound to that is posted, so that it needs no time that the device knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostNonce {
    /// For `session_nonce`.
    pub nonce: Nonce,
    /// How long it counts.
    pub lives: Duration,
}

/// Answers to one that posts.
pub(crate) type Answers = mpsc::Sender<Result<Answered, PostError>>;

/// What the driver is asked.
pub(crate) enum Ask {
    /// Take a command in.
    Command { envelope: Vec<u8>, answers: Answers },
    /// What can a command be bound to?
    Nonce(oneshot::Sender<PostNonce>),
}

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Posts {
    asks: mpsc::Sender<Ask>,
    asked: Arc<Mutex<mpsc::Receiver<Ask>>>,
}

impl Default for Posts {
    fn default() -> Self {
        let (asks, asked) = mpsc::channel(QUEUE);
        Self {
            asks,
            asked: Arc::new(Mutex::new(asked)),
        }
    }
}

impl Posts {
    /// Posts an envelope. Answers how the command stands once that is durable; where it is not at its end
    /// then, its end is waited for until `patience` is over.
    ///
    /// # Errors
    /// [`PostError`].
    pub async fn post(&self, envelope: Vec<u8>, patience: Duration) -> Result<Answered, PostError> {
        let until = Instant::now() + patience;
        let (answers, mut told) = mpsc::channel(ANSWERS);
        let first = async {
            let _gone = self.asks.send(Ask::Command { envelope, answers }).await;
            told.recv().await
        };
        let first = timeout(FIRST, first).await.ok().flatten();
        let mut last = first.unwrap_or(Err(PostError::Late))?;
        while !last.ack.status.is_final() {
            match timeout_at(until, told.recv()).await {
                Ok(Some(next)) => last = next?,
                // It goes on: the patience, or the driver, is at its end.
                Ok(None) | Err(_) => break,
            }
        }
        Ok(last)
    }

    /// What a command can be bound to that is posted here next.
    ///
    /// # Errors
    /// [`PostError::Late`].
    pub async fn nonce(&self) -> Result<PostNonce, PostError> {
        let (answer, told) = oneshot::channel();
        let asked = async {
            let _gone = self.asks.send(Ask::Nonce(answer)).await;
            told.await.ok()
        };
        let nonce = timeout(FIRST, asked).await.ok().flatten();
        nonce.ok_or(PostError::Late)
    }

    /// What is asked next. For one driver at a time; giving up loses nothing.
    pub(crate) async fn next(&self) -> Ask {
        let mut asked = self.asked.lock().await;
        match asked.recv().await {
            Some(ask) => ask,
            // It does not end while this door is there.
            None => std::future::pending().await,
        }
    }
}
