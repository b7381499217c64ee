//! Commands sent and answers counted, to the real agent or to a client that answers and does nothing else.
//!
//! Commands are signed before the clock starts, and answers are read as little as it takes to know which
//! command they are about: Studio's own work is not what is measured. Receipts go out as a Studio sends them,
//! for many messages at once.

use crate::table::ms;
use data_encoding::BASE64;
use sandbox::{Raw, Studio};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// An answer that takes longer does not come.
const LIMIT: Duration = Duration::from_secs(8);

/// Messages that one receipt names.
const RECEIPT: usize = 64;

/// When commands go out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rhythm {
    /// As long as fewer than so many have not come to their end.
    Window(usize),
    /// One each so often, whatever comes back.
    Every(Duration),
}

/// Who answers.
enum Answers {
    /// A device.
    Agent,
    /// A client that repeats the number at the beginning of what it gets; commands have so many bytes.
    Bare(usize),
}

/// What came of some commands.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// From the first command to the last end.
    pub(crate) lasted: Duration,
    /// Milliseconds from sending a command until it was acknowledged as accepted.
    pub(crate) accepted: Vec<f64>,
    /// The same until its end.
    pub(crate) ended: Vec<f64>,
    /// Refused or failed.
    pub(crate) refused: usize,
}

impl Run {
    /// Commands a second that came to a good end.
    pub(crate) fn per_second(&self) -> f64 {
        self.ended.len() as f64 / self.lasted.as_secs_f64().max(1e-9)
    }
}

/// What an answer says.
enum Said {
    Accepted,
    Ended,
    Refused,
}

/// The far end of a way from Studio.
pub(crate) struct Far<'a> {
    studio: &'a Studio,
    device: &'a str,
    by_broker: bool,
    answers: Answers,
    said: Receiver<Raw>,
    /// Places of commands by their ids.
    places: HashMap<String, usize>,
    /// Messages that wait for their receipt.
    kept: Vec<String>,
    /// Bytes of the last command and of the last answer.
    pub(crate) sizes: (usize, usize),
}

impl<'a> Far<'a> {
    /// A device that is connected. From here on Studio takes nothing else in of what it says.
    pub(crate) fn agent(studio: &'a Studio, device: &'a str, by_broker: bool) -> Self {
        Self::new(studio, device, by_broker, Answers::Agent)
    }

    /// A client at the broker that gets commands of so many bytes.
    pub(crate) fn bare(studio: &'a Studio, name: &'a str, bytes: usize) -> Self {
        Self::new(studio, name, true, Answers::Bare(bytes))
    }

    fn new(studio: &'a Studio, device: &'a str, by_broker: bool, answers: Answers) -> Self {
        Self {
            studio,
            device,
            by_broker,
            answers,
            said: studio.divert(device),
            places: HashMap::new(),
            kept: Vec::new(),
            sizes: (0, 0),
        }
    }

    /// Commands that are signed and in order.
    fn ready(&mut self, count: usize) -> Vec<Vec<u8>> {
        self.places.clear();
        let (studio, device, places) = (self.studio, self.device, &mut self.places);
        let ready: Vec<Vec<u8>> = match self.answers {
            Answers::Agent => (0..count)
                .map(|place| {
                    let command = studio.command(device, "HEALTH_REQUEST", &json!({}));
                    let id = command["message_id"].as_str().unwrap();
                    places.insert(id.to_owned(), place);
                    studio.sign(&command)
                })
                .collect(),
            Answers::Bare(bytes) => (0..count as u64)
                .map(|place| {
                    let mut command = place.to_be_bytes().to_vec();
                    command.resize(bytes, 0);
                    command
                })
                .collect(),
        };
        self.sizes.0 = ready.first().map_or(0, Vec::len);
        ready
    }

    fn put(&self, message: &[u8]) {
        if self.by_broker {
            self.studio.post(self.device, message);
        } else {
            let _offline = self.studio.deliver(self.device, message);
        }
    }

    /// Which command an answer is about, and what it says of it; `None` for what is about none of them.
    fn read(&mut self, raw: &[u8]) -> Option<(usize, Said)> {
        if let Answers::Bare(_) = self.answers {
            let (place, rest) = raw.split_first_chunk::<8>()?;
            let place = usize::try_from(u64::from_be_bytes(*place)).ok()?;
            self.sizes.1 = raw.len();
            let said = match rest.first()? {
                0 => Said::Accepted,
                _ => Said::Ended,
            };
            return Some((place, said));
        }
        let envelope: Value = serde_json::from_slice(raw).ok()?;
        let payload = BASE64.decode(envelope["payload"].as_str()?.as_bytes());
        let message: Value = serde_json::from_slice(&payload.ok()?).ok()?;
        if message["chain"].is_object() {
            self.kept.push(message["message_id"].as_str()?.to_owned());
        }
        let ack = &message["payload"];
        let place = *self.places.get(ack["message_id"].as_str()?)?;
        self.sizes.1 = raw.len();
        match ack["status"].as_str()? {
            "accepted" => Some((place, Said::Accepted)),
            "completed" => Some((place, Said::Ended)),
            "deferred" => None,
            _ => Some((place, Said::Refused)),
        }
    }

    /// Says that messages were received, once there are `least` of them.
    fn receipt(&mut self, least: usize) {
        if self.kept.len() >= least.max(1) {
            let ids: Vec<String> = self.kept.drain(..).collect();
            for ids in ids.chunks(RECEIPT) {
                self.put(&self.studio.receipt(self.device, ids));
            }
        }
    }

    /// Sends so many commands and waits until each has come to its end.
    pub(crate) fn exchange(&mut self, count: usize, rhythm: Rhythm) -> Run {
        let ready = self.ready(count);
        let mut run = Run::default();
        let mut sent: Vec<Instant> = Vec::with_capacity(count);
        let (mut over, began) = (0, Instant::now());
        let due = |place: usize| match rhythm {
            Rhythm::Window(_) => Duration::ZERO,
            Rhythm::Every(period) => period * u32::try_from(place).unwrap_or(u32::MAX),
        };
        while over < count {
            while sent.len() < count {
                let may = match rhythm {
                    Rhythm::Window(window) => sent.len() - over < window,
                    Rhythm::Every(_) => began.elapsed() >= due(sent.len()),
                };
                if !may {
                    break;
                }
                let place = sent.len();
                sent.push(Instant::now());
                self.put(&ready[place]);
            }
            let waits = matches!(rhythm, Rhythm::Every(_)) && sent.len() < count;
            let limit = if waits {
                due(sent.len()).saturating_sub(began.elapsed())
            } else {
                LIMIT
            };
            let Ok(raw) = self.said.recv_timeout(limit) else {
                if waits {
                    continue;
                }
                break;
            };
            let Some((place, said)) = self.read(&raw.bytes) else {
                continue;
            };
            let took = sent.get(place).map(|sent| ms(raw.at.duration_since(*sent)));
            let Some(took) = took else {
                continue;
            };
            match said {
                Said::Accepted => run.accepted.push(took),
                Said::Ended => run.ended.push(took),
                Said::Refused => run.refused += 1,
            }
            over += usize::from(!matches!(said, Said::Accepted));
            self.receipt(RECEIPT);
        }
        run.lasted = began.elapsed();
        self.receipt(1);
        run
    }
}
