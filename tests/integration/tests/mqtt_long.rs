//! What takes long to see of the link over a broker, and runs only in `make mqtt-long`: the device comes
//! back soon after the broker, and what was sent meanwhile is done once and in order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::free_port;
use integration::brokered::{STABLE, figures, stage};
use sandbox::Way;
use std::time::Duration;

/// The longest that it may take to come back.
const BACK: Duration = Duration::from_secs(10);

#[test]
fn the_device_is_back_soon_after_its_broker() {
    let stage = stage(&[Way::Broker(free_port())]);
    stage.done();
    for away in [Duration::ZERO, Duration::from_secs(10)] {
        let mut times = Vec::new();
        for _round in 0..6 {
            std::thread::sleep(STABLE);
            let sessions = stage.count("sessions");
            stage.studio.kill_broker();
            let sent = stage.send(5);
            std::thread::sleep(away);
            stage.studio.start_broker();
            times.push(stage.back(sessions));
            stage.in_order(&sent);
        }
        let what = format!("back after the broker was away for {} s", away.as_secs());
        let (middle, most) = figures(&what, times);
        assert!(middle <= Duration::from_secs(2), "{middle:?}");
        assert!(most <= BACK, "{most:?}");
    }
}
