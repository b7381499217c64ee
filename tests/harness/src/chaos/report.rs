//! What came of a run: faults on their timeline, figures by the minute and in all, and the failures.
//!
//! Owns the words and the JSON. Decides nothing but whether quiet times were quiet.

use super::excuse::Told;
use super::plan::Plan;
use super::resources::{Role, Sample};
use super::run::{Course, Spare};
use super::trouble::Trouble;
use super::verdict::beyond;
use crate::judge::{Clock, Counts, Wrong};
use crate::place::root;
use crate::standstills::Allowance;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often resources are looked at: it costs a few milliseconds.
const LOOK: Duration = Duration::from_secs(15);
/// Most failures of one kind that are told one by one.
const TOLD: usize = 40;

/// One fault and what came of it.
#[derive(Debug, Clone)]
pub struct Episode {
    /// What was done.
    pub trouble: Trouble,
    /// When, on the judge's clock.
    pub at_ns: u64,
    /// From its end until all was well.
    pub back: Duration,
    /// What was not well meanwhile.
    pub ailing: Vec<String>,
    /// What was seen of it: longest and sum in milliseconds, and frames, by kind.
    pub seen: BTreeMap<Wrong, (f64, f64, u64)>,
    /// What was more than may be.
    pub failures: Vec<String>,
}

impl Episode {
    pub(super) fn new(trouble: Trouble, at_ns: u64) -> Self {
        Self {
            trouble,
            at_ns,
            back: Duration::ZERO,
            ailing: Vec::new(),
            seen: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// Notes what is not well, each thing once.
    pub(super) fn was(&mut self, ailing: &[String]) {
        for what in ailing {
            // Times in it change with every look.
            let plain = what.split(" for ").next().unwrap_or(what);
            if !self.ailing.iter().any(|known| known == plain) && self.ailing.len() < 12 {
                self.ailing.push(plain.to_owned());
            }
        }
    }

    /// Reads what was seen of it.
    pub(super) fn judge(&mut self, told: &[Told], spare: Spare) {
        for one in told.iter().map(|told| &told.incident) {
            let sum = self.seen.entry(one.wrong).or_default();
            *sum = (sum.0.max(one.ms), sum.1 + one.ms, sum.2 + one.frames);
        }
        self.failures.extend(beyond(self.trouble, told, spare));
    }

    fn json(&self) -> Value {
        let seen: serde_json::Map<String, Value> = self
            .seen
            .iter()
            .map(|(wrong, (longest, sum, frames))| {
                let value = json!({ "longest_ms": round(*longest), "sum_ms": round(*sum), "frames": frames });
                (format!("{wrong:?}").to_lowercase(), value)
            })
            .collect();
        json!({
            "fault": self.trouble.to_string(), "at_s": round(self.at_ns as f64 / 1e9),
            "back_s": round(self.back.as_secs_f64()), "ailing": self.ailing, "seen": seen,
            "failures": self.failures,
        })
    }
}

impl std::fmt::Display for Episode {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seen: Vec<String> = self
            .seen
            .iter()
            .map(|(wrong, (longest, _, frames))| {
                format!(
                    "{} {longest:.0} ms/{frames}",
                    format!("{wrong:?}").to_lowercase()
                )
            })
            .collect();
        let verdict = if self.failures.is_empty() {
            "ok".to_owned()
        } else {
            format!("FAILED: {}", self.failures.join("; "))
        };
        write!(
            to,
            "{:<24} back {:>5.1} s  seen [{}]  {verdict}",
            self.trouble.to_string(),
            self.back.as_secs_f64(),
            seen.join(", "),
        )
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// What was wrong beyond what may be: each with the fault, its time, and what was seen.
    pub failures: Vec<String>,
    /// The faults in order.
    pub episodes: Vec<Episode>,
    /// What happened while nothing was wrong.
    pub calm: BTreeMap<Wrong, (u64, f64)>,
    /// Sound against picture in quiet times, in milliseconds.
    pub calm_offsets: Vec<f64>,
    /// Of these, 95th percentile and worst, signs left away.
    pub offsets: (f64, f64),
    /// Counts of the whole run.
    pub counts: Counts,
    /// Counts by the minute.
    pub minutes: Vec<Counts>,
    /// How long the machine stood still each time that was allowed for, in milliseconds.
    pub stood_ms: Vec<u128>,
    /// The program's clock against ours, once for each time that the stream was there.
    pub clocks: Vec<Clock>,
    name: String,
    seed: u64,
    network: &'static str,
    began: Instant,
    looked: Option<Instant>,
    samples: Vec<(f64, Sample)>,
    /// What is left of what the machine may add in quiet times.
    spare: Spare,
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Report {
    pub(super) fn new(course: &Course, network: &'static str, first: Sample) -> Self {
        Self {
            failures: Vec::new(),
            episodes: Vec::new(),
            calm: BTreeMap::new(),
            calm_offsets: Vec::new(),
            offsets: (0.0, 0.0),
            counts: Counts::default(),
            minutes: Vec::new(),
            stood_ms: Vec::new(),
            clocks: Vec::new(),
            name: match course.plan {
                Plan::Drawn(_) => course.name.clone(),
                Plan::Listed(_) => format!("{}-list", course.name),
            },
            seed: course.seed,
            network,
            began: Instant::now(),
            looked: None,
            samples: vec![(0.0, first)],
            spare: course.spare(),
        }
    }

    /// Takes in a quiet time: nothing may have happened in it, but for what the machine may add.
    pub(super) fn calm(&mut self, told: &[Told], stood: &Allowance, offsets: &[f64]) {
        self.calm_offsets.extend(offsets);
        let mut excused = u64::from(stood.missed);
        for told in told {
            let one = &told.incident;
            let sum = self.calm.entry(one.wrong).or_default();
            *sum = (sum.0 + one.frames.max(1), sum.1.max(one.ms));
            let (frames, small) = (one.frames.max(1), one.ms.abs() <= self.spare.step_ms);
            let frame = matches!(one.wrong, Wrong::Held | Wrong::Lost | Wrong::Gap);
            let explained = told.excused(self.spare.step_ms);
            let of_these = if explained { frames.min(excused) } else { 0 };
            let others = frames - of_these;
            if (explained || frame && small) && others <= self.spare.frames {
                excused -= of_these;
                self.spare.frames -= others;
            } else if self.failures.len() < TOLD {
                let after = self.episodes.last().map_or_else(
                    || "before any fault".to_owned(),
                    |last| format!("after \"{}\"", last.trouble),
                );
                self.failures.push(format!(
                    "{:.1} s, quiet, {after}: {:?}, {} frames, {:.0} ms",
                    one.at_ns as f64 / 1e9,
                    one.wrong,
                    one.frames,
                    one.ms
                ));
            }
        }
    }

    pub(super) fn episode(&mut self, episode: Episode, at: Duration) {
        for failure in &episode.failures {
            if self.failures.len() < TOLD {
                self.failures.push(format!(
                    "fault {} \"{}\", recovered by {:.1} s: {failure}",
                    self.episodes.len() + 1,
                    episode.trouble,
                    at.as_secs_f64()
                ));
            }
        }
        self.episodes.push(episode);
    }

    /// Looks at the resources, if the last look is long enough ago.
    pub(super) fn resources(&mut self, look: impl Fn() -> Sample) {
        if self.looked.is_none_or(|last| last.elapsed() >= LOOK) {
            self.looked = Some(Instant::now());
            self.samples
                .push((self.began.elapsed().as_secs_f64(), look()));
        }
    }

    pub(super) fn close(
        &mut self,
        last: Sample,
        counts: Counts,
        minutes: Vec<Counts>,
        clocks: Vec<Clock>,
    ) {
        self.samples
            .push((self.began.elapsed().as_secs_f64(), last));
        self.counts = counts;
        self.minutes = minutes;
        self.clocks = clocks;
    }

    /// Program frames that came and that the clock says there should be, over all streams.
    #[must_use]
    pub fn frames_and_due(&self) -> (u64, f64) {
        self.clocks
            .iter()
            .fold((0, 0.0), |sum, one| (sum.0 + one.frames, sum.1 + one.due))
    }

    /// The run as a table for people.
    #[must_use]
    pub fn table(&self) -> Vec<String> {
        let mut lines = vec![String::new(), "  minute  frames  missing  repeated  lost  black  still  freezes  longest ms  time faults  outage ms".to_owned()];
        let row = |name: &str, one: &Counts| {
            format!(
                "  {name:>6}  {:>6}  {:>7}  {:>8}  {:>4}  {:>5}  {:>5}  {:>7}  {:>10.0}  {:>11}  {:>9.0}",
                one.frames,
                one.missing,
                one.repeated,
                one.lost,
                one.black,
                one.still,
                one.freezes,
                one.longest_freeze_ms,
                one.time_faults,
                one.outage_ms
            )
        };
        for (minute, one) in self.minutes.iter().enumerate() {
            lines.push(row(&minute.to_string(), one));
        }
        lines.push(row("all", &self.counts));
        let (frames, due) = self.frames_and_due();
        lines.push(format!(
            "  program frames {frames}, by the clock {due:.1} (difference {:+.1}), streams {}",
            frames as f64 - due,
            self.clocks.len()
        ));
        lines.push(format!(
            "  sound against picture in quiet times: p95 {:.1} ms, worst {:.1} ms, of {} measured",
            self.offsets.0,
            self.offsets.1,
            self.calm_offsets.len()
        ));
        lines.push(format!("  in quiet times: {:?}", self.calm));
        lines.push(format!("  standstills excused, ms: {:?}", self.stood_ms));
        let mut by_kind: BTreeMap<String, (u32, u32, f64)> = BTreeMap::new();
        for one in &self.episodes {
            let kind = one
                .trouble
                .to_string()
                .replace(|c: char| c.is_ascii_digit(), "n");
            let sum = by_kind.entry(kind).or_default();
            *sum = (
                sum.0 + 1,
                sum.1 + u32::from(!one.failures.is_empty()),
                sum.2.max(one.back.as_secs_f64()),
            );
        }
        lines.push("  fault                     times  failed  slowest back s".to_owned());
        for (kind, (times, failed, slowest)) in by_kind {
            lines.push(format!(
                "  {kind:<24}  {times:>5}  {failed:>6}  {slowest:>14.1}"
            ));
        }
        lines.push(
            "  resources             processes     fds  threads   RSS MiB   PSS MiB".to_owned(),
        );
        for (name, sample) in [
            ("first", self.samples.first()),
            ("last", self.samples.last()),
        ] {
            let Some((_, sample)) = sample else { continue };
            for role in [
                Role::Agent,
                Role::Decoder,
                Role::Encoder,
                Role::MediaMtx,
                Role::Other,
            ] {
                let (count, fds, threads, rss, pss) = sample.of_role(role);
                if count > 0 {
                    lines.push(format!(
                        "  {name:<6} {:<14} {count:>9}  {fds:>6}  {threads:>7}  {:>8.1}  {:>8.1}",
                        role.to_string(),
                        rss as f64 / 1024.0,
                        pss as f64 / 1024.0
                    ));
                }
            }
        }
        lines
    }

    /// The run as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let counts = |one: &Counts| {
            json!({
                "frames": one.frames, "missing": one.missing, "repeated": one.repeated,
                "lost": one.lost, "black": one.black, "still": one.still,
                "freezes": one.freezes, "longest_freeze_ms": round(one.longest_freeze_ms),
                "time_faults": one.time_faults, "sound_holes": one.sound_holes,
                "outage_ms": round(one.outage_ms),
            })
        };
        let resources: Vec<Value> = self.samples.iter().map(|(at, sample)| {
            let roles: serde_json::Map<String, Value> =
                [Role::Agent, Role::Decoder, Role::Encoder, Role::MediaMtx, Role::Other].into_iter().map(|role| {
                    let (count, fds, threads, rss, pss) = sample.of_role(role);
                    (role.to_string(), json!({ "processes": count, "fds": fds, "threads": threads, "rss_kib": rss, "pss_kib": pss }))
                }).collect();
            json!({ "at_s": round(*at), "cpu_s": round(sample.cpu_s()), "roles": roles })
        }).collect();
        let calm: serde_json::Map<String, Value> = self
            .calm
            .iter()
            .map(|(wrong, (count, worst))| {
                (
                    format!("{wrong:?}").to_lowercase(),
                    json!({ "count": count, "longest_ms": round(*worst) }),
                )
            })
            .collect();
        let (frames, due) = self.frames_and_due();
        json!({
            "name": self.name, "seed": self.seed, "network": self.network,
            "passed": self.failures.is_empty(), "failures": self.failures,
            "program_frames": frames, "program_frames_by_the_clock": round(due),
            "av_offset_ms": { "p95": round(self.offsets.0), "worst": round(self.offsets.1), "measured": self.calm_offsets.len() },
            "stood_ms": self.stood_ms.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "in_quiet_times": calm, "all": counts(&self.counts),
            "minutes": self.minutes.iter().map(counts).collect::<Vec<_>>(),
            "faults": self.episodes.iter().map(Episode::json).collect::<Vec<_>>(),
            "resources": resources,
        })
    }

    /// Writes the JSON to `target/chaos`. Answers where.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self) -> std::io::Result<PathBuf> {
        let folder = root().join("target/chaos");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}-{}.json", self.name, self.seed));
        std::fs::write(&file, serde_json::to_string_pretty(&self.json())?)?;
        Ok(file)
    }
}
