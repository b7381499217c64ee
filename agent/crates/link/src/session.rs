//! One connection from its beginning to its end, whatever carries it: opened, then spoken over.

use crate::channel::{self, ConnectError, Socket};
use crate::claims::{self, Claims};
use crate::connection::{Face, NOT_BEFORE_MS, Setup, SetupError};
use crate::driver::{Carrier, Input, OUTGOING};
use crate::identity::{IdentityError, Pairing, random_hex};
use crate::mqtt;
use crate::tls::{self, Checks, Pins, Roots};
use crate::ways::Way;
use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use protocol::{Code, Nonce, Timestamp, Topics};
use runtime::{CancellationToken, Clock};
use rustls::ClientConfig;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

/// How often the connection is tried by a ping.
const PING: Duration = Duration::from_secs(4);

/// A connection on which nothing comes for so long is dead.
pub(crate) const DEAD: Duration = Duration::from_secs(12);

/// Pings of Studio's in a second; more have no purpose but work.
const PINGS: u32 = 100;

/// The welcome has to come in this time.
const WELCOME: Duration = Duration::from_secs(10);

/// How long a write may take.
pub(crate) const WRITE: Duration = Duration::from_secs(12);

/// Bytes of messages that are written together. Fewer than one message may have, so that a slow line has
/// no more to take in [`WRITE`].
const TOGETHER: usize = 64 << 10;

/// How long the end of a connection that the agent closes may take.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

/// Ends that either carrier has.
pub(crate) const STOPS: &str = "the agent stops";
pub(crate) const CLOSED: &str = "the agent closed the connection";

/// Why a connection did not begin.
pub(crate) enum Fault {
    /// The link cannot run as it is.
    Setup(SetupError),
    /// The other side is not there, or is not what it should be.
    Connect(ConnectError),
}

impl From<SetupError> for Fault {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}

impl From<IdentityError> for Fault {
    fn from(error: IdentityError) -> Self {
        Self::Setup(error.into())
    }
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

/// How a connection ended.
pub(crate) struct End {
    pub(crate) why: &'static str,
    /// What the broker keeps for the device would end the next one too.
    pub(crate) discard: bool,
}

impl End {
    pub(crate) const fn discarding(why: &'static str) -> Self {
        Self { why, discard: true }
    }
}

impl From<&'static str> for End {
    fn from(why: &'static str) -> Self {
        Self {
            why,
            discard: false,
        }
    }
}

/// Ends where Studio's welcome does not come in time, and never where it does.
async fn missed(welcomed: CancellationToken) -> &'static str {
    if timeout(WELCOME, welcomed.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
    "Studio did not say welcome in time"
}

/// An open connection that the driver does not know of yet.
pub(crate) enum Line {
    /// A WebSocket.
    Socket(Box<Socket>),
    /// MQTT.
    Broker(Box<mqtt::Broker>),
}

/// What a connection is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To speak over it.
    Talk,
    /// To see that it opens.
    Proof,
}

/// The time is not before this, in time since 1970.
pub(crate) fn floor(pairing: &Pairing) -> Duration {
    Duration::from_millis(pairing.paired_at.millis().max(NOT_BEFORE_MS))
}

/// How TLS is spoken to Studio: with the device's certificate as it is now.
///
/// # Errors
/// [`SetupError::Tls`].
pub(crate) fn tls(face: &Face, clock: &Arc<dyn Clock>) -> Result<Arc<ClientConfig>, SetupError> {
    let (identity, pairing) = (&face.identity, &face.pairing);
    let checks = Checks {
        roots: Roots::These(&pairing.ca_pem),
        pins: Pins::These(&pairing.spki_pins),
        device: Some((&pairing.client_cert_pem, identity.tls_key_pem())),
        floor: floor(pairing),
    };
    tls::client(&checks, Arc::clone(clock)).map_err(SetupError::from)
}

/// Opens a connection: TLS with the device's certificate as it is now, and claims of its own.
pub(crate) async fn open(
    setup: &Setup,
    clock: &Arc<dyn Clock>,
    way: &Way,
    purpose: Purpose,
) -> Result<Line, Fault> {
    let face = setup.face();
    let (identity, pairing) = (&face.identity, &face.pairing);
    let tls = tls(&face, clock)?;
    let floor = floor(pairing);
    let wall = clock.wall().duration_since(SystemTime::UNIX_EPOCH);
    let now = wall.unwrap_or_default().max(floor);
    let claims = Claims {
        device: pairing.device_id.as_str(),
        serial: identity.serial.as_str(),
        host: way.url().host_str().unwrap_or_default(),
        now_s: now.as_secs(),
    };
    let key = identity.signing_key()?;
    let token = || claims::token(&claims, &key);
    match way {
        Way::Socket(url) => {
            let socket = channel::open(url, tls, &token()?, setup.proxy.as_ref()).await?;
            Ok(Line::Socket(Box::new(socket)))
        }
        Way::Broker { url, discard } => {
            let mut access = mqtt::Access {
                tls,
                proxy: setup.proxy.as_ref(),
                device: pairing.device_id.as_str(),
                password: token()?,
                topics: Topics::of(&pairing.tenant_id, &pairing.device_id),
                now: Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
            };
            if discard.load(Ordering::Relaxed) {
                mqtt::forget(url, &access).await?;
                discard.store(false, Ordering::Relaxed);
                access.password = token()?;
            }
            let broker = mqtt::open(url, access, purpose).await?;
            Ok(Line::Broker(Box::new(broker)))
        }
    }
}

/// Speaks over an open connection until it ends; gives the reason of its end.
pub(crate) async fn talk(line: Line, report: &mpsc::Sender<Input>) -> Result<End, IdentityError> {
    let nonce = Nonce::parse(random_hex()?).expect("32 hex digits");
    let carrier = Carrier {
        keeps: matches!(line, Line::Broker(_)),
        welcomed: CancellationToken::new(),
    };
    let missed = missed(carrier.welcomed.clone());
    let spoken = async {
        match line {
            Line::Socket(socket) => End::from(over_socket(*socket, nonce, carrier, report).await),
            Line::Broker(broker) => mqtt::talk(*broker, nonce, carrier, report).await,
        }
    };
    Ok(tokio::select! {
        end = spoken => end,
        why = missed => End::from(why),
    })
}

async fn over_socket(
    socket: Socket,
    nonce: Nonce,
    carrier: Carrier,
    report: &mpsc::Sender<Input>,
) -> &'static str {
    let (out, outgoing) = mpsc::channel(OUTGOING);
    let opened = Input::Opened {
        nonce,
        out,
        carrier,
    };
    if report.send(opened).await.is_err() {
        return STOPS;
    }
    let (sink, stream) = socket.split();
    let writing = write(sink, outgoing);
    tokio::pin!(writing);
    let why = tokio::select! {
        why = read(stream, report) => why,
        why = &mut writing => return why,
    };
    // Without a driver the writer comes to its end, and says so to the other side.
    if why == STOPS { writing.await } else { why }
}

/// Reads until the connection ends or nothing comes any more: pings are answered by an honest peer.
async fn read(
    mut stream: impl Stream<Item = Result<Message, WsError>> + Unpin,
    report: &mpsc::Sender<Input>,
) -> &'static str {
    let (mut second, mut pings) = (Instant::now(), 0);
    loop {
        let input = match timeout(DEAD, stream.next()).await {
            Err(_) => return "nothing came for 12 s",
            Ok(None) => return "Studio closed the connection",
            Ok(Some(Err(WsError::Capacity(_)))) => {
                let _gone = report.send(Input::Garbage(Code::TooLarge)).await;
                return "a message was too large";
            }
            Ok(Some(Err(_))) => return "the connection broke",
            Ok(Some(Ok(Message::Text(text)))) => Input::Message(Bytes::from(text).to_vec()),
            Ok(Some(Ok(Message::Close(_)))) => return "Studio closed the connection",
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {
                if second.elapsed() >= Duration::from_secs(1) {
                    (second, pings) = (Instant::now(), 0);
                }
                pings += 1;
                if pings > PINGS {
                    return "Studio sent more than 100 pings in a second";
                }
                continue;
            }
            Ok(Some(Ok(Message::Binary(_) | Message::Frame(_)))) => Input::Garbage(Code::Malformed),
        };
        if report.send(input).await.is_err() {
            return STOPS;
        }
    }
}

/// Writes what is queued, and pings. The only writer of its connection.
async fn write(
    mut sink: impl futures_util::Sink<Message, Error = WsError> + Unpin,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
) -> &'static str {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            envelope = outgoing.recv() => match envelope.map(Utf8Bytes::try_from) {
                Some(Ok(text)) => Message::Text(text),
                Some(Err(_)) => continue,
                None => {
                    let _told = timeout(GOODBYE, sink.close()).await;
                    return CLOSED;
                }
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        match timeout(WRITE, put(&mut sink, message, &mut outgoing)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "the connection broke",
            Err(_) => return "Studio does not read",
        }
    }
}

/// Writes a message, and with it those that wait behind it: each by itself would cost a record of TLS and
/// a call to the system.
async fn put(
    sink: &mut (impl futures_util::Sink<Message, Error = WsError> + Unpin),
    first: Message,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
) -> Result<(), WsError> {
    let mut bytes = first.len();
    sink.feed(first).await?;
    while bytes < TOGETHER
        && let Ok(envelope) = outgoing.try_recv()
    {
        bytes += envelope.len();
        if let Ok(text) = Utf8Bytes::try_from(envelope) {
            sink.feed(Message::Text(text)).await?;
        }
    }
    sink.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// What was written, by the times that it was handed to the system.
    #[derive(Default)]
    struct Written {
        fed: Vec<usize>,
        flushed: Vec<Vec<usize>>,
    }

    impl futures_util::Sink<Message> for Written {
        type Error = WsError;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
            self.fed.push(message.len());
            Ok(())
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
            let fed = std::mem::take(&mut self.fed);
            self.flushed.push(fed);
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_waits_is_written_together_in_its_order_and_not_too_much_of_it() {
        let (out, mut outgoing) = mpsc::channel(8);
        let large = TOGETHER - 3;
        for length in [1, 2, large, 4, 5] {
            out.try_send(vec![b'x'; length]).unwrap();
        }
        // No text, so nothing for Studio, and it stands in nobody's way.
        out.try_send(vec![0xff]).unwrap();
        out.try_send(vec![b'x'; 6]).unwrap();
        let mut sink = Written::default();
        while !outgoing.is_empty() {
            let first = outgoing.try_recv().unwrap();
            let first = Message::Text(Utf8Bytes::try_from(first).unwrap());
            put(&mut sink, first, &mut outgoing).await.unwrap();
        }
        assert_eq!(sink.flushed, [vec![1, 2, large], vec![4, 5, 6]]);
    }
}
