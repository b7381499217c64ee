//! A media server, simulated cameras, a director that does as it is told, and looks at what comes out.

use engine::mediamtx::{Door, Ports};
use engine::process::{Launch, Launcher, Process, Stdout};
use engine::program::{AudioCodec, EncoderSpec, Output, ProgramSpec};
use engine::relay::Tap;
use engine::trial::Chosen;
use model::{
    AudioFeed, Director, EncoderName, FramePlan, FrameRate, H264Profile, InputHealth, InputId,
    InputState, Picture, Profile, RateMode, Shot, Size, Still, X264Preset,
};
use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const RATE: FrameRate = FrameRate::THIRTY;

pub(crate) fn size() -> Size {
    Size::new(640, 360).unwrap()
}

/// A media server on free ports, killed on drop.
pub(crate) struct Rig {
    pub(crate) launcher: Launcher,
    pub(crate) dir: tempfile::TempDir,
    _server: Process,
    rtsp: u16,
    rtmp: u16,
}

fn mediamtx() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    root.join("build/mediamtx")
}

impl Rig {
    pub(crate) fn start() -> Self {
        let launcher = Launcher::start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let Ports { rtsp, rtmp, .. } = Ports::free().unwrap();
        let config = dir.path().join("mediamtx.yml");
        let text = format!(
            "rtsp: yes\nrtspTransports: [tcp]\nrtspAddress: 127.0.0.1:{rtsp}\nrtmp: yes\n\
             rtmpAddress: 127.0.0.1:{rtmp}\nhls: no\nwebrtc: no\nsrt: no\nmoq: no\napi: no\n\
             paths:\n  all_others:\n"
        );
        std::fs::write(&config, text).unwrap();
        let server = launcher
            .launch(Launch::new(mediamtx()).arg(&config).stdout(Stdout::Log))
            .unwrap();
        let rig = Self {
            launcher,
            dir,
            _server: server,
            rtsp,
            rtmp,
        };
        until("the media server listens", || {
            TcpStream::connect(("127.0.0.1", rtsp)).is_ok()
        });
        rig
    }

    pub(crate) fn rtsp(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.rtsp)
    }

    pub(crate) fn rtmp(&self, path: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{path}", self.rtmp)
    }

    /// Runs FFmpeg or FFprobe to its end and gives back what it printed.
    pub(crate) fn run(&self, tool: &str, args: &[&str]) -> String {
        let launch = Launch::new(tool).args(args).stdout(Stdout::Pipe);
        let mut process = self.launcher.launch(launch).unwrap();
        let mut text = String::new();
        let mut out = process.take_stdout().unwrap();
        out.read_to_string(&mut text).unwrap();
        let exit = process.wait_timeout(Duration::from_secs(20)).unwrap();
        assert!(exit.is_success(), "{tool}: {:#?}", process.lines());
        text
    }

    /// Encodes a clip of some seconds of moving picture and sound.
    pub(crate) fn clip(&self, name: &str, picture: &str, seconds: u32) -> PathBuf {
        let path = self.dir.path().join(name);
        let length = seconds.to_string();
        let to = path.to_str().unwrap();
        let args = [
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            picture,
            "-f",
            "lavfi",
            "-i",
            "sine=f=440:r=48000",
            "-t",
            &length,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
            "-g",
            "30",
            "-bf",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
            to,
        ];
        self.run("ffmpeg", &args);
        path
    }

    /// A camera: sends a clip to the media server for ever, without encoding.
    pub(crate) fn camera(&self, clip: &Path, path: &str) -> Process {
        let args = "-v error -nostdin -re -stream_loop -1 -i";
        let sending = "-c copy -max_interleave_delta 1 -muxdelay 0 -max_delay 0 -f rtsp \
                       -rtsp_transport tcp";
        let launch = Launch::new("ffmpeg")
            .args(args.split_ascii_whitespace())
            .arg(clip)
            .args(sending.split_ascii_whitespace())
            .arg(self.rtsp(path));
        self.launcher.launch(launch).unwrap()
    }

    pub(crate) fn spec(&self) -> ProgramSpec {
        let output = |path: &str, audio| Output {
            url: self.rtsp(path),
            audio,
            tap: Tap::default(),
            door: Door::default(),
        };
        ProgramSpec {
            ffmpeg: "ffmpeg".into(),
            size: size(),
            rate: RATE,
            fallback: Arc::new(still(16)),
            encoder: EncoderSpec {
                profile: Profile {
                    size: size(),
                    rate: RATE,
                    video_kbps: 1500,
                    mode: RateMode::Cbr,
                    buffer_kbit: 3000,
                    gop_ms: 1000,
                    slowest: X264Preset::Ultrafast,
                    h264_profile: H264Profile::Main,
                    level: 31,
                    audio_kbps: 128,
                },
                encoder: Chosen {
                    name: EncoderName::X264,
                    preset: X264Preset::Ultrafast,
                },
                outputs: vec![
                    output("program", AudioCodec::Aac),
                    output("program_rtc", AudioCodec::Opus),
                ],
                // Nothing here hangs, and a machine may be slow.
                stall: Duration::from_secs(10),
            },
        }
    }
}

/// A grey picture.
pub(crate) fn still(luma: u8) -> Still {
    let size = size();
    let mut data = vec![luma; size.luma_bytes()];
    data.resize(size.yuv420_bytes(), 128);
    Still { size, data }
}

/// Packets that are missing between the first and the last of these times in seconds, each of which has
/// to come a whole number of `step` after the one before, and more than none.
pub(crate) fn missing(times: &[f64], kind: &str, step: f64) -> u64 {
    let steps = times.windows(2).map(|pair| (pair[1] - pair[0]) / step);
    steps.fold(0, |missing, steps| {
        let whole = steps.round();
        assert!(
            whole >= 1.0 && (steps - whole).abs() * step < 0.002,
            "{kind}: a step of {steps}"
        );
        missing + whole as u64 - 1
    })
}

/// Waits for something, at most ten seconds.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain: {what}");
}

/// Shows one input, as it is told, and remembers how the inputs were.
#[derive(Clone)]
pub(crate) struct Desk {
    shown: Arc<AtomicU32>,
    origin: Option<i64>,
    pub(crate) states: Arc<Mutex<Vec<InputState>>>,
}

impl Desk {
    pub(crate) fn showing(input: InputId) -> Self {
        Self {
            shown: Arc::new(AtomicU32::new(input.0)),
            origin: None,
            states: Arc::default(),
        }
    }

    pub(crate) fn with_origin(mut self, origin: i64) -> Self {
        self.origin = Some(origin);
        self
    }

    pub(crate) fn take(&self, input: InputId) {
        self.shown.store(input.0, Ordering::SeqCst);
    }

    pub(crate) fn state(&self) -> Option<InputState> {
        self.states.lock().unwrap().last().copied()
    }
}

impl Director for Desk {
    fn plan(&mut self, _n: u64, inputs: &dyn InputHealth) -> FramePlan {
        let input = InputId(self.shown.load(Ordering::SeqCst));
        let origin = self.origin;
        self.states.lock().unwrap().push(inputs.state(input));
        let mut plan = FramePlan::new(Picture::One(Shot { input, origin }));
        plan.push_feed(AudioFeed {
            input,
            origin,
            gain: 1.0,
        });
        plan
    }
}
