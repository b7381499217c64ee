//! One decoder on the stream, and the four connections on which it tells pictures, sound and times.

use super::Shared;
use super::tally::Seen;
use crate::child::dying_with_us;
use crate::code::read_code;
use crate::picture::flash_patch;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const WIDTH: usize = 160;
const HEIGHT: usize = 90;
/// Longest sound packet that is read: a second.
const MAX_SOUND: usize = 96_000;

/// A decoder that runs.
pub(super) struct Session {
    process: Child,
    pictures: Doors,
    sounds: Doors,
}

/// Where FFmpeg sends one track: its data, and a line a packet about them.
struct Doors {
    data: TcpListener,
    lines: TcpListener,
}

impl Doors {
    fn new() -> Self {
        let open = || {
            let door = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            door.set_nonblocking(true).unwrap();
            door
        };
        Self {
            data: open(),
            lines: open(),
        }
    }
}

fn address(door: &TcpListener) -> String {
    format!("tcp://{}", door.local_addr().unwrap())
}

impl Session {
    /// Reads the stream until it ends or nobody wants it any more.
    pub(super) fn read(url: &str, shared: &Arc<Shared>) {
        let (pictures, sounds) = (Doors::new(), Doors::new());
        let process = decoder(url, &pictures, &sounds);
        let mut session = Self {
            process,
            pictures,
            sounds,
        };
        // In the order in which FFmpeg opens its outputs.
        let mut ends = Vec::new();
        for door in [
            &session.pictures.data,
            &session.pictures.lines,
            &session.sounds.data,
            &session.sounds.lines,
        ] {
            match accept(door, &mut session.process, shared) {
                Some(end) => ends.push(end),
                None => break,
            }
        }
        if let Ok([picture, times, sound, places]) = <[TcpStream; 4]>::try_from(ends) {
            let its = Arc::clone(shared);
            let heard = std::thread::spawn(move || listen(sound, places, &its));
            watch(picture, times, shared);
            let _ = session.process.kill();
            let _ = heard.join();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn decoder(url: &str, pictures: &Doors, sounds: &Doors) -> Child {
    let mut command = dying_with_us(Path::new("ffmpeg"));
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-copyts"]);
    if url.starts_with("rtsp:") {
        command.args(["-rtsp_transport", "tcp", "-timeout", "5000000"]);
    } else {
        command.args(["-rw_timeout", "5000000"]);
    }
    let graph = format!("[0:v]scale={WIDTH}:{HEIGHT}:flags=area,format=gray,split=2[a][b]");
    let mut more = |text: &str| {
        command.args(text.split_ascii_whitespace());
    };
    more("-threads 1 -analyzeduration 2000000 -i");
    more(url);
    more("-filter_threads 1 -filter_complex");
    more(&graph);
    let passed = "-fps_mode passthrough -flush_packets 1 -c:v rawvideo";
    more(&format!(
        "-map [a] {passed} -f rawvideo {}",
        address(&pictures.data)
    ));
    more(&format!(
        "-map [b] {passed} -enc_time_base 1:90000 -f framecrc {}",
        address(&pictures.lines)
    ));
    let sound = "-map 0:a:0 -c:a pcm_s16le -ac 1 -ar 48000 -flush_packets 1";
    more(&format!("{sound} -f s16le {}", address(&sounds.data)));
    more(&format!("{sound} -f framecrc {}", address(&sounds.lines)));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ffmpeg is installed")
}

/// Waits until FFmpeg comes in; nothing when it ends before or nobody waits any more.
fn accept(door: &TcpListener, process: &mut Child, shared: &Shared) -> Option<TcpStream> {
    loop {
        if let Ok((end, _)) = door.accept() {
            end.set_nonblocking(false).unwrap();
            // Nothing for so long is as good as an end.
            end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            return Some(end);
        }
        let over = !matches!(process.try_wait(), Ok(None));
        if over || shared.stop.load(Ordering::Relaxed) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads FFmpeg's `framecrc`: stream, dts, pts, duration, size, checksum; the unit in a header.
struct Lines {
    lines: std::io::Lines<BufReader<TcpStream>>,
    unit: (i64, i64),
}

impl Lines {
    fn new(from: TcpStream) -> Self {
        Self {
            lines: BufReader::new(from).lines(),
            unit: (1, 1),
        }
    }

    /// Time in nanoseconds and size in bytes of the next packet.
    fn next(&mut self) -> Option<(i64, usize)> {
        loop {
            let line = self.lines.next()?.ok()?;
            if let Some((_, base)) = line
                .strip_prefix("#tb ")
                .and_then(|rest| rest.split_once(": "))
            {
                let (num, den) = base.trim().split_once('/')?;
                self.unit = (num.parse().ok()?, den.parse().ok()?);
            } else if !line.starts_with('#') {
                let fields: Vec<i64> = line
                    .split(',')
                    .take(5)
                    .filter_map(|field| field.trim().parse().ok())
                    .collect();
                let [_, _, pts, _, bytes] = fields[..] else {
                    return None;
                };
                let exact = i128::from(pts) * i128::from(self.unit.0) * 1_000_000_000;
                let pts = i64::try_from(exact / i128::from(self.unit.1)).ok()?;
                return Some((pts, usize::try_from(bytes).ok()?));
            }
        }
    }
}

fn watch(mut picture: TcpStream, times: TcpStream, shared: &Shared) {
    let mut times = Lines::new(times);
    let mut now = vec![0; WIDTH * HEIGHT];
    let mut before = now.clone();
    let (patch_x, patch_y) = flash_patch(WIDTH, HEIGHT);
    let (patch_x, patch_y) = (
        patch_x.start + 1..patch_x.end - 1,
        patch_y.start + 1..patch_y.end - 1,
    );
    while !shared.stop.load(Ordering::Relaxed) && picture.read_exact(&mut now).is_ok() {
        let at_ns = shared.now_ns();
        let Some((pts_ns, _)) = times.next() else {
            return;
        };
        let (mut sum, mut change) = (0u64, 0u64);
        for (value, then) in now.iter().zip(&before) {
            sum += u64::from(*value);
            change += u64::from(value.abs_diff(*then));
        }
        let mut patch = (0u64, 0u64);
        for row in patch_y.clone() {
            for value in &now[row * WIDTH + patch_x.start..row * WIDTH + patch_x.end] {
                patch = (patch.0 + u64::from(*value), patch.1 + 1);
            }
        }
        let all = (WIDTH * HEIGHT) as f32;
        let seen = Seen {
            pts_ns,
            at_ns,
            code: read_code(&now, WIDTH, HEIGHT),
            mean: sum as f32 / all,
            change: change as f32 / all,
            flash: patch.0 as f32 / patch.1.max(1) as f32,
        };
        shared.tally.lock().unwrap().frame(seen);
        std::mem::swap(&mut now, &mut before);
    }
}

fn listen(mut sound: TcpStream, places: TcpStream, shared: &Shared) {
    let mut places = Lines::new(places);
    let mut bytes = Vec::new();
    let mut samples = Vec::new();
    while let Some((pts_ns, count)) = places.next() {
        if count > MAX_SOUND {
            return;
        }
        bytes.resize(count, 0);
        if sound.read_exact(&mut bytes).is_err() {
            return;
        }
        samples.clear();
        samples.extend(
            bytes
                .chunks_exact(2)
                .map(|pair| i16::from_le_bytes([pair[0], pair[1]])),
        );
        let at_ns = shared.now_ns();
        shared.tally.lock().unwrap().sound(pts_ns, at_ns, &samples);
    }
}
