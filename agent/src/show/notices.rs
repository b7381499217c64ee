//! What the agent itself writes over the program: that a backup stands in, that there is trouble.
//!
//! Owns the texts, their rasters' numbers and for how long each is shown. They are drawn before the
//! first frame, so that showing one costs the frame path nothing. Which one is due is decided by
//! `director`, frame by frame.

use ::program::Rung;
use engine::program::Program;
use model::{Colour, Graphic, GraphicKind, Position, RasterId, Size};
use overlay::Studio;
use std::sync::Arc;

/// How long it is told that a backup stands in, in seconds.
const BACKUP_S: f64 = 5.0;

/// A text of the agent's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// Another camera stands in.
    Backup,
    /// A picture stands in, for as long as it does.
    Trouble,
}

impl Notice {
    /// Every text that is drawn beforehand.
    const ALL: [Self; 2] = [Self::Backup, Self::Trouble];

    /// The text that belongs to a rung that was taken some frames ago.
    pub(super) fn due(rung: Rung, frames_ago: u64, rate: model::FrameRate) -> Option<Self> {
        match rung {
            Rung::Waiting | Rung::Asked => None,
            Rung::Backup | Rung::ShowBackup => {
                (frames_ago < rate.frames_in(BACKUP_S)).then_some(Self::Backup)
            }
            Rung::Fallback | Rung::Pattern | Rung::LastPicture => Some(Self::Trouble),
        }
    }

    /// The number of its raster: from above, where no cue's graphic gets to.
    pub(super) const fn raster(self) -> RasterId {
        match self {
            Self::Backup => RasterId(u32::MAX),
            Self::Trouble => RasterId(u32::MAX - 1),
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Backup => "Switched to backup camera",
            Self::Trouble => "We are having technical difficulties and will be back shortly",
        }
    }

    /// In a corner or at the lower edge: nothing that matters of a picture is there.
    fn graphic(self) -> Graphic {
        let (position, y) = match self {
            Self::Backup => (Position::BottomRight, None),
            Self::Trouble => (Position::Center, Some(0.86)),
        };
        let dark = Colour {
            r: 0x12,
            g: 0x15,
            b: 0x21,
            a: 0xcc,
        };
        Graphic {
            kind: GraphicKind::Text,
            text: Some(self.text().to_owned()),
            image: None,
            position: Some(position),
            x: None,
            y,
            width: None,
            height: None,
            scale: 1.0,
            opacity: 1.0,
            font_size: Some(34.0),
            color: None,
            background: Some(dark),
            tokens: [].into(),
        }
    }
}

/// Draws every text and gives it to the mixer. A text that cannot be drawn is left out.
pub(super) async fn hang(studio: &Arc<Studio>, program: &Program, size: Size) {
    for notice in Notice::ALL {
        let studio = Arc::clone(studio);
        let drawing = move || studio.render(&notice.graphic(), size, None);
        match tokio::task::spawn_blocking(drawing).await {
            Ok(Ok(raster)) => {
                if let Err(error) = program.put_raster(notice.raster(), Arc::new(raster)) {
                    tracing::warn!(%error, ?notice, "A notice does not reach the mixer.");
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, ?notice, "A notice cannot be drawn."),
            Err(error) => tracing::error!(%error, ?notice, "A notice cannot be drawn."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::FrameRate;

    #[test]
    fn a_backup_is_told_for_five_seconds_and_trouble_for_as_long_as_it_lasts() {
        let due = |rung, ago| Notice::due(rung, ago, FrameRate::THIRTY);
        for rung in [Rung::Backup, Rung::ShowBackup] {
            assert_eq!(due(rung, 0), Some(Notice::Backup));
            assert_eq!(due(rung, 149), Some(Notice::Backup));
            assert_eq!(due(rung, 150), None);
        }
        for rung in [Rung::Fallback, Rung::Pattern, Rung::LastPicture] {
            assert_eq!(due(rung, 1_000_000), Some(Notice::Trouble));
        }
        for rung in [Rung::Waiting, Rung::Asked] {
            assert_eq!(due(rung, 0), None);
        }
    }

    #[test]
    fn every_notice_can_be_drawn_and_stays_clear_of_the_upper_edge() {
        let studio = Studio::new().unwrap();
        let size = Size::new(854, 480).unwrap();
        for notice in Notice::ALL {
            let raster = studio.render(&notice.graphic(), size, None).unwrap();
            assert!(raster.y > 300, "{notice:?} at {}", raster.y);
        }
    }
}
