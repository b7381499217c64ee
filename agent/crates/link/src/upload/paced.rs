//! A body that is sent piece by piece, so that the line which carries the show is never full of it.
//!
//! Owns the pace. The whole length is known and told before the first piece, as addresses that are
//! signed for one PUT want it.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Bytes of a piece.
const PIECE: usize = 16 * 1024;

/// From one piece to the next: 256 KiB, 2 megabits, a second, so 32 s for the largest bundle.
const PERIOD: Duration = Duration::from_micros(62_500);

/// A document on its way.
pub(super) struct Paced {
    left: Bytes,
    /// Before the next piece; nothing before the first.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(super) const fn new(document: Bytes) -> Self {
        Self {
            left: document,
            pause: None,
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut self.pause
            && pause.as_mut().poll(context).is_pending()
        {
            return Poll::Pending;
        }
        self.pause = Some(Box::pin(sleep(PERIOD)));
        let length = PIECE.min(self.left.len());
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn all_of_it_comes_in_pieces_and_takes_its_time() {
        let document: Vec<u8> = (0..10 * PIECE + 7).map(|n| (n % 251) as u8).collect();
        let began = Instant::now();
        let body = Paced::new(Bytes::from(document.clone()));
        assert_eq!(body.size_hint().exact(), Some(document.len() as u64));
        let came = body.collect().await.unwrap().to_bytes();
        assert_eq!(came, document);
        assert!(began.elapsed() >= PERIOD * 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_one_is_sent_at_once() {
        let began = Instant::now();
        let body = Paced::new(Bytes::from_static(b"{}"));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
        assert!(Paced::new(Bytes::new()).is_end_stream());
        assert!(began.elapsed() < PERIOD);
    }
}
