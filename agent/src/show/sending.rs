//! Where the program goes: the destinations on air and the encodes that feed them.
//!
//! Owns one [`Egress`] a destination and the renditions that a destination's limits demand. A
//! destination that stays is never touched by a change of the others.

use super::admission::Work;
use super::parts::Parts;
use super::session::Session;
use super::{DestinationAddress, DestinationState, DestinationStatus, ShowError, fillers};
use crate::egress::Egress;
use engine::mediamtx::PathName;
use engine::program::{AudioCodec, EncoderId, EncoderSpec};
use model::{Destination, DestinationId, Profile};
use std::collections::BTreeMap;
use stream::{Candidate, EgressState, Rendition, Side, Sound, Target, renditions, target};

/// A destination on air.
#[derive(Debug)]
struct OnAir {
    name: String,
    egress: Egress,
    /// The rendition's name; `None` is the program itself.
    rendition: Option<String>,
    /// Where it is sent: another address or key is another connection.
    target: Target,
}

/// The destinations on air.
#[derive(Debug)]
pub(super) struct Sending {
    parts: Parts,
    on_air: BTreeMap<DestinationId, OnAir>,
    /// By name: the encode, where it goes, and its bit rate at full quality.
    encodes: BTreeMap<String, (EncoderId, PathName, u32)>,
}

impl Sending {
    pub(super) const fn new(parts: Parts) -> Self {
        Self {
            parts,
            on_air: BTreeMap::new(),
            encodes: BTreeMap::new(),
        }
    }

    /// What a destination is found to be.
    pub(super) fn candidate(&self, id: &DestinationId) -> Candidate {
        match self.parts.destination(id) {
            None => Candidate::Unknown,
            Some((destination, _)) if !destination.is_active => Candidate::Inactive,
            Some((destination, key)) => match target(&destination, &key) {
                Ok(_) => Candidate::Ready,
                Err(_) => Candidate::Unusable,
            },
        }
    }

    /// Whether the machine can carry the encodes that `wanted` would need on top of those that run. To
    /// be asked before anything is changed.
    ///
    /// # Errors
    /// [`ShowError::Overload`].
    pub(super) fn admit(
        &self,
        session: &Session,
        wanted: &[DestinationId],
    ) -> Result<(), ShowError> {
        let known = wanted.iter().filter_map(|id| self.parts.destination(id));
        let destinations: Vec<Destination> = known.map(|(destination, _)| destination).collect();
        let plan = renditions(&session.profile, &destinations);
        let stats = session.program.stats();
        let main = stats.encoders.first().map(|main| main.pid);
        let starts = |rendition: &&Rendition| {
            let runs = self.encodes.contains_key(&rendition.name);
            !runs && rendition.profile != session.profile
        };
        let count = plan.renditions.iter().filter(starts).count();
        // Together: where the last does not fit, the others do not start either.
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let admission = &self.parts.admission;
        admission.encodes(Work::Rendition, &session.trial, main, count)
    }

    /// Makes `wanted` the destinations on air.
    pub(super) async fn set(&mut self, session: &Session, wanted: &[DestinationId]) {
        let known: Vec<(Destination, Target)> = wanted
            .iter()
            .filter_map(|id| self.parts.destination(id))
            .filter_map(|(destination, key)| {
                let target = target(&destination, &key).ok()?;
                Some((destination, target))
            })
            .collect();
        let stale = |id: &DestinationId, on_air: &OnAir| {
            let stored = known.iter().find(|(destination, _)| destination.id == *id);
            stored.is_none_or(|(_, target)| on_air.target != *target)
        };
        let gone: Vec<DestinationId> = self
            .on_air
            .iter()
            .filter(|(id, on_air)| stale(id, on_air))
            .map(|(id, _)| id.clone())
            .collect();
        // The old connection is closed before the same key dials again.
        self.take_off(&gone).await;
        let destinations: Vec<Destination> = known
            .iter()
            .map(|(destination, _)| destination.clone())
            .collect();
        let plan = renditions(&session.profile, &destinations);
        for note in &plan.notes {
            tracing::info!(destination = %note.destination, note = %note.message, "Limited.");
        }
        for (destination, target) in known {
            if self.on_air.contains_key(&destination.id) {
                continue;
            }
            let rendition = plan.of(&destination.id);
            self.attach(session, &destination, target, rendition).await;
        }
        self.drop_encodes(session);
    }

    async fn attach(
        &mut self,
        session: &Session,
        destination: &Destination,
        target: Target,
        rendition: Option<&Rendition>,
    ) {
        let from = match target.primary.protocol.sound() {
            // WebRTC carries the one encode that has its sound.
            Sound::Opus => (None, PathName::program_rtc()),
            Sound::Aac => self.encode(session, rendition).await,
        };
        let (rendition, from) = from;
        let path = PathName::destination(&destination.id);
        let egress = Egress::start(&self.parts.media, path, from, target.clone());
        let on_air = OnAir {
            name: destination.name.clone(),
            egress,
            rendition,
            target,
        };
        self.on_air.insert(destination.id.clone(), on_air);
    }

    /// The path of a rendition, whose encoder is started where it does not run yet.
    async fn encode(
        &mut self,
        session: &Session,
        rendition: Option<&Rendition>,
    ) -> (Option<String>, PathName) {
        let program = (None, PathName::program());
        let Some(rendition) = rendition.filter(|one| one.profile != session.profile) else {
            return program;
        };
        if let Some((_, path, _)) = self.encodes.get(&rendition.name) {
            return (Some(rendition.name.clone()), path.clone());
        }
        let Ok(path) = PathName::rendition(&rendition.name) else {
            return program;
        };
        let profile = Profile {
            rate: session.rate(),
            ..rendition.profile
        };
        fillers::want(&self.parts, &path, profile, session.trial.chosen).await;
        let spec = EncoderSpec {
            profile: rendition.profile,
            encoder: session.trial.chosen,
            outputs: vec![self.parts.media.output(&path, AudioCodec::Aac)],
            stall: super::encoding::STALL,
        };
        match session.program.add_encoder(spec) {
            Ok(id) => {
                let name = rendition.name.clone();
                let kbps = rendition.profile.video_kbps;
                self.encodes.insert(name.clone(), (id, path.clone(), kbps));
                (Some(name), path)
            }
            Err(error) => {
                // Too much for its limits is better than nothing: the platform may still take it.
                tracing::error!(rendition = rendition.name, %error, "A rendition's encoder does not start.");
                self.parts.media.forget(&path);
                program
            }
        }
    }

    fn drop_encodes(&mut self, session: &Session) {
        let on_air = &self.on_air;
        let media = &self.parts.media;
        self.encodes.retain(|name, (id, path, _)| {
            let used = on_air
                .values()
                .any(|one| one.rendition.as_ref() == Some(name));
            if !used {
                session.program.remove_encoder(*id);
                media.forget(path);
            }
            used
        });
    }

    async fn take_off(&mut self, gone: &[DestinationId]) {
        let ended = gone
            .iter()
            .filter_map(|id| self.on_air.remove(id))
            .map(|one| one.egress.stop());
        futures_util::future::join_all(ended).await;
    }

    /// Takes every destination off air.
    pub(super) async fn stop_all(&mut self) {
        let all: Vec<DestinationId> = self.on_air.keys().cloned().collect();
        self.take_off(&all).await;
        for (_, path, _) in std::mem::take(&mut self.encodes).into_values() {
            self.parts.media.forget(&path);
        }
    }

    /// Asks every encode of the program for this share of its bit rate, in percent.
    pub(super) fn set_bitrate(&self, session: &Session, percent: u8) {
        let main = (EncoderId::MAIN, session.profile.video_kbps);
        let others = self.encodes.values().map(|(id, _, kbps)| (*id, *kbps));
        for (id, kbps) in std::iter::once(main).chain(others) {
            let kbps = u64::from(kbps) * u64::from(percent) / 100;
            let kbps = u32::try_from(kbps).unwrap_or(u32::MAX);
            if let Err(error) = session.program.set_bitrate(id, kbps) {
                tracing::warn!(?id, kbps, %error, "An encode keeps its bit rate.");
            }
        }
    }

    pub(super) fn statuses(&self) -> Vec<DestinationStatus> {
        let status = |(id, one): (&DestinationId, &OnAir)| {
            let now = one.egress.status();
            DestinationStatus {
                id: id.clone(),
                name: one.name.clone(),
                state: state(&now.state),
                kbps: now.kbps,
                bytes: now.bytes,
                retries: now.retries,
                last_error: now.last_error,
                remediation: now.remediation,
                address: match now.using {
                    Side::Primary => DestinationAddress::Primary,
                    Side::Backup => DestinationAddress::Backup,
                },
                slow: now.slow,
                needs_attention: now.needs_attention,
            }
        };
        self.on_air.iter().map(status).collect()
    }
}

pub(super) const fn state(state: &EgressState) -> DestinationState {
    match state {
        EgressState::Idle => DestinationState::Idle,
        EgressState::Connecting { .. } => DestinationState::Connecting,
        EgressState::Active { .. } => DestinationState::Active,
        EgressState::Retrying { .. } => DestinationState::Retrying,
        EgressState::Failed { .. } => DestinationState::Failed,
    }
}
