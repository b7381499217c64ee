//! One running child and what it leaves behind.

use super::Cause;
use super::launcher::{OnLine, group_of};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Lines that are kept of what a child says.
const LINES: usize = 200;
/// Longest line that is kept, in bytes.
const LINE_BYTES: u64 = 2048;

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, unless it was ended by a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether we asked for it.
    pub asked: bool,
    /// Why, as far as its last lines tell.
    pub cause: Cause,
}

impl Exit {
    /// It ended by itself and without complaint.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<String>,
    cause: Cause,
}

#[derive(Debug)]
struct Life {
    child: Child,
    exit: Option<Exit>,
    asked: bool,
}

/// What the handle, the watching thread and the launcher share.
#[derive(Debug)]
pub(super) struct Shared {
    pid: u32,
    group: Option<Pid>,
    life: Mutex<Life>,
    ended: Condvar,
    log: Mutex<Log>,
    announce: watch::Sender<Option<Exit>>,
}

impl Shared {
    pub(super) fn exit(&self) -> Option<Exit> {
        self.life().exit.clone()
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signals the whole group, unless the child has been reaped: its number may be another's then.
    pub(super) fn signal(&self, signal: Signal) {
        let mut life = self.life();
        if life.exit.is_some() {
            return;
        }
        life.asked = true;
        if let Some(group) = self.group {
            let _gone = rustix::process::kill_process_group(group, signal);
        }
    }

    fn watch(&self, log: PipeReader, mut on_line: Option<OnLine>) {
        let mut log = BufReader::new(log);
        let mut line = Vec::new();
        loop {
            line.clear();
            match log.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if text.is_empty() {
                continue;
            }
            if let Some(f) = &mut on_line {
                f(text);
            }
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.lines.len() == LINES {
                log.lines.pop_front();
            }
            log.lines.push_back(text.to_owned());
            if let Some(cause) = Cause::of_line(text)
                && cause.weight() >= log.cause.weight()
            {
                log.cause = cause;
            }
        }
        self.reap();
    }

    /// Waits without reaping, then reaps under the lock, so that no signal can hit a stranger.
    fn reap(&self) {
        if let Some(pid) = self.group {
            let wait = || {
                rustix::process::waitid(
                    WaitId::Pid(pid),
                    WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
                )
            };
            while matches!(wait(), Err(rustix::io::Errno::INTR)) {}
        }
        let cause = self
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cause;
        let mut life = self.life();
        let status = life.child.wait().ok();
        // What is left of its group goes with it.
        if let Some(group) = self.group {
            let _gone = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let signal = status.and_then(|s| s.signal());
        let exit = Exit {
            code: status.and_then(|s| s.code()),
            signal,
            asked: life.asked,
            cause: match cause {
                Cause::Unknown if signal.is_some() && !life.asked => Cause::Killed,
                known => known,
            },
        };
        life.exit = Some(exit.clone());
        drop(life);
        self.ended.notify_all();
        self.announce.send_replace(Some(exit));
    }
}

/// A running child. Dropping it kills it and its whole group.
#[derive(Debug)]
pub struct Process {
    shared: Arc<Shared>,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
}

impl Process {
    pub(super) fn watch(
        mut child: Child,
        log: PipeReader,
        on_line: Option<OnLine>,
    ) -> std::io::Result<Self> {
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let shared = Arc::new(Shared {
            pid: child.id(),
            group: group_of(&child),
            life: Mutex::new(Life {
                child,
                exit: None,
                asked: false,
            }),
            ended: Condvar::new(),
            log: Mutex::default(),
            announce: watch::Sender::new(None),
        });
        let process = Self {
            shared: shared.clone(),
            stdin,
            stdout,
        };
        std::thread::Builder::new()
            .name("child".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || shared.watch(log, on_line))?;
        Ok(process)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// Its standard input, once, if it was asked for as a pipe.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Its standard output, once, if it was asked for as a pipe.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// The last lines that it said, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let log = self
            .shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        log.lines.iter().cloned().collect()
    }

    /// The cause that its lines tell so far.
    #[must_use]
    pub fn cause(&self) -> Cause {
        let log = self
            .shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        log.cause
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.shared.exit()
    }

    /// Waits for its end, at most so long. Blocks the thread.
    #[must_use]
    pub fn wait_timeout(&self, limit: Duration) -> Option<Exit> {
        let life = self.shared.life();
        let (life, _) = self
            .shared
            .ended
            .wait_timeout_while(life, limit, |life| life.exit.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        life.exit.clone()
    }

    /// Waits for its end without blocking the thread.
    pub async fn ended(&self) -> Exit {
        let mut news = self.shared.announce.subscribe();
        loop {
            if let Some(exit) = news.borrow_and_update().clone() {
                return exit;
            }
            if news.changed().await.is_err() {
                // Cannot be: the sender lives in `self`.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Asks it to end (SIGTERM to its group) and kills it if it does not within `grace`. Blocks.
    pub fn stop(&self, grace: Duration) -> Option<Exit> {
        self.shared.signal(Signal::TERM);
        if let Some(exit) = self.wait_timeout(grace) {
            return Some(exit);
        }
        self.kill();
        self.wait_timeout(Duration::from_secs(5))
    }

    /// As [`Process::stop`], without blocking the thread.
    pub async fn terminate(&self, grace: Duration) -> Exit {
        self.shared.signal(Signal::TERM);
        if let Ok(exit) = tokio::time::timeout(grace, self.ended()).await {
            return exit;
        }
        self.kill();
        self.ended().await
    }

    /// Kills it and its group now.
    pub fn kill(&self) {
        self.shared.signal(Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use crate::process::{Cause, Launch, Launcher, Stdin, Stdout};
    use std::io::{Read, Write};
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn a_child_reads_and_writes_and_its_end_is_seen() {
        let launcher = Launcher::start().unwrap();
        let mut cat = launcher
            .launch(Launch::new("cat").stdin(Stdin::Pipe).stdout(Stdout::Pipe))
            .unwrap();
        cat.take_stdin().unwrap().write_all(b"hello").unwrap();
        let mut text = String::new();
        cat.take_stdout()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "hello");
        assert!(cat.wait_timeout(LONG).unwrap().is_success());
    }

    #[test]
    fn a_child_that_ignores_the_polite_signal_is_killed() {
        let launcher = Launcher::start().unwrap();
        let script = "trap '' TERM; echo ready >&2; while :; do sleep 0.1; done";
        let (tell, told) = std::sync::mpsc::channel();
        let stubborn = launcher
            .launch(
                Launch::new("sh")
                    .args(["-c", script])
                    .on_line(move |_| tell.send(()).unwrap()),
            )
            .unwrap();
        told.recv_timeout(LONG).unwrap();
        let exit = stubborn.stop(Duration::from_millis(50)).unwrap();
        assert_eq!((exit.signal, exit.asked), (Some(9), true));
    }

    #[test]
    fn dropping_a_child_kills_its_whole_group() {
        let launcher = Launcher::start().unwrap();
        let mut parent = launcher
            .launch(
                Launch::new("sh")
                    .args(["-c", "sleep 1000 & echo x; wait"])
                    .stdout(Stdout::Pipe),
            )
            .unwrap();
        let mut out = parent.take_stdout().unwrap();
        out.read_exact(&mut [0; 2]).unwrap();
        drop(parent);
        // The grandchild holds the pipe: its end is the end of the file.
        assert_eq!(out.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn the_last_lines_are_kept_and_name_a_cause() {
        let launcher = Launcher::start().unwrap();
        let script = "seq 1 500 >&2; echo 'x: Connection refused' >&2; exit 3";
        let sh = launcher
            .launch(Launch::new("sh").args(["-c", script]))
            .unwrap();
        let exit = sh.wait_timeout(LONG).unwrap();
        assert_eq!((exit.code, exit.cause), (Some(3), Cause::Refused));
        let lines = sh.lines();
        assert_eq!(lines.len(), 200);
        assert_eq!(lines.last().unwrap(), "x: Connection refused");
    }

    #[test]
    fn a_missing_program_is_named() {
        let launcher = Launcher::start().unwrap();
        let error = launcher.launch(Launch::new("/nowhere/ffmpeg")).unwrap_err();
        assert_eq!(error.to_string(), "there is no program /nowhere/ffmpeg");
    }
}
