//! Recording a path, and decoding a recording into readings.

use super::sound::beeps;
use super::{Frame, Judged};
use crate::child::dying_with_us;
use crate::code::read_code;
use crate::picture::flash_patch;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

const WIDTH: usize = 320;
const HEIGHT: usize = 180;

/// Part of the picture that is looked at, as shares of width and height.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// Left edge, 0..=1.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// What was seen in a region of one frame.
#[derive(Debug, Clone, Copy, Default)]
pub struct RegionReading {
    /// Mean luma, 0..=255.
    pub mean: f32,
    /// Mean absolute difference from the frame before.
    pub change: f32,
}

/// The part of the program that a camera's picture fills, in sixteenths of the program.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Width of the camera's picture in pixels.
    pub width: usize,
    /// Height of the camera's picture in pixels.
    pub height: usize,
}

/// Records `seconds` of an RTSP or RTMP address as it comes.
///
/// # Panics
/// When nothing can be recorded.
pub fn record(url: &str, seconds: f64, into: &Path) {
    let mut command = dying_with_us(Path::new("ffmpeg"));
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]);
    if url.starts_with("rtsp:") {
        command.args(["-rtsp_transport", "tcp"]);
    }
    let end = command
        .args(["-analyzeduration", "5000000"])
        // Before the input: behind it, with `-copyts`, it would be a time of the stream and not a
        // length, and whatever the stream had played before it was joined would be missing.
        .args(["-t", &format!("{seconds:.3}"), "-i", url])
        .args(["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", "-copyts"])
        .args(["-max_interleave_delta", "1000000", "-f", "nut"])
        .arg(into)
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg is installed");
    let size = std::fs::metadata(into).map_or(0, |file| file.len());
    assert!(
        size > 0,
        "nothing recorded: {}",
        String::from_utf8_lossy(&end.stderr)
    );
}

/// Decodes a recording whose cameras fill the picture.
#[must_use]
pub fn judge(file: &Path) -> Judged {
    judge_in(file, None, &[])
}

/// Decodes a recording. With a `window`, barcodes and flashes are looked for where a camera of that
/// shape stands when it is fitted into the program with bars.
///
/// # Panics
/// When it cannot be decoded.
#[must_use]
pub fn judge_in(file: &Path, window: Option<Window>, regions: &[Region]) -> Judged {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let crop = window.map_or(String::new(), |window| {
        let (w, h) = (window.width, window.height);
        format!("crop='min(iw,ih*{w}/{h})':'min(ih,iw*{h}/{w})',")
    });
    let split = format!("[0:v]{crop}scale={WIDTH}:{HEIGHT}:flags=area,format=gray,split=2[a][b]");
    let end = Command::new("ffmpeg")
        .args([
            "-hide_banner",
            "-nostdin",
            "-loglevel",
            "error",
            "-y",
            "-copyts",
            "-i",
        ])
        .arg(file)
        .args(["-filter_complex", &split])
        .args([
            "-map",
            "[a]",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            &at("v.gray"),
        ])
        .args([
            "-map",
            "[b]",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:90000",
        ])
        .args(["-c:v", "rawvideo", "-f", "framecrc", &at("v.txt")])
        .args([
            "-map",
            "0:a:0?",
            "-c:a",
            "pcm_s16le",
            "-ac",
            "1",
            "-ar",
            "48000",
        ])
        .args(["-f", "s16le", &at("a.pcm")])
        .args([
            "-map",
            "0:a:0?",
            "-c:a",
            "pcm_s16le",
            "-ac",
            "1",
            "-ar",
            "48000",
        ])
        .args(["-f", "framecrc", &at("a.txt")])
        .output()
        .expect("ffmpeg is installed");
    if packets(&folder.path().join("v.txt")).is_empty() {
        // Without a sound track FFmpeg refuses outputs that have none.
        let said = String::from_utf8_lossy(&end.stderr).into_owned();
        video_only(file, &split, &at("v.gray"), &at("v.txt"), &said);
    }
    let mut judged = Judged::default();
    let times = packets(&folder.path().join("v.txt"));
    let mut gray = BufReader::with_capacity(1 << 20, File::open(at("v.gray")).unwrap());
    let mut picture = vec![0u8; WIDTH * HEIGHT];
    let mut before = picture.clone();
    let (patch_x, patch_y) = flash_patch(WIDTH, HEIGHT);
    for time in &times {
        if gray.read_exact(&mut picture).is_err() {
            break;
        }
        let all = (0..WIDTH, 0..HEIGHT);
        let patch = (
            patch_x.start + 2..patch_x.end - 2,
            patch_y.start + 2..patch_y.end - 2,
        );
        judged.frames.push(Frame {
            pts_ns: time.pts_ns,
            code: read_code(&picture, WIDTH, HEIGHT),
            mean: reading(&picture, &before, &all).mean,
            flash: reading(&picture, &before, &patch).mean,
            regions: regions
                .iter()
                .map(|r| reading(&picture, &before, &pixels(r)))
                .collect(),
        });
        std::mem::swap(&mut picture, &mut before);
    }
    listen(
        &folder.path().join("a.txt"),
        &folder.path().join("a.pcm"),
        &mut judged,
    );
    judged
}

fn video_only(file: &Path, split: &str, gray: &str, times: &str, said: &str) {
    let end = Command::new("ffmpeg")
        .args([
            "-hide_banner",
            "-nostdin",
            "-loglevel",
            "error",
            "-y",
            "-copyts",
            "-i",
        ])
        .arg(file)
        .args(["-filter_complex", split])
        .args([
            "-map",
            "[a]",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            gray,
        ])
        .args([
            "-map",
            "[b]",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:90000",
        ])
        .args(["-c:v", "rawvideo", "-f", "framecrc", times])
        .output()
        .expect("ffmpeg is installed");
    let again = String::from_utf8_lossy(&end.stderr);
    assert!(end.status.success(), "cannot be decoded: {said}{again}");
}

fn listen(times: &Path, samples: &Path, judged: &mut Judged) {
    let Ok(bytes) = std::fs::read(samples) else {
        return;
    };
    let pcm: Vec<i16> = bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let packets = packets(times);
    for pair in packets.windows(2) {
        let step = pair[1].pts_ns - pair[0].pts_ns - pair[0].duration_ns;
        if step.abs() > 1_500_000 {
            judged.sound_steps.push(step);
        }
    }
    judged.sound_seconds = pcm.len() as f64 / 48_000.0;
    judged.peak = pcm
        .iter()
        .map(|value| value.unsigned_abs())
        .max()
        .unwrap_or(0) as f32
        / 32_768.0;
    // The time of a sample is that of its packet plus its place in it.
    let mut starts = Vec::with_capacity(packets.len());
    let mut first = 0;
    for packet in &packets {
        starts.push((first, packet.pts_ns));
        first += packet.bytes / 2;
    }
    judged.beeps = beeps(&pcm)
        .into_iter()
        .filter_map(|at| {
            let place = starts
                .partition_point(|(first, _)| *first <= at)
                .checked_sub(1)?;
            let (first, pts) = starts[place];
            Some(pts + i64::try_from(at - first).ok()? * 1_000_000_000 / 48_000)
        })
        .collect();
}

struct Packet {
    pts_ns: i64,
    duration_ns: i64,
    bytes: usize,
}

/// Reads FFmpeg's `framecrc`: stream, dts, pts, duration, size, checksum; the unit in a header.
fn packets(file: &Path) -> Vec<Packet> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut unit = (1i64, 1i64);
    let mut packets = Vec::new();
    for line in text.lines() {
        if let Some((_, base)) = line
            .strip_prefix("#tb ")
            .and_then(|rest| rest.split_once(": "))
        {
            let (num, den) = base
                .trim()
                .split_once('/')
                .expect("framecrc writes fractions");
            unit = (num.parse().unwrap(), den.parse().unwrap());
        } else if !line.starts_with('#') {
            let fields: Vec<i64> = line
                .split(',')
                .take(5)
                .filter_map(|field| field.trim().parse().ok())
                .collect();
            if let [_, _, pts, duration, bytes] = fields[..] {
                let ns = |ticks: i64| {
                    let exact = i128::from(ticks) * i128::from(unit.0) * 1_000_000_000;
                    i64::try_from(exact / i128::from(unit.1)).unwrap()
                };
                packets.push(Packet {
                    pts_ns: ns(pts),
                    duration_ns: ns(duration),
                    bytes: usize::try_from(bytes).unwrap_or(0),
                });
            }
        }
    }
    packets
}

type Pixels = (std::ops::Range<usize>, std::ops::Range<usize>);

fn pixels(region: &Region) -> Pixels {
    let place = |share: f32, whole: usize| ((share * whole as f32) as usize).min(whole);
    (
        place(region.x, WIDTH)..place(region.x + region.width, WIDTH),
        place(region.y, HEIGHT)..place(region.y + region.height, HEIGHT),
    )
}

fn reading(picture: &[u8], before: &[u8], (columns, rows): &Pixels) -> RegionReading {
    let (mut sum, mut change, mut count) = (0u64, 0u64, 0u64);
    for row in rows.clone() {
        let line = row * WIDTH + columns.start..row * WIDTH + columns.end;
        for (now, then) in picture[line.clone()].iter().zip(&before[line]) {
            sum += u64::from(*now);
            change += u64::from(now.abs_diff(*then));
            count += 1;
        }
    }
    let count = count.max(1) as f32;
    RegionReading {
        mean: sum as f32 / count,
        change: change as f32 / count,
    }
}
