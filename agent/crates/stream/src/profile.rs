//! The shipped encoding profiles.
//!
//! Owns their figures and the H.264 level that a size and rate need. Says nothing about which encoder
//! runs them: that is the engine's trial.

use model::{FrameRate, H264Profile, Profile, ProfileName, RateMode, Size, X264Preset};

/// Every shipped profile, the default first.
pub const PROFILES: [ProfileName; 5] = [
    ProfileName::Reliability,
    ProfileName::Quality,
    ProfileName::P720,
    ProfileName::P480,
    ProfileName::LowPower,
];

/// The longest time between key frames of anything on program, in milliseconds: what every platform
/// recommends, and the length of a preview segment.
pub const PROGRAM_GOP_MS: u32 = 2_000;

/// AAC bit rate of every profile in kilobits a second.
const AUDIO_KBPS: u32 = 128;

/// Level × 10, macroblocks a second, macroblocks a frame: ITU-T H.264 table A-1.
const LEVELS: [(u8, u64, u64); 10] = [
    (21, 19_800, 792),
    (22, 20_250, 1_620),
    (30, 40_500, 1_620),
    (31, 108_000, 3_600),
    (32, 216_000, 5_120),
    (40, 245_760, 8_192),
    (42, 522_240, 8_704),
    (50, 589_824, 22_080),
    (51, 983_040, 36_864),
    (52, 2_073_600, 36_864),
];

/// The figures of a shipped profile at its own 30 frames a second.
#[must_use]
pub fn profile(name: ProfileName) -> Profile {
    use H264Profile::{High, Main};
    use RateMode::{Cbr, Vbr};
    let (width, height, video_kbps, mode, gop_ms, slowest, h264_profile, level) = match name {
        ProfileName::Reliability => (1920, 1080, 4500, Cbr, 2000, X264Preset::Fast, Main, 41),
        ProfileName::Quality => (1920, 1080, 6000, Vbr, 4000, X264Preset::Medium, High, 42),
        ProfileName::P720 => (1280, 720, 3000, Cbr, 2000, X264Preset::Veryfast, Main, 31),
        ProfileName::P480 => (854, 480, 1500, Cbr, 2000, X264Preset::Veryfast, Main, 30),
        ProfileName::LowPower => (1280, 720, 2500, Cbr, 2000, X264Preset::Ultrafast, Main, 31),
    };
    let size = Size::new(width, height).expect("shipped sizes are even and within bounds");
    at_rate(
        Profile {
            size,
            rate: FrameRate::THIRTY,
            video_kbps,
            mode,
            buffer_kbit: video_kbps * 2,
            gop_ms,
            slowest,
            h264_profile,
            level,
            audio_kbps: AUDIO_KBPS,
        },
        FrameRate::THIRTY,
    )
}

/// What the program's own encoder is asked for: the profile at the program's frame rate, with key
/// frames at most [`PROGRAM_GOP_MS`] apart, so that going live never needs a second encode for them.
#[must_use]
pub fn program_profile(name: ProfileName, rate: FrameRate) -> Profile {
    let mut program = at_rate(profile(name), rate);
    program.gop_ms = program.gop_ms.min(PROGRAM_GOP_MS);
    program
}

/// The same profile at another rate; the level is raised where the rate needs it.
pub(crate) fn at_rate(mut profile: Profile, rate: FrameRate) -> Profile {
    profile.rate = rate;
    profile.level = profile.level.max(needed_level(profile.size, rate));
    profile
}

/// The lowest H.264 level (× 10) whose frame size and macroblock rate hold this picture.
fn needed_level(size: Size, rate: FrameRate) -> u8 {
    let frame = u64::from(size.width().div_ceil(16)) * u64::from(size.height().div_ceil(16));
    let second = (frame * u64::from(rate.num())).div_ceil(u64::from(rate.den()));
    LEVELS
        .iter()
        .find(|(_, per_second, per_frame)| second <= *per_second && frame <= *per_frame)
        .map_or(52, |(level, _, _)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_table() {
        for (name, size, kbps, gop) in [
            (ProfileName::Reliability, "1920x1080", 4500, 2000),
            (ProfileName::Quality, "1920x1080", 6000, 4000),
            (ProfileName::P720, "1280x720", 3000, 2000),
            (ProfileName::P480, "854x480", 1500, 2000),
            (ProfileName::LowPower, "1280x720", 2500, 2000),
        ] {
            let is = profile(name);
            assert_eq!(is.size.to_string(), size, "{name:?}");
            assert_eq!(is.video_kbps, kbps, "{name:?}");
            assert_eq!(is.gop_ms, gop, "{name:?}");
            assert_eq!(is.buffer_kbit, 2 * kbps, "{name:?}");
        }
    }

    #[test]
    fn every_profile_keeps_within_its_level_at_every_rate() {
        let sixty = FrameRate::new(60, 1).unwrap();
        for name in PROFILES {
            for rate in [
                FrameRate::THIRTY,
                sixty,
                FrameRate::new(30000, 1001).unwrap(),
            ] {
                let is = program_profile(name, rate);
                assert!(is.level >= needed_level(is.size, rate), "{name:?} {rate}");
                assert!(is.gop_ms <= PROGRAM_GOP_MS);
            }
        }
        let level = |name, rate| program_profile(name, rate).level;
        assert_eq!(level(ProfileName::Reliability, FrameRate::THIRTY), 41);
        assert_eq!(level(ProfileName::Reliability, sixty), 42);
        assert_eq!(level(ProfileName::P720, FrameRate::THIRTY), 31);
        assert_eq!(level(ProfileName::P720, sixty), 32);
        // 854x480 is 1620 macroblocks: level 3.0 stops at 25 frames a second.
        assert_eq!(level(ProfileName::P480, FrameRate::THIRTY), 31);
    }
}
