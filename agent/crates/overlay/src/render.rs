//! From a graphic to a raster: the one entry.

use model::{Graphic, GraphicKind, Raster, Size};
use protocol::{Code, HasCode};

use crate::image::Image;
use crate::kind;
use crate::page::Blank;
use crate::place::Frame;
use crate::studio::Studio;
use crate::yuv;

/// Why a graphic was not drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A text kind has no text, or only tokens without a value.
    #[error("the overlay has no text to show")]
    NoText,
    /// A picture kind came without its picture.
    #[error("the overlay's picture is not there")]
    NoImage,
    /// It lies outside the program.
    #[error("the overlay lies outside the picture")]
    Outside,
    /// Not one letter of the text could be drawn.
    #[error("none of the overlay's letters is in the font")]
    NoLetters,
    /// The renderer refused it or memory ran out.
    #[error("the overlay could not be drawn")]
    Refused,
}

impl From<Blank> for RenderError {
    fn from(blank: Blank) -> Self {
        match blank {
            Blank::Outside => Self::Outside,
            Blank::NoLetters => Self::NoLetters,
            Blank::Refused => Self::Refused,
        }
    }
}

impl HasCode for RenderError {
    fn code(&self) -> Code {
        match self {
            Self::NoText | Self::Outside | Self::NoLetters => Code::OverlayInvalid,
            Self::NoImage => Code::AssetMissing,
            Self::Refused => Code::Internal,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::NoText | Self::NoLetters => Some("/text".to_owned()),
            Self::NoImage => Some("/image".to_owned()),
            Self::Outside => Some("/position".to_owned()),
            Self::Refused => None,
        }
    }
}

impl Studio {
    /// Draws a graphic for a program of this size, cut to the rectangle that it covers.
    ///
    /// `image` is the decoded picture of [`Graphic::image`]; text and dynamic text take none, a lower
    /// third draws it as its template. Tokens are filled from [`Graphic::tokens`]. The graphic's
    /// opacity is part of the result. Lengths out of range are brought into it.
    ///
    /// # Errors
    /// [`RenderError`]; there is never a raster without anything in it.
    pub fn render(
        &self,
        graphic: &Graphic,
        size: Size,
        image: Option<&Image>,
    ) -> Result<Raster, RenderError> {
        let frame = Frame::new(size);
        let drawn = match graphic.kind {
            GraphicKind::Text | GraphicKind::DynamicText => kind::text::draw(self, graphic, frame)?,
            GraphicKind::LowerThird => match image {
                Some(template) => kind::template::draw(self, graphic, frame, template)?,
                None => kind::lower_third::draw(self, graphic, frame)?,
            },
            GraphicKind::Logo | GraphicKind::Image => {
                let image = image.ok_or(RenderError::NoImage)?;
                kind::picture::draw(self, graphic, frame, image)?
            }
        };
        let opacity = crate::place::within(Some(graphic.opacity), 0.0, 1.0, 1.0);
        Ok(yuv::raster(&drawn, opacity))
    }
}
