//! A network between the device and Studio that takes connections and lets nothing through: the dead link
//! is seen, the device comes back when it is healed, what was sent meanwhile is done once and in order, and
//! the show does not notice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Camera, Proxy, cue, free_port, timeline, until};
use integration::brokered::{LONG, STABLE, Stage, figures, stage};
use integration::{long, report, slow};
use sandbox::{Sent, Way};
use std::time::{Duration, Instant};

/// A dead link is seen after this time.
const SEEN: Duration = Duration::from_secs(15);
/// The device is back after this time at the latest, and after the second in half of the cases.
const BACK: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(2));
/// A device that Studio reaches through a line.
struct Case {
    kind: &'static str,
    line: Proxy,
    stage: Stage,
}

impl Case {
    fn new(way: fn(u16, u16) -> Way) -> Self {
        let port = free_port();
        let line = Proxy::to(port);
        let way = way(port, line.port);
        let stage = stage(&[way]);
        stage.done();
        let kind = way.kind();
        Self { kind, line, stage }
    }

    fn report(&self, what: &str, figure: impl std::fmt::Display) {
        report(&format!("{}: {what}", self.kind), figure);
    }

    /// Lets nothing through for so long, while `count` commands are sent; gives how long it took to be
    /// seen, how long to come back after it was healed, and what was sent.
    #[track_caller]
    fn swallowed(&self, lasts: Duration, count: usize) -> (Duration, Duration, Vec<Sent>) {
        let sessions = self.stage.count("sessions");
        let mut sent = self.stage.send(3);
        self.line.stall();
        let began = Instant::now();
        sent.extend(self.stage.send(count));
        let limit = SEEN * slow();
        let seen = until(limit, || self.stage.link()["state"] != "online");
        assert!(seen, "{}: {}", self.kind, self.stage.link());
        let dead = began.elapsed();
        std::thread::sleep(lasts.saturating_sub(dead));
        self.line.mend();
        (dead, self.stage.back(sessions), sent)
    }

    fn short(&self) {
        let (dead, back, sent) = self.swallowed(Duration::ZERO, 5);
        self.report("given up after, ms", dead.as_millis());
        self.report("back after, ms", back.as_millis());
        self.stage.in_order(&sent);
    }

    fn long(&self) {
        let (mut seen, mut healed) = (Vec::new(), Vec::new());
        for _round in 0..6 {
            std::thread::sleep(STABLE);
            let (dead, back, sent) = self.swallowed(Duration::from_secs(20), 5);
            seen.push(dead);
            healed.push(back);
            self.stage.in_order(&sent);
        }
        let (_, most) = self.figures("a dead link is seen after", seen);
        assert!(most <= SEEN, "{most:?}");
        let (middle, most) = self.figures("back after 20 s", healed);
        assert!(middle <= BACK.1, "{middle:?}");
        assert!(most <= BACK.0, "{most:?}");

        // Shorter than it takes to see: whether by the same connection or another, nothing is lost.
        let mut done = Vec::new();
        for _round in 0..5 {
            self.line.stall();
            let sent = self.stage.send(5);
            std::thread::sleep(Duration::from_secs(5));
            self.line.mend();
            let began = Instant::now();
            self.stage.in_order(&sent);
            done.push(began.elapsed());
        }
        let (_, _) = self.figures("all done after 5 s", done);

        std::thread::sleep(STABLE);
        let (dead, back, sent) = self.swallowed(Duration::from_secs(600), 100);
        self.report("seen after, ms", dead.as_millis());
        self.report("back after 10 min, ms", back.as_millis());
        self.stage.in_order(&sent);
        assert!(dead <= SEEN && back <= BACK.0, "{dead:?} {back:?}");
    }

    fn figures(&self, what: &str, times: Vec<Duration>) -> (Duration, Duration) {
        figures(&format!("{}: {what}", self.kind), times)
    }
}

#[test]
fn a_network_that_swallows_everything_is_seen_and_healed_and_the_show_does_not_notice() {
    let cases = [Case::new(Way::SocketBehind), Case::new(Way::BrokerBehind)];
    let agent = &cases[0].stage.agent;
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 3600.0, 0.0)];
    agent.preview(&timeline("show", 3600.0, cues, Vec::new()));
    let runs = until(LONG, || cases[0].stage.frames().0 > 60);
    assert!(runs, "{}", agent.status());
    let (before, began) = (cases[0].stage.frames(), Instant::now());
    std::thread::scope(|scope| {
        for case in &cases {
            scope.spawn(|| if long() { case.long() } else { case.short() });
        }
    });
    let (after, seconds) = (cases[0].stage.frames(), began.elapsed().as_secs_f64());
    let (frames, wanted) = (after.0 - before.0, seconds * 30.0);
    let lost = after.1 - before.1;
    let said = format!("{frames} of {wanted:.0}, {lost} late or without a picture");
    report("program frames meanwhile", &said);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand frames")]
    let apart = (frames as f64 - wanted).abs();
    // A machine that stands still for a frame repeats one, partition or not; a show that noticed would
    // lose nine seconds and more.
    let (most, spare) = if long() { (0, 15.0) } else { (90, 90.0) };
    assert!(apart <= spare, "{said}");
    assert!(lost <= most, "{said}");
}
