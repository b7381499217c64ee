//! Which encodes a set of destinations needs.
//!
//! Owns the rule: one encode per distinct effective profile, where the effective profile is the
//! destination's own (or the program's) within the limits of its platform and its own ceiling. A
//! destination that the program's encode already satisfies costs nothing. What was limited is said in
//! words, to be shown before going live.

use crate::preset::preset;
use crate::profile::{PROGRAM_GOP_MS, at_rate, profile};
use model::{Destination, DestinationId, Profile};
use serde::Serialize;

/// One encode and whom it feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rendition {
    /// What it is called in paths and answers: `program`, or like `1080p30-4000k`.
    pub name: String,
    /// What its encoder is asked for.
    pub profile: Profile,
    /// Whom it feeds, in the order in which they were given.
    pub destinations: Vec<DestinationId>,
}

/// What a destination does not get as it was asked for, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Which one.
    pub destination: DestinationId,
    /// For the operator, one sentence.
    pub message: String,
}

/// The encodes for a set of destinations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The program's own first, always there; then the others in order of need.
    pub renditions: Vec<Rendition>,
    /// What was limited.
    pub notes: Vec<Note>,
}

impl Plan {
    /// The rendition that feeds a destination.
    #[must_use]
    pub fn of(&self, destination: &DestinationId) -> Option<&Rendition> {
        self.renditions
            .iter()
            .find(|one| one.destinations.contains(destination))
    }

    /// How many encodes there are beside the program's own.
    #[must_use]
    pub fn extra(&self) -> usize {
        self.renditions.len().saturating_sub(1)
    }
}

/// Plans the encodes. `program` is what the program's encoder runs with (see
/// [`program_profile`](crate::program_profile)); every rendition keeps its frame rate.
#[must_use]
pub fn renditions(program: &Profile, destinations: &[Destination]) -> Plan {
    let mut plan = Plan {
        renditions: vec![Rendition {
            name: "program".to_owned(),
            profile: *program,
            destinations: Vec::new(),
        }],
        notes: Vec::new(),
    };
    for destination in destinations {
        let effective = effective(program, destination, &mut plan.notes);
        let id = destination.id.clone();
        match plan
            .renditions
            .iter_mut()
            .find(|one| one.profile == effective)
        {
            Some(one) => one.destinations.push(id),
            None => {
                let name = name(&effective, &plan.renditions);
                plan.renditions.push(Rendition {
                    name,
                    profile: effective,
                    destinations: vec![id],
                });
            }
        }
    }
    for rendition in plan.renditions.iter().skip(1) {
        for destination in &rendition.destinations {
            plan.notes.push(Note {
                destination: destination.clone(),
                message: format!("Needs an encode of its own ({}).", rendition.name),
            });
        }
    }
    plan
}

fn effective(program: &Profile, destination: &Destination, notes: &mut Vec<Note>) -> Profile {
    let preset = preset(destination.platform);
    let mut wanted = destination
        .profile
        .map_or(*program, |name| at_rate(profile(name), program.rate));
    wanted.gop_ms = wanted.gop_ms.min(preset.keyframe_ms).min(PROGRAM_GOP_MS);
    let ceilings = [
        preset.max_kbps.map(|kbps| (kbps, preset.name.as_str())),
        destination
            .max_kbps
            .map(|kbps| (kbps, "The destination's own limit")),
    ];
    if let Some((kbps, whose)) = ceilings.into_iter().flatten().min_by_key(|(kbps, _)| *kbps)
        && kbps < wanted.video_kbps
    {
        notes.push(Note {
            destination: destination.id.clone(),
            message: format!(
                "{whose} allows at most {kbps} kb/s; the picture is sent with that instead of {} kb/s.",
                wanted.video_kbps
            ),
        });
        wanted.video_kbps = kbps;
        wanted.buffer_kbit = kbps.saturating_mul(2);
    }
    wanted
}

/// A name from the profile's figures, unlike those that are taken. Only `[a-z0-9-]`, since it stands in
/// a path of the media server.
fn name(profile: &Profile, taken: &[Rendition]) -> String {
    let fps = profile.rate.num().div_ceil(profile.rate.den());
    let base = format!("{}p{fps}-{}k", profile.size.height(), profile.video_kbps);
    let mut name = base.clone();
    let mut next = 2;
    while taken.iter().any(|one| one.name == name) {
        name = format!("{base}-{next}");
        next += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PROFILES, presets, program_profile};
    use model::{FrameRate, Platform, ProfileName};

    fn to(id: &str, platform: Platform, own: Option<ProfileName>, max: Option<u32>) -> Destination {
        Destination {
            backup_url: None,
            tls_fingerprint: None,
            id: DestinationId::parse(id).unwrap(),
            name: id.to_owned(),
            platform,
            rtmp_url: "rtmp://host/app".to_owned(),
            description: None,
            is_active: true,
            profile: own,
            max_kbps: max,
            last_used: None,
            created_at: String::new(),
            updated_at: String::new(),
        }
    }

    fn shape(plan: &Plan) -> Vec<(String, usize)> {
        plan.renditions
            .iter()
            .map(|r| (r.name.clone(), r.destinations.len()))
            .collect()
    }

    #[test]
    fn only_a_destination_whose_limits_differ_costs_an_encode() {
        use Platform::{Custom, Facebook, Twitch, Youtube};
        let program = program_profile(ProfileName::Reliability, FrameRate::THIRTY);
        let program_alone = |n: usize| ("program".to_owned(), n);
        for (why, all, wanted) in [
            ("nobody", vec![], vec![program_alone(0)]),
            (
                "same profile",
                vec![
                    to("a", Youtube, None, None),
                    to("b", Twitch, None, None),
                    to("c", Custom, None, None),
                ],
                vec![program_alone(3)],
            ),
            (
                "facebook stops at 4000",
                vec![to("a", Youtube, None, None), to("b", Facebook, None, None)],
                vec![program_alone(1), ("1080p30-4000k".to_owned(), 1)],
            ),
            (
                "two with one limit share",
                vec![
                    to("a", Facebook, None, None),
                    to("b", Custom, None, Some(4000)),
                ],
                vec![program_alone(0), ("1080p30-4000k".to_owned(), 2)],
            ),
            (
                "own profile equal to the program's",
                vec![to("a", Custom, Some(ProfileName::Reliability), None)],
                vec![program_alone(1)],
            ),
            (
                "own smaller profile",
                vec![
                    to("a", Custom, Some(ProfileName::P480), None),
                    to("b", Facebook, Some(ProfileName::P480), None),
                ],
                vec![program_alone(0), ("480p30-1500k".to_owned(), 2)],
            ),
            (
                "same size and rate, another setting",
                vec![
                    to("a", Custom, Some(ProfileName::LowPower), None),
                    to("b", Custom, Some(ProfileName::P720), Some(2500)),
                ],
                vec![
                    program_alone(0),
                    ("720p30-2500k".to_owned(), 1),
                    ("720p30-2500k-2".to_owned(), 1),
                ],
            ),
        ] {
            assert_eq!(shape(&renditions(&program, &all)), wanted, "{why}");
        }
    }

    #[test]
    fn what_was_limited_is_said() {
        let program = program_profile(ProfileName::Quality, FrameRate::THIRTY);
        let plan = renditions(&program, &[to("fb", Platform::Facebook, None, None)]);
        assert_eq!(plan.extra(), 1);
        assert!(
            plan.notes[0]
                .message
                .contains("Facebook Live allows at most 4000 kb/s")
        );
        assert!(plan.notes[1].message.contains("1080p30-4000k"));
        let none = renditions(&program, &[to("tw", Platform::Twitch, None, None)]);
        assert!(none.notes.is_empty() && none.extra() == 0, "{none:?}");
    }

    #[test]
    fn every_preset_obeys_its_own_limits_with_every_profile() {
        let sixty = FrameRate::new(60, 1).unwrap();
        for (index, preset) in presets().iter().enumerate() {
            for program in PROFILES {
                for own in PROFILES.into_iter().map(Some).chain([None]) {
                    for rate in [FrameRate::THIRTY, sixty] {
                        let program = program_profile(program, rate);
                        let all = [to(&format!("d{index}"), preset.platform, own, Some(7000))];
                        let plan = renditions(&program, &all);
                        let is = plan.of(&all[0].id).unwrap().profile;
                        assert!(is.video_kbps <= preset.max_kbps.unwrap_or(u32::MAX).min(7000));
                        assert!(is.gop_ms <= preset.keyframe_ms);
                        assert!(is.buffer_kbit <= 2 * is.video_kbps.max(program.video_kbps));
                        assert_eq!(is.rate, rate);
                        assert!(plan.renditions.iter().all(|r| {
                            r.name
                                .chars()
                                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                        }));
                    }
                }
            }
        }
    }
}
