//! The platforms' presets, as data (`preset/*.toml`).
//!
//! Owns their shape and the list; a new platform's figures are a new file. Each file names the page its
//! figures come from.

use model::Platform;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// What is known of a platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Which one.
    pub platform: Platform,
    /// Its name for people.
    pub name: String,
    /// Its usual server address without the key; none where the user gives one.
    #[serde(default)]
    pub rtmp_url: Option<String>,
    /// Its second server address, for when the first does not answer; the key is the same.
    #[serde(default)]
    pub backup_url: Option<String>,
    /// Whether it takes nobody without a key.
    pub key_required: bool,
    /// Highest video bit rate that it accepts, in kilobits a second.
    #[serde(default)]
    pub max_kbps: Option<u32>,
    /// Longest time between key frames that it recommends, in milliseconds.
    pub keyframe_ms: u32,
    /// Where people find their key.
    #[serde(default)]
    pub help_url: Option<String>,
}

impl Preset {
    /// Whom a sentence about a destination is about.
    pub(crate) fn who(&self) -> &str {
        match self.platform {
            Platform::Youtube | Platform::Facebook | Platform::Twitch => &self.name,
            Platform::Custom => "The destination's server",
        }
    }
}

const FILES: [(Platform, &str); 4] = [
    (Platform::Youtube, include_str!("../preset/youtube.toml")),
    (Platform::Facebook, include_str!("../preset/facebook.toml")),
    (Platform::Twitch, include_str!("../preset/twitch.toml")),
    (Platform::Custom, include_str!("../preset/custom_rtmp.toml")),
];

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(_, text)| {
            toml::from_str(text).expect("a shipped preset parses; a test reads them all")
        })
        .collect()
});

/// Every preset, in the order in which a page lists them.
#[must_use]
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset of a platform.
#[must_use]
pub fn preset(platform: Platform) -> &'static Preset {
    PRESETS
        .iter()
        .find(|preset| preset.platform == platform)
        .expect("every platform has a shipped preset; a test asks for each")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_parses_and_is_filed_under_its_own_platform() {
        assert_eq!(presets().len(), FILES.len());
        for (platform, text) in FILES {
            let parsed: Preset = toml::from_str(text).unwrap();
            assert_eq!(parsed.platform, platform);
            assert_eq!(preset(platform), &parsed);
            assert!(
                text.starts_with("# "),
                "{platform:?} names no source for its figures"
            );
        }
    }

    #[test]
    fn the_figures_are_those_of_the_platforms() {
        for (platform, url, kbps, required) in [
            (
                Platform::Youtube,
                Some("rtmp://a.rtmp.youtube.com/live2"),
                Some(8000),
                true,
            ),
            (
                Platform::Facebook,
                Some("rtmps://live-api-s.facebook.com:443/rtmp"),
                Some(4000),
                true,
            ),
            (
                Platform::Twitch,
                Some("rtmp://live.twitch.tv/app"),
                Some(6000),
                true,
            ),
            (Platform::Custom, None, None, false),
        ] {
            let is = preset(platform);
            assert_eq!(is.rtmp_url.as_deref(), url);
            assert_eq!(is.max_kbps, kbps);
            assert_eq!(is.key_required, required);
            assert_eq!(is.keyframe_ms, 2000);
        }
    }
}
