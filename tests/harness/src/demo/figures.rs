//! What an output is made of, as FFmpeg's prober counts it.

use serde_json::Value;

/// Seconds at the beginning that do not count: a reader by RTSP guesses times until the sender's
/// first report has come, and then steps to the true ones.
const SETTLING: f64 = 2.0;

/// One track of an output.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Track {
    /// `h264`, `aac`, `opus`.
    pub(super) codec: String,
    /// `1280x720`, or `48000 Hz 2`.
    pub(super) shape: String,
    /// Packets.
    pub(super) packets: usize,
    /// Packets a second.
    pub(super) rate: f64,
    /// Packets whose time of decoding is not later than the one before.
    pub(super) backwards: usize,
    /// The longest way from one packet to the next, in milliseconds.
    pub(super) longest_ms: f64,
    /// Seconds between the key frames that are farthest apart.
    pub(super) gop: f64,
}

impl Track {
    /// Reads the first track of a kind (`video` or `audio`) out of what ffprobe answered.
    pub(super) fn of(probe: &Value, kind: &str) -> Option<Self> {
        let stream = probe["streams"]
            .as_array()?
            .iter()
            .find(|stream| stream["codec_type"] == kind)?;
        let number = |field: &str| stream[field].as_u64().unwrap_or(0);
        let shape = if kind == "video" {
            format!("{}x{}", number("width"), number("height"))
        } else {
            let rate = stream["sample_rate"].as_str().unwrap_or("?");
            format!("{rate} Hz, {} ch", number("channels"))
        };
        let seconds = |packet: &Value, field: &str| {
            packet[field]
                .as_str()
                .and_then(|text| text.parse::<f64>().ok())
        };
        let packets = probe["packets"].as_array()?;
        let ours = packets
            .iter()
            .filter(|packet| packet["stream_index"] == stream["index"]);
        let timed: Vec<(f64, bool)> = ours
            .filter_map(|packet| {
                let time = seconds(packet, "dts_time").or_else(|| seconds(packet, "pts_time"))?;
                Some((
                    time,
                    packet["flags"]
                        .as_str()
                        .is_some_and(|flags| flags.starts_with('K')),
                ))
            })
            .collect();
        let settled = timed.first()?.0 + SETTLING;
        let timed: Vec<(f64, bool)> = timed
            .into_iter()
            .filter(|(time, _)| *time >= settled)
            .collect();
        let steps = || timed.windows(2).map(|pair| pair[1].0 - pair[0].0);
        let keys: Vec<f64> = timed
            .iter()
            .filter(|(_, key)| *key)
            .map(|(time, _)| *time)
            .collect();
        let span = timed.last()?.0 - timed.first()?.0;
        Some(Self {
            codec: stream["codec_name"].as_str().unwrap_or("?").to_owned(),
            shape,
            packets: timed.len(),
            rate: if span > 0.0 {
                (timed.len() - 1) as f64 / span
            } else {
                0.0
            },
            backwards: steps().filter(|step| *step <= 0.0).count(),
            longest_ms: steps().fold(0.0, f64::max) * 1000.0,
            gop: keys
                .windows(2)
                .map(|pair| pair[1] - pair[0])
                .fold(0.0, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn packets_that_go_back_and_gaps_are_counted() {
        let packet = |time: &str, flags: &str| json!({ "stream_index": 0, "dts_time": time, "flags": flags });
        let probe = json!({
            "streams": [{ "index": 0, "codec_type": "video", "codec_name": "h264", "width": 1280, "height": 720 }],
            "packets": [packet("-1.0", "K__"),
                packet("1.0", "K__"), packet("1.1", "___"), packet("1.1", "___"), packet("1.5", "K__")],
        });
        let track = Track::of(&probe, "video").unwrap();
        assert_eq!((track.packets, track.backwards), (4, 1));
        assert!((track.longest_ms - 400.0).abs() < 1e-6 && (track.rate - 6.0).abs() < 1e-6);
        assert!((track.gop - 0.5).abs() < 1e-6 && track.shape == "1280x720");
        assert_eq!(Track::of(&probe, "audio"), None);
    }
}
