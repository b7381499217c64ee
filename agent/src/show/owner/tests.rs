//! When the owner answers. No process is started.

use super::*;
use crate::show::parts::bare::parts;
use crate::show::{Show, ShowStatus};
use runtime::Supervisor;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::{oneshot, watch};

/// Looks at the status in the very moment in which an answer is given.
struct Onlooker {
    status: watch::Receiver<Arc<ShowStatus>>,
    was_shown: Mutex<Option<bool>>,
}

impl Wake for Onlooker {
    fn wake(self: Arc<Self>) {
        let shown = self.status.has_changed().unwrap();
        *self.was_shown.lock().unwrap() = Some(shown);
    }
}

#[tokio::test]
async fn an_answer_is_given_when_what_it_tells_can_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::new(CancellationToken::new());
    let parts = parts(&supervisor, &folder);
    let (show, inbox) = Show::channel();
    let mut owner = Owner::new(parts, inbox, None);
    for _ in 0..2 {
        let mut status = show.watch();
        status.mark_unchanged();
        let onlooker = Arc::new(Onlooker {
            status,
            was_shown: Mutex::new(None),
        });
        let waker = Waker::from(Arc::clone(&onlooker));
        let (answer, mut answered) = oneshot::channel();
        let asked = Pin::new(&mut answered).poll(&mut Context::from_waker(&waker));
        assert!(asked.is_pending());
        owner.carry_out(Request::KillAll { answer }).await;
        assert_eq!(*onlooker.was_shown.lock().unwrap(), Some(true));
        let told = Pin::new(&mut answered).poll(&mut Context::from_waker(&waker));
        assert!(matches!(told, Poll::Ready(Ok(Ok(0)))));
    }
}
