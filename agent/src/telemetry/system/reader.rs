//! Reads the machine's state, and what changed since it was read before. Blocking.

use super::{
    CpuSample, DiskSample, MemorySample, NetworkSample, ProcessSample, SystemSample, percent, proc,
};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most of a file that is read: `/proc/stat` has a line a core.
const FILE_LIMIT: u64 = 256 * 1024;
/// Most processes that are looked at.
const PROCESS_LIMIT: usize = 8192;
/// Most sensors that are looked at.
const SENSOR_LIMIT: usize = 64;
/// Seconds of the running mean.
const MEAN: usize = 5;

/// Written by the Raspberry Pi's kernel.
const THROTTLED: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";

/// What was read before.
#[derive(Debug)]
pub(super) struct Reader {
    folder: PathBuf,
    at_ns: u64,
    ticks: proc::Ticks,
    traffic: (u64, u64),
    processes: BTreeMap<u32, u64>,
    busy: VecDeque<f32>,
}

impl Reader {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            at_ns: 0,
            ticks: proc::Ticks::default(),
            traffic: (0, 0),
            processes: BTreeMap::new(),
            busy: VecDeque::with_capacity(MEAN),
        }
    }

    pub(super) fn read(&mut self, now_ns: u64) -> SystemSample {
        let before = std::mem::replace(&mut self.at_ns, now_ns);
        let elapsed_ms = (before > 0).then(|| now_ns.saturating_sub(before) / 1_000_000);
        let (cpu, memory) = self.processor();
        let firmware = text(THROTTLED).and_then(|text| proc::throttled(&text));
        SystemSample {
            at_ns: now_ns,
            cpu,
            memory,
            disk: disk(&self.folder),
            network: self.network(elapsed_ms),
            temperature_c: temperature(),
            throttled: firmware.map(|(throttled, _)| throttled),
            under_voltage: firmware.map(|(_, low)| low),
            clock_synced: clock_synced(),
        }
    }

    fn processor(&mut self) -> (CpuSample, MemorySample) {
        let now = text("/proc/stat")
            .and_then(|text| proc::ticks(&text))
            .unwrap_or_default();
        let first = self.ticks.all == 0;
        let before = std::mem::replace(&mut self.ticks, now);
        let passed = now.all.saturating_sub(before.all);
        let idle = now.idle.saturating_sub(before.idle);
        let busy = if first {
            0.0
        } else {
            percent(passed.saturating_sub(idle), passed)
        };
        if !first {
            if self.busy.len() == MEAN {
                self.busy.pop_front();
            }
            self.busy.push_back(busy);
        }
        #[expect(clippy::cast_precision_loss, reason = "at most five")]
        let busy_5s = self.busy.iter().sum::<f32>() / self.busy.len().max(1) as f32;
        let processes = self.processes(passed);
        let ours: f32 = processes.iter().filter_map(|process| process.busy).sum();
        let meminfo = text("/proc/meminfo").unwrap_or_default();
        let memory = MemorySample {
            total: proc::kilobytes(&meminfo, "MemTotal").unwrap_or(0),
            available: proc::kilobytes(&meminfo, "MemAvailable").unwrap_or(0),
            agent: processes.first().map_or(0, |agent| agent.resident),
            ours: processes
                .iter()
                .fold(0, |sum, process| sum.saturating_add(process.resident)),
        };
        let cpu = CpuSample {
            cores: now.cores,
            busy,
            busy_5s,
            ours: ours.min(100.0),
            processes,
        };
        (cpu, memory)
    }

    /// The agent and everything below it, the agent first. `passed` ticks are all of the machine's
    /// since the last look.
    fn processes(&mut self, passed: u64) -> Vec<ProcessSample> {
        let own = std::process::id();
        let mut all = BTreeMap::new();
        let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
        for folder in folders.take(PROCESS_LIMIT) {
            let name = folder.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            if let Some(found) =
                text(folder.path().join("stat")).and_then(|text| proc::process(&text))
            {
                all.insert(pid, found);
            }
        }
        let mut family = vec![own];
        let mut place = 0;
        while let Some(parent) = family.get(place).copied() {
            let children = all.iter().filter(|(pid, one)| {
                one.parent == parent && **pid != parent && !family.contains(pid)
            });
            let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
            family.extend(children);
            place += 1;
        }
        let before = std::mem::take(&mut self.processes);
        let mut found = Vec::with_capacity(family.len());
        for pid in family {
            let Some(now) = all.get(&pid) else { continue };
            self.processes.insert(pid, now.ticks);
            let spent = before.get(&pid).map(|was| now.ticks.saturating_sub(*was));
            let status = text(format!("/proc/{pid}/status")).unwrap_or_default();
            found.push(ProcessSample {
                pid,
                busy: spent.map(|spent| percent(spent, passed)),
                resident: proc::kilobytes(&status, "VmRSS").unwrap_or(0),
            });
        }
        found
    }

    fn network(&mut self, elapsed_ms: Option<u64>) -> NetworkSample {
        let now = text("/proc/net/dev").map_or((0, 0), |text| proc::traffic(&text));
        let before = std::mem::replace(&mut self.traffic, now);
        let rate = |now: u64, was: u64| {
            let bits = now.saturating_sub(was).saturating_mul(8_000);
            elapsed_ms.and_then(|ms| bits.checked_div(ms)).unwrap_or(0)
        };
        NetworkSample {
            rx_bps: rate(now.0, before.0),
            tx_bps: rate(now.1, before.1),
        }
    }
}

/// A file's text, at most [`FILE_LIMIT`] bytes of it; none where it cannot be read.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(FILE_LIMIT).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn disk(folder: &Path) -> DiskSample {
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return DiskSample::default();
    };
    // What is set aside for root counts as full: the agent is not root.
    let used = found.f_blocks.saturating_sub(found.f_bfree);
    let usable = used.saturating_add(found.f_bavail);
    DiskSample {
        total: usable.saturating_mul(found.f_frsize),
        available: found.f_bavail.saturating_mul(found.f_frsize),
    }
}

/// The processor's sensor, or the hottest where none is named for it.
fn temperature() -> Option<f32> {
    let zones = fs::read_dir("/sys/class/thermal").ok()?.flatten();
    let mut found: Vec<(bool, f32)> = Vec::new();
    for zone in zones.take(SENSOR_LIMIT) {
        let name = zone.file_name();
        if !name.to_string_lossy().starts_with("thermal_zone") {
            continue;
        }
        let kind = text(zone.path().join("type")).unwrap_or_default();
        let of_processor = ["cpu", "pkg", "soc"].iter().any(|word| kind.contains(word));
        if let Some(degrees) = text(zone.path().join("temp")).and_then(|text| proc::degrees(&text))
        {
            found.push((of_processor, degrees));
        }
    }
    let named = found.iter().any(|(of_processor, _)| *of_processor);
    let fitting = found
        .into_iter()
        .filter(|(of_processor, _)| *of_processor || !named);
    fitting.map(|(_, degrees)| degrees).reduce(f32::max)
}

/// What systemd-timesyncd says; nothing where it does not run.
fn clock_synced() -> Option<bool> {
    let folder = Path::new("/run/systemd/timesync");
    folder
        .is_dir()
        .then(|| folder.join("synchronized").exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::{Clock, SystemClock};

    #[test]
    fn this_machine_is_read_and_a_busy_process_of_ours_is_seen() {
        let mut reader = Reader::new(std::env::temp_dir());
        let first = reader.read(SystemClock.monotonic_ns());
        assert!(first.cpu.cores > 0 && first.memory.total > first.memory.available);
        assert!(first.memory.agent > 100_000 && first.disk.total > 0);
        let began = SystemClock.monotonic_ns();
        let mut sum = 0_u64;
        while SystemClock.monotonic_ns() - began < 400_000_000 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        let second = reader.read(SystemClock.monotonic_ns());
        let own = second.cpu.of(std::process::id()).unwrap();
        assert!(own > 0.0 && own <= 100.0, "{second:?}");
        // How the two agree is the pure readers' business: the system counts the one by ticks.
        assert!(second.cpu.busy > 0.0, "{second:?}");
        assert!(second.cpu.ours >= own, "{second:?}");
        assert_eq!(second.cpu.processes[0].pid, std::process::id());
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_size() {
        assert_eq!(disk(Path::new("/nowhere/at/all")), DiskSample::default());
        assert!(DiskSample::default().used_percent().abs() < f32::EPSILON);
        let full = DiskSample {
            total: 200,
            available: 10,
        };
        assert!((full.used_percent() - 95.0).abs() < 0.01);
    }

    #[test]
    fn looking_takes_little() {
        let mut reader = Reader::new(std::env::temp_dir());
        reader.read(1);
        // The fastest of ten: in the others something else may have run.
        let taken = |n| {
            let began = SystemClock.monotonic_ns();
            reader.read(n + 2);
            (SystemClock.monotonic_ns() - began) / 1_000
        };
        let least_us = (0_u64..10).map(taken).min().unwrap();
        println!("a sample takes {least_us} us");
        assert!(least_us < 100_000);
    }
}
