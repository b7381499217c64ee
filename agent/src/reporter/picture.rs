//! The show as Studio was told of it, and the events between two of them. Pure.

use super::{event, text, word};
use crate::show::{
    DestinationState, DestinationStatus, Mode, OnAirRung, QualityStep, ShowStatus, StreamState,
};
use protocol::{Event, EventType, Severity};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What commands change: what runs, and where it is sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stage {
    mode: Mode,
    timeline: Option<(String, bool)>,
}

/// What changes by itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Picture {
    destinations: BTreeMap<String, Destination>,
    streams: BTreeMap<String, (StreamState, Option<String>)>,
    stand_in: Option<StandIn>,
    steps: Vec<Arc<QualityStep>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Destination {
    name: String,
    state: DestinationState,
    retries: u32,
    cause: Option<String>,
}

/// Something stands in for a camera that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StandIn {
    wanted: String,
    shown: String,
    rung: OnAirRung,
    cause: Option<String>,
}

impl Stage {
    pub(super) fn of(status: &ShowStatus) -> Self {
        let timeline = status.timeline.as_ref();
        Self {
            mode: status.mode,
            timeline: timeline.map(|shown| (shown.id.to_string(), status.paused)),
        }
    }

    /// What has happened since `before`.
    pub(super) fn since(&self, before: &Self) -> Vec<Event> {
        let mut events = Vec::new();
        if self.timeline != before.timeline {
            let id = |stage: &Self| stage.timeline.as_ref().map(|(id, _)| id.clone());
            let (now, was) = (id(self), id(before));
            if let Some(gone) = was.filter(|was| now.as_ref() != Some(was)) {
                events.push(timeline(&gone, "stopped"));
            }
            if let Some((id, paused)) = &self.timeline {
                events.push(timeline(id, if *paused { "paused" } else { "running" }));
            }
        }
        if self.mode != before.mode {
            let id = self.timeline.as_ref().map(|(id, _)| text(id));
            let context = [
                ("mode", word(&self.mode)),
                ("timeline_id", id.clone().unwrap_or_default()),
            ];
            events.push(event(EventType::PreviewState, Severity::Info, context));
            if self.mode == Mode::Live {
                let context = [("timeline_id", id.unwrap_or_default())];
                events.push(event(EventType::GoLive, Severity::Info, context));
            }
        }
        events
    }
}

fn timeline(id: &str, state: &str) -> Event {
    let context = [("timeline_id", text(id)), ("state", text(state))];
    event(EventType::TimelineState, Severity::Info, context)
}

impl Picture {
    pub(super) fn of(status: &ShowStatus) -> Self {
        let destination = |one: &DestinationStatus| {
            let state = Destination {
                name: one.name.clone(),
                state: one.state,
                retries: one.retries,
                cause: one.last_error.clone(),
            };
            (one.id.to_string(), state)
        };
        let on_air = status.on_air.as_ref();
        Self {
            destinations: status.destinations.iter().map(destination).collect(),
            streams: status
                .streams
                .iter()
                .map(|one| (one.id.to_string(), (one.state, one.last_error.clone())))
                .collect(),
            stand_in: on_air
                .filter(|on_air| on_air.rung.stands_in())
                .map(|on_air| StandIn {
                    wanted: on_air.wanted.clone(),
                    shown: on_air.shown.clone(),
                    rung: on_air.rung,
                    cause: on_air.cause.clone(),
                }),
            steps: status.quality.steps.clone(),
        }
    }

    /// What has happened since `before`.
    pub(super) fn since(&self, before: &Self) -> Vec<Event> {
        let mut events = Vec::new();
        self.on_air(before, &mut events);
        for (id, now) in &self.destinations {
            let was = before.destinations.get(id);
            if was.is_none_or(|was| was.state != now.state) {
                events.push(now.told(id));
            }
        }
        for (id, was) in &before.destinations {
            if !self.destinations.contains_key(id) && was.state != DestinationState::Idle {
                let idle = Destination {
                    state: DestinationState::Idle,
                    cause: None,
                    ..was.clone()
                };
                events.push(idle.told(id));
            }
        }
        for (id, (state, cause)) in &self.streams {
            let was = before.streams.get(id).map(|(state, _)| *state);
            if was.unwrap_or_default() != *state {
                let severity = match state {
                    StreamState::Failed => Severity::Error,
                    StreamState::Degraded | StreamState::Restarting => Severity::Warning,
                    StreamState::Stopped | StreamState::Starting | StreamState::Running => {
                        Severity::Info
                    }
                };
                let cause = cause.as_deref().filter(|_| severity != Severity::Info);
                let context = [
                    ("stream_id", text(id)),
                    ("state", word(state)),
                    ("cause", cause.map(text).unwrap_or_default()),
                ];
                events.push(event(EventType::StreamState, severity, context));
            }
        }
        self.quality(before, &mut events);
        events
    }

    fn on_air(&self, before: &Self, events: &mut Vec<Event>) {
        let what = |one: &StandIn| (one.wanted.clone(), one.shown.clone(), one.rung);
        match (&before.stand_in, &self.stand_in) {
            (was, Some(now)) if was.as_ref().map(what) != Some(what(now)) => {
                let context = [
                    ("camera", text(&now.wanted)),
                    ("shown", text(&now.shown)),
                    ("by", word(&now.rung)),
                    ("cause", now.cause.as_deref().map(text).unwrap_or_default()),
                ];
                events.push(event(EventType::CameraFailover, Severity::Warning, context));
            }
            (Some(was), None) => {
                let context = [("camera", text(&was.wanted))];
                events.push(event(EventType::CameraRestored, Severity::Info, context));
            }
            _ => {}
        }
    }

    /// The steps that were not there. The status has only the last ones of the show.
    fn quality(&self, before: &Self, events: &mut Vec<Event>) {
        for step in &self.steps {
            if before.steps.iter().any(|known| Arc::ptr_eq(known, step)) {
                continue;
            }
            let (event_type, severity) = if step.lowered {
                (EventType::DegradedEnter, Severity::Warning)
            } else {
                (EventType::DegradedExit, Severity::Info)
            };
            let context = [("reason", text(step.reason)), ("text", text(&step.text))];
            events.push(event(event_type, severity, context));
        }
    }
}

impl Destination {
    fn told(&self, id: &str) -> Event {
        let (event_type, severity) = match self.state {
            DestinationState::Failed => (EventType::DestinationFailed, Severity::Error),
            DestinationState::Retrying => (EventType::DestinationRetry, Severity::Warning),
            DestinationState::Idle | DestinationState::Connecting | DestinationState::Active => {
                (EventType::DestinationState, Severity::Info)
            }
        };
        let troubled = severity != Severity::Info;
        let cause = self.cause.as_deref().filter(|_| troubled);
        let context = [
            ("destination_id", text(id)),
            ("name", text(&self.name)),
            ("state", word(&self.state)),
            (
                "retries",
                if troubled {
                    json!(self.retries)
                } else {
                    Value::Null
                },
            ),
            ("cause", cause.map(text).unwrap_or_default()),
        ];
        event(event_type, severity, context)
    }
}
