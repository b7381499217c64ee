//! Watches a path as it plays: which barcode came out of the decoder at what moment.

use crate::child::dying_with_us;
use crate::code::{Code, read_code};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A barcode and when it was seen.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// Which frame; `None` where the picture has no readable barcode.
    pub code: Option<Code>,
    /// When it left the decoder.
    pub at: Instant,
    /// Mean luma, 0..=255.
    pub mean: u8,
}

/// A decoder on a live path.
#[derive(Debug)]
pub struct Tap {
    seen: Arc<Mutex<Vec<Sighting>>>,
    process: std::process::Child,
}

const WIDTH: usize = 160;
const HEIGHT: usize = 90;

impl Tap {
    /// Starts to read an RTSP or RTMP address with as little buffering as FFmpeg can.
    ///
    /// # Panics
    /// When FFmpeg is not installed.
    #[must_use]
    pub fn on(url: &str) -> Self {
        let mut command = dying_with_us(Path::new("ffmpeg"));
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]);
        if url.starts_with("rtsp:") {
            command.args(["-rtsp_transport", "tcp"]);
        }
        let scale = format!("scale={WIDTH}:{HEIGHT}:flags=area,format=gray");
        command
            .args([
                "-fflags",
                "nobuffer",
                "-flags",
                "low_delay",
                "-threads",
                "1",
            ])
            .args([
                "-analyzeduration",
                "200000",
                "-probesize",
                "65536",
                "-i",
                url,
            ])
            .args(["-map", "0:v:0", "-vf", &scale, "-fps_mode", "passthrough"])
            .args(["-flush_packets", "1", "-f", "rawvideo", "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("ffmpeg is installed");
        let mut pipe = process.stdout.take().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut picture = vec![0; WIDTH * HEIGHT];
            while pipe.read_exact(&mut picture).is_ok() {
                let sum: u32 = picture.iter().map(|value| u32::from(*value)).sum();
                let sighting = Sighting {
                    code: read_code(&picture, WIDTH, HEIGHT),
                    at: Instant::now(),
                    mean: u8::try_from(sum / u32::try_from(WIDTH * HEIGHT).unwrap()).unwrap_or(255),
                };
                into.lock().unwrap().push(sighting);
            }
        });
        Self { seen, process }
    }

    /// Everything seen so far, in order.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    #[must_use]
    pub fn seen(&self) -> Vec<Sighting> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a frame is seen that `wanted` accepts.
    pub fn wait(&self, limit: Duration, wanted: impl Fn(&Sighting) -> bool) -> Option<Sighting> {
        let mut looked = 0;
        let mut found = None;
        crate::child::until(limit, || {
            let seen = self.seen();
            found = seen[looked..].iter().copied().find(&wanted);
            looked = seen.len();
            found.is_some()
        });
        found
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
