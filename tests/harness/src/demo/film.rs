//! Scenes made into files: once, kept under `target/tmp`.
//!
//! Owns drawing and encoding. A clip lasts a whole number of pictures and of AAC frames, so that it
//! loops without a seam.

use super::scene::{HEIGHT, Scene, WIDTH};
use super::sound::{self, SAMPLES};
use crate::clip::{adts_frames, ffmpeg};
use crate::place::{root, tmp};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Length of every clip: 400 and 480 pictures, 750 AAC frames.
pub(super) const SECONDS: u16 = 16;
/// Samples in an AAC frame.
const AAC: usize = 1024;

/// Draws SVG with the font that the agent brings along.
pub(super) struct Pencil {
    options: Options<'static>,
}

impl Pencil {
    pub(super) fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        let font = root().join("agent/crates/overlay/fonts/Inter.ttf");
        fonts.load_font_data(std::fs::read(font).expect("the font is in the checkout"));
        Self {
            options: Options {
                fontdb: Arc::new(fonts),
                ..Options::default()
            },
        }
    }

    fn draw(&self, svg: &str, onto: &mut Pixmap) {
        let tree = Tree::from_str(svg, &self.options).expect("our own drawing is well-formed");
        resvg::render(&tree, Transform::identity(), &mut onto.as_mut());
    }

    /// A drawing as a PNG file.
    pub(super) fn png(&self, svg: &str, file: &Path) {
        let tree = Tree::from_str(svg, &self.options).expect("our own drawing is well-formed");
        let size = tree.size().to_int_size();
        let mut pixels = Pixmap::new(size.width(), size.height()).unwrap();
        resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
        let bytes = pixels.encode_png().unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

/// Where the clip of a scene is, or will be. The name changes with the drawing.
pub(super) fn place(scene: Scene) -> PathBuf {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hash = DefaultHasher::new();
    (
        scene.background(),
        scene.moving(0.3),
        sound::version(scene),
        SECONDS,
    )
        .hash(&mut hash);
    tmp("demo").join(format!("{}-{:016x}.mp4", scene.id(), hash.finish()))
}

/// Makes the clip of a scene where it is not there yet.
pub(super) fn shoot(scene: Scene, pencil: &Pencil) {
    let file = place(scene);
    if file.exists() {
        return;
    }
    // Made beside and renamed, so that a half-made clip is never found.
    let scratch = tempfile::tempdir_in(tmp("demo")).unwrap();
    let (picture, heard, whole) = (
        scratch.path().join("picture.mp4"),
        scratch.path().join("sound.aac"),
        scratch.path().join("whole.mp4"),
    );
    picture_of(scene, pencil, &picture);
    sound_of(scene, &heard);
    let name = |path: &Path| path.to_string_lossy().into_owned();
    let arguments = [
        "-i",
        &name(&picture),
        "-i",
        &name(&heard),
        "-c",
        "copy",
        &name(&whole),
    ];
    ffmpeg(&arguments.map(str::to_owned), |_| Ok(()));
    std::fs::rename(whole, file).unwrap();
}

fn picture_of(scene: Scene, pencil: &Pencil, out: &Path) {
    let (size, rate) = (format!("{WIDTH}x{HEIGHT}"), scene.rate().to_string());
    let arguments: Vec<String> = [
        "-f", "rawvideo", "-pix_fmt", "rgba", "-s", &size, "-r", &rate,
    ]
    .iter()
    .chain(&[
        "-i",
        "pipe:0",
        "-vf",
        "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
    ])
    .chain(&[
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-tune",
        "zerolatency",
        "-crf",
        "21",
    ])
    .chain(&[
        "-maxrate",
        "4M",
        "-bufsize",
        "4M",
        "-bf",
        "0",
        "-sc_threshold",
        "0",
        "-g",
        &rate,
    ])
    .chain(&[
        "-colorspace",
        "bt709",
        "-color_primaries",
        "bt709",
        "-color_trc",
        "bt709",
    ])
    .map(|text| (*text).to_owned())
    .chain([out.to_string_lossy().into_owned()])
    .collect();
    let mut background = Pixmap::new(WIDTH, HEIGHT).unwrap();
    pencil.draw(&scene.background(), &mut background);
    let frames = scene.rate() * SECONDS;
    ffmpeg(&arguments, |pipe| {
        for frame in 0..frames {
            let mut picture = background.clone();
            pencil.draw(
                &scene.moving(f32::from(frame) / f32::from(frames)),
                &mut picture,
            );
            pipe.write_all(picture.data())?;
        }
        Ok(())
    });
}

/// One round of the sound in its steady state, as ADTS.
fn sound_of(scene: Scene, out: &Path) {
    let arguments: Vec<String> = ["-f", "s16le", "-ar", "48000", "-ac", "2", "-i", "pipe:0"]
        .iter()
        .chain(&["-c:a", "aac", "-b:a", "128k", "-f", "adts"])
        .map(|text| (*text).to_owned())
        .chain([out.to_string_lossy().into_owned()])
        .collect();
    let round = sound::round(scene);
    ffmpeg(&arguments, |pipe| {
        let mut bytes = Vec::with_capacity(round.len() * 8 + 4 * AAC);
        for sample in round.iter().chain(&round).chain(&round[..AAC]) {
            bytes.extend(sample.to_le_bytes());
            bytes.extend(sample.to_le_bytes());
        }
        pipe.write_all(&bytes)
    });
    let bytes = std::fs::read(out).unwrap();
    let frames = adts_frames(&bytes);
    // One frame of priming, one round to get into step.
    let count = usize::from(SECONDS) * SAMPLES / AAC;
    std::fs::write(out, frames[1 + count..1 + 2 * count].concat()).unwrap();
}
