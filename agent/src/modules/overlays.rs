//! Graphics on air: looked at and changed.

use super::Parts;
use super::command::{OverlayCommand, Reply};
use super::fault::{Fault, refuse};
use super::view::OverlayView;
use crate::show::{ActiveOverlay, Mode, OverlayEdit, ShowError};
use model::CueId;
use protocol::Problem;

const LONGEST_TEXT: usize = 500;
const MOST_TOKENS: usize = 64;
const LONGEST_TOKEN: usize = 64;

pub(super) async fn carry_out(parts: &Parts, command: OverlayCommand) -> Result<Reply, Problem> {
    match command {
        OverlayCommand::List => {
            let status = parts.show.status();
            Ok(Reply::Overlays(status.overlays.iter().map(view).collect()))
        }
        OverlayCommand::Edit(cue, edit) => change(parts, cue, *edit).await,
    }
}

async fn change(parts: &Parts, cue: CueId, edit: OverlayEdit) -> Result<Reply, Problem> {
    check(&edit)?;
    if parts.show.status().mode == Mode::Idle {
        return Err(refuse(&ShowError::NotRunning));
    }
    if let Some(image) = edit.image.clone() {
        let assets = parts.assets.clone();
        let look = tokio::task::spawn_blocking(move || assets.resolve(&image).map(drop));
        look.await
            .map_err(|_| Fault::Thread)?
            .map_err(Fault::from)?;
    }
    let asked_visible = edit.visible;
    let graphic = parts
        .show
        .edit_overlay(cue.clone(), edit)
        .await
        .map_err(|error| refuse(&error))?;
    let status = parts.show.status();
    let on_air = status.overlays.iter().find(|one| one.cue_id == cue);
    let mut view = on_air.map_or_else(
        || OverlayView {
            cue_id: cue.clone(),
            graphic: graphic.clone(),
            layer: None,
            visible: true,
            opacity: 0.0,
            remaining_s: 0.0,
        },
        view,
    );
    view.graphic = graphic;
    view.visible = asked_visible.unwrap_or(view.visible);
    Ok(Reply::Overlay(Box::new(view)))
}

fn view(overlay: &ActiveOverlay) -> OverlayView {
    OverlayView {
        cue_id: overlay.cue_id.clone(),
        graphic: overlay.graphic.clone(),
        layer: Some(overlay.layer),
        visible: overlay.visible,
        opacity: overlay.opacity,
        remaining_s: overlay.remaining_s,
    }
}

fn check(edit: &OverlayEdit) -> Result<(), Fault> {
    let wrong = |field, message: String| Err(Fault::Overlay { field, message });
    if *edit == OverlayEdit::default() {
        return wrong("", "nothing is to be changed".to_owned());
    }
    let long = |text: &str| text.chars().count() > LONGEST_TEXT;
    if edit.text.as_deref().is_some_and(long) {
        return wrong(
            "/text",
            format!("a text has at most {LONGEST_TEXT} characters"),
        );
    }
    if let Some(tokens) = &edit.tokens {
        let bad = |(name, text): (&String, &String)| {
            name.is_empty() || name.chars().count() > LONGEST_TOKEN || long(text)
        };
        if tokens.len() > MOST_TOKENS || tokens.iter().any(bad) {
            let message = format!(
                "at most {MOST_TOKENS} tokens, names of 1 to {LONGEST_TOKEN} and texts of at \
                 most {LONGEST_TEXT} characters"
            );
            return wrong("/tokens", message);
        }
    }
    for (field, value, from, to) in [
        ("/opacity", edit.opacity, 0.0, 1.0),
        ("/x", edit.x, 0.0, 1.0),
        ("/y", edit.y, 0.0, 1.0),
        ("/scale", edit.scale, 0.05, 20.0),
        ("/font_size", edit.font_size, 8.0, 400.0),
    ] {
        if value.is_some_and(|value| !(from..=to).contains(&value)) {
            return wrong(field, format!("a number from {from} to {to} is wanted"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(), Fault> {
        check(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn an_edit_changes_something_within_limits() {
        assert!(read(r#"{"text":"Now"}"#).is_ok());
        assert!(read(r#"{"visible":false}"#).is_ok());
        for bad in [
            "{}".to_owned(),
            r#"{"opacity":1.5}"#.to_owned(),
            r#"{"x":-0.1}"#.to_owned(),
            r#"{"scale":1e300}"#.to_owned(),
            r#"{"font_size":0}"#.to_owned(),
            format!(r#"{{"text":"{}"}}"#, "x".repeat(501)),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }
}
