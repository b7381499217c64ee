//! Clients of the broker with nothing of ours in them: what broker and library do alone.
//!
//! Each comes back as many such clients do, a second after each failure, and answers what comes under its
//! commands twice, as a device acknowledges a command, without reading, verifying or keeping anything.

use crate::desk::Studio;
use crate::mqtt::{REQUESTS, options, root};
use rumqttc::{AsyncClient, Event, EventLoop, NetworkOptions, Packet, Publish, QoS};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Between a failure and the next try.
const AGAIN: Duration = Duration::from_secs(1);

/// As the agent's.
const KEEP_ALIVE: Duration = Duration::from_secs(6);

/// How many bytes at the beginning of a command are repeated in what answers it.
const REPEATED: usize = 8;

/// Names are looked up on threads of their own.
const LOOK_UPS: usize = 8;

/// Some of them. They end when this value is dropped.
pub struct Bare {
    came: Receiver<(usize, Instant)>,
    runtime: Option<Runtime>,
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bare {
    /// Which of them heard their first word of the broker on a new connection, and when.
    #[must_use]
    pub const fn came(&self) -> &Receiver<(usize, Instant)> {
        &self.came
    }
}

/// One of them.
struct One {
    number: usize,
    client: AsyncClient,
    events: EventLoop,
    /// Its topics begin with it.
    root: String,
    /// Bytes of an answer.
    answer: usize,
    came: Sender<(usize, Instant)>,
}

impl Studio {
    /// Clients with these names that connect to `port`, the broker's or one that leads there, and give
    /// answers of so many bytes.
    ///
    /// # Panics
    /// When there are no threads for them.
    #[must_use]
    pub fn bare(&self, names: &[String], port: u16, answer: usize) -> Bare {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(LOOK_UPS)
            .enable_all()
            .build()
            .unwrap();
        let (sender, came) = mpsc::channel();
        for (number, name) in names.iter().enumerate() {
            let tls = self.shared.authority.client(Some(name));
            let mut options = options(name, port, tls);
            options.set_keep_alive(KEEP_ALIVE);
            let (client, mut events) = AsyncClient::new(options, REQUESTS);
            let mut network = NetworkOptions::new();
            network.set_tcp_nodelay(true);
            events.set_network_options(network);
            let one = One {
                number,
                client,
                events,
                root: root(&self.shared, name),
                answer,
                came: sender.clone(),
            };
            runtime.spawn(one.run());
        }
        Bare {
            came,
            runtime: Some(runtime),
        }
    }
}

impl One {
    async fn run(mut self) {
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let topic = format!("{}/cmd", self.root);
                    let _full = self.client.try_subscribe(topic, QoS::AtLeastOnce);
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    let _nobody = self.came.send((self.number, Instant::now()));
                }
                Ok(Event::Incoming(Packet::Publish(message))) => self.answer(&message),
                Ok(_) => {}
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    fn answer(&self, message: &Publish) {
        for is_end in [0, 1] {
            let mut answer = message.payload.to_vec();
            answer.truncate(REPEATED);
            answer.push(is_end);
            answer.resize(self.answer, 0);
            let topic = format!("{}/ack", self.root);
            let _full = self
                .client
                .try_publish(topic, QoS::AtLeastOnce, false, answer);
        }
    }
}
