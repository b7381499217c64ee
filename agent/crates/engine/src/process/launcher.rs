//! The thread that spawns: it lives as long as the agent, because a parent-death signal fires when
//! the *thread* that spawned ends.

use super::child::{Process, Shared};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::time::Duration;

/// Bytes that may be under way to or from a child, where the system allows it.
const BUFFER_BYTES: usize = 1 << 20;
/// How often a program that is still being written is tried, and the time in between.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Variables that a child inherits; everything else, secrets in particular, stays here.
const INHERITED: [&str; 11] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LD_LIBRARY_PATH",
    "LIBVA_DRIVER_NAME",
    "LIBVA_DRIVERS_PATH",
    "CUDA_VISIBLE_DEVICES",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// What a child reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdin {
    /// Nothing.
    #[default]
    Null,
    /// What is written to [`Process::take_stdin`].
    Pipe,
}

/// Where a child's standard output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdout {
    /// Nowhere.
    #[default]
    Null,
    /// To [`Process::take_stdout`].
    Pipe,
    /// To the kept lines, together with standard error.
    Log,
}

/// Called with each line that a child logs, on that child's own thread.
pub(super) type OnLine = Box<dyn FnMut(&str) + Send>;

/// A child to be started.
#[must_use]
pub struct Launch {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) stdin: Stdin,
    pub(super) stdout: Stdout,
    pub(super) on_line: Option<OnLine>,
}

impl Launch {
    /// Of a program, by path or by name on the PATH.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: Stdin::Null,
            stdout: Stdout::Null,
            on_line: None,
        }
    }

    /// Adds an argument. Arguments are public to every user of the machine: no secret in them.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable. Only a short list is inherited.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Chooses what it reads.
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Chooses where its output goes.
    pub fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// Calls a function with each line that it logs.
    pub fn on_line(mut self, f: impl FnMut(&str) + Send + 'static) -> Self {
        self.on_line = Some(Box::new(f));
        self
    }
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch")
            .field("program", &self.program)
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The program is not there.
    #[error("there is no program {0}")]
    Missing(PathBuf),
    /// The system refused.
    #[error("cannot start {program}")]
    Spawn {
        /// Which program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The spawning thread has ended: the agent is shutting down.
    #[error("no more processes are started")]
    Closed,
}

struct Order {
    launch: Launch,
    reply: mpsc::SyncSender<Result<Process, LaunchError>>,
}

/// Starts children from one long-lived thread. Cheap to clone; when the last clone is gone, the
/// thread ends and every child with it.
#[derive(Debug, Clone)]
pub struct Launcher {
    orders: mpsc::Sender<Order>,
    children: Arc<Mutex<Vec<Weak<Shared>>>>,
}

impl Launcher {
    /// Starts the spawning thread.
    ///
    /// # Errors
    /// [`LaunchError::Spawn`] when the system has no thread to give.
    pub fn start() -> Result<Self, LaunchError> {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::Builder::new()
            .name("launcher".to_owned())
            .spawn(move || {
                for order in inbox {
                    // A receiver that is gone drops the process, which kills it.
                    let _gone = order.reply.send(spawn(order.launch));
                }
            })
            .map_err(|source| LaunchError::Spawn {
                program: "launcher".into(),
                source,
            })?;
        Ok(Self {
            orders,
            children: Arc::default(),
        })
    }

    /// Starts a child. Takes a few milliseconds.
    ///
    /// # Errors
    /// [`LaunchError`].
    pub fn launch(&self, launch: Launch) -> Result<Process, LaunchError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.orders
            .send(Order { launch, reply })
            .map_err(|_| LaunchError::Closed)?;
        let process = answer.recv().map_err(|_| LaunchError::Closed)??;
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|c| c.upgrade().is_some_and(|c| c.exit().is_none()));
        children.push(Arc::downgrade(process.shared()));
        Ok(process)
    }

    /// How many children are running.
    #[must_use]
    pub fn running(&self) -> usize {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children
            .iter()
            .filter(|c| c.upgrade().is_some_and(|c| c.exit().is_none()))
            .count()
    }

    /// Kills every child that this launcher has started.
    pub fn kill_all(&self) {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        for child in children.iter().filter_map(Weak::upgrade) {
            child.signal(Signal::KILL);
        }
    }
}

fn spawn(launch: Launch) -> Result<Process, LaunchError> {
    let failed = |source| LaunchError::Spawn {
        program: launch.program.clone(),
        source,
    };
    let (log, log_end) = std::io::pipe().map_err(failed)?;
    let (our_stdout, stdout) = match launch.stdout {
        Stdout::Null => (None, Stdio::null()),
        Stdout::Pipe => channel(Way::FromChild).map_err(failed)?,
        Stdout::Log => (None, log_end.try_clone().map_err(failed)?.into()),
    };
    let (our_stdin, stdin) = match launch.stdin {
        Stdin::Null => (None, Stdio::null()),
        Stdin::Pipe => channel(Way::ToChild).map_err(failed)?,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that spawns"
    )]
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.args)
        .env_clear()
        .envs(
            INHERITED
                .iter()
                .filter_map(|n| Some((n, std::env::var_os(n)?))),
        )
        .env("LC_MESSAGES", "C")
        .envs(launch.env.iter().map(|(n, v)| (n, v)))
        .stdin(stdin)
        .stdout(stdout)
        .stderr(log_end)
        .process_group(0);
    die_with_us(&mut command);
    let mut child = start(&mut command).map_err(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            LaunchError::Missing(launch.program.clone())
        } else {
            failed(source)
        }
    })?;
    // The child's ends are inside the command: without this, no end of file.
    drop(command);
    child.stdin = our_stdin.map(Into::into);
    child.stdout = our_stdout.map(Into::into);
    Process::watch(child, log, launch.on_line).map_err(failed)
}

/// Starts the program. One that was written a moment ago, by an update, may still be open for writing in
/// a process that is on its way to a program of its own; that is over in milliseconds.
fn start(command: &mut Command) -> std::io::Result<Child> {
    for _ in 0..BUSY_TRIES {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(BUSY_PAUSE);
            }
            other => return other,
        }
    }
    command.spawn()
}

/// Asks the system to kill the child when the spawning thread ends.
#[allow(
    unsafe_code,
    reason = "the standard library has no safe way to run code between fork and exec"
)]
fn die_with_us(command: &mut Command) {
    let us = rustix::process::getpid();
    let arm = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // If we died before the line above, no signal will ever come.
        if getppid() != Some(us) {
            return Err(std::io::Error::from_raw_os_error(
                rustix::io::Errno::SRCH.raw_os_error(),
            ));
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes two
    // plain system calls (prctl, getppid), allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(arm);
    }
}

/// Which way the bytes of a channel go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToChild,
    FromChild,
}

/// A channel to or from a child: our end and the child's. Raw pictures go through it, and a pair of
/// sockets takes a fifth less of the processors for them than a pipe (`docs/benchmarks.md`).
fn channel(way: Way) -> std::io::Result<(Option<OwnedFd>, Stdio)> {
    let (ours, its) = UnixStream::pair()?;
    let sends = match way {
        Way::ToChild => &ours,
        Way::FromChild => &its,
    };
    // More room costs fewer switches; a refusal (the system's limit is lower) is not a fault.
    let _refused = rustix::net::sockopt::set_socket_send_buffer_size(sends, BUFFER_BYTES);
    Ok((Some(ours.into()), OwnedFd::from(its).into()))
}

/// The process group of a child: its own id.
pub(super) fn group_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
