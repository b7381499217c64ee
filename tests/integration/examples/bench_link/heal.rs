//! How soon a device is back after a line that let nothing through is healed, by either way, beside a
//! client with the same library that tries again each second.

use crate::Pace;
use crate::table::{ms, row, spread, spread_text};
use harness::{Proxy, free_port, until};
use integration::brokered::{Stage, stage};
use sandbox::{Bare, Way};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long nothing goes through: longer than either way takes to see it.
const HELD: Duration = Duration::from_secs(15);

/// Who is not back by then does not come.
const LIMIT: Duration = Duration::from_secs(90);

/// What one line did in all rounds, in milliseconds.
#[derive(Default)]
struct Times {
    seen: Vec<f64>,
    back: Vec<f64>,
}

impl Times {
    fn told(&self, who: &str) -> Value {
        if !self.seen.is_empty() {
            row(
                &format!("{who}: given up after"),
                &spread_text(&self.seen, "ms"),
            );
        }
        row(
            &format!("{who}: back after it is healed"),
            &spread_text(&self.back, "ms"),
        );
        json!({ "given_up_ms": spread(&self.seen), "back_ms": spread(&self.back) })
    }
}

/// One round of an agent: its line is stalled and mended.
fn round(stage: &Stage, line: &Proxy, times: &mut Times) {
    let sessions = stage.count("sessions");
    line.stall();
    let began = Instant::now();
    let gone = until(HELD, || stage.link()["state"] != "online");
    if gone {
        times.seen.push(ms(began.elapsed()));
    }
    std::thread::sleep(HELD.saturating_sub(began.elapsed()));
    line.mend();
    let healed = Instant::now();
    let back = until(LIMIT, || {
        let link = stage.link();
        link["state"] == "online" && link["sessions"].as_u64() > Some(sessions)
    });
    if back {
        times.back.push(ms(healed.elapsed()));
    }
}

fn round_of_bare(client: &Bare, line: &Proxy, times: &mut Times) {
    while client.came().try_recv().is_ok() {}
    line.stall();
    std::thread::sleep(HELD);
    line.mend();
    let healed = Instant::now();
    if let Ok((_, at)) = client.came().recv_timeout(LIMIT) {
        times.back.push(ms(at.saturating_duration_since(healed)));
    }
}

/// All three lines at once.
pub(crate) fn heal(pace: Pace) -> Value {
    let [socket, broker] = [(); 2].map(|()| free_port());
    let lines = [socket, broker, broker].map(Proxy::to);
    let by_socket = stage(&[Way::SocketBehind(socket, lines[0].port)]);
    let by_broker = stage(&[Way::BrokerBehind(broker, lines[1].port)]);
    let names = ["bare-1".to_owned()];
    let client = by_broker.studio.bare(&names, lines[2].port, 64);
    let _here = client.came().recv_timeout(LIMIT);
    let mut times = [(); 3].map(|()| Times::default());
    for _round in 0..pace.heals {
        let [one, two, three] = &mut times;
        std::thread::scope(|scope| {
            scope.spawn(|| round(&by_socket, &lines[0], one));
            scope.spawn(|| round(&by_broker, &lines[1], two));
            // It stays here: what it is told by has one reader.
            round_of_bare(&client, &lines[2], three);
        });
    }
    row(
        "lines that took connections and let nothing through for",
        &format!("{} s, {} times", HELD.as_secs(), pace.heals),
    );
    json!({
        "held_s": HELD.as_secs(), "rounds": pace.heals,
        "websocket": times[0].told("agent by WebSocket"),
        "mqtt": times[1].told("agent by MQTT"),
        "bare": times[2].told("bare client, again each second"),
    })
}
