//! Finds FFmpeg and MediaMTX, and asks them what they are.
//!
//! Owns the order in which places are tried and the versions that will do. Never downloads anything:
//! that is the set-up's business.

use crate::process::{Launch, LaunchError, Launcher, Stdout};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The go.mod that the set-up builds MediaMTX from: the one place that names its version.
const PIN: &str = include_str!("../../../../packaging/mediamtx/go.mod");
/// FFmpeg's oldest major version that has every option we use.
const FFMPEG_OLDEST: u32 = 5;
/// How long a tool may take to say what it is.
const LIMIT: Duration = Duration::from_secs(10);

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the programs' own names")]
pub enum ToolName {
    Ffmpeg,
    Ffprobe,
    Mediamtx,
}

impl ToolName {
    /// The program's file name.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
            Self::Mediamtx => "mediamtx",
        }
    }
}

/// A program that was found and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Where it is.
    pub path: PathBuf,
    /// What it says it is, e.g. `v1.20.1` or `5.1.9-0+deb12u1`.
    pub version: String,
}

/// Why a tool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is nowhere.
    #[error("there is no {} in any of: {}", tool.program(), show(tried))]
    Missing {
        /// Which.
        tool: ToolName,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// The settings name a file that is not there or cannot be run.
    #[error("{path} of the settings is not a program that can be run")]
    Configured {
        /// Which.
        tool: ToolName,
        /// What the settings say.
        path: PathBuf,
    },
    /// It cannot be started.
    #[error("{path} cannot be started")]
    Launch {
        /// Which.
        tool: ToolName,
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: LaunchError,
    },
    /// It does not say what it is.
    #[error("{path} does not say its version")]
    Silent {
        /// Which.
        tool: ToolName,
        /// Where it is.
        path: PathBuf,
    },
    /// It is another version than the one we know.
    #[error("{path} is version {found}, but {wanted} is needed")]
    Version {
        /// Which.
        tool: ToolName,
        /// Where it is.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What will do.
        wanted: String,
    },
}

impl ToolError {
    /// Which tool is at fault.
    #[must_use]
    pub const fn tool(&self) -> ToolName {
        match self {
            Self::Missing { tool, .. }
            | Self::Configured { tool, .. }
            | Self::Launch { tool, .. }
            | Self::Silent { tool, .. }
            | Self::Version { tool, .. } => *tool,
        }
    }
}

fn show(paths: &[PathBuf]) -> String {
    let texts: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    texts.join(", ")
}

/// The version of MediaMTX that this agent is made for, e.g. `v1.20.1`.
#[must_use]
pub fn mediamtx_version() -> &'static str {
    PIN.lines()
        .filter_map(|line| line.trim().strip_prefix("github.com/bluenviron/mediamtx "))
        .filter_map(|rest| rest.split_whitespace().next())
        .next()
        .unwrap_or("unknown")
}

/// Finds a tool and checks its version. Blocks for as long as the tool takes to answer.
///
/// A path in the settings is taken as it is and nothing else is tried. Otherwise, in this order: the
/// package's own folder, beside this program, `build/` of the checkout, the PATH.
///
/// # Errors
/// [`ToolError`].
pub fn find(
    launcher: &Launcher,
    tool: ToolName,
    configured: Option<&Path>,
) -> Result<Tool, ToolError> {
    let path = locate(tool, configured, &places(tool))?;
    let said = say(launcher, tool, &path)?;
    let silent = || ToolError::Silent {
        tool,
        path: path.clone(),
    };
    let version = version(tool, &said).ok_or_else(silent)?.to_owned();
    let wanted = match tool {
        ToolName::Mediamtx => {
            (version != mediamtx_version()).then(|| mediamtx_version().to_owned())
        }
        ToolName::Ffmpeg | ToolName::Ffprobe => major(&version)
            .is_some_and(|major| major < FFMPEG_OLDEST)
            .then(|| format!("{FFMPEG_OLDEST}.0 or newer")),
    };
    match wanted {
        None => Ok(Tool { path, version }),
        Some(wanted) => Err(ToolError::Version {
            tool,
            path,
            found: version,
            wanted,
        }),
    }
}

fn places(tool: ToolName) -> Vec<PathBuf> {
    let name = tool.program();
    let mut places = vec![Path::new("/usr/lib/vistter-agent").join(name)];
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(Path::to_path_buf));
    if let Some(folder) = &beside {
        places.push(folder.join(name));
        // `target/release/vistter-agent` of a checkout, or a test in `target/release/deps`.
        let checkout = folder.ancestors().find(|up| up.ends_with("target"));
        if let Some(root) = checkout.and_then(Path::parent) {
            places.push(root.join("build").join(name));
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path).map(|folder| folder.join(name)));
    places
}

fn locate(
    tool: ToolName,
    configured: Option<&Path>,
    places: &[PathBuf],
) -> Result<PathBuf, ToolError> {
    if let Some(path) = configured {
        let path = path.to_owned();
        return if can_run(&path) {
            Ok(path)
        } else {
            Err(ToolError::Configured { tool, path })
        };
    }
    places
        .iter()
        .find(|path| can_run(path))
        .cloned()
        .ok_or_else(|| ToolError::Missing {
            tool,
            tried: places.to_vec(),
        })
}

fn can_run(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// All that the tool prints when it is asked for its version.
fn say(launcher: &Launcher, tool: ToolName, path: &Path) -> Result<String, ToolError> {
    let question = match tool {
        ToolName::Ffmpeg | ToolName::Ffprobe => "-version",
        ToolName::Mediamtx => "--version",
    };
    let said = Arc::new(Mutex::new(String::new()));
    let heard = said.clone();
    let launch = Launch::new(path)
        .arg(question)
        .stdout(Stdout::Log)
        .on_line(move |line| {
            let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() < 1 << 16 {
                said.push_str(line);
                said.push('\n');
            }
        });
    let process = launcher
        .launch(launch)
        .map_err(|source| ToolError::Launch {
            tool,
            path: path.to_owned(),
            source,
        })?;
    // A tool that hangs is killed when `process` is dropped, and has said nothing.
    let _ended = process.wait_timeout(LIMIT);
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(said.clone())
}

/// `ffmpeg version 5.1.9-0+deb12u1 Copyright …` or `v1.20.1`.
fn version(tool: ToolName, said: &str) -> Option<&str> {
    let first = said.lines().next()?.trim();
    let rest = match tool {
        ToolName::Ffmpeg => first.strip_prefix("ffmpeg version ")?,
        ToolName::Ffprobe => first.strip_prefix("ffprobe version ")?,
        ToolName::Mediamtx => first,
    };
    rest.split_whitespace().next()
}

/// The major version of a release; `None` for builds of a branch, which are newer than any release.
fn major(version: &str) -> Option<u32> {
    let digits = version.trim_start_matches('n');
    let (major, _) = digits.split_once('.')?;
    major.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_pin_is_read_from_the_set_ups_own_file() {
        let version = mediamtx_version();
        assert!(version.starts_with("v1."), "{version}");
    }

    #[test]
    fn the_first_place_that_has_it_wins_and_the_settings_win_over_all() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::create_dir(&a).unwrap();
        std::fs::create_dir(&b).unwrap();
        let second = script(&b, "mediamtx", "echo v0");
        // There, but not a program.
        std::fs::write(a.join("mediamtx"), "x").unwrap();
        let places = [a.join("mediamtx"), second.clone()];
        let tool = ToolName::Mediamtx;
        assert_eq!(locate(tool, None, &places).unwrap(), second);
        let nowhere = folder.path().join("nowhere");
        assert!(matches!(
            locate(tool, Some(&nowhere), &places),
            Err(ToolError::Configured { .. })
        ));
        let none = locate(tool, None, &[nowhere]).unwrap_err();
        assert!(
            none.to_string()
                .starts_with("there is no mediamtx in any of: /")
        );
    }

    #[test]
    fn a_program_that_is_still_being_written_is_waited_for() {
        let launcher = Launcher::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = format!("echo {}", mediamtx_version());
        let path = script(folder.path(), "mediamtx", &text);
        let writing = std::fs::File::options().append(true).open(&path).unwrap();
        let closes = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(writing);
        });
        assert!(find(&launcher, ToolName::Mediamtx, Some(&path)).is_ok());
        closes.join().unwrap();
    }

    #[test]
    fn a_wrong_version_is_named_with_the_right_one() {
        let launcher = Launcher::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let find = |name: &str, tool, text: &str| {
            let path = script(folder.path(), name, text);
            find(&launcher, tool, Some(&path))
        };
        let old = find("m", ToolName::Mediamtx, "echo v1.0.0").unwrap_err();
        assert!(old.to_string().ends_with(&format!(
            "m is version v1.0.0, but {} is needed",
            mediamtx_version()
        )));
        let right = format!("echo {}", mediamtx_version());
        assert!(find("n", ToolName::Mediamtx, &right).is_ok());
        let old = find(
            "f",
            ToolName::Ffmpeg,
            "echo ffmpeg version 4.4.2-0ubuntu Copyright",
        );
        assert!(matches!(old, Err(ToolError::Version { .. })));
        for good in ["5.1.9-0+deb12u1", "n7.1", "N-118", "2026-01-01-git-x"] {
            let text = format!("echo ffmpeg version {good} Copyright");
            assert_eq!(find("g", ToolName::Ffmpeg, &text).unwrap().version, good);
        }
        let silent = find("s", ToolName::Ffmpeg, "exit 1");
        assert!(matches!(silent, Err(ToolError::Silent { .. })));
    }

    #[test]
    fn the_tools_of_this_checkout_are_found() {
        let launcher = Launcher::start().unwrap();
        for tool in [ToolName::Ffmpeg, ToolName::Ffprobe, ToolName::Mediamtx] {
            let found = find(&launcher, tool, None).unwrap();
            assert!(found.path.is_absolute(), "{found:?}");
        }
    }
}
