//! What goes over an open connection to a broker, both ways, until it ends.
//!
//! Three futures side by side: one does nothing but read, so that the broker's signs of life are never
//! kept waiting; one is the only writer; one holds Studio's messages back until Studio has said welcome,
//! since before it the device does not know the time and would refuse them.

use super::Broker;
use super::topics;
use crate::delivery::Delivery;
use crate::driver::{Carrier, Input, OUTGOING};
use crate::session::{CLOSED, DEAD, End, GOODBYE, STOPS, WRITE};
use bytes::Bytes;
use protocol::{Code, Nonce, Timestamp, Topics};
use rumqttc::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, Outgoing, Packet, Publish, QoS,
    StateError, SubscribeFilter, SubscribeReasonCode, mqttbytes,
};
use runtime::CancellationToken;
use std::future::pending;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

/// Messages that a broker may have under way to the device, as many as the dispatcher takes. Brokers wait
/// at 10 to 100 by default, and some send more: mosquitto 2.0.11 was seen with 191 where it promises 20.
const WINDOW: usize = 1_024;

/// Bytes of messages that wait to be handed on.
const HELD_BYTES: usize = 16 << 20;

const TOO_MANY: &str = "the broker does not wait for the device to settle what it sends";

/// Speaks over a connection until it ends; gives the reason of its end.
pub(crate) async fn talk(
    broker: Broker,
    nonce: Nonce,
    carrier: Carrier,
    report: &mpsc::Sender<Input>,
) -> End {
    let (out, outgoing) = mpsc::channel(OUTGOING);
    let (places, settled) = mpsc::channel(WINDOW);
    let (held, to_release) = mpsc::channel(WINDOW);
    let welcomed = carrier.welcomed.clone();
    let reader = Reader {
        events: broker.events,
        topics: &broker.topics,
        report,
        opened: Some(Input::Opened {
            nonce,
            out,
            carrier,
        }),
        places,
        held,
        room: Arc::new(Semaphore::new(HELD_BYTES)),
    };
    let writer = Writer {
        client: broker.client,
        topics: &broker.topics,
    };
    tokio::select! {
        end = reader.run() => end,
        why = writer.run(broker.since, outgoing, settled) => why.into(),
        end = release(to_release, report, welcomed) => end,
    }
}

/// A message that has come, by what it is settled where the broker keeps it, and its room.
struct Held(Bytes, Option<Delivery>, OwnedSemaphorePermit);

impl From<Held> for Input {
    fn from(Held(bytes, delivery, _room): Held) -> Self {
        match delivery {
            Some(delivery) => Self::Delivered(bytes.to_vec(), delivery),
            None => Self::Message(bytes.to_vec()),
        }
    }
}

/// Hands on what Studio sent, from its welcome on. Never ends: without a driver the writer does.
async fn release(
    mut held: mpsc::Receiver<Held>,
    report: &mpsc::Sender<Input>,
    welcomed: CancellationToken,
) -> End {
    welcomed.cancelled().await;
    while let Some(message) = held.recv().await {
        if report.send(message.into()).await.is_err() {
            break;
        }
    }
    pending().await
}

struct Reader<'a> {
    events: EventLoop,
    topics: &'a Topics,
    report: &'a mpsc::Sender<Input>,
    /// Told once the broker has taken the subscriptions: the answer to the hello can come then.
    opened: Option<Input>,
    places: mpsc::Sender<u16>,
    held: mpsc::Sender<Held>,
    room: Arc<Semaphore>,
}

impl Reader<'_> {
    /// Reads until the connection ends or nothing comes any more: pings are answered by an honest broker.
    async fn run(mut self) -> End {
        let mut heard = Instant::now();
        loop {
            let packet = match timeout_at(heard + DEAD, self.events.poll()).await {
                Err(_) => return "nothing came for 12 s".into(),
                Ok(Err(error)) => return broken(&error, self.report).await,
                Ok(Ok(Event::Outgoing(Outgoing::Disconnect))) => return CLOSED.into(),
                Ok(Ok(Event::Outgoing(_))) => continue,
                Ok(Ok(Event::Incoming(packet))) => packet,
            };
            heard = Instant::now();
            let taken = match packet {
                Packet::SubAck(answer) => self.subscribed(&answer.return_codes).await,
                Packet::Publish(message) => self.take(message).await,
                _ => Ok(()),
            };
            match taken {
                // Without a driver the writer comes to its end, for which the connection is driven on.
                Err(end) if end.why != STOPS => return end,
                _ => {}
            }
        }
    }

    async fn subscribed(&mut self, answers: &[SubscribeReasonCode]) -> Result<(), End> {
        if answers.contains(&SubscribeReasonCode::Failure) {
            return Err("the broker does not let the device hear its commands".into());
        }
        match self.opened.take() {
            Some(opened) => tell(self.report, opened).await,
            None => Ok(()),
        }
    }

    async fn take(&mut self, message: Publish) -> Result<(), End> {
        let delivery = match message.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => {
                let place = self.places.clone().try_reserve_owned();
                let place = place.map_err(|_full| End::discarding(TOO_MANY))?;
                Some(Delivery::new(place, message.pkid))
            }
            QoS::ExactlyOnce => return Err("the broker sends as nobody asked it to".into()),
        };
        // The library takes no packet that is larger than a message can be.
        let size = u32::try_from(message.payload.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(size);
        let room = room.map_err(|_full| End::discarding(TOO_MANY))?;
        let held = Held(message.payload, delivery, room);
        if message.topic == self.topics.commands {
            let taken = self.held.try_send(held);
            taken.map_err(|_full| End::discarding(TOO_MANY))
        } else if message.topic == self.topics.session {
            tell(self.report, held.into()).await
        } else {
            // Nothing comes of it, and it is not to stand in the way of others at the broker.
            if let Some(delivery) = held.1 {
                delivery.settle();
            }
            tell(self.report, Input::Garbage(Code::Malformed)).await
        }
    }
}

async fn tell(report: &mpsc::Sender<Input>, input: Input) -> Result<(), End> {
    let told = report.send(input).await;
    told.map_err(|_gone| STOPS.into())
}

/// Why the library gave the connection up.
async fn broken(error: &ConnectionError, report: &mpsc::Sender<Input>) -> End {
    tracing::debug!(%error, "The connection to the broker ends.");
    match error {
        ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::PayloadSizeLimitExceeded(_),
        )) => {
            let _gone = report.send(Input::Garbage(Code::TooLarge)).await;
            // The broker would send it again, and again.
            End::discarding("a message was too large")
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            "the broker does not answer".into()
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "the broker closed the connection".into()
        }
        _ => "the connection to the broker broke".into(),
    }
}

/// The only writer of its connection.
struct Writer<'a> {
    client: AsyncClient,
    topics: &'a Topics,
}

/// What the writer is asked for.
enum Asked {
    Settle(u16),
    Send(Vec<u8>),
}

impl Writer<'_> {
    async fn run(
        self,
        since: Timestamp,
        mut outgoing: mpsc::Receiver<Vec<u8>>,
        mut settled: mpsc::Receiver<u16>,
    ) -> &'static str {
        let mut written = timeout(WRITE, self.begin(since)).await;
        loop {
            match written {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return "the connection to the broker broke",
                Err(_) => return "the broker does not read",
            }
            let asked = tokio::select! {
                number = settled.recv() => number.map(Asked::Settle),
                envelope = outgoing.recv() => envelope.map(Asked::Send),
            };
            let Some(asked) = asked else {
                let _told = timeout(GOODBYE, self.end(since)).await;
                return CLOSED;
            };
            written = timeout(WRITE, self.put(asked)).await;
        }
    }

    async fn begin(&self, since: Timestamp) -> Result<(), ClientError> {
        let filter = |topic: &String, qos| SubscribeFilter::new(topic.clone(), qos);
        let filters = [
            filter(&self.topics.commands, QoS::AtLeastOnce),
            filter(&self.topics.session, QoS::AtMostOnce),
        ];
        self.client.subscribe_many(filters).await?;
        let state = topics::state(true, since, "connected");
        let topic = self.topics.state.as_str();
        self.client
            .publish(topic, QoS::AtLeastOnce, true, state)
            .await
    }

    /// Says that the device goes, and that the last will is not needed. The reader ends the connection
    /// when that is written.
    async fn end(&self, since: Timestamp) -> Result<(), ClientError> {
        let state = topics::state(false, since, CLOSED);
        let topic = self.topics.state.as_str();
        self.client
            .publish(topic, QoS::AtLeastOnce, true, state)
            .await?;
        self.client.disconnect().await?;
        pending().await
    }

    async fn put(&self, asked: Asked) -> Result<(), ClientError> {
        match asked {
            Asked::Settle(number) => {
                let mut message = Publish::new("", QoS::AtLeastOnce, Vec::new());
                message.pkid = number;
                self.client.ack(&message).await
            }
            Asked::Send(envelope) => match topics::place(self.topics, &envelope) {
                Some(place) => {
                    self.client
                        .publish(place.topic, place.qos, place.retain, envelope)
                        .await
                }
                None => Ok(()),
            },
        }
    }
}
