//! The counters, as Prometheus reads them.
//!
//! Owns the names and labels. The show's figures are read from its state at each scrape, so that there
//! is one place that counts.

use super::link::LinkFigures;
use super::uptime::UptimeFigures;
use super::{System, SystemSample};
use crate::alerts::Alerts;
use crate::health::{Health, Status};
use crate::show::{DestinationState, Mode, QualityStatus, Show, ShowStatus};
use crate::uptime::Uptime;
use link::LinkStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

/// The labels of an answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

/// The labels of a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    result: &'static str,
}

/// The labels of what the running build is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// What the figures are read from at each scrape.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The running show.
    pub show: Show,
    /// The machine.
    pub system: System,
    /// What is wrong.
    pub health: Health,
    /// What the operator is told.
    pub alerts: Alerts,
    /// How much of the time everything was there.
    pub uptime: Uptime,
    /// How the link to Studio is.
    pub link: watch::Receiver<LinkStatus>,
}

/// Every counter of the agent.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    commands: Family<CommandLabels, Counter>,
    durations: Histogram,
}

impl Metrics {
    /// Counters at zero; every other figure is read from `watched`.
    #[must_use]
    pub fn new(watched: Watched) -> Self {
        let mut registry = Registry::with_prefix("vistter");
        let requests = Family::default();
        let commands = Family::default();
        let durations = Histogram::new(exponential_buckets(0.000_5, 4.0, 8));
        registry.register("http_requests", "Answered requests", requests.clone());
        registry.register("commands", "Commands by name and result", commands.clone());
        registry.register("command_seconds", "Time a command took", durations.clone());
        let build = Family::<BuildLabels, prometheus_client::metrics::gauge::Gauge>::default();
        build
            .get_or_create(&BuildLabels {
                version: env!("CARGO_PKG_VERSION"),
            })
            .set(1);
        registry.register("build_info", "The running version", build);
        registry.register_collector(Box::new(ShowFigures(watched.clone())));
        registry.register_collector(Box::new(SystemFigures(watched.system.clone())));
        registry.register_collector(Box::new(UptimeFigures(watched.uptime.clone())));
        registry.register_collector(Box::new(LinkFigures(watched.link.clone())));
        registry.register_collector(Box::new(AlertFigures(watched)));
        Self {
            registry,
            requests,
            commands,
            durations,
        }
    }

    /// Counts an answered request. `route` is the pattern, not the address.
    pub fn request(&self, method: &str, route: &str, status: u16) {
        let labels = RequestLabels {
            method: method.to_owned(),
            route: route.to_owned(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a command and the time it took, in seconds.
    pub fn command(&self, command: &'static str, result: &'static str, seconds: f64) {
        self.commands
            .get_or_create(&CommandLabels { command, result })
            .inc();
        self.durations.observe(seconds);
    }

    /// Every counter in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail, and neither can our collector.
        if let Err(error) = text::encode(&mut out, &self.registry) {
            tracing::error!(%error, "The counters could not be written.");
        }
        out
    }
}

#[derive(Debug)]
struct SystemFigures(System);

impl Collector for SystemFigures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (name, help, value) in machine(&self.0.sample()) {
            let metric = ConstGauge::new(value);
            metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}

/// The machine's figures; those that this machine does not tell are left out.
#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus knows no other numbers"
)]
fn machine(now: &SystemSample) -> Vec<(&'static str, &'static str, f64)> {
    if now.at_ns == 0 {
        return Vec::new();
    }
    let count = |n: u64| n as f64;
    let mut all = vec![
        (
            "system_cpu_percent",
            "Busy processor, of all cores",
            f64::from(now.cpu.busy),
        ),
        (
            "agent_cpu_percent",
            "Agent and children, of all cores",
            f64::from(now.cpu.ours),
        ),
        ("system_cpu_cores", "Cores", f64::from(now.cpu.cores)),
        (
            "system_memory_bytes",
            "Memory of the machine",
            count(now.memory.total),
        ),
        (
            "system_memory_available_bytes",
            "Memory to be had",
            count(now.memory.available),
        ),
        (
            "agent_memory_bytes",
            "Memory of the agent itself",
            count(now.memory.agent),
        ),
        (
            "agent_tree_memory_bytes",
            "Memory of agent and children",
            count(now.memory.ours),
        ),
        (
            "agent_processes",
            "The agent and its children",
            count(now.cpu.processes.len() as u64),
        ),
        (
            "disk_bytes",
            "File system of the data folder",
            count(now.disk.total),
        ),
        (
            "disk_available_bytes",
            "What is left of it",
            count(now.disk.available),
        ),
        (
            "network_receive_bps",
            "Received, bits a second",
            count(now.network.rx_bps),
        ),
        (
            "network_transmit_bps",
            "Sent, bits a second",
            count(now.network.tx_bps),
        ),
    ];
    if let Some(degrees) = now.temperature_c {
        all.push((
            "temperature_celsius",
            "Of the processor",
            f64::from(degrees),
        ));
    }
    let flags = [
        (
            "throttled",
            "The firmware holds the processor back",
            now.throttled,
        ),
        (
            "under_voltage",
            "The supply voltage is too low",
            now.under_voltage,
        ),
        (
            "clock_synced",
            "The time of day is in step",
            now.clock_synced,
        ),
    ];
    let known = flags
        .into_iter()
        .filter_map(|(name, help, flag)| flag.map(|flag| (name, help, f64::from(u8::from(flag)))));
    all.extend(known);
    all
}

#[derive(Debug)]
struct AlertFigures(Watched);

impl Collector for AlertFigures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let metric = ConstGauge::new(match self.0.health.report().status {
            Status::Healthy => 0_i64,
            Status::Degraded => 1,
            Status::Unhealthy => 2,
        });
        let help = "0 healthy, 1 degraded, 2 unhealthy";
        metric.encode(to.encode_descriptor("health", help, None, metric.metric_type())?)?;
        let board = self.0.alerts.board();
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = to.encode_descriptor("alert_open", "Alerts that are open", None, kind)?;
        for alert in board.open() {
            let labels = [
                ("code", alert.code.as_str()),
                ("severity", alert.severity.as_str()),
                ("id", alert.id.as_str()),
            ];
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
        }
        counter(
            &mut to,
            "alerts_left_out",
            "Alerts beyond the limit",
            board.left_out,
        )?;
        let hook = &board.webhook;
        for (name, help, value) in [
            (
                "webhook_delivered",
                "Messages that were taken",
                hook.delivered,
            ),
            ("webhook_failed", "Attempts that failed", hook.failed),
            ("webhook_dropped", "Messages given up", hook.dropped),
        ] {
            counter(&mut to, name, help, value)?;
        }
        let metric = ConstGauge::new(i64::try_from(hook.waiting).unwrap_or(i64::MAX));
        let help = "Messages that wait";
        metric.encode(to.encode_descriptor("webhook_waiting", help, None, metric.metric_type())?)
    }
}

#[derive(Debug)]
struct ShowFigures(Watched);

impl Collector for ShowFigures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let status = self.0.show.status();
        mode(&mut to, &status)?;
        program(&mut to, &status)?;
        encoding(&mut to, &status, &self.0.system.sample())?;
        quality(&mut to, &status.quality)?;
        inputs(&mut to, &status)?;
        destinations(&mut to, &status)
    }
}

pub(super) fn counter(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> std::fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn mode(to: &mut DescriptorEncoder<'_>, status: &ShowStatus) -> std::fmt::Result {
    let metric = ConstGauge::new(match status.mode {
        Mode::Idle => 0_i64,
        Mode::Preview => 1,
        Mode::Live => 2,
    });
    let help = "What the program does: 0 idle, 1 preview, 2 live";
    metric.encode(to.encode_descriptor("program_mode", help, None, metric.metric_type())?)
}

fn program(to: &mut DescriptorEncoder<'_>, status: &ShowStatus) -> std::fmt::Result {
    let Some(program) = &status.program else {
        return Ok(());
    };
    counter(
        to,
        "program_frames",
        "Frames given to the encoder",
        program.frames,
    )?;
    counter(
        to,
        "program_frames_repeated",
        "Ticks that came too late",
        program.repeated,
    )?;
    counter(
        to,
        "program_frames_dropped",
        "Frames that the encoder did not take",
        program.dropped,
    )?;
    counter(
        to,
        "program_frames_spared",
        "Frames left out on purpose, because the device is too busy",
        program.spared,
    )?;
    counter(
        to,
        "encoder_restarts",
        "Restarts of the encoder",
        program.encoder_restarts,
    )?;
    let metric = ConstGauge::new(program.fps);
    let help = "Frames a second over the last seconds";
    metric.encode(to.encode_descriptor("program_fps", help, None, metric.metric_type())?)?;
    let metric = ConstGauge::new(i64::from(program.kbps));
    let help = "Bit rate of the program in kilobits a second";
    metric.encode(to.encode_descriptor("program_kbps", help, None, metric.metric_type())?)?;
    for (part, help, us) in [
        (
            "program_latency_mix_seconds",
            "From a frame's due time until the encoder is given it, median",
            program.mix_us,
        ),
        (
            "program_latency_encode_seconds",
            "How long the encoder has a frame, median",
            program.encode_us,
        ),
        (
            "program_latency_publish_seconds",
            "From the encoder until the media server has a frame, median",
            program.publish_us,
        ),
    ] {
        let metric = ConstGauge::new(f64::from(us) / 1e6);
        metric.encode(to.encode_descriptor(part, help, None, metric.metric_type())?)?;
    }
    Ok(())
}

/// What the encoder and the mixer spend, and what is left of the source on air.
fn encoding(
    to: &mut DescriptorEncoder<'_>,
    status: &ShowStatus,
    machine: &SystemSample,
) -> std::fmt::Result {
    let Some(program) = &status.program else {
        return Ok(());
    };
    let share = program.encoder_pid.and_then(|pid| machine.cpu.of(pid));
    let known = [
        ("encoder_cpu_percent", "Of all cores", share),
        (
            "program_buffer_percent",
            "Left of the time for which the picture may be held",
            program.buffer_fullness,
        ),
    ];
    for (name, help, value) in known {
        if let Some(value) = value {
            let metric = ConstGauge::new(f64::from(value));
            metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
    }
    for (name, help, value) in [
        (
            "program_mix_p50_us",
            "Time to compose a frame, median",
            program.mix_p50_us,
        ),
        (
            "program_mix_p99_us",
            "Time to compose a frame, 99 %",
            program.mix_p99_us,
        ),
        (
            "program_worst_late_us",
            "Worst lateness of a tick",
            program.worst_late_us,
        ),
        (
            "program_kbps_target",
            "Bit rate that is asked for",
            program.kbps_target,
        ),
    ] {
        let metric = ConstGauge::new(i64::from(value));
        metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)?;
    }
    let help = "Pictures or graphics planned but not there";
    counter(to, "program_missing", help, program.missing)
}

fn quality(to: &mut DescriptorEncoder<'_>, status: &QualityStatus) -> std::fmt::Result {
    let held = ConstGauge::new(i64::from(status.held));
    let help = "Whether the operator holds full quality";
    held.encode(to.encode_descriptor("quality_held", help, None, held.metric_type())?)?;
    let weak = ConstGauge::new(i64::try_from(status.weak_destinations.len()).unwrap_or(i64::MAX));
    let help = "Destinations that do not take all of the program";
    weak.encode(to.encode_descriptor("destinations_weak", help, None, weak.metric_type())?)?;
    let kind = ConstCounter::new(0_u64).metric_type();
    let mut family = to.encode_descriptor("quality_steps", "Steps of quality", None, kind)?;
    for (reason, down, up) in &status.counted {
        for (direction, count) in [("down", *down), ("up", *up)] {
            let labels = [("reason", *reason), ("direction", direction)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "How many steps down a reason has led";
    let kind = ConstGauge::new(0_i64).metric_type();
    let mut family = to.encode_descriptor("quality_level", help, None, kind)?;
    for (reason, level) in status
        .levels
        .iter()
        .filter(|(reason, _)| !reason.is_empty())
    {
        let labels = [("reason", *reason)];
        ConstGauge::new(i64::from(*level)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn inputs(to: &mut DescriptorEncoder<'_>, status: &ShowStatus) -> std::fmt::Result {
    type Of = fn(&crate::show::InputStatus) -> u64;
    let figures: [(&str, &str, Of); 5] = [
        ("input_frames", "Frames that came in", |input| {
            input.frames_in
        }),
        ("input_frames_dropped", "Frames never shown", |input| {
            input.dropped
        }),
        ("input_frames_late", "Frames after their time", |input| {
            input.late
        }),
        ("input_frames_duplicate", "Pictures shown twice", |input| {
            input.duplicate
        }),
        ("input_restarts", "Restarts of a decoder", |input| {
            input.restarts
        }),
    ];
    for (name, help, of) in figures {
        if status.inputs.is_empty() {
            break;
        }
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = to.encode_descriptor(name, help, None, kind)?;
        for input in &status.inputs {
            let labels = [("input", input.name.as_str())];
            ConstCounter::new(of(input)).encode(family.encode_family(&labels)?)?;
        }
    }
    let cameras = || {
        status
            .inputs
            .iter()
            .filter(|input| input.camera_id.is_some())
    };
    if cameras().next().is_none() {
        return Ok(());
    }
    let kind = ConstGauge::new(0.0).metric_type();
    let help = "From a picture's arrival until the tick on which it was shown, median";
    let mut family = to.encode_descriptor("input_latency_buffer_seconds", help, None, kind)?;
    for input in cameras() {
        let labels = [("input", input.name.as_str())];
        let metric = ConstGauge::new(f64::from(input.wait_us) / 1e6);
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn destinations(to: &mut DescriptorEncoder<'_>, status: &ShowStatus) -> std::fmt::Result {
    type Of = fn(&crate::show::DestinationStatus) -> i64;
    let figures: [(&str, &str, Of); 3] = [
        (
            "destination_active",
            "Whether it takes the program",
            |destination| i64::from(destination.state == DestinationState::Active),
        ),
        (
            "destination_kbps",
            "What it takes in kilobits a second",
            |destination| i64::from(destination.kbps),
        ),
        (
            "destination_retries",
            "Tries in a row without success",
            |destination| i64::from(destination.retries),
        ),
    ];
    if status.destinations.is_empty() {
        return Ok(());
    }
    for (name, help, of) in figures {
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = to.encode_descriptor(name, help, None, kind)?;
        for destination in &status.destinations {
            let labels = [("destination", destination.id.as_str())];
            ConstGauge::new(of(destination)).encode(family.encode_family(&labels)?)?;
        }
    }
    let kind = ConstCounter::new(0_u64).metric_type();
    let help = "Bytes that the destination took";
    let mut family = to.encode_descriptor("destination_bytes", help, None, kind)?;
    for destination in &status.destinations {
        let labels = [("destination", destination.id.as_str())];
        ConstCounter::new(destination.bytes).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uptime::{Account, Span, Tries};

    #[test]
    fn the_counters_are_written_with_their_names() {
        let (show, inbox) = Show::channel();
        let sample = SystemSample {
            at_ns: 1,
            throttled: Some(true),
            ..SystemSample::default()
        };
        let system = System::of(watch::channel(std::sync::Arc::new(sample)).1);
        let (report, health) = watch::channel(std::sync::Arc::default());
        let span = |wanted_us, there_us| Span {
            wanted_us,
            there_us,
        };
        let (_account, account) = watch::channel(std::sync::Arc::new(Account {
            program: span(9_500_000, 9_000_000),
            destinations: [("main".to_owned(), span(4_000_000, 3_000_000))].into(),
            go_live: Tries {
                succeeded: 3,
                ..Tries::default()
            },
            ..Account::default()
        }));
        let folder = tempfile::tempdir().unwrap();
        let clock = runtime::SystemClock;
        let now = runtime::Clock::wall(&clock);
        let (store, _) = store::Store::open(folder.path(), now).unwrap();
        let (alerts, _keeper) = crate::alerts::Keeper::new(crate::alerts::KeeperParts {
            store,
            health: Health::of(health.clone()),
            reach: crate::alerts::Reach::default(),
            own: crate::alerts::OwnPorts::default(),
        });
        report.send_replace(std::sync::Arc::new(crate::health::Report {
            status: Status::Degraded,
            ..Default::default()
        }));
        let link = watch::channel(LinkStatus::default());
        let metrics = Metrics::new(Watched {
            show,
            system,
            health: Health::of(health),
            alerts,
            uptime: Uptime::of(account),
            link: link.1,
        });
        link.0.send_replace(LinkStatus {
            state: link::LinkState::Online,
            sessions: 3,
            refused: [("EXPIRED", 2)].into(),
            ..LinkStatus::default()
        });
        metrics.request("GET", "/api/cameras", 200);
        metrics.command("camera.list", "ok", 0.01);
        let status = ShowStatus {
            mode: Mode::Live,
            program: Some(crate::show::ProgramStatus {
                frames: 7,
                ..Default::default()
            }),
            quality: QualityStatus {
                held: true,
                levels: [
                    ("high_cpu", 2),
                    ("network_issues", 0),
                    ("encoder_overload", 0),
                ],
                counted: vec![("high_cpu", 3, 1)],
                ..Default::default()
            },
            ..Default::default()
        };
        inbox.status.send_replace(std::sync::Arc::new(status));
        let text = metrics.encode();
        for line in [
            "vistter_http_requests_total{method=\"GET\",route=\"/api/cameras\",status=\"200\"} 1",
            "vistter_commands_total{command=\"camera.list\",result=\"ok\"} 1",
            "vistter_program_mode 2",
            "vistter_quality_held 1",
            "vistter_quality_level{reason=\"high_cpu\"} 2",
            "vistter_quality_steps_total{reason=\"high_cpu\",direction=\"down\"} 3",
            "vistter_program_frames_total 7",
            "vistter_throttled 1.0",
            "vistter_agent_processes 0.0",
            "vistter_health 1",
            "vistter_webhook_delivered_total 0",
            "vistter_program_mix_p99_us 0",
            "vistter_program_wanted_seconds_total 9.5",
            "vistter_program_there_seconds_total 9.0",
            "vistter_destination_wanted_seconds_total{destination=\"main\"} 4.0",
            "vistter_destination_there_seconds_total{destination=\"main\"} 3.0",
            "vistter_preview_server_wanted_seconds_total 0.0",
            "vistter_go_live_total{result=\"succeeded\"} 3",
            "vistter_link_state{state=\"online\"} 1",
            "vistter_link_state{state=\"backoff\"} 0",
            "vistter_link_sessions_total 3",
            "vistter_link_refused_total{code=\"EXPIRED\"} 2",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
