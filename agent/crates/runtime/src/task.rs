//! A task that belongs to somebody: it ends when its owner lets go of it.
//!
//! For work inside a part. Parts themselves are units of the [`crate::Supervisor`].

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// How a task ended without a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It was aborted.
    #[error("the task was aborted")]
    Aborted,
    /// It panicked; the text is for the log only.
    #[error("the task panicked: {0}")]
    Panicked(String),
}

impl From<tokio::task::JoinError> for Ended {
    fn from(error: tokio::task::JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => Self::Panicked(panic_text(panic.as_ref())),
            Err(_) => Self::Aborted,
        }
    }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned())
}

/// A running task: awaiting it gives its value, dropping it aborts it.
#[derive(Debug)]
#[must_use = "dropping a task aborts it"]
pub struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// Aborts it at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Lets it go on by itself to its end; its value still comes by what is given back, for whoever
    /// waits. A panic in it is whoever waits to see.
    pub fn outlives(self) -> impl Future<Output = Result<T, Ended>> + Send
    where
        T: Send + 'static,
    {
        let (tell, told) = tokio::sync::oneshot::channel();
        let keeper = async move {
            let _nobody_waits = tell.send(self.await);
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it is about the task that nobody owns any more; it ends with that"
        )]
        tokio::spawn(keeper);
        async move { told.await.unwrap_or(Err(Ended::Aborted)) }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(Ended::from)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a task.
///
/// # Panics
/// Outside a tokio runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the handle that is returned sees it end"
)]
pub fn spawn<F>(work: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Task(tokio::spawn(work))
}

/// Does work within the task that waits for it. A panic in it is a value, as with [`spawn`], and costs no
/// task.
///
/// # Errors
/// [`Ended::Panicked`].
pub async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, Ended> {
    let mut work = pin!(work);
    // What has panicked is not polled again, so nobody sees what it left half done.
    let poll =
        |cx: &mut Context<'_>| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(Ended::Panicked(panic_text(panic.as_ref())))),
        };
    poll_fn(poll).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_dropped_task_ends() {
        let (alive, gone) = oneshot::channel::<()>();
        let task = spawn(async move {
            std::future::pending::<()>().await;
            drop(alive);
        });
        drop(task);
        assert!(gone.await.is_err());
    }

    #[tokio::test]
    async fn a_panic_is_a_value() {
        let task = spawn(async { panic!("boom {}", 1) });
        assert_eq!(task.await, Err(Ended::Panicked("boom 1".to_owned())));
    }

    #[tokio::test]
    async fn a_panic_within_a_task_is_a_value_too() {
        let work = async {
            tokio::task::yield_now().await;
            panic!("boom {}", 2)
        };
        let ended: Result<(), Ended> = guarded(work).await;
        assert_eq!(ended, Err(Ended::Panicked("boom 2".to_owned())));
        assert_eq!(guarded(async { 3 }).await, Ok(3));
    }
}
