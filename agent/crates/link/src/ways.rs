//! Which way to Studio is taken when: in the order of pairing, on each failure the next, and back to a
//! better one as soon as it opens, while a worse one still holds.

use crate::channel::{self, ConnectError};
use crate::connection::{Parts, Setup, SetupError};
use crate::driver::Input;
use crate::identity::Transport;
use crate::knock;
use crate::mqtt;
use crate::session::{self, End, Fault, Line, Purpose};
use crate::status::LinkState;
use runtime::{Backoff, chain};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use url::Url;

/// A session that lasted this long has forgotten the failures before it.
const STABLE: Duration = Duration::from_secs(60);

/// A way to Studio.
pub(crate) enum Way {
    /// A WebSocket.
    Socket(Url),
    /// MQTT.
    Broker {
        url: Url,
        /// The next connection throws away what the broker keeps for the device.
        discard: AtomicBool,
    },
}

impl Way {
    /// The way that pairing gave, where it is one that can be gone.
    pub(crate) fn of(transport: &Transport) -> Option<Self> {
        let url = transport.address()?;
        Some(match url.scheme() {
            "mqtts" => Self::Broker {
                url,
                discard: AtomicBool::new(false),
            },
            _ => Self::Socket(url),
        })
    }

    pub(crate) const fn url(&self) -> &Url {
        match self {
            Self::Socket(url) | Self::Broker { url, .. } => url,
        }
    }

    const fn default_port(&self) -> u16 {
        match self {
            Self::Socket(_) => channel::PORT,
            Self::Broker { .. } => mqtt::PORT,
        }
    }

    /// Host and port, for messages.
    pub(crate) fn place(&self) -> String {
        channel::place(self.url(), self.default_port())
    }

    /// Host and port, to connect to.
    pub(crate) fn door(&self) -> Result<(&str, u16), ConnectError> {
        let url = self.url();
        let host = url
            .host_str()
            .ok_or_else(|| ConnectError::Address(url.to_string()))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok((bare, url.port().unwrap_or(self.default_port())))
    }
}

/// Which way is next.
#[derive(Debug, Default, PartialEq, Eq)]
struct Order {
    /// The way that is taken; 0 is the best.
    at: usize,
    /// Failures in a row.
    failures: u32,
    /// Tries to come back to a better way.
    returns: u32,
}

impl Order {
    /// The connection could not be made, or ended after so long. One that lasted is tried again from the
    /// best way on.
    fn failed(&mut self, lasted: Duration, ways: usize) {
        if lasted >= STABLE {
            if self.at == 0 {
                self.returns = 0;
            }
            self.failures = 0;
            self.at = 0;
        } else {
            self.at = (self.at + 1) % ways;
        }
        self.failures = self.failures.saturating_add(1);
    }
}

/// Connects, and connects again, until the whole link is dropped.
///
/// # Errors
/// [`SetupError`] when no connection can ever be made, or there is nobody to tell.
pub(crate) async fn connections(
    setup: &Setup,
    parts: &Parts,
    report: &mpsc::Sender<Input>,
) -> Result<(), SetupError> {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 100)
        .expect("a second, a minute, all of it random");
    let mut order = Order::default();
    let mut ready = None;
    // Whether the next connection begins with a look at who is there: after a failure, unless a knock was
    // answered just now.
    let mut looks = false;
    loop {
        let at = order.at;
        let way = &setup.ways[at];
        parts.status.send_modify(|status| {
            status.state = LinkState::Connecting;
            status.address = Some(way.place());
            status.fallback = at > 0;
            status.next_try_ms = None;
        });
        let began = Instant::now();
        let ended = tokio::select! {
            ended = gone(setup, parts, report, way, (ready.take(), looks)) => Some(ended),
            (better, line) = back(setup, parts, at, &mut order.returns) => {
                order.at = better;
                ready = Some(line);
                None
            }
        };
        if report.send(Input::Closed).await.is_err() {
            return Err(SetupError::Ended("its driver".to_owned()));
        }
        let Some(ended) = ended else {
            tracing::info!("A better way to Studio is open again.");
            continue;
        };
        let (error, refused, silent) = match ended {
            Ok(end) => {
                if let (true, Way::Broker { discard, .. }) = (end.discard, way) {
                    discard.store(true, Ordering::Relaxed);
                }
                (end.why.to_owned(), false, false)
            }
            Err(Fault::Setup(error)) => return Err(error),
            Err(Fault::Connect(error)) => (chain(&error), error.is_refusal(), error.is_silence()),
        };
        order.failed(began.elapsed(), setup.ways.len());
        let wait = backoff.delay(order.failures, runtime::random());
        tracing::info!(
            failures = order.failures,
            ?wait,
            error,
            "No connection to Studio; the show goes on."
        );
        parts.status.send_modify(|status| {
            status.state = if refused {
                LinkState::AuthFailed
            } else {
                LinkState::Backoff
            };
            status.failures = order.failures;
            status.last_error = Some(error);
            status.next_try_ms = u64::try_from(wait.as_millis()).ok();
        });
        // With several ways, the next one was not the one that was silent.
        let silent = silent && setup.ways.len() == 1;
        let tls = session::tls(&setup.face(), &parts.clock)?;
        looks = tokio::select! {
            () = sleep(wait) => true,
            () = knock::wakes(&setup.ways[order.at], setup.proxy.as_ref(), &tls, silent) => false,
        };
    }
}

/// One way, from its opening to the end of its connection. `ready` is a connection that is open already.
/// Where it `looks`, it is asked first whether anybody listens: that takes less time than opening a
/// connection to nobody. A proxy always listens, and may take longer to connect than is waited there.
async fn gone(
    setup: &Setup,
    parts: &Parts,
    report: &mpsc::Sender<Input>,
    way: &Way,
    (ready, looks): (Option<Line>, bool),
) -> Result<End, Fault> {
    if ready.is_none() && looks && setup.proxy.is_none() {
        let _closed_again = knock::reach(way, None).await?;
    }
    let line = match ready {
        Some(line) => line,
        None => session::open(setup, &parts.clock, way, Purpose::Talk).await?,
    };
    Ok(session::talk(line, report).await?)
}

/// Opens one of the ways that are better than the one at place `at`; where there is none, never ends.
/// `tries` grows with each try, and with it the time between them, also where a way opens and then fails.
async fn back(setup: &Setup, parts: &Parts, at: usize, tries: &mut u32) -> (usize, Line) {
    let pause = Backoff::new(Duration::from_secs(10), Duration::from_secs(900), 50)
        .expect("ten seconds, a quarter of an hour, half of it random");
    if at == 0 {
        std::future::pending::<()>().await;
    }
    loop {
        *tries = tries.saturating_add(1);
        sleep(pause.delay(*tries, runtime::random())).await;
        for (place, way) in setup.ways.iter().enumerate().take(at) {
            match session::open(setup, &parts.clock, way, Purpose::Talk).await {
                Ok(line) => return (place, line),
                Err(Fault::Setup(error)) => tracing::debug!(error = chain(&error), "No way back."),
                Err(Fault::Connect(error)) => {
                    tracing::debug!(error = chain(&error), "No way back.");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_leads_to_the_next_way_and_a_lasting_connection_to_the_best() {
        let short = Duration::from_secs(5);
        let mut order = Order::default();
        let mut taken = Vec::new();
        for _ in 0..4 {
            order.failed(short, 3);
            taken.push((order.at, order.failures));
        }
        assert_eq!(taken, [(1, 1), (2, 2), (0, 3), (1, 4)]);
        order.failed(STABLE, 3);
        assert_eq!((order.at, order.failures), (0, 1));
    }

    #[test]
    fn a_best_way_that_does_not_last_is_come_back_to_less_and_less_often() {
        let mut order = Order {
            returns: 3,
            ..Order::default()
        };
        order.failed(Duration::from_secs(5), 2);
        assert_eq!((order.at, order.returns), (1, 3));
        order.failed(STABLE, 2);
        assert_eq!((order.at, order.returns), (0, 3), "the fallback lasted");
        order.failed(STABLE, 2);
        assert_eq!((order.at, order.returns), (0, 0), "the best way lasted");
    }
}
