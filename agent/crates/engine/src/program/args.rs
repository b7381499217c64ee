//! Arguments of the encoders. What is not obvious about them: `docs/ARCHITECTURE.md`, "What FFmpeg is told".

use super::AudioCodec;
use crate::nut::WriterSpec;
use crate::trial::Chosen;
use model::{EncoderName, FrameRate, Profile, RateMode, Size};

/// Words to arguments.
fn words(args: &mut Vec<String>, text: &str) {
    args.extend(text.split_ascii_whitespace().map(str::to_owned));
}

/// Everything up to the input: NUT from us on standard input.
pub(crate) fn input(args: &mut Vec<String>, encoder: EncoderName) {
    words(args, "-hide_banner -nostats -loglevel warning");
    if encoder == EncoderName::Vaapi {
        words(args, "-vaapi_device /dev/dri/renderD128");
    }
    words(args, "-analyzeduration 0 -probesize 32768 -f nut -i pipe:0");
}

/// The picture's part. `size` is what comes in.
pub(crate) fn video(
    args: &mut Vec<String>,
    encoder: Chosen,
    profile: &Profile,
    size: Size,
    rate: FrameRate,
) {
    let gop = Profile { rate, ..*profile }.gop_frames();
    let (w, h) = (profile.size.width(), profile.size.height());
    let mut filters = Vec::new();
    if profile.size != size {
        filters.push(format!(
            "scale={w}:{h}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=bicubic,\
             pad={w}:{h}:(ow-iw)/2:(oh-ih)/2,setsar=1"
        ));
    }
    let format = match encoder.name {
        EncoderName::Vaapi => "format=nv12,hwupload",
        EncoderName::Qsv | EncoderName::Videotoolbox => "format=nv12",
        EncoderName::V4l2m2m | EncoderName::Nvenc | EncoderName::X264 => "format=yuv420p",
    };
    filters.push(format.to_owned());
    words(args, "-fps_mode passthrough -vf");
    args.push(filters.join(","));
    words(args, &format!("-c:v {}", encoder.name.as_str()));
    let kbps = profile.video_kbps;
    let cbr = profile.mode == RateMode::Cbr;
    match encoder.name {
        EncoderName::X264 => {
            let preset = encoder.preset.as_str();
            let text = format!("-preset {preset} -tune zerolatency -sc_threshold 0 -x264-params");
            words(args, &text);
            let hrd = if cbr { "nal-hrd=cbr:" } else { "" };
            args.push(format!("{hrd}force-cfr=1"));
        }
        EncoderName::Nvenc => words(
            args,
            "-preset p4 -tune ll -zerolatency 1 -forced-idr 1 -no-scenecut 1",
        ),
        EncoderName::Qsv => words(args, "-preset veryfast -look_ahead 0 -async_depth 1"),
        EncoderName::Videotoolbox => words(args, "-realtime 1"),
        EncoderName::V4l2m2m | EncoderName::Vaapi => {}
    }
    if encoder.name == EncoderName::Nvenc {
        words(args, if cbr { "-rc cbr" } else { "-rc vbr" });
    }
    // A variable rate aims below its ceiling; a constant one is its ceiling.
    let aim = if cbr { kbps } else { kbps / 4 * 3 };
    let text = format!(
        "-b:v {aim}k -maxrate {kbps}k -bufsize {}k -g {gop} -keyint_min {gop} -bf 0",
        profile.buffer_kbit
    );
    words(args, &text);
    // Where frames are left out, key frames stay as far apart in time. Half a frame early, so that
    // rounding never puts a second one beside that of `-g`.
    let apart = rate.time_of(gop.into()).as_secs_f64();
    let early = rate.interval().as_secs_f64() / 2.0;
    words(
        args,
        &format!("-force_key_frames expr:gte(t+{early:.6},n_forced*{apart:.6})"),
    );
    words(
        args,
        &format!("-profile:v {}", profile.h264_profile.as_str()),
    );
    if encoder.name == EncoderName::X264 {
        let level = format!("-level:v {}.{}", profile.level / 10, profile.level % 10);
        words(args, &level);
    }
    words(
        args,
        "-color_range tv -colorspace bt709 -color_primaries bt709 -color_trc bt709",
    );
}

/// All arguments of an encoder whose packets come back to us. `format` is what it is fed.
pub(super) fn encoder(
    profile: &Profile,
    encoder: Chosen,
    codecs: &[AudioCodec],
    format: WriterSpec,
) -> Vec<String> {
    let mut args = Vec::new();
    // Nothing may drop the first picture: no `-fflags nobuffer` at the input.
    input(&mut args, encoder.name);
    words(&mut args, "-map 0:v");
    for _ in codecs {
        words(&mut args, "-map 0:a");
    }
    video(&mut args, encoder, profile, format.size, format.rate);
    for (index, codec) in codecs.iter().enumerate() {
        let text = match codec {
            AudioCodec::Aac => {
                let kbps = profile.audio_kbps;
                format!("-c:a:{index} aac -b:a:{index} {kbps}k")
            }
            AudioCodec::Opus => format!(
                "-c:a:{index} libopus -b:a:{index} 128k -application:a:{index} lowdelay \
                 -frame_duration:a:{index} 20"
            ),
        };
        words(&mut args, &text);
    }
    words(
        &mut args,
        "-ar 48000 -ac 2 -flags +global_header -max_interleave_delta 1 -flush_packets 1 \
         -avoid_negative_ts disabled -write_index 0 -f nut pipe:1",
    );
    args
}
