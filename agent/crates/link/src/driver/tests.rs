//! The driver with real commands of a Studio, hands under the test's hand, and a disk that keeps at once
//! unless the test holds it.

use super::*;
use crate::news::Told;
use crate::posts::{NONCE_LIFE, PostError, QUEUE, WAITING};
use crate::seams::About;
use crate::studio::{HOUR, NONCE, NOW, Studio, at, id, key, nonce};
use control::{Config, Stored};
use protocol::command::CommandType;
use protocol::{
    Ack, AckStatus, Capabilities, ClockSource, DeviceState, Event, EventType, Flags,
    NetworkMetrics, Percent, Severity, verify,
};
use runtime::ManualClock;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use tokio::sync::Semaphore;

fn mid(n: u64) -> MessageId {
    MessageId::parse(id(n)).unwrap()
}

/// What the hands were asked, and what became of it, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Stream commands take two steps, of which the first lasts until the command is asked to give up.
struct TwoSteps(Diary);

/// Every command meets a fault of the agent.
struct Faulty;

/// What the hands measure.
fn measured() -> Metrics {
    Metrics {
        cpu: Percent::new(1.0).unwrap(),
        gpu: None,
        memory: None,
        disk: None,
        temperature: None,
        throttled: None,
        clock_synced: None,
        network: NetworkMetrics { rx: 0.0, tx: 0.0 },
        stream_bitrate: Vec::new(),
        shows: None,
        health: None,
        measured_at: None,
    }
}

impl Hands for TwoSteps {
    fn commands(&self) -> BTreeSet<CommandType> {
        CommandType::ALL.iter().copied().collect()
    }

    fn about(&self) -> About {
        About {
            capabilities: Capabilities::default(),
            state: DeviceState::Live,
            clock: ClockSource::Unsynced,
        }
    }

    fn turned_away(&self, refusal: &control::TurnedAway) {
        self.0.note(refusal.code.as_str());
    }

    fn figures(&self) -> Option<Metrics> {
        Some(measured())
    }

    fn carry_out(&self, command: Command, _: &MessageId, stop: CancellationToken) -> Work {
        let diary = self.0.clone();
        Box::pin(async move {
            if matches!(command, Command::EmergencyStop(_)) {
                diary.note("stop");
                return Outcome::Completed(json!({"destination_ids": []}));
            }
            diary.note("first step");
            stop.cancelled().await;
            // It was under way; it comes to its end some time later.
            tokio::time::sleep(Duration::from_millis(300)).await;
            diary.note("first step is over");
            Outcome::Aborted
        })
    }

    fn is_idle(&self) -> bool {
        true
    }
}

impl Hands for Faulty {
    fn commands(&self) -> BTreeSet<CommandType> {
        CommandType::ALL.iter().copied().collect()
    }

    fn about(&self) -> About {
        TwoSteps(Diary::default()).about()
    }

    fn turned_away(&self, _: &control::TurnedAway) {}

    fn figures(&self) -> Option<Metrics> {
        None
    }

    fn carry_out(&self, _: Command, _: &MessageId, _: CancellationToken) -> Work {
        Box::pin(async {
            tokio::task::yield_now().await;
            panic!("a fault")
        })
    }

    fn is_idle(&self) -> bool {
        true
    }
}

struct Rig {
    studio: Studio,
    clock: Arc<ManualClock>,
    news: News,
    posts: Posts,
    inputs: mpsc::Sender<Input>,
    sent: mpsc::Receiver<Vec<u8>>,
    shown: watch::Receiver<LinkStatus>,
    /// Whoever holds its one permit holds the disk.
    disk: Arc<Semaphore>,
    driver: Task<Result<(), KeeperGone>>,
    stop: CancellationToken,
    _keeper: Task<()>,
}

impl Rig {
    async fn online(hands: Arc<dyn Hands>) -> Self {
        let studio = Studio::default();
        let config = Config {
            signer: key(8),
            boot_id: mid(0xb007),
            built: at(NOW - 24 * HOUR),
            commands: hands.commands(),
            flags: Flags::of_build([]),
            trust: studio.trust(),
        };
        let (core, effects) = Core::boot(config, Stored::default(), 0).unwrap();
        let (inputs, inbox) = mpsc::channel(16);
        let (rows, mut batches) = mpsc::channel::<(BatchId, Vec<Row>)>(1);
        let clock = Arc::new(ManualClock::default());
        let (news, posts) = (News::default(), Posts::default());
        let (status, mut shown) = watch::channel(LinkStatus::default());
        let driver = Driver {
            core,
            serial: Name::parse("VS-1").unwrap(),
            boot_id: mid(0xb007),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            hands,
            news: news.clone(),
            posts: posts.clone(),
            posters: Posters::default(),
            figures: Figures::default(),
            inbox,
            report: inputs.clone(),
            rows,
            status: Arc::new(status),
            out: None,
            carrier: Carrier::default(),
            deliveries: Deliveries::default(),
            running: BTreeMap::new(),
            kept: Vec::new(),
            idle_ticks: 0,
        };
        let (kept, disk) = (inputs.clone(), Arc::new(Semaphore::new(1)));
        let at_work = Arc::clone(&disk);
        let keeper = runtime::spawn(async move {
            while let Some((batch, _)) = batches.recv().await {
                let free = at_work.acquire().await.unwrap();
                kept.send(Input::Kept(batch)).await.unwrap();
                drop(free);
            }
        });
        let stop = CancellationToken::new();
        let driver = runtime::spawn(driver.run(effects, stop.clone()));
        let (out, sent) = mpsc::channel(OUTGOING);
        let opened = Input::Opened {
            nonce: nonce(),
            out,
            carrier: Carrier::default(),
        };
        inputs.send(opened).await.unwrap();
        let welcome = studio.welcome(NONCE, NOW);
        inputs.send(Input::Message(welcome)).await.unwrap();
        let online = shown.wait_for(|status| status.state == LinkState::Online);
        drop(online.await.unwrap());
        Self {
            studio,
            clock,
            news,
            posts,
            inputs,
            sent,
            shown,
            disk,
            driver,
            stop,
            _keeper: keeper,
        }
    }

    async fn command(&self, n: u64, kind: &str, payload: &Value) {
        let envelope = self.signed(n, kind, payload);
        self.inputs.send(Input::Message(envelope)).await.unwrap();
    }

    fn signed(&self, n: u64, kind: &str, payload: &Value) -> Vec<u8> {
        self.studio
            .sign(&self.studio.command_value(n, kind, payload))
    }

    /// The next answer: about which command, and its status.
    async fn next_answer(&mut self) -> (MessageId, AckStatus) {
        let (device, key) = (&self.studio.device_id, self.studio.device.public());
        loop {
            let envelope = self.sent.recv().await.unwrap();
            let ack = verify::from_device::<Ack>(&envelope, Kind::Ack, device, key);
            if let Ok(ack) = ack {
                let ack = ack.into_inner().payload;
                return (ack.message_id, ack.status);
            }
        }
    }

    /// The next answer about a command that is not `accepted`: its status and code.
    async fn end_of(&mut self, n: u64) -> (AckStatus, Option<Code>) {
        loop {
            let envelope = self.sent.recv().await.unwrap();
            let device = self.studio.device.public();
            let ack =
                verify::from_device::<Ack>(&envelope, Kind::Ack, &self.studio.device_id, device);
            let Ok(ack) = ack else { continue };
            let ack = ack.into_inner().payload;
            if ack.message_id == mid(n) && ack.status != AckStatus::Accepted {
                return (ack.status, ack.error.map(|error| error.code));
            }
        }
    }
}

fn go_live() -> Value {
    json!({"stream_id": "*", "command": "go_live", "parameters": {"destination_ids": ["d"], "countdown_s": 0}})
}

#[tokio::test(start_paused = true)]
async fn an_emergency_stop_is_carried_out_at_once_and_again_when_what_ran_has_given_up() {
    let diary = Diary::default();
    let mut rig = Rig::online(Arc::new(TwoSteps(diary.clone()))).await;
    rig.command(1, "STREAM_CONTROL", &go_live()).await;
    while diary.read().is_empty() {
        tokio::task::yield_now().await;
    }
    let stop = json!({"scope": "all", "reason": "test"});
    rig.command(2, "EMERGENCY_STOP", &stop).await;
    let ended = rig.end_of(1).await;
    assert_eq!(ended, (AckStatus::Cancelled, Some(Code::EmergencyActive)));
    assert_eq!(rig.end_of(2).await, (AckStatus::Completed, None));
    let order = ["first step", "stop", "first step is over", "stop"];
    assert_eq!(diary.read(), order);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_taken_back_while_it_runs_gives_up() {
    let diary = Diary::default();
    let mut rig = Rig::online(Arc::new(TwoSteps(diary.clone()))).await;
    rig.command(1, "STREAM_CONTROL", &go_live()).await;
    while diary.read().is_empty() {
        tokio::task::yield_now().await;
    }
    rig.command(2, "CANCEL", &json!({"message_id": id(1)}))
        .await;
    let ended = rig.end_of(1).await;
    assert_eq!(ended, (AckStatus::Cancelled, Some(Code::Cancelled)));
    assert_eq!(diary.read(), ["first step", "first step is over"]);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_ends_lets_the_steps_under_way_come_to_their_ends() {
    let diary = Diary::default();
    let rig = Rig::online(Arc::new(TwoSteps(diary.clone()))).await;
    rig.command(1, "STREAM_CONTROL", &go_live()).await;
    while diary.read().is_empty() {
        tokio::task::yield_now().await;
    }
    rig.stop.cancel();
    assert!(matches!(rig.driver.await, Ok(Ok(()))));
    assert_eq!(diary.read(), ["first step", "first step is over"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_expired_while_the_machine_slept_is_not_done() {
    let diary = Diary::default();
    let mut rig = Rig::online(Arc::new(TwoSteps(diary.clone()))).await;
    rig.clock.sleep(Duration::from_millis(HOUR + 1));
    rig.command(1, "STREAM_CONTROL", &go_live()).await;
    let ended = rig.end_of(1).await;
    assert_eq!(ended, (AckStatus::Rejected, Some(Code::Expired)));
    // It is written down as turned away, and no step of it was done.
    assert_eq!(diary.read(), ["EXPIRED"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_meets_a_fault_of_the_agent_is_answered_and_so_is_the_next() {
    let mut rig = Rig::online(Arc::new(Faulty)).await;
    for n in 1..=2 {
        rig.command(n, "HEALTH_REQUEST", &json!({})).await;
        let ended = rig.end_of(n).await;
        assert_eq!(ended, (AckStatus::Failed, Some(Code::Internal)));
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_is_taken_in_a_row_is_taken_whole_and_in_its_order() {
    let mut rig = Rig::online(Arc::new(Faulty)).await;
    let (inputs, studio) = (rig.inputs.clone(), Studio::default());
    let count = 3 * IN_A_ROW as u64;
    let sending = runtime::spawn(async move {
        for n in 1..=count {
            let command = studio.sign(&studio.command_value(n, "HEALTH_REQUEST", &json!({})));
            inputs.send(Input::Message(command)).await.unwrap();
        }
    });
    let (mut accepted, mut ended) = (Vec::new(), BTreeSet::new());
    while ended.len() < 3 * IN_A_ROW {
        let (id, status) = rig.next_answer().await;
        if status == AckStatus::Accepted {
            accepted.push(id);
        } else {
            assert!(ended.insert(id), "it ended twice");
        }
    }
    assert_eq!(accepted, (1..=count).map(mid).collect::<Vec<_>>());
    sending.await.unwrap();
    let done = rig.shown.wait_for(|status| status.open_commands == 0);
    assert_eq!(done.await.unwrap().carried_out, count);
}

#[tokio::test(start_paused = true)]
async fn what_the_carrier_keeps_is_settled_when_the_command_is_durable_and_not_before() {
    let mut rig = Rig::online(Arc::new(TwoSteps(Diary::default()))).await;
    let (places, mut settled) = mpsc::channel(8);
    let delivery = |number| Delivery::new(places.clone().try_reserve_owned().unwrap(), number);
    let disk = Arc::clone(&rig.disk);
    let held = disk.acquire().await.unwrap();
    let command = rig
        .studio
        .sign(&rig.studio.command_value(1, "STREAM_CONTROL", &go_live()));
    let delivered = Input::Delivered(command, delivery(1));
    rig.inputs.send(delivered).await.unwrap();
    let taken = rig.shown.wait_for(|status| status.open_commands == 1);
    drop(taken.await.unwrap());
    assert!(settled.try_recv().is_err(), "settled before it is durable");
    drop(held);
    assert_eq!(settled.recv().await, Some(1));
    let nothing = Input::Delivered(b"{}".to_vec(), delivery(2));
    rig.inputs.send(nothing).await.unwrap();
    assert_eq!(settled.recv().await, Some(2));
}

impl Rig {
    /// The kinds of what is sent up to the next metrics, and when those were measured.
    async fn next_metrics(&mut self) -> (Vec<Kind>, Timestamp) {
        let mut kinds = Vec::new();
        loop {
            let envelope = self.sent.recv().await.unwrap();
            let kind = kind_of(&envelope).unwrap();
            kinds.push(kind);
            if kind == Kind::Metrics {
                let (device, key) = (&self.studio.device_id, self.studio.device.public());
                let metrics = verify::from_device::<Metrics>(&envelope, kind, device, key);
                let metrics = metrics.unwrap().into_inner().payload;
                return (kinds, metrics.measured_at.unwrap());
            }
        }
    }

    /// Time goes by, as the driver's ticks see it.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.sleep(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn connect(&mut self) {
        let (out, sent) = mpsc::channel(64);
        self.sent = sent;
        let opened = Input::Opened {
            nonce: nonce(),
            out,
            carrier: Carrier::default(),
        };
        self.inputs.send(opened).await.unwrap();
        let now = u64::try_from(self.clock.since_boot().as_millis()).unwrap();
        let welcome = self.studio.welcome(NONCE, NOW + now);
        self.inputs.send(Input::Message(welcome)).await.unwrap();
    }
}

fn news() -> Told {
    let event = Event {
        event_type: EventType::TimelineState,
        severity: Severity::Info,
        context: serde_json::Map::new(),
    };
    Told {
        event,
        correlation_id: None,
    }
}

#[tokio::test(start_paused = true)]
async fn figures_of_a_cut_are_sent_after_it_behind_what_waits_with_the_time_of_their_measuring() {
    let mut rig = Rig::online(Arc::new(TwoSteps(Diary::default()))).await;
    // The interval of the welcome is thirty seconds.
    let (_, first) = rig.next_metrics().await;
    rig.pass(31).await;
    let (_, second) = rig.next_metrics().await;
    assert_eq!(second.millis() - first.millis(), 30_000);
    rig.inputs.send(Input::Closed).await.unwrap();
    rig.pass(200).await;
    rig.news.tell(news());
    rig.pass(1).await;
    let waiting = rig.shown.borrow().figures_waiting;
    assert!(
        (3..=4).contains(&waiting),
        "{waiting} of 200 s, one a minute"
    );
    rig.connect().await;
    rig.pass(2).await;
    let mut times = Vec::new();
    let (before, oldest) = rig.next_metrics().await;
    let event = before.iter().position(|kind| *kind == Kind::Event);
    assert!(event.is_some(), "the figures came first: {before:?}");
    times.push(oldest);
    for _ in 1..waiting {
        times.push(rig.next_metrics().await.1);
    }
    let apart: Vec<u64> = times
        .windows(2)
        .map(|pair| pair[1].millis() - pair[0].millis())
        .collect();
    assert!(apart.iter().all(|apart| *apart == 60_000), "{apart:?}");
    assert!(oldest.millis() - second.millis() <= 31_000);
    assert_eq!(rig.shown.borrow().figures_waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_a_row_is_told_to_whoever_writes_it_down() {
    let diary = Diary::default();
    let rig = Rig::online(Arc::new(TwoSteps(diary.clone()))).await;
    rig.inputs
        .send(Input::Message(b"{}".to_vec()))
        .await
        .unwrap();
    while diary.read().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(diary.read(), ["MALFORMED"]);
}

#[tokio::test(start_paused = true)]
async fn a_posted_command_is_answered_at_its_end_or_when_patience_is_over() {
    let diary = Diary::default();
    let rig = Rig::online(Arc::new(TwoSteps(diary.clone()))).await;
    // Its first step lasts until it is taken back.
    let live = rig.signed(1, "STREAM_CONTROL", &go_live());
    let (patience, long) = (Duration::from_secs(10), Duration::from_secs(60));
    let posted = rig.posts.post(live.clone(), patience).await.unwrap();
    assert_eq!(posted.ack.status, AckStatus::Accepted);
    assert_eq!(diary.read(), ["first step"]);
    let cancel = json!({"message_id": id(1)});
    let cancel = rig.signed(2, "CANCEL", &cancel);
    let (ended, cancelled) = tokio::join!(rig.posts.post(live, long), rig.posts.post(cancel, long));
    let (ended, cancelled) = (ended.unwrap().ack, cancelled.unwrap().ack);
    assert_eq!(
        (ended.status, ended.duplicate),
        (AckStatus::Cancelled, true)
    );
    assert_eq!(
        (cancelled.status, cancelled.duplicate),
        (AckStatus::Completed, false)
    );
    assert_eq!(diary.read(), ["first step", "first step is over"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_posts_is_not_left_waiting() {
    let rig = Rig::online(Arc::new(TwoSteps(Diary::default()))).await;
    let post = |envelope| rig.posts.post(envelope, Duration::ZERO);
    let forged = post(b"{}".to_vec()).await;
    assert_eq!(forged.unwrap_err(), PostError::Unbelieved);
    // While the disk keeps nothing, nothing is answered.
    let held = rig.disk.acquire().await.unwrap();
    let live = rig.signed(1, "STREAM_CONTROL", &go_live());
    assert_eq!(post(live.clone()).await.unwrap_err(), PostError::Late);
    drop(held);
    let status = post(live).await.unwrap().ack.status;
    assert_eq!(status, AckStatus::Accepted);
    // So many may wait at a time: then the oldest goes without the end, and nobody is kept out.
    let long = Duration::from_secs(3_600);
    let again = rig.signed(1, "STREAM_CONTROL", &go_live());
    let waiting = (0..WAITING).map(|_| rig.posts.post(again.clone(), long));
    let mut waiting: Vec<_> = waiting.map(Box::pin).collect();
    for one in &mut waiting {
        let waits = tokio::time::timeout(Duration::from_millis(1), one).await;
        assert!(waits.is_err(), "{:?}", waits.unwrap());
    }
    let stop = json!({"scope": "all", "reason": "test"});
    let stop = rig.signed(2, "EMERGENCY_STOP", &stop);
    let stopped = rig.posts.post(stop, long).await.unwrap().ack.status;
    assert_eq!(stopped, AckStatus::Completed);
    let mut ends = Vec::new();
    for one in waiting {
        ends.push(one.await.unwrap().ack.status);
    }
    assert_eq!(ends.remove(0), AckStatus::Accepted);
    assert!(
        ends.iter().all(|end| *end == AckStatus::Cancelled),
        "{ends:?}"
    );
    rig.stop.cancel();
    assert!(matches!(rig.driver.await, Ok(Ok(()))));
    let after = rig.posts.nonce().await;
    assert_eq!(after.unwrap_err(), PostError::Late, "there is no driver");
    // What nobody takes does not pile up, and those who went leave room.
    let crowd = || (0..=QUEUE).map(|_| rig.posts.post(b"{}".to_vec(), long));
    for _ in 0..2 {
        let ends = futures_util::future::join_all(crowd()).await;
        let busy = ends
            .iter()
            .filter(|end| matches!(end, Err(PostError::Busy)));
        assert_eq!(busy.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_nonce_for_posts_counts_for_its_time_and_no_longer() {
    let rig = Rig::online(Arc::new(TwoSteps(Diary::default()))).await;
    let first = rig.posts.nonce().await.unwrap();
    assert_eq!(first.lives, NONCE_LIFE);
    assert_ne!(first.nonce, nonce(), "it is that of the connection");
    rig.clock.advance(NONCE_LIFE / 2);
    let same = rig.posts.nonce().await.unwrap();
    assert_eq!(
        (same.nonce, same.lives),
        (first.nonce.clone(), NONCE_LIFE / 2)
    );
    let status = async |n: u64, nonce: &Nonce| {
        let mut value = rig.studio.command_value(n, "HEALTH_REQUEST", &json!({}));
        value["session_nonce"] = nonce.as_str().into();
        let envelope = rig.studio.sign(&value);
        rig.posts.post(envelope, Duration::ZERO).await.unwrap().ack
    };
    assert!(status(1, &first.nonce).await.error.is_none());
    // One that would not last is not given out, and counts on until its end.
    rig.clock.advance(Duration::from_secs(1));
    let next = rig.posts.nonce().await.unwrap();
    assert_ne!(next.nonce, first.nonce);
    assert_eq!(next.lives, NONCE_LIFE);
    assert!(status(2, &first.nonce).await.error.is_none());
    rig.clock.advance(NONCE_LIFE / 2);
    let late = status(3, &first.nonce).await.error.unwrap();
    assert_eq!(late.code, Code::ReplayDetected);
    assert!(status(4, &next.nonce).await.error.is_none());
}
