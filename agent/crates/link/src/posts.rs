//! Where a command that Studio signed can be posted at the device itself, with or without a connection.
//!
//! Owns the queue to the driver and how long its answers are waited for. Whether a command is believed and
//! what becomes of it is the dispatcher's matter, as with those that come by the link.

use control::Answered;
use protocol::{Code, HasCode, Nonce};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// Posts that may wait for the driver. It hardly ever has more than one to take.
pub(crate) const QUEUE: usize = 16;

/// Posts whose end is waited for at the same time. Beyond it the oldest goes without.
pub(crate) const WAITING: usize = 64;

/// The first answer, or the nonce, comes in this time. Only a disk that keeps nothing takes longer.
const FIRST: Duration = Duration::from_secs(5);

/// How long a nonce for posts counts. One that is given out has at least half of it left.
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
    #[error("too many posted commands wait to be looked at")]
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

impl Ask {
    /// Whoever asked does not wait any more.
    fn is_given_up(&self) -> bool {
        match self {
            Self::Command { answers, .. } => answers.is_closed(),
            Self::Nonce(answer) => answer.is_closed(),
        }
    }
}

/// The door. Cheap to clone.
#[derive(Clone, Default)]
pub struct Posts {
    asked: Arc<(Mutex<VecDeque<Ask>>, Notify)>,
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
        self.ask(Ask::Command { envelope, answers })?;
        let first = timeout(FIRST, told.recv()).await.ok().flatten();
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
    /// [`PostError::Late`], [`PostError::Busy`].
    pub async fn nonce(&self) -> Result<PostNonce, PostError> {
        let (answer, told) = oneshot::channel();
        self.ask(Ask::Nonce(answer))?;
        let nonce = timeout(FIRST, told).await.ok();
        nonce.and_then(Result::ok).ok_or(PostError::Late)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Ask>> {
        self.asked.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, ask: Ask) -> Result<(), PostError> {
        let mut queue = self.queue();
        queue.retain(|ask| !ask.is_given_up());
        if queue.len() >= QUEUE {
            return Err(PostError::Busy);
        }
        queue.push_back(ask);
        drop(queue);
        self.asked.1.notify_one();
        Ok(())
    }

    /// What is asked next. For one driver at a time; giving up loses nothing.
    pub(crate) async fn next(&self) -> Ask {
        loop {
            if let Some(ask) = self.queue().pop_front() {
                return ask;
            }
            self.asked.1.notified().await;
        }
    }
}
