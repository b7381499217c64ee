//! The other side: one FFmpeg that reads the same cameras, does the same work in one
//! `filter_complex`, and encodes with the very arguments of our encoder.
//!
//! Its media server takes the same publications as ours and is counted too. It reads the cameras
//! without one. It decodes all cameras all the time, since a filter graph has to.

use super::{Cell, Pace, Used, Work, measure};
use crate::camera::Camera;
use crate::child::{Child, until};
use crate::server::MediaServer;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// FFmpeg and its media server.
pub(super) struct Peer {
    pub(super) server: MediaServer,
    ffmpeg: Child,
    encoder: Vec<String>,
    _folder: TempDir,
}

/// What our encoder is told about coding, without input, maps, filters of single tracks, and what
/// belongs to its pipe to us.
pub(super) fn coding(ours: &[String]) -> Vec<String> {
    let input = ours.iter().position(|word| word == "pipe:0").unwrap_or(0);
    let mut kept = Vec::new();
    let mut words = ours.iter().skip(input + 1);
    while let Some(word) = words.next() {
        let piped = ["-flush_packets", "-avoid_negative_ts", "-write_index", "-f"];
        let dropped = word == "-map"
            || word == "-vf"
            || word == "-progress"
            || word.starts_with("-filter:")
            || piped.contains(&word.as_str());
        if dropped {
            let _its_value = words.next();
        } else if word != "pipe:1" {
            kept.push(word.clone());
        }
    }
    kept
}

/// FFmpeg's own way to the four paths that we publish to.
fn outputs(port: u16) -> String {
    let to = |(path, sound): (&str, u8)| {
        format!(
            "[select=\\'v,a:{sound}\\':f=rtsp:rtsp_transport=tcp:max_delay=0:\
             max_interleave_delta=1:use_fifo=1:\
             fifo_options=queue_size=240\\\\:drop_pkts_on_overflow=1]rtsp://127.0.0.1:{port}/{path}"
        )
    };
    let paths = [
        ("program", 0),
        ("program_rtc", 1),
        ("preview", 0),
        ("preview/stream", 0),
    ];
    paths.map(to).join("|")
}

/// Inputs of the cameras, read as our decoders are told to.
pub(super) fn inputs(cameras: &[&Camera]) -> Vec<String> {
    let mut words = Vec::new();
    for camera in cameras {
        let text = "-thread_queue_size 512 -rtsp_transport tcp -fflags +nobuffer+discardcorrupt \
                    -flags low_delay -threads 1 -analyzeduration 500000 -probesize 500000 -i";
        words.extend(text.split_ascii_whitespace().map(str::to_owned));
        words.push(camera.url());
    }
    words
}

/// The filter graph, ending in `[v]`, `[a0]` and `[a1]`. `commands` are files that switch.
fn graph(cell: Cell, folder: &Path) -> String {
    let (w, h) = cell.size;
    let all = usize::from(cell.cameras);
    let mut graph = String::new();
    for n in 0..all {
        let _ = write!(
            graph,
            "[{n}:v]scale={w}:{h}:flags=fast_bilinear,setsar=1,format=yuv420p,fps=30[v{n}];\
             [{n}:a]aresample=48000[s{n}];"
        );
    }
    let every = |kind: &str| (0..all).map(|n| format!("[{kind}{n}]")).collect::<String>();
    let (pictures, sounds) = (every("v"), every("s"));
    match cell.work {
        Work::Steady => graph.push_str("[v0]null[v];[s0]anull[a];"),
        Work::Switching => {
            let file = |name: &str, filter: &str| {
                let path = folder.join(name);
                let lines: String = (1..60)
                    .map(|turn| format!("{}.0 {filter} map {};\n", turn * 4, turn % all))
                    .collect();
                std::fs::write(&path, lines).unwrap();
                path.to_string_lossy().into_owned()
            };
            let pictures = pictures.replacen("[v0]", "[first]", 1);
            let sounds = sounds.replacen("[s0]", "[sound]", 1);
            let _ = write!(
                graph,
                "[v0]sendcmd=f={}[first];{pictures}streamselect@v=inputs={all}:map=0[v];\
                 [s0]asendcmd=f={}[sound];{sounds}astreamselect@a=inputs={all}:map=0[a];",
                file("pictures", "streamselect@v"),
                file("sounds", "astreamselect@a"),
            );
        }
        Work::Crossfading => {
            let (two, heard) = if all == 2 {
                ("[v0][v1]".to_owned(), "[s0][s1]".to_owned())
            } else {
                // FFmpeg 5.1 aborts where one select has two outputs: each output has a select of its own.
                for (kind, select, split) in [
                    ("v", "streamselect", "split"),
                    ("s", "astreamselect", "asplit"),
                ] {
                    for n in 0..all {
                        let _ = write!(graph, "[{kind}{n}]{split}=2[{kind}{n}x][{kind}{n}y];");
                    }
                    for (place, end) in ["x", "y"].into_iter().enumerate() {
                        for n in 0..all {
                            let _ = write!(graph, "[{kind}{n}{end}]");
                        }
                        let _ = write!(graph, "{select}=inputs={all}:map={place}[{kind}{end}];");
                    }
                }
                ("[vx][vy]".to_owned(), "[sx][sy]".to_owned())
            };
            let _ = write!(
                graph,
                "{two}xfade=transition=fade:duration=60:offset=0,format=yuv420p[v];{heard}amix=inputs=2[a];"
            );
        }
    }
    graph.push_str("[a]asplit=2[a0][a1]");
    graph
}

impl Peer {
    /// Starts it and waits until its program is there.
    pub(super) fn start(cell: Cell, cameras: &[Camera], ours: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = MediaServer::start();
        let coding = coding(ours);
        let mut words: Vec<String> = "-hide_banner -nostdin -nostats -loglevel warning"
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect();
        words.extend(inputs(&cameras.iter().collect::<Vec<_>>()));
        words.extend(["-filter_complex".to_owned(), graph(cell, folder.path())]);
        for label in ["[v]", "[a0]", "[a1]"] {
            words.extend(["-map".to_owned(), label.to_owned()]);
        }
        words.extend(coding.clone());
        words.insert(0, "pipe:1".to_owned());
        words.insert(0, "-progress".to_owned());
        words.extend(["-f".to_owned(), "tee".to_owned(), outputs(server.rtsp_port)]);
        let ffmpeg = Child::start(Path::new("ffmpeg"), &words, &folder.path().join("log"));
        let mut peer = Self {
            server,
            ffmpeg,
            encoder: coding,
            _folder: folder,
        };
        let ready = peer.server.wait_ready("program", Duration::from_secs(20));
        assert!(
            ready && peer.ffmpeg.is_running(),
            "the peer does not run: {}",
            peer.ffmpeg.log()
        );
        let flows = until(Duration::from_secs(20), || peer.frames() > 30);
        assert!(flows, "the peer makes no frames: {}", peer.ffmpeg.log());
        peer
    }

    /// What both encoders were told.
    pub(super) fn encoder(&self) -> String {
        self.encoder.join(" ")
    }

    /// Frames that it has encoded.
    fn frames(&self) -> u64 {
        let log = self.ffmpeg.log();
        let last = log
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("frame="));
        last.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    pub(super) fn measure(&self, pace: Pace) -> Used {
        let server = self.server.id();
        let mut used = measure(&[self.ffmpeg.id(), server], pace, || self.frames());
        for (name, ..) in &mut used.memory {
            rename(name);
        }
        for (name, _) in &mut used.by_role {
            rename(name);
        }
        used
    }
}

/// It decodes and encodes in one process.
fn rename(name: &mut String) {
    if name == "encoder" {
        "FFmpeg".clone_into(name);
    }
}
