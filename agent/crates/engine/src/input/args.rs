//! Arguments of the decoders. What is not obvious about them: `docs/ARCHITECTURE.md`, "What FFmpeg is told".

use super::{InputSource, InputSpec};
use model::{Fit, Secret, Size};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// Pixels of the largest picture of a video that is decoded: 4096×2304.
const MAX_VIDEO_PIXELS: u32 = 4096 * 2304;
/// Pixels of the largest still picture that is decoded.
const MAX_IMAGE_PIXELS: u32 = 40_000_000;

/// Demuxers that may read a file. None of them opens another file or address.
const FORMATS: &str = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,mxf,gif,nut,\
h264,hevc,mpegvideo,m4v,yuv4mpegpipe,apng,image2,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe";

/// Collects arguments.
#[derive(Debug, Default)]
pub(super) struct Args(Vec<OsString>);

impl Args {
    pub(super) fn new() -> Self {
        Self::default().text("-nostdin -hide_banner -nostats -loglevel warning")
    }

    /// Words without blanks in them.
    pub(super) fn text(mut self, words: &str) -> Self {
        self.0
            .extend(words.split_ascii_whitespace().map(Into::into));
        self
    }

    /// One word, whatever is in it.
    pub(super) fn word(mut self, word: impl Into<OsString>) -> Self {
        self.0.push(word.into());
        self
    }

    pub(super) fn done(self) -> Vec<OsString> {
        self.0
    }
}

/// Brings any picture to the program's size, range and matrix. Frames may change their size
/// meanwhile: FFmpeg makes the chain anew and this one always ends in the same size.
fn fit_filter(size: Size, fit: Fit) -> String {
    let (w, h) = (size.width(), size.height());
    let square = "scale=w=trunc(iw*sar/2)*2:h=ih:flags=fast_bilinear,setsar=1";
    let colour = "flags=fast_bilinear:out_range=tv:out_color_matrix=bt709";
    let fitted = match fit {
        Fit::Contain => format!(
            "scale={w}:{h}:force_original_aspect_ratio=decrease:force_divisible_by=2:{colour},\
             pad={w}:{h}:(ow-iw)/2:(oh-ih)/2"
        ),
        Fit::Cover => format!(
            "scale={w}:{h}:force_original_aspect_ratio=increase:force_divisible_by=2:{colour},\
             crop={w}:{h}"
        ),
    };
    format!("{square},{fitted},setsar=1,format=yuv420p")
}

fn file_guard(args: Args, pixels: u32) -> Args {
    args.text("-protocol_whitelist file,pipe -format_whitelist")
        .word(FORMATS)
        .word("-max_pixels")
        .word(pixels.to_string())
}

/// The name of a file, so that FFmpeg never takes it for an option or a protocol.
fn file_name(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// Arguments of a source's decoder. `skip` is how far into the shot it begins.
pub(super) fn decoder(spec: &InputSpec, skip: Duration) -> Vec<OsString> {
    let video = |args: Args, fit| {
        args.text("-map 0:v:0 -map 0:a:0? -sn -dn -filter_threads 1 -vf")
            .word(fit_filter(spec.size, fit))
            .text("-fps_mode passthrough -enc_time_base:v 1:90000 -c:v rawvideo")
            .text("-c:a pcm_s16le -ar 48000 -ac 2")
    };
    let nut = "-flush_packets 1 -write_index 0 -f nut pipe:1";
    match &spec.source {
        InputSource::Live { url } => {
            let args = if url.starts_with("rtmp:") {
                Args::new().text("-rw_timeout 5000000")
            } else {
                Args::new()
                    .text("-rtsp_transport tcp -timeout 5000000 -allowed_media_types video+audio")
            };
            let args = args
                .text("-fflags +nobuffer+discardcorrupt -flags low_delay -threads 1")
                .text("-analyzeduration 500000 -probesize 500000 -colorspace bt709 -max_pixels")
                .word(MAX_VIDEO_PIXELS.to_string())
                .word("-i")
                .word(url);
            video(args, Fit::Contain)
                .text("-copyts -max_interleave_delta 1")
                .text(nut)
                .done()
        }
        InputSource::Direct { .. } => {
            let args = Args::new()
                .text("-protocol_whitelist pipe,rtsp,rtmp,rtp,udp,tcp -f concat -safe 0")
                .text("-fflags +nobuffer+discardcorrupt -flags low_delay -threads 1")
                .text("-colorspace bt709 -max_pixels")
                .word(MAX_VIDEO_PIXELS.to_string())
                .text("-i pipe:0");
            video(args, Fit::Contain)
                .text("-copyts -max_interleave_delta 1")
                .text(nut)
                .done()
        }
        InputSource::File {
            path,
            looping,
            start_at,
            fit,
        } => {
            let mut args = file_guard(Args::new().text("-threads 2"), MAX_VIDEO_PIXELS);
            if *looping {
                args = args.text("-stream_loop -1");
            }
            let from = *start_at + skip;
            if !from.is_zero() {
                args = args.word("-ss").word(format!("{:.6}", from.as_secs_f64()));
            }
            let args = args.text("-colorspace bt709 -i").word(file_name(path));
            // The two tracks come in step, so that neither is missing while the other waits.
            video(args, *fit)
                .text("-max_interleave_delta 500000")
                .text(nut)
                .done()
        }
        InputSource::Still(_) => Vec::new(),
    }
}

/// What a decoder is told through its standard input, where an address must not stand in its arguments: a
/// list of one address, with the options that it is opened with.
pub(super) fn told(source: &InputSource) -> Option<Secret> {
    let InputSource::Direct { address } = source else {
        return None;
    };
    let options = if address.expose().starts_with("rtmp:") {
        &["rw_timeout 5000000"][..]
    } else {
        &[
            "rtsp_transport tcp",
            "timeout 5000000",
            "allowed_media_types video+audio",
        ]
    };
    let always = [
        "fflags nobuffer",
        "analyzeduration 500000",
        "probesize 500000",
    ];
    // A quoted text ends at a quote and nowhere else; a line break has no place in an address.
    let quoted = address
        .expose()
        .replace(['\n', '\r'], "")
        .replace('\'', "'\\''");
    let mut list = format!("ffconcat version 1.0\nfile '{quoted}'\n");
    for option in options.iter().chain(&always) {
        list.push_str("option ");
        list.push_str(option);
        list.push('\n');
    }
    Some(Secret::new(list))
}

/// Arguments that decode a still picture to the program's size.
pub(super) fn still(path: &Path, size: Size, fit: Fit) -> Vec<OsString> {
    file_guard(Args::new(), MAX_IMAGE_PIXELS)
        .word("-i")
        .word(file_name(path))
        .text("-map 0:v:0 -an -frames:v 1 -vf")
        .word(fit_filter(size, fit).replace("fast_bilinear", "lanczos"))
        .text("-c:v rawvideo -f nut pipe:1")
        .done()
}

/// Arguments that decode a still picture with its transparency, at most `width` × `height`.
pub(super) fn rgba(path: &Path, width: u32, height: u32) -> Vec<OsString> {
    file_guard(Args::new(), MAX_IMAGE_PIXELS)
        .word("-i")
        .word(file_name(path))
        .text("-map 0:v:0 -an -frames:v 1 -vf")
        .word(format!(
            "scale=w='min(iw,{width})':h='min(ih,{height})':force_original_aspect_ratio=decrease:flags=lanczos,format=rgba"
        ))
        .text("-c:v rawvideo -f nut pipe:1")
        .done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::FrameRate;

    #[test]
    fn an_address_with_a_password_is_told_and_no_argument() {
        for (address, wanted) in [
            (
                "rtsp://u:secret@h:554/a'b",
                "file 'rtsp://u:secret@h:554/a'\\''b'\n",
            ),
            (
                "rtmp://u:secret@h/live\noption x y",
                "file 'rtmp://u:secret@h/liveoption x y'\n",
            ),
        ] {
            let spec = InputSpec {
                ffmpeg: "ffmpeg".into(),
                size: Size::HD,
                rate: FrameRate::THIRTY,
                source: InputSource::Direct {
                    address: Secret::new(address),
                },
            };
            let list = told(&spec.source).unwrap();
            assert!(list.expose().contains(wanted), "{}", list.expose());
            let rtsp = list.expose().contains("rtsp_transport tcp");
            assert_eq!(rtsp, address.starts_with("rtsp"));
            let arguments = decoder(&spec, Duration::ZERO);
            let secret = |argument: &OsString| argument.to_string_lossy().contains("secret");
            assert!(!arguments.iter().any(secret));
            assert!(!format!("{spec:?}").contains("secret"));
        }
    }
}
