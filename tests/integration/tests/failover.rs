//! A camera that is killed, stopped, blackholed or sends sound alone: its backup is on air within nine
//! frames, nothing is black, and it comes back by itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Allowance, Camera, CameraLink, Child, Judged, Region, Standstills, Stillness, Via,
    camera_body, cue, judge_in, timeline, until,
};
use integration::{excused, long, longest_step_ms, report, slack, slow};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Most program frames from the last good one to the backup.
const LIMIT: usize = 9;
/// Most seconds from when a camera's server answers again to its first picture in the agent.
const RETURN_S: f64 = 5.0;
/// Frames for which the notice is shown, and how far a reading of it may be off.
const NOTICE: (usize, usize) = (150, 6);
/// Least frames from a step down to the return.
const GUARD: usize = 300;
/// Frames after which a player has joined.
const JOINED: usize = 60;
const BACKUP: u8 = 5;
const SECONDS_EACH: f64 = 1.9;
const INTERVAL_NS: i64 = 33_333_333;
/// How old the last recorded frame may be when the recording is ended: what is under way.
const BEHIND: Duration = Duration::from_millis(500);
/// Where the pattern's message stands, and a place beside it where nothing does.
const TITLE: Region = Region {
    x: 0.3,
    y: 0.5,
    width: 0.4,
    height: 0.1,
};
const BESIDE: Region = Region {
    x: 0.05,
    y: 0.5,
    width: 0.1,
    height: 0.1,
};

/// How a camera fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Killed,
    Stopped,
    Blackholed,
    SoundOnly,
}

const SHAPES: [Shape; 4] = [
    Shape::Killed,
    Shape::Stopped,
    Shape::Blackholed,
    Shape::SoundOnly,
];

/// A camera behind a link, and how it fails.
struct Victim {
    shape: Shape,
    camera: Camera,
    link: CameraLink,
}

impl Victim {
    fn new(agent: &Agent, number: u8, shape: Shape) -> Self {
        let camera = Camera::start(number);
        let link = CameraLink::to(camera.port());
        let mut body = camera_body(&number.to_string(), &camera, Via::Rtsp);
        body["port"] = json!(link.port);
        body["backup_camera_id"] = json!(BACKUP.to_string());
        let _ = agent.api().post("/api/cameras", body).ok();
        Self {
            shape,
            camera,
            link,
        }
    }

    fn fail(&mut self) {
        match self.shape {
            Shape::Killed => self.camera.power_off(),
            Shape::Stopped => self.camera.freeze(),
            Shape::Blackholed => self.link.blackhole(),
            Shape::SoundOnly => self.link.sound_only(),
        }
    }

    fn mend(&mut self) {
        match self.shape {
            Shape::Killed => self.camera.power_on(self.camera.clip),
            Shape::Stopped => self.camera.thaw(),
            Shape::Blackholed | Shape::SoundOnly => self.link.mend(),
        }
    }
}

/// Everything the program sends, until it is stopped.
struct Recording(Child);

impl Recording {
    fn start(url: &str, folder: &Path) -> Self {
        let file = folder.join("program.nut").to_string_lossy().into_owned();
        let arguments: Vec<String> = "-hide_banner -nostdin -loglevel error -y -rtsp_transport tcp -analyzeduration 5000000 -i"
            .split(' ')
            .chain([url])
            .chain("-map 0:v:0 -map 0:a:0 -c copy -copyts -max_interleave_delta 1000000 -f nut".split(' '))
            .chain([&*file])
            .map(str::to_owned)
            .collect();
        Self(Child::start(
            Path::new("ffmpeg"),
            &arguments,
            &folder.join("recording.log"),
        ))
    }

    /// Ends it; gives the moment.
    fn stop(mut self) -> Instant {
        let now = Instant::now();
        self.0.signal("INT");
        assert!(self.0.ended_within(Duration::from_secs(10)).is_some());
        now
    }
}

/// Waits for something of `on_air`, and gives the whole of it.
fn on_air(agent: &Agent, seconds: f64, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let there = until(slow() * Duration::from_secs_f64(seconds), || {
        last = agent.status()["on_air"].clone();
        is(&last)
    });
    assert!(there, "{what}: {last}\n{}", agent.log());
    last
}

/// Waits until a camera's input is fresh; gives how long that took.
fn fresh(agent: &Agent, camera: usize, seconds: f64) -> f64 {
    let began = Instant::now();
    let id = camera.to_string();
    let mut last = Value::Null;
    let there = until(Duration::from_secs_f64(seconds), || {
        last = agent.status()["inputs"].clone();
        let inputs = last.as_array().unwrap();
        inputs
            .iter()
            .any(|input| input["camera_id"] == id.as_str() && input["state"] == "fresh")
    });
    assert!(
        there,
        "camera {id} does not come back: {last}\n{}",
        agent.log()
    );
    began.elapsed().as_secs_f64()
}

fn seek(agent: &Agent, camera: usize) {
    let seconds = (camera - 1) as f64 * SECONDS_EACH;
    let body = json!({ "position": seconds });
    let _ = agent.api().post("/api/timeline-execution/seek", body).ok();
    let at = agent.position().0;
    assert!(
        (at - seconds).abs() < 0.05,
        "sought {seconds}, but it stands at {at}"
    );
}

#[test]
fn a_lost_camera_gives_way_to_its_backup_within_nine_frames_and_comes_back() {
    let rounds = if long() { 20 } else { 3 };
    let agent = Agent::start();
    let backup = Camera::start(BACKUP);
    agent.add_camera(&BACKUP.to_string(), &backup);
    let mut victims: Vec<Victim> = (1..=4u8)
        .zip(SHAPES)
        .map(|(number, shape)| Victim::new(&agent, number, shape))
        .collect();
    // Short cues, so that every camera is always among the next and warm; the clock stands still.
    let cues = (1..=4u8).map(|n| {
        let at = f64::from(n - 1) * SECONDS_EACH;
        cue(&format!("c{n}"), &n.to_string(), at, SECONDS_EACH, 0.0)
    });
    let length = SECONDS_EACH * 4.0;
    agent.preview(&timeline("failover", length, cues.collect(), Vec::new()));
    let _ = agent
        .api()
        .post("/api/timeline-execution/pause", json!({}))
        .ok();
    for camera in 1..=4 {
        let _ = fresh(&agent, camera, 10.0);
    }
    let folder = tempfile::tempdir().unwrap();
    let stillness = Stillness::watch();
    let recording = Recording::start(&agent.rtsp("program"), folder.path());
    let encoder = agent.encoder_pid();
    let mut returns: Vec<(Shape, f64)> = Vec::new();
    let mut causes: Vec<(Shape, String)> = Vec::new();
    let mut waited = 0;
    for round in 0..rounds {
        for (index, victim) in victims.iter_mut().enumerate() {
            let camera = index + 1;
            let id = camera.to_string();
            let _ = fresh(&agent, camera, 15.0);
            seek(&agent, camera);
            let itself =
                |now: &Value| now["shown_camera_id"] == id.as_str() && now["rung"] == "wanted";
            on_air(&agent, 2.0, "the camera itself", itself);
            // Enough frames to see that it moves.
            let from = agent.status()["metrics"]["frames"].as_u64().unwrap();
            assert!(until(Duration::from_secs(3), || {
                agent.status()["metrics"]["frames"].as_u64().unwrap() >= from + 20
            }));
            let failed = Instant::now();
            victim.fail();
            let backed = on_air(&agent, 3.0, "the backup", |now| {
                now["shown_camera_id"] == "5" && now["rung"] == "backup"
            });
            assert_eq!(backed["wanted_camera_id"], id.as_str());
            // In turn, one shape of a round is kept down for long and waited for on air; the others
            // recover while the next ones fail.
            let stays = (index + round) % 4 == 0 || (round + 1 == rounds && index == 1);
            if stays {
                until(Duration::from_secs(10), || {
                    failed.elapsed() >= Duration::from_secs(5)
                });
                let cause = agent.status()["on_air"]["cause"].clone();
                causes.push((victim.shape, cause.as_str().unwrap().to_owned()));
            }
            victim.mend();
            let mending = Instant::now();
            if victim.shape == Shape::Killed || stays {
                // Its server answers again: a camera's own start is not ours to judge.
                let _ = fresh(&agent, camera, 15.0);
                returns.push((victim.shape, mending.elapsed().as_secs_f64()));
            }
            if stays {
                on_air(&agent, 14.0, "back by itself", itself);
                let took = failed.elapsed().as_secs_f64();
                assert!(took > 10.0, "back after {took} s, within the guard");
                waited += 1;
            }
        }
    }
    pattern_by_hand(&agent);
    let told = pattern_without_backup(&agent, &mut victims[0], backup);
    assert_eq!(
        agent.encoder_pid(),
        encoder,
        "the encoder was started again"
    );
    let ended = recording.stop();
    report("rounds of each shape", rounds);
    report("causes given", format!("{causes:?}"));
    report(
        "from a camera's return to its picture, s",
        format!("{returns:.2?}"),
    );
    let done = Done {
        rounds,
        waited,
        told,
        noted: stillness.noted(),
        allowed: excused(&stillness),
        ended,
    };
    judged(&folder.path().join("program.nut"), &done);
    let limit = f64::from(slow()) * RETURN_S;
    let late: Vec<_> = returns.iter().filter(|(_, s)| *s > limit).collect();
    assert!(late.is_empty(), "{late:?}");
}

/// One call puts the pattern on program, another gives it back.
fn pattern_by_hand(agent: &Agent) {
    for shown in [true, false] {
        let body = json!({ "shown": shown });
        let _ = agent.api().post("/api/emergency/test-pattern", body).ok();
        let now = agent.status()["on_air"].clone();
        assert_eq!(now["test_pattern"], shown, "{now}");
        assert_eq!(now["shown_camera_id"].is_null(), shown, "{now}");
    }
}

/// Whether an alert says that the first camera is lost, and that the pattern stands in for it.
fn told_of_the_pattern(agent: &Agent) -> bool {
    let list = agent.api().get("/api/alerts?open=true").ok();
    let alerts = list["alerts"].as_array().cloned().unwrap_or_default();
    alerts.iter().any(|alert| {
        let message = alert["message"].as_str().unwrap_or_default();
        alert["code"] == "CAMERA_OFFLINE"
            && alert["subject"]["id"] == "1"
            && alert["state"] == "open"
            && message.contains("test pattern")
    })
}

/// With its backup gone too, the pattern stands in and the operator is told, for as long as the camera
/// is away. Gives how long that was seen without a break, in seconds.
fn pattern_without_backup(agent: &Agent, victim: &mut Victim, mut backup: Camera) -> f64 {
    let _ = fresh(agent, 1, 15.0);
    seek(agent, 1);
    on_air(agent, 2.0, "the first camera", |now| {
        now["shown_camera_id"] == "1"
    });
    backup.power_off();
    victim.fail();
    let now = on_air(agent, 3.0, "the pattern", |now| now["rung"] == "pattern");
    assert!(now["cause"].is_string(), "{now}");
    let shown = Instant::now();
    let told = until(Duration::from_secs(15), || told_of_the_pattern(agent));
    assert!(told, "{}", agent.api().get("/api/alerts").text);
    report(
        "the pattern's alert after, s",
        format!("{:.1}", shown.elapsed().as_secs_f64()),
    );
    let stays = Duration::from_secs(if long() { 60 } else { 3 });
    let breaks = until(stays, || {
        agent.status()["on_air"]["rung"] != "pattern" || !told_of_the_pattern(agent)
    });
    assert!(
        !breaks,
        "{} {}",
        agent.status()["on_air"],
        agent.api().get("/api/alerts").text
    );
    let stood = shown.elapsed().as_secs_f64();
    victim.mend();
    if long() {
        on_air(agent, 20.0, "the first camera again", |now| {
            now["shown_camera_id"] == "1" && now["rung"] == "wanted"
        });
    }
    stood
}

/// What was done while it was recorded, and how the machine was.
struct Done {
    rounds: usize,
    /// Returns that were waited for on air.
    waited: usize,
    /// How long the pattern was seen, in seconds.
    told: f64,
    noted: Standstills,
    allowed: Allowance,
    /// When the recording ended.
    ended: Instant,
}

impl Done {
    /// What stood still while the frames from one to another were made.
    fn excused(&self, seen: &Judged, from: usize, to: usize) -> Allowance {
        let end = seen.frames[seen.frames.len() - 1].pts_ns;
        let arrived = |index: usize| {
            let before = (end - seen.frames[index].pts_ns).max(0).cast_unsigned();
            self.ended
                .checked_sub(Duration::from_nanos(before))
                .unwrap()
        };
        let from = arrived(from).checked_sub(BEHIND).unwrap();
        harness::excused(&self.noted.around(from, arrived(to)))
    }

    /// Most frames of a step down: on a shared machine three more, and the standstill in it.
    fn limit(&self, seen: &Judged, down: &Down) -> usize {
        let allowed = self.excused(seen, down.at - down.frames, down.at);
        LIMIT + if long() { 0 } else { 3 } + allowed.missing as usize
    }
}

/// Reads the recording once: every step down, every return, the notice, and nothing black.
fn judged(file: &Path, done: &Done) {
    let (rounds, waited, told, allowed) = (done.rounds, done.waited, done.told, &done.allowed);
    let mut starved = 0;
    // Where the notice stands: dark behind light letters.
    let notice = Region {
        x: 0.72,
        y: 0.885,
        width: 0.22,
        height: 0.05,
    };
    let seen = judge_in(file, None, &[notice, TITLE, BESIDE]);
    let stood = longest_title(&seen);
    report(
        "the pattern with its message stood, s",
        format!("{:.1}, alert and all {told:.1}", stood as f64 / 30.0),
    );
    // The first and the last moment are not seen by who asks.
    assert!(
        stood as f64 >= (told - 1.0) * 30.0,
        "{stood} frames for {told} s"
    );
    let (downs, backs) = steps(&seen);
    let lengths: Vec<usize> = downs.iter().map(|down| down.frames).collect();
    let mut times = seen.time_faults(INTERVAL_NS);
    // How a player joins is not what is judged here.
    times.retain(|(frame, _)| *frame >= JOINED);
    report("program frames", seen.frames.len());
    for (camera, shape) in (1..=4u8).zip(SHAPES) {
        let own: Vec<usize> = downs
            .iter()
            .filter(|down| down.camera == camera)
            .map(|down| down.frames)
            .collect();
        report(
            &format!("{shape:?}: frames to the backup"),
            format!("{own:?}"),
        );
        // A camera may be starved once more where it shares the machine; it never fails unseen.
        let more = usize::from(!long());
        assert!(own.len() >= rounds, "{shape:?}");
        // Beyond that, only one camera is on air when the machine stands still.
        starved += own.len().saturating_sub(rounds + more);
        assert!(starved <= allowed.stood_ms.len(), "{shape:?}");
    }
    report("starved by a standstill", starved);
    report("worst", lengths.iter().max().unwrap());
    report("returns on air", backs);
    report("black", seen.black());
    report("steps in time", format!("{times:?}"));
    let told: Vec<(usize, usize)> = downs
        .iter()
        .filter(|down| down.stayed > 180)
        .map(|down| {
            let after = &seen.frames[down.at + 1..down.at + 180];
            let change = |from, to| median(after[from..to].iter().map(|it| it.regions[0].change));
            report("change under the notice", change(0, 149));
            report("change after it", change(149, 179));
            // The backup's picture moves by 3.4 of 255 a frame there, and by 1.2 under the notice.
            let covered = after.iter().filter(|frame| frame.regions[0].change < 2.2);
            // A frame that is repeated is read as one with the notice.
            let excused = done.excused(&seen, down.at, down.at + 179);
            let off = NOTICE.1 + (slack() + excused.missing) as usize;
            (1 + covered.count(), off)
        })
        .collect();
    report(
        "frames with the notice, and how far off",
        format!("{told:?}"),
    );
    let limits = downs.iter().map(|down| done.limit(&seen, down));
    let limits: Vec<usize> = limits.collect();
    let mut each = lengths.iter().zip(&limits);
    assert!(
        each.all(|(frames, most)| frames <= most),
        "{lengths:?} of {limits:?}"
    );
    // Who was starved comes back, too.
    let most = waited + usize::from(!long()) + starved;
    assert!(
        (waited..=most).contains(&backs),
        "{backs} returns, {waited} waited for"
    );
    assert_eq!(seen.black(), 0);
    let longest = (longest_step_ms() + allowed.step_ms()) * 1e6;
    let short = |(_, step): &(usize, i64)| (0.0..=longest).contains(&(*step as f64));
    assert!(
        times.len() <= (slack() + allowed.missing) as usize && times.iter().all(short),
        "{times:?}"
    );
    assert!(
        told.iter()
            .all(|(frames, off)| frames.abs_diff(NOTICE.0) <= *off),
        "{told:?}"
    );
}

/// The most frames in a row that show the pattern with its message.
fn longest_title(seen: &Judged) -> usize {
    let (mut longest, mut now) = (0, 0);
    for frame in &seen.frames {
        let [_, title, beside] = frame.regions[..] else {
            continue;
        };
        // Light letters on a dark ground that do not move.
        let stands = frame.code.is_none() && title.change < 1.0 && title.mean > beside.mean + 8.0;
        now = if stands { now + 1 } else { 0 };
        longest = longest.max(now);
    }
    longest
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut all: Vec<f32> = values.collect();
    all.sort_by(f32::total_cmp);
    all[all.len() / 2]
}

/// A camera that gave way to the backup.
struct Down {
    camera: u8,
    /// Index of the backup's first frame.
    at: usize,
    /// Frames from the camera's last new one to it.
    frames: usize,
    /// Frames that the backup stayed.
    stayed: usize,
}

/// Every step down to the backup, and how many steps back up there were to the camera that had given
/// way.
fn steps(seen: &Judged) -> (Vec<Down>, usize) {
    let mut downs: Vec<Down> = Vec::new();
    let mut backs = 0;
    let mut last_new = 0;
    let mut before = None;
    for (at, frame) in seen.frames.iter().enumerate() {
        let Some(code) = frame.code else { continue };
        let was = before.replace(code);
        let Some(was) = was else { continue };
        if code.camera == BACKUP && was.camera != BACKUP {
            downs.push(Down {
                camera: was.camera,
                at,
                frames: at - last_new,
                stayed: 0,
            });
        }
        match downs.last_mut() {
            Some(down) if code.camera == BACKUP => down.stayed += 1,
            Some(down) if was.camera == BACKUP && down.camera == code.camera => {
                // Not when an operator's pattern was in between.
                backs += usize::from(down.stayed >= GUARD);
            }
            _ => {}
        }
        if code != was {
            last_new = at;
        }
    }
    (downs, backs)
}
