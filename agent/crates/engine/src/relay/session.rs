//! One RTMP connection that publishes, from look-up to end.
//!
//! Owns the order of what is said: handshake, `connect`, `createStream`, `publish`, and then pictures and
//! sound at the program's own times, which begin at 0 with the first key frame.

use super::amf::{self, Member, Said, Values};
use super::chunk::{self, CHUNK, Head, Joiner, kind};
use super::tap::{Packet, Tap};
use super::{RelayError, RelayTarget, Shared, flv, tls};
use crate::publish::{Form, Track, time_ns};
use futures_util::future::select_ok;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::net::sockopt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

/// Bytes of each half of the handshake.
const HALF: usize = 1536;
/// Addresses of one name that are tried, all at once.
const ADDRESSES: usize = 8;
/// What was sent and is not acknowledged for so long ends the connection, in milliseconds.
const UNACKNOWLEDGED_MS: u32 = 8000;

/// Whatever an RTMP server is reached over.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Publishes until the connection ends, and tells why.
pub(super) async fn run(tap: &Tap, target: &RelayTarget, shared: &Shared) -> RelayError {
    match publish(tap, target, shared).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn publish(
    tap: &Tap,
    target: &RelayTarget,
    shared: &Shared,
) -> Result<std::convert::Infallible, RelayError> {
    let plain = dial(target).await?;
    let wire: Box<dyn Wire> = if target.secure {
        Box::new(tls::connect(plain, target).await?)
    } else {
        Box::new(plain)
    };
    let mut session = Session {
        wire,
        joiner: Joiner::default(),
        out: Vec::with_capacity(64 * 1024),
        stream: 0,
    };
    session.shake().await?;
    session.open(target).await?;
    session.send(tap, shared).await
}

async fn dial(target: &RelayTarget) -> Result<TcpStream, RelayError> {
    let found = lookup_host((target.host.as_str(), target.port)).await;
    let found = found.map_err(|_| RelayError::Unreachable)?;
    // All at once: one family of addresses may lead nowhere in this network.
    let tries: Vec<_> = found
        .take(ADDRESSES)
        .map(|at| Box::pin(TcpStream::connect(at)))
        .collect();
    if tries.is_empty() {
        return Err(RelayError::Unreachable);
    }
    let (stream, _others) = select_ok(tries)
        .await
        .map_err(|_| RelayError::Unreachable)?;
    let set = stream.set_nodelay(true);
    set.map_err(|_| RelayError::Closed)?;
    if let Err(error) = sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MS) {
        tracing::debug!(%error, "A relay's dead connection is found later.");
    }
    Ok(stream)
}

/// How an error of the wire is told.
fn broken(error: &io::Error) -> RelayError {
    match error.kind() {
        io::ErrorKind::TimedOut => RelayError::Stalled,
        _ => RelayError::Closed,
    }
}

struct Session {
    wire: Box<dyn Wire>,
    joiner: Joiner,
    out: Vec<u8>,
    /// The number that the server gave to the stream.
    stream: u32,
}

impl Session {
    async fn shake(&mut self) -> Result<(), RelayError> {
        let mut ours = vec![3; 1 + HALF];
        if let Some(random) = ours.get_mut(9..) {
            // Without random numbers the handshake is none the worse.
            let _random = SystemRandom::new().fill(random);
        }
        if let Some(times) = ours.get_mut(1..9) {
            times.fill(0);
        }
        let done = async {
            self.wire.write_all(&ours).await?;
            self.wire.flush().await?;
            let mut theirs = vec![0; 1 + HALF];
            self.wire.read_exact(&mut theirs).await?;
            // Their half comes back to them; ours, which comes back to us, is not compared.
            self.wire
                .write_all(theirs.get(1..).unwrap_or_default())
                .await?;
            self.wire.flush().await?;
            self.wire.read_exact(&mut vec![0; HALF]).await?;
            Ok::<_, io::Error>(theirs.first() == Some(&3))
        };
        match done.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(RelayError::Protocol),
            Err(error) => Err(broken(&error)),
        }
    }

    fn say(&mut self, kind: u8, stream: u32, body: &[u8]) {
        let time = 0;
        chunk::write(&mut self.out, Head { kind, stream, time }, body);
    }

    async fn flush(&mut self) -> Result<(), RelayError> {
        let written = async {
            self.wire.write_all(&self.out).await?;
            self.wire.flush().await
        };
        let written = written.await.map_err(|error| broken(&error));
        self.out.clear();
        written
    }

    /// Asks to publish, and waits until the server agrees.
    async fn open(&mut self, target: &RelayTarget) -> Result<(), RelayError> {
        let size = u32::try_from(CHUNK).unwrap_or(u32::MAX).to_be_bytes();
        self.say(kind::CHUNK_SIZE, 0, &size);
        let about = [
            ("app", Member::Text(&target.app)),
            ("type", Member::Text("nonprivate")),
            (
                "flashVer",
                Member::Text("FMLE/3.0 (compatible; vistter-agent)"),
            ),
            ("tcUrl", Member::Text(&target.url)),
        ];
        let connect = Values::default().text("connect").number(1.0);
        self.say(kind::COMMAND, 0, &connect.object(&about).done());
        self.flush().await?;
        self.answer(|said| said.answers == 1).await?;
        let name = target.key.expose();
        let named = |what: &str, number| {
            let command = Values::default().text(what).number(number).null();
            command.text(name).done()
        };
        self.say(kind::COMMAND, 0, &named("releaseStream", 2.0));
        self.say(kind::COMMAND, 0, &named("FCPublish", 3.0));
        let create = Values::default().text("createStream").number(4.0).null();
        self.say(kind::COMMAND, 0, &create.done());
        self.flush().await?;
        let said = self.answer(|said| said.answers == 4).await?;
        self.stream = said.number.unwrap_or(1);
        let publish = Values::default().text("publish").number(5.0).null();
        let publish = publish.text(name).text("live").done();
        self.say(kind::COMMAND, self.stream, &publish);
        self.flush().await?;
        let begun = |said: &Said| {
            let code = said.code.as_deref().unwrap_or_default();
            said.name == "onStatus" && code.starts_with("NetStream.Publish.")
        };
        self.answer(begun).await?;
        Ok(())
    }

    /// Waits for the answer that is meant. A refusal is an error; what else is said is heard.
    async fn answer(&mut self, meant: impl Fn(&Said) -> bool) -> Result<Said, RelayError> {
        loop {
            while let Some(said) = self.heard()? {
                if is_refusal(&said) {
                    return Err(RelayError::Rejected);
                }
                if meant(&said) {
                    return Ok(said);
                }
            }
            // Answers to what the server asked meanwhile.
            self.flush().await?;
            self.listen().await?;
        }
    }

    /// Waits until something comes. May be given up and begun anew.
    async fn listen(&mut self) -> Result<(), RelayError> {
        let mut bytes = [0; 4096];
        match self.wire.read(&mut bytes).await {
            Ok(0) => Err(RelayError::Closed),
            Ok(count) => {
                self.joiner.take(bytes.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) => Err(broken(&error)),
        }
    }

    /// The next command that came. Questions of the connection itself are answered.
    fn heard(&mut self) -> Result<Option<Said>, RelayError> {
        while let Some((kind, body)) = self.joiner.next().map_err(|_| RelayError::Protocol)? {
            match (kind, body.as_slice()) {
                // A ping wants a pong.
                (kind::CONTROL, [0, 6, time @ ..]) => {
                    let pong = [&[0, 7], time].concat();
                    self.say(kind::CONTROL, 0, &pong);
                }
                (kind::COMMAND, body) => {
                    if let Some(said) = amf::read(body) {
                        return Ok(Some(said));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Sends what comes, until the connection ends.
    async fn send(
        &mut self,
        tap: &Tap,
        shared: &Shared,
    ) -> Result<std::convert::Infallible, RelayError> {
        let mut packets = tap.read();
        // It begins once.
        let _first = shared.before.set(tap.bytes());
        let mut begun: Option<(u64, Arc<Form>)> = None;
        loop {
            let packet = tokio::select! {
                packet = packets.recv() => packet,
                heard = self.listen() => {
                    heard?;
                    while let Some(said) = self.heard()? {
                        if is_refusal(&said) {
                            return Err(RelayError::Closed);
                        }
                    }
                    self.flush().await?;
                    continue;
                }
            };
            // The tap outlives its readers.
            let packet = packet.ok_or(RelayError::Closed)?;
            let bytes = self.put(&packet, &mut begun);
            self.flush().await?;
            shared.sent.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Appends a packet to what is sent, and what has to be told before it; gives how many bytes it is.
    fn put(&mut self, packet: &Packet, begun: &mut Option<(u64, Arc<Form>)>) -> u64 {
        let coded = &packet.coded;
        let now_ns = time_ns(coded, packet.rate);
        let picture = coded.track == Track::Picture;
        let new_form = begun.as_ref().is_none_or(|(_, form)| *form != coded.form);
        if new_form && !(picture && coded.key) {
            return 0; // what cannot be decoded yet
        }
        let zero_ns = begun.as_ref().map_or(now_ns, |(zero, _)| *zero);
        // Sound that began before the first picture is not sent.
        let Some(after) = now_ns.checked_sub(zero_ns) else {
            return 0;
        };
        let time = u32::try_from((after / 1_000_000) & u64::from(u32::MAX)).unwrap_or(0);
        if new_form {
            if begun.is_none() {
                let about = [
                    ("videocodecid", Member::Number(7.0)),
                    ("audiocodecid", Member::Number(10.0)),
                    ("framerate", Member::Number(packet.rate.as_f64())),
                    ("audiosamplerate", Member::Number(48_000.0)),
                    ("audiochannels", Member::Number(2.0)),
                    ("encoder", Member::Text("vistter-agent")),
                ];
                let data = Values::default().text("@setDataFrame").text("onMetaData");
                self.tell(kind::DATA, time, &data.object(&about).done());
            }
            self.tell(kind::PICTURE, time, &flv::picture_form(&coded.form));
            self.tell(kind::SOUND, time, &flv::sound_form(&coded.form));
            *begun = Some((zero_ns, coded.form.clone()));
        }
        let (kind, body) = if picture {
            (kind::PICTURE, flv::picture(coded))
        } else {
            (kind::SOUND, flv::sound(coded))
        };
        self.tell(kind, time, &body);
        self.out.len() as u64
    }

    fn tell(&mut self, kind: u8, time: u32, body: &[u8]) {
        let stream = self.stream;
        chunk::write(&mut self.out, Head { kind, stream, time }, body);
    }
}

/// Whether the server says no. Whoever has no answer to `releaseStream` or `FCPublish` may say so.
fn is_refusal(said: &Said) -> bool {
    let error = said.name == "_error" && !matches!(said.answers, 2 | 3);
    error
        || said.name == "close"
        || said.level.as_deref() == Some("error") && !matches!(said.answers, 2 | 3)
}

#[cfg(test)]
mod tests;
