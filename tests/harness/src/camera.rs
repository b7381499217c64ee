//! A simulated camera: FFmpeg sends a pre-encoded clip in real time, for ever.

use crate::child::Child;
use crate::clip::Clip;
use crate::gate::Gate;
use crate::server::MediaServer;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// How the clip gets to the server from which it is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via {
    /// RTMP: what is read from it is in sync within 4 ms.
    #[default]
    Rtmp,
    /// RTSP over TCP, without the packing that would shift its sound by hundreds of milliseconds;
    /// what is read from it is off by a constant of up to 30 ms.
    Rtsp,
}

/// What kind of camera.
#[derive(Debug, Clone, Default)]
pub struct CameraOptions {
    /// How it publishes.
    pub via: Via,
    /// User and password that a reader needs.
    pub login: Option<(String, String)>,
    /// Leaves the picture out.
    pub sound_only: bool,
    /// How much faster its clock runs than ours, in millionths.
    pub drift_ppm: i16,
}

/// A camera that can be pulled by RTSP or RTMP from loopback.
#[derive(Debug)]
pub struct Camera {
    /// The clip that it sends.
    pub clip: Clip,
    server: MediaServer,
    gate: Option<Gate>,
    sender: Child,
    options: CameraOptions,
    folder: TempDir,
}

/// The path on the camera's own server.
const PATH: &str = "live/main";

impl Camera {
    /// A 640×360 camera at 30 frames a second.
    #[must_use]
    pub fn start(number: u8) -> Self {
        Self::with(Clip::new(number), CameraOptions::default())
    }

    /// A camera that sends this clip.
    ///
    /// # Panics
    /// When its picture is not there after 15 s.
    #[must_use]
    pub fn with(clip: Clip, options: CameraOptions) -> Self {
        let server = MediaServer::start();
        let gate = options
            .login
            .as_ref()
            .map(|(user, password)| Gate::start(server.rtsp_port, user, password));
        let folder = tempfile::tempdir().unwrap();
        let sender = send(&clip, &server, &options, folder.path());
        let camera = Self {
            clip,
            server,
            gate,
            sender,
            options,
            folder,
        };
        assert!(
            camera.server.wait_ready(PATH, Duration::from_secs(15)),
            "camera {clip:?} does not send: {}",
            camera.sender.log()
        );
        camera
    }

    /// Port of its RTSP server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.gate
            .as_ref()
            .map_or(self.server.rtsp_port, |gate| gate.port)
    }

    /// Port of its RTMP server.
    #[must_use]
    pub fn rtmp_port(&self) -> u16 {
        self.server.rtmp_port
    }

    /// Path with its slash, as a camera's settings have it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/{PATH}")
    }

    /// Its RTSP address without user and password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/{PATH}", self.port())
    }

    /// How many pull it now.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.server.path(PATH)["readers"]
            .as_array()
            .map_or(0, Vec::len)
    }

    /// What its server has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Cuts its power: nothing is sent and nobody can connect to its stream.
    pub fn power_off(&mut self) {
        self.sender.signal("KILL");
        let _ = self.sender.ended_within(Duration::from_secs(2));
    }

    /// Brings it back, perhaps with another clip (a changed resolution).
    ///
    /// # Panics
    /// When it does not come back in 15 s.
    pub fn power_on(&mut self, clip: Clip) {
        self.clip = clip;
        self.sender = send(&clip, &self.server, &self.options, self.folder.path());
        assert!(
            self.server.wait_ready(PATH, Duration::from_secs(15)),
            "{}",
            self.sender.log()
        );
    }

    /// Starts it again with a clock that runs so many millionths faster than ours.
    ///
    /// # Panics
    /// When it does not come back in 15 s.
    pub fn drift(&mut self, ppm: i16) {
        self.options.drift_ppm = ppm;
        self.power_off();
        self.power_on(self.clip);
    }

    /// Its processes.
    #[must_use]
    pub fn processes(&self) -> [u32; 2] {
        [self.server.id(), self.sender.id()]
    }

    /// Freezes it whole, its server too, with all its connections left open.
    pub fn freeze(&self) {
        self.server.signal("STOP");
        self.sender.signal("STOP");
    }

    /// Undoes [`Self::freeze`], and waits until its server answers again.
    ///
    /// # Panics
    /// When it does not in 15 s.
    pub fn thaw(&self) {
        self.sender.signal("CONT");
        self.server.signal("CONT");
        let answers = self.server.wait_ready(PATH, Duration::from_secs(15));
        assert!(answers, "{}", self.sender.log());
    }
}

fn send(clip: &Clip, server: &MediaServer, options: &CameraOptions, folder: &Path) -> Child {
    let file = clip.file().to_string_lossy().into_owned();
    let pace = format!("{:.6}", 1.0 + f64::from(options.drift_ppm) / 1e6);
    let mut arguments: Vec<String> = ["-hide_banner", "-nostdin", "-loglevel", "error"]
        .iter()
        .chain(&[
            "-readrate",
            &pace,
            "-stream_loop",
            "-1",
            "-i",
            &file,
            "-c",
            "copy",
        ])
        .map(|text| (*text).to_owned())
        .collect();
    let mut more = |list: &[&str]| arguments.extend(list.iter().map(|text| (*text).to_owned()));
    if options.sound_only {
        more(&["-map", "0:a"]);
    }
    match options.via {
        Via::Rtsp => more(&[
            "-max_interleave_delta",
            "1",
            "-max_delay",
            "0",
            "-muxdelay",
            "0",
            "-rtsp_transport",
            "tcp",
            "-f",
            "rtsp",
            &server.rtsp(PATH),
        ]),
        // Or a sound that pauses would hold the picture, which no camera does.
        Via::Rtmp => more(&[
            "-max_interleave_delta",
            "1",
            "-flvflags",
            "no_duration_filesize",
            "-f",
            "flv",
            &server.rtmp(PATH),
        ]),
    }
    Child::start(Path::new("ffmpeg"), &arguments, &folder.join("log"))
}
