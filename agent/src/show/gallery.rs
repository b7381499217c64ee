//! The graphics of a running show: drawn shortly before they are due, and again when they are edited.
//!
//! Owns an operator's edits and which rasters the mixer holds. Drawing and decoding happen on threads
//! of their own; the mixer gets finished rasters. Neighbours: `overlay` draws, `engine` decodes files.

use super::board::Standing;
use super::{OverlayEdit, ShowError};
use crate::assets::{Assets, FoundFile};
use engine::input::{ImageLimits, decode_image};
use engine::process::Launcher;
use engine::program::Program;
use model::{AssetPath, Graphic, Raster, RasterId, Size};
use overlay::{Image, Studio};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use timeline::{GraphicCue, Rundown};

/// Longest text of a graphic, in characters.
const TEXT_LIMIT: usize = 500;
/// Most tokens of a graphic, and the longest name or value of one.
const TOKEN_LIMIT: usize = 64;
/// Looks without need after which a raster is dropped: about ten seconds.
const PATIENCE: u32 = 100;

/// What drawing needs.
#[derive(Debug, Clone)]
pub(super) struct Easel {
    pub(super) studio: Arc<Studio>,
    pub(super) assets: Assets,
    pub(super) launcher: Launcher,
    pub(super) ffmpeg: PathBuf,
}

/// The graphics of one running show.
#[derive(Debug)]
pub(super) struct Gallery {
    easel: Easel,
    rundown: Arc<Rundown>,
    size: Size,
    /// Edited graphics, by their index in the rundown.
    edited: BTreeMap<usize, Graphic>,
    hidden: BTreeSet<usize>,
    /// Rasters that the mixer holds, and for how many looks nobody needed them. A graphic that could
    /// not be drawn is in here too, so that it is tried once and not at every look.
    hung: BTreeMap<usize, u32>,
    images: BTreeMap<String, Arc<Image>>,
}

impl Gallery {
    pub(super) fn new(easel: Easel, rundown: Arc<Rundown>, size: Size) -> Self {
        Self {
            easel,
            rundown,
            size,
            edited: BTreeMap::new(),
            hidden: BTreeSet::new(),
            hung: BTreeMap::new(),
            images: BTreeMap::new(),
        }
    }

    /// The graphic of a cue as it is now.
    pub(super) fn graphic(&self, index: usize) -> Option<&Graphic> {
        let planned = self.rundown.graphics().get(index).map(|cue| &cue.graphic);
        self.edited.get(&index).or(planned)
    }

    /// Whether an operator hid it.
    pub(super) fn is_hidden(&self, index: usize) -> bool {
        self.hidden.contains(&index)
    }

    /// What an operator changed: the cue's index, the graphic where it was edited, whether it is hidden.
    pub(super) fn edits(&self) -> Vec<(usize, Option<Graphic>, bool)> {
        let touched: BTreeSet<usize> = self
            .edited
            .keys()
            .chain(self.hidden.iter())
            .copied()
            .collect();
        let edit = |index| {
            (
                index,
                self.edited.get(&index).cloned(),
                self.is_hidden(index),
            )
        };
        touched.into_iter().map(edit).collect()
    }

    /// Takes up what an operator had changed; it is drawn at the next look.
    pub(super) fn restore(&mut self, index: usize, graphic: Option<Graphic>, hidden: bool) {
        if let Some(graphic) = graphic {
            self.edited.insert(index, graphic);
            self.hung.remove(&index);
        }
        if hidden {
            self.hidden.insert(index);
        }
    }

    /// Draws what is due within `within` frames and drops what has not been needed for long.
    pub(super) async fn keep(&mut self, program: &Program, now: &Standing, within: u64) {
        let rundown = Arc::clone(&self.rundown);
        let due = |cue: &GraphicCue| is_due(&rundown, cue, now.at.frame, within);
        for (index, cue) in rundown.graphics().iter().enumerate() {
            if !due(cue) {
                continue;
            }
            if self.hung.insert(index, 0).is_none() {
                let graphic = self
                    .graphic(index)
                    .cloned()
                    .unwrap_or_else(|| cue.graphic.clone());
                match self.draw(&graphic).await {
                    Ok(raster) => put(program, index, raster),
                    Err(error) => {
                        tracing::warn!(cue = %cue.id, %error, "A graphic is left out.");
                    }
                }
            }
        }
        self.hung.retain(|index, idle| {
            *idle += 1;
            let keep = *idle < PATIENCE;
            if !keep && let Err(error) = program.drop_raster(raster_id(*index)) {
                tracing::debug!(%error, "A raster stays with the mixer.");
            }
            keep
        });
    }

    /// Changes a graphic and gives the new one to the mixer at once.
    ///
    /// # Errors
    /// [`ShowError`] when it cannot be drawn; nothing is changed then.
    pub(super) async fn edit(
        &mut self,
        program: &Program,
        index: usize,
        edit: OverlayEdit,
    ) -> Result<Graphic, ShowError> {
        let now = self
            .graphic(index)
            .cloned()
            .ok_or(ShowError::Internal("edit a graphic"))?;
        let visible = edit.visible;
        let next = changed(now.clone(), edit)?;
        if next != now {
            let raster = self.draw(&next).await?;
            put(program, index, raster);
            self.hung.insert(index, 0);
            self.edited.insert(index, next.clone());
        }
        match visible {
            Some(true) => {
                self.hidden.remove(&index);
            }
            Some(false) => {
                self.hidden.insert(index);
            }
            None => {}
        }
        Ok(next)
    }

    async fn draw(&mut self, graphic: &Graphic) -> Result<Raster, ShowError> {
        let image = match &graphic.image {
            Some(asset) => Some(self.image(asset).await?),
            None => None,
        };
        let (studio, size) = (Arc::clone(&self.easel.studio), self.size);
        let graphic = graphic.clone();
        let drawing = move || studio.render(&graphic, size, image.as_deref());
        let drawn = tokio::task::spawn_blocking(drawing).await;
        let drawn = drawn.map_err(|_| ShowError::Internal("draw a graphic"))?;
        drawn.map_err(|error| ShowError::Overlay(error.to_string()))
    }

    async fn image(&mut self, asset: &AssetPath) -> Result<Arc<Image>, ShowError> {
        let missing = || ShowError::AssetMissing(asset.as_str().to_owned());
        let found = self.easel.assets.find(asset).await;
        let FoundFile {
            path,
            bytes,
            changed_at,
        } = found.map_err(|_| missing())?;
        // A file that was replaced under its name is another picture.
        let key = format!("{} {bytes} {changed_at:?}", asset.as_str());
        if let Some(known) = self.images.get(&key) {
            return Ok(Arc::clone(known));
        }
        let Easel {
            launcher, ffmpeg, ..
        } = self.easel.clone();
        let decoding = move || decode_image(&launcher, &ffmpeg, &path, ImageLimits::default());
        let decoded = tokio::task::spawn_blocking(decoding).await;
        let decoded = decoded.map_err(|_| ShowError::Internal("decode a picture"))?;
        let unusable = |why: String| ShowError::Overlay(format!("{}: {why}", asset.as_str()));
        let decoded = decoded.map_err(|error| unusable(error.to_string()))?;
        let image = Image::from_rgba(decoded.width, decoded.height, decoded.rgba);
        let image = Arc::new(image.map_err(|error| unusable(error.to_string()))?);
        if self.images.len() >= 32 {
            self.images.clear();
        }
        self.images.insert(key, Arc::clone(&image));
        Ok(image)
    }
}

/// The number of a cue's raster in the mixer.
pub(super) fn raster_id(index: usize) -> RasterId {
    RasterId(u32::try_from(index).unwrap_or(u32::MAX))
}

fn put(program: &Program, index: usize, raster: Raster) {
    if let Err(error) = program.put_raster(raster_id(index), Arc::new(raster)) {
        tracing::warn!(%error, "A graphic does not reach the mixer.");
    }
}

fn is_due(rundown: &Rundown, cue: &GraphicCue, frame: u64, within: u64) -> bool {
    let until = frame.saturating_add(within);
    let wraps = rundown.looping() && until >= rundown.length();
    (cue.start <= until && frame < cue.end) || (wraps && cue.start <= until - rundown.length())
}

fn changed(mut graphic: Graphic, edit: OverlayEdit) -> Result<Graphic, ShowError> {
    let bad = |why: &str| Err(ShowError::Overlay(why.to_owned()));
    let share = |value: Option<f64>| value.is_none_or(|v| (0.0..=1.0).contains(&v));
    if edit
        .text
        .as_ref()
        .is_some_and(|text| text.chars().count() > TEXT_LIMIT)
    {
        return bad("a text has at most 500 characters");
    }
    let long = |text: &String| text.chars().count() > TEXT_LIMIT;
    if edit
        .tokens
        .iter()
        .flatten()
        .any(|(name, value)| long(name) || long(value))
    {
        return bad("a token's name and value have at most 500 characters");
    }
    if !share(edit.opacity) || !share(edit.x) || !share(edit.y) {
        return bad("opacity, x and y are between 0 and 1");
    }
    if edit
        .scale
        .is_some_and(|scale| !(0.05..=20.0).contains(&scale))
    {
        return bad("scale is between 0.05 and 20");
    }
    if edit
        .font_size
        .is_some_and(|size| !(8.0..=400.0).contains(&size))
    {
        return bad("font_size is between 8 and 400");
    }
    if let Some(position) = edit.position {
        graphic.position = Some(position);
        graphic.x = None;
        graphic.y = None;
    }
    graphic.text = edit.text.or(graphic.text);
    graphic.tokens.extend(edit.tokens.unwrap_or_default());
    if graphic.tokens.len() > TOKEN_LIMIT {
        return bad("a graphic has at most 64 tokens");
    }
    graphic.opacity = edit.opacity.unwrap_or(graphic.opacity);
    graphic.x = edit.x.or(graphic.x);
    graphic.y = edit.y.or(graphic.y);
    graphic.scale = edit.scale.unwrap_or(graphic.scale);
    graphic.font_size = edit.font_size.or(graphic.font_size);
    graphic.color = edit.color.or(graphic.color);
    graphic.background = edit.background.or(graphic.background);
    graphic.image = edit.image.or(graphic.image);
    Ok(graphic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{GraphicKind, Position};

    fn text() -> Graphic {
        serde_json::from_str(r#"{"type":"text","text":"one","x":0.1,"y":0.2}"#).unwrap()
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else() {
        let edit = OverlayEdit {
            text: Some("two".into()),
            ..OverlayEdit::default()
        };
        let next = changed(text(), edit).unwrap();
        assert_eq!(
            next,
            Graphic {
                text: Some("two".into()),
                ..text()
            }
        );
        assert_eq!(next.kind, GraphicKind::Text);
    }

    #[test]
    fn a_named_place_takes_the_decimal_one_back() {
        let edit = OverlayEdit {
            position: Some(Position::Center),
            ..OverlayEdit::default()
        };
        let next = changed(text(), edit).unwrap();
        assert_eq!(
            (next.position, next.x, next.y),
            (Some(Position::Center), None, None)
        );
    }

    #[test]
    fn absurd_numbers_and_texts_are_refused() {
        let base = OverlayEdit::default;
        for edit in [
            OverlayEdit {
                opacity: Some(f64::NAN),
                ..base()
            },
            OverlayEdit {
                x: Some(-0.1),
                ..base()
            },
            OverlayEdit {
                scale: Some(1e9),
                ..base()
            },
            OverlayEdit {
                font_size: Some(0.0),
                ..base()
            },
            OverlayEdit {
                text: Some("x".repeat(501)),
                ..base()
            },
            OverlayEdit {
                tokens: Some([("a".into(), "x".repeat(501))].into()),
                ..base()
            },
        ] {
            assert!(changed(text(), edit.clone()).is_err(), "{edit:?}");
        }
    }
}
