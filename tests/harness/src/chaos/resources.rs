//! What a tree of processes uses, read from /proc.

use crate::child::processes_below;
use std::fs;

/// What a process of the agent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The agent itself.
    Agent,
    /// FFmpeg that reads a source.
    Decoder,
    /// FFmpeg that encodes the program, ours or the one that we are compared with.
    Encoder,
    /// The media server.
    MediaMtx,
    /// Anything else.
    Other,
}

impl std::fmt::Display for Role {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match self {
            Self::Agent => "agent",
            Self::Decoder => "decoder",
            Self::Encoder => "encoder",
            Self::MediaMtx => "MediaMTX",
            Self::Other => "other",
        })
    }
}

impl Role {
    /// Reads it off a command line.
    #[must_use]
    pub fn of(line: &str) -> Self {
        let program = line.split(' ').next().unwrap_or_default();
        let words = || line.split(' ');
        if program.ends_with("mediamtx") {
            Self::MediaMtx
        } else if program.ends_with("ffmpeg")
            && words().any(|word| matches!(word, "pipe:0" | "tee"))
        {
            Self::Encoder
        } else if program.ends_with("ffmpeg") && words().any(|word| word == "pipe:1") {
            Self::Decoder
        } else if program.ends_with("vistter-agent") {
            Self::Agent
        } else {
            Self::Other
        }
    }
}

/// One process at one moment.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// What it is for.
    pub role: Role,
    /// Open file descriptors.
    pub fds: usize,
    /// Threads.
    pub threads: u64,
    /// Memory that is resident, in KiB, shared pages counted whole.
    pub rss_kib: u64,
    /// The same with shared pages counted by their share; 0 where it was not asked for.
    pub pss_kib: u64,
    /// Processor time in seconds, its own.
    pub cpu_s: f64,
}

/// A tree of processes at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Each of them.
    pub processes: Vec<Process>,
    /// Processor time of children of the root that have ended, in seconds.
    pub ended_cpu_s: f64,
}

/// Ticks a second in which /proc counts; fixed by Linux's interface on all machines that we know.
const TICKS: f64 = 100.0;

impl Sample {
    /// Reads the process and everything below it.
    #[must_use]
    pub fn of(root: u32) -> Self {
        let mut sample = Self::default();
        let own = (root, cmdline(root));
        for (id, line) in std::iter::once(own).chain(processes_below(root)) {
            let Some((cpu_s, ended)) = cpu(id) else {
                continue;
            };
            if id == root {
                sample.ended_cpu_s = ended;
            }
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            sample.processes.push(Process {
                id,
                role: Role::of(&line),
                fds: fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count),
                threads: field(&status, "Threads:"),
                rss_kib: field(&status, "VmRSS:"),
                pss_kib: field(&rollup, "Pss:"),
                cpu_s,
            });
        }
        sample
    }

    /// Processor time of all that run and all that have ended, in seconds.
    #[must_use]
    pub fn cpu_s(&self) -> f64 {
        let running: f64 = self.processes.iter().map(|one| one.cpu_s).sum();
        running + self.ended_cpu_s
    }

    /// Processor time of one role in seconds.
    #[must_use]
    pub fn cpu_of(&self, role: Role) -> f64 {
        let its = self.processes.iter().filter(|one| one.role == role);
        its.map(|one| one.cpu_s).sum()
    }

    /// Sums over all processes of a role: `(processes, fds, threads, RSS in KiB, PSS in KiB)`.
    #[must_use]
    pub fn of_role(&self, role: Role) -> (usize, usize, u64, u64, u64) {
        let its = self.processes.iter().filter(|one| one.role == role);
        its.fold((0, 0, 0, 0, 0), |sum, one| {
            (
                sum.0 + 1,
                sum.1 + one.fds,
                sum.2 + one.threads,
                sum.3 + one.rss_kib,
                sum.4 + one.pss_kib,
            )
        })
    }
}

/// The command line of a process, with blanks between its words.
#[must_use]
pub(crate) fn cmdline(id: u32) -> String {
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// Processor time of a process so far, in seconds; none if it has ended.
#[must_use]
pub fn cpu_s(id: u32) -> Option<f64> {
    cpu(id).map(|(own, _)| own)
}

/// Processor time in seconds: its own, and that of its children that have ended.
fn cpu(id: u32) -> Option<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    // utime is the 14th field of all and the 12th after the name.
    let fields: Vec<f64> = rest
        .split(' ')
        .skip(11)
        .take(4)
        .filter_map(|text| text.parse().ok())
        .collect();
    match fields[..] {
        [user, system, ended_user, ended_system] => {
            Some(((user + system) / TICKS, (ended_user + ended_system) / TICKS))
        }
        _ => None,
    }
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_off_command_lines() {
        for (line, role) in [
            ("/x/build/mediamtx /tmp/a.yml", Role::MediaMtx),
            (
                "/usr/bin/ffmpeg -i rtsp://127.0.0.1:1/cam/1 -f nut pipe:1",
                Role::Decoder,
            ),
            (
                "/usr/bin/ffmpeg -f nut -i pipe:0 -map 0:v -f nut pipe:1",
                Role::Encoder,
            ),
            ("/x/target/release/vistter-agent run", Role::Agent),
            ("sleep 1", Role::Other),
        ] {
            assert_eq!(Role::of(line), role, "{line}");
        }
    }

    #[test]
    fn our_own_process_has_files_threads_memory_and_time() {
        // It works until that is seen, however much of a processor it gets.
        let began = std::time::Instant::now();
        let mut sample = Sample::of(std::process::id());
        while sample.cpu_s() <= 0.05 && began.elapsed().as_secs() < 10 {
            sample = Sample::of(std::process::id());
        }
        assert!(sample.cpu_s() > 0.05, "{sample:?}");
        let own = &sample.processes[0];
        assert!(own.fds > 2 && own.threads > 0 && own.rss_kib > 500 && own.pss_kib > 0);
    }
}
