//! Child processes that end with the value that owns them.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running process in a group of its own. It is killed when this value is dropped, or when the
/// thread that started it ends for whatever reason.
#[derive(Debug)]
pub struct Child {
    inner: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts `program` with `arguments`; standard output and error go to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(program: &Path, arguments: &[String], log: &Path) -> Self {
        Self::start_with(program, arguments, &[], log)
    }

    /// As [`Self::start`], with environment variables added.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_with(
        program: &Path,
        arguments: &[String],
        environment: &[(String, String)],
        log: &Path,
    ) -> Self {
        let out = File::options().create(true).append(true).open(log).unwrap();
        let mut command = dying_with_us(program);
        command
            .args(arguments)
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out);
        let inner = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self {
            inner,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// What it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.inner.try_wait(), Ok(None))
    }

    /// Sends a signal by its name, such as `STOP`, `CONT`, `INT` or `KILL`, to it alone.
    pub fn signal(&self, name: &str) {
        signal(self.inner.id(), name);
    }

    /// Waits until it has ended.
    #[must_use]
    pub fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut status = None;
        until(limit, || {
            status = self.inner.try_wait().ok().flatten();
            status.is_some()
        });
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its whole group: what it has started itself goes too.
        let group = format!("-{}", self.inner.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.inner.kill();
        let _ = self.inner.wait();
    }
}

/// A command whose process the kernel kills when the starting thread ends.
pub(crate) fn dying_with_us(program: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.process_group(0);
    command
}

/// Waits until none of these processes is there any more, as [`processes_below`] gave them.
#[must_use]
pub fn gone(processes: &[(u32, String)], limit: Duration) -> bool {
    until(limit, || {
        processes
            .iter()
            .all(|(id, _)| !Path::new(&format!("/proc/{id}/exe")).exists())
    })
}

/// Sends a signal by its name to a process id.
pub fn signal(id: u32, name: &str) {
    signal_all(&[id], name);
}

/// Sends a signal by its name to processes, to one right after the other. One that is gone is no fault.
///
/// # Panics
/// When there is no such name.
pub fn signal_all(ids: &[u32], name: &str) {
    let signal = match name {
        "CONT" => Signal::CONT,
        "INT" => Signal::INT,
        "KILL" => Signal::KILL,
        "STOP" => Signal::STOP,
        "TERM" => Signal::TERM,
        _ => panic!("{name} is no signal that is known here"),
    };
    let known = ids.iter().filter_map(|id| i32::try_from(*id).ok());
    for pid in known.filter_map(Pid::from_raw) {
        let _gone = kill_process(pid, signal);
    }
}

/// Looks every 20 ms until `done` says true; false when the limit passes first.
pub fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if done() {
            return true;
        }
        if began.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every process below `id`, children of children too, as `(process id, command line)`.
#[must_use]
pub fn processes_below(id: u32) -> Vec<(u32, String)> {
    let table = table();
    let mut found = Vec::new();
    let mut wanted = vec![id];
    while let Some(parent) = wanted.pop() {
        for (child, of, line) in &table {
            if *of == parent {
                wanted.push(*child);
                found.push((*child, line.clone()));
            }
        }
    }
    found
}

/// The process table as `ps` would show it to any user, environment of our own processes included.
#[must_use]
pub fn ps_of_everything() -> String {
    table()
        .into_iter()
        .map(|(id, _, line)| format!("{id} {line}\n"))
        .collect()
}

/// `(process id, parent, command line)` of every process that is not a zombie.
fn table() -> Vec<(u32, u32, String)> {
    let mut rows = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let mut fields = rest.split(' ');
        let state = fields.next().unwrap_or("");
        let parent = fields
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        if state == "Z" {
            continue;
        }
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        rows.push((id, parent, line));
    }
    rows
}
