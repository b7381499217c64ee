//! How the machine is: processor, memory, disk, network, heat, clock; once a second.
//!
//! Owns the unit that reads `/proc` and `/sys`, and the newest [`SystemSample`]. Reads on a thread that
//! may block, and is read without waiting. Never decides on what it sees: `health`, admission and
//! degraded mode do.

mod proc;
mod reader;

use runtime::{Clock, Policy, Supervisor, SystemClock};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use utoipa::ToSchema;

use reader::Reader;

/// Between two samples.
const PERIOD: Duration = Duration::from_secs(1);
/// A sample that takes longer is given up: a network file system hangs.
const LIMIT: Duration = Duration::from_secs(5);

/// The machine at one moment. What this machine does not tell is `None`, or zero of zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct SystemSample {
    /// When, in nanoseconds of the monotonic clock; 0 before the first sample.
    #[serde(skip)]
    pub at_ns: u64,
    /// The processor.
    pub cpu: CpuSample,
    /// Memory.
    pub memory: MemorySample,
    /// The file system of the data folder.
    pub disk: DiskSample,
    /// Every network card together, without loopback.
    pub network: NetworkSample,
    /// The processor's temperature in degrees Celsius, where it has a sensor.
    pub temperature_c: Option<f32>,
    /// Whether the firmware holds the processor back now, for heat or for lack of power. Raspberry Pi.
    pub throttled: Option<bool>,
    /// Whether the supply voltage is too low now. Raspberry Pi.
    pub under_voltage: Option<bool>,
    /// Whether the time of day is in step with a time server, where systemd-timesyncd keeps it.
    pub clock_synced: Option<bool>,
}

/// The processor. Every share is of the whole machine: 100 is all its cores.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct CpuSample {
    /// Cores.
    pub cores: u32,
    /// Busy over the last second, 0 to 100.
    pub busy: f32,
    /// Mean of `busy` over the last five seconds.
    pub busy_5s: f32,
    /// The agent and its children over the last second, 0 to 100.
    pub ours: f32,
    /// Each process of ours, the agent first.
    #[serde(skip)]
    pub processes: Vec<ProcessSample>,
}

impl CpuSample {
    /// The share of one process of ours, 0 to 100 of the whole machine.
    #[must_use]
    pub fn of(&self, pid: u32) -> Option<f32> {
        let found = self.processes.iter().find(|process| process.pid == pid)?;
        found.busy
    }
}

/// A process of ours.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessSample {
    /// Its number.
    pub pid: u32,
    /// Its share over the last second, 0 to 100 of the whole machine; `None` in its first second.
    pub busy: Option<f32>,
    /// Memory that it holds, shared pages included, in bytes.
    pub resident: u64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct MemorySample {
    /// What the machine has.
    pub total: u64,
    /// What programs could still get.
    pub available: u64,
    /// What the agent holds, shared pages included.
    pub agent: u64,
    /// What the agent and its children hold; shared pages count in each.
    pub ours: u64,
}

/// A file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct DiskSample {
    /// Its size.
    pub total: u64,
    /// What is left for the agent.
    pub available: u64,
}

impl DiskSample {
    /// How full it is, 0 to 100; 0 where the size is not known.
    #[must_use]
    pub fn used_percent(&self) -> f32 {
        percent(self.total.saturating_sub(self.available), self.total)
    }
}

/// Network traffic, in bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct NetworkSample {
    /// Received.
    pub rx_bps: u64,
    /// Sent.
    pub tx_bps: u64,
}

/// `part` of `whole` in percent, 0 to 100.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share for people; seven digits are plenty"
)]
fn percent(part: u64, whole: u64) -> f32 {
    if whole == 0 {
        return 0.0;
    }
    (part as f32 / whole as f32 * 100.0).clamp(0.0, 100.0)
}

/// The newest sample, for anyone. Cheap to clone; reading it costs nothing.
#[derive(Debug, Clone)]
pub struct System {
    newest: watch::Receiver<Arc<SystemSample>>,
}

impl System {
    /// Starts the sampler as a unit. `folder` is the data folder.
    #[must_use]
    pub fn start(supervisor: &Supervisor, folder: PathBuf) -> Self {
        let (board, newest) = watch::channel(Arc::new(SystemSample::default()));
        supervisor.start("system sampler", Policy::default(), move |stop| {
            let (board, folder) = (board.clone(), folder.clone());
            async move {
                let mut reader = Box::new(Reader::new(folder));
                let mut ticks = tokio::time::interval(PERIOD);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        _ = ticks.tick() => {}
                    }
                    let read = tokio::task::spawn_blocking(move || {
                        let sample = reader.read(SystemClock.monotonic_ns());
                        (reader, sample)
                    });
                    match tokio::time::timeout(LIMIT, read).await {
                        Ok(Ok((back, sample))) => {
                            reader = back;
                            board.send_replace(Arc::new(sample));
                        }
                        Ok(Err(_)) => return Err("reading the machine's state failed"),
                        Err(_) => return Err("reading the machine's state takes too long"),
                    }
                }
            }
        });
        Self { newest }
    }

    /// A sampler whose samples somebody else sends.
    #[must_use]
    pub const fn of(newest: watch::Receiver<Arc<SystemSample>>) -> Self {
        Self { newest }
    }

    /// The newest sample; all zero before the first.
    #[must_use]
    pub fn sample(&self) -> Arc<SystemSample> {
        Arc::clone(&self.newest.borrow())
    }
}
