//! Alerts as events: raised and over. Pure.

use super::{event, text, word};
use crate::alerts::{Alert, AlertState, Board};
use protocol::{Condition, Event, EventType, Severity};
use std::collections::BTreeMap;

/// Which alerts Studio was told of, and whether they were over.
#[derive(Debug, Default)]
pub(super) struct Known {
    told: BTreeMap<String, bool>,
    /// There was a board before: what is new on this one happened since, whatever the clock says.
    begun: bool,
}

impl Known {
    /// What has happened. What was raised, or over, before `began` was told by an earlier run, and is in
    /// the outbox if Studio does not know it yet. Both times are of the form of alerts; they count for the
    /// first board only, since the clock may be set at any time.
    pub(super) fn changes(&mut self, board: &Board, began: &str) -> Vec<Event> {
        let mut now = BTreeMap::new();
        let mut events = Vec::new();
        // The oldest first.
        for alert in board.alerts.iter().rev() {
            let over = alert.state == AlertState::Cleared;
            let id = alert.id.to_string();
            match self.told.get(&id) {
                None => {
                    if self.begun || alert.raised_at.as_str() >= began {
                        events.push(told(alert, false));
                    }
                    if over && (self.begun || alert.cleared_at.as_deref() >= Some(began)) {
                        events.push(told(alert, true));
                    }
                }
                Some(false) if over => events.push(told(alert, true)),
                Some(_) => {}
            }
            now.insert(id, over);
        }
        self.told = now;
        self.begun = true;
        events
    }
}

fn told(alert: &Alert, over: bool) -> Event {
    let event_type = match (alert.code, over) {
        (Condition::CameraOffline, false) => EventType::CameraOffline,
        (Condition::CameraOffline, true) => EventType::CameraOnline,
        (Condition::StorageLow | Condition::StorageFull, false) => EventType::StorageLow,
        (Condition::ClockUnsynced, false) => EventType::ClockUnsynced,
        (Condition::CredentialsExpiring, _) => EventType::CredentialsExpiring,
        _ => EventType::HealthChanged,
    };
    let severity = if over { Severity::Info } else { alert.severity };
    let context = [
        ("alert_id", text(alert.id.as_str())),
        ("code", text(alert.code.as_str())),
        ("state", text(if over { "cleared" } else { "raised" })),
        (
            "subject",
            alert.subject.as_ref().map(word).unwrap_or_default(),
        ),
        ("message", text(&alert.message)),
        ("cause", text(&alert.cause)),
        ("remediation", text(&alert.remediation)),
    ];
    event(event_type, severity, context)
}
