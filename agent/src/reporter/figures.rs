//! The figures of a moment in the form of the wire. Pure.

use crate::modules::view::{MetricsView, StreamMetrics, UptimeView};
use protocol::{
    Code, DestinationMetrics, Id, Metrics, Name, NetworkMetrics, Percent, Problem, ShowMetrics,
    StreamMetrics as WireStream,
};

/// The figures of a moment.
///
/// # Errors
/// `INTERNAL` where a figure is no number.
pub fn metrics(view: &MetricsView) -> Result<Metrics, Problem> {
    let system = &view.system;
    let memory = system.memory;
    let used = memory.total.saturating_sub(memory.available);
    let word = super::word(&view.health);
    Ok(Metrics {
        cpu: percent(system.cpu.busy.into())?,
        gpu: None,
        memory: (memory.total > 0)
            .then(|| percent(share(used, memory.total)))
            .transpose()?,
        disk: (system.disk.total > 0)
            .then(|| percent(system.disk.used_percent().into()))
            .transpose()?,
        temperature: system.temperature_c.map(f64::from),
        throttled: system.throttled,
        clock_synced: system.clock_synced,
        network: NetworkMetrics {
            rx: bytes(system.network.rx_bps),
            tx: bytes(system.network.tx_bps),
        },
        stream_bitrate: view.streams.iter().map(stream).collect::<Result<_, _>>()?,
        shows: Some(shows(&view.uptime)?),
        health: word.as_str().and_then(|word| Name::parse(word).ok()),
        measured_at: None,
    })
}

fn shows(of: &UptimeView) -> Result<ShowMetrics, Problem> {
    let live = of.go_live;
    Ok(ShowMetrics {
        preview_s: of.preview_s,
        program: of.program.percent.map(percent).transpose()?,
        live_succeeded: live.succeeded,
        live_failed: live.failed,
        live_mean_s: live.mean_s,
        live_last_s: live.last_s,
    })
}

fn stream(of: &StreamMetrics) -> Result<WireStream, Problem> {
    let none = |_| Code::Internal.with_message("an id has no form for the wire");
    let destinations = of.destinations.iter().map(|(name, to)| {
        let status = super::word(&to.status);
        let told = DestinationMetrics {
            status: status.as_str().unwrap_or("unknown").to_owned(),
            bitrate: to.bitrate,
        };
        (name.clone(), told)
    });
    Ok(WireStream {
        stream_id: Id::parse(of.name.as_str()).map_err(none)?,
        bitrate_current: of.bitrate_current,
        bitrate_target: of.bitrate_target,
        framerate_actual: of.framerate_actual,
        framerate_target: of.framerate_target,
        dropped_frames: of.dropped_frames,
        encoding_cpu: of.encoding_cpu,
        encoding_time_ms: of.encoding_time_ms,
        buffer_fullness: of.buffer_fullness.map(percent).transpose()?,
        uptime_seconds: of.uptime_seconds,
        total_bytes_sent: of.total_bytes_sent,
        destinations: destinations.collect(),
    })
}

fn percent(value: f64) -> Result<Percent, Problem> {
    let none = |_| Code::Internal.with_message("a share is no number");
    Percent::new(value.clamp(0.0, 100.0)).map_err(none)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people; seven digits are plenty"
)]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64 * 100.0
}

/// Bits a second as bytes a second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn bytes(bits: u64) -> f64 {
    bits as f64 / 8.0
}
