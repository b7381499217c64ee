//! What takes long to see of lowered quality, and runs only in `make degraded-long`: the bit rate goes
//! down to its floor over a narrow network, and comes back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Line, MediaServer, judge_in};
use integration::degrading::{Recording, on_air, paces, parameter_sets, quality, steps, wait_for};
use integration::report;
use serde_json::json;
use std::time::Duration;

#[test]
fn the_bit_rate_follows_the_network_only_when_every_destination_suffers() {
    let (agent, _camera) = on_air("NETWORK");
    let sinks = [MediaServer::start(), MediaServer::start()];
    let lines = [0, 1].map(|n: usize| Line::to(sinks[n].rtmp_port));
    for (n, line) in lines.iter().enumerate() {
        let url = format!("rtmp://127.0.0.1:{}/live", line.port);
        agent.add_destination(&format!("d{n}"), &url, "key");
    }
    agent.go_live(&["d0", "d1"]);
    let ready = |sink: &MediaServer| sink.wait_ready("live/key", Duration::from_secs(20));
    assert!(sinks.iter().all(ready));
    // That of the first may be lost: nothing is lowered as long as it alone is weak.
    let connection = || sinks[1].rtmp_publishers();
    let before = connection();
    let mut recording = Recording::of(&agent.rtsp("program"));
    lines[0].narrow(50_000);
    let alone = wait_for(&agent, 60, "weak destination", |now| {
        now["weak_destinations"] == json!(["Sink d0"])
    });
    report("one weak destination told after, s", format!("{alone:.1}"));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(quality(&agent)["bitrate_percent"], 100, "all are punished");
    lines[1].narrow(50_000);
    let down = wait_for(&agent, 60, "floor", |now| now["bitrate_percent"] == 50);
    lines.iter().for_each(Line::widen);
    let up = wait_for(&agent, 120, "full bit rate", |now| {
        now["bitrate_percent"] == 100
    });
    report("to the floor and back, s", format!("{down:.1} {up:.1}"));
    std::thread::sleep(Duration::from_secs(4));
    let file = recording.end();
    let network = |lowered| ("network_issues".to_owned(), lowered);
    let made: Vec<_> = [true, true, true, false, false, false].map(network).into();
    assert_eq!(steps(&agent), made, "{}", quality(&agent));
    assert_eq!(connection(), before, "a connection was lost");
    assert_eq!(parameter_sets(file).len(), 1, "the parameter sets changed");
    let seen = judge_in(file, None, &[]);
    assert_eq!(seen.black(), 0);
    // The reader finds its clock with the first frame.
    let odd = paces(&seen)
        .iter()
        .skip(1)
        .filter(|pace| **pace != 1)
        .count();
    let figures = format!("{odd} of {}", seen.frames.len());
    report(
        "frames missing or doubled over six changes of the bit rate",
        figures,
    );
    assert_eq!(odd, 0);
}
