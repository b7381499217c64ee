//! The description of what is published (RFC 8866).
//!
//! Owns its words. Pure.

use super::Form;
use crate::program::AudioCodec;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use std::fmt::Write;

/// RTP's number for the picture.
pub(super) const PICTURE: u8 = 96;
/// RTP's number for the sound.
pub(super) const SOUND: u8 = 97;

/// One picture and one sound track.
pub(super) fn description(form: &Form, audio: AudioCodec) -> String {
    let mut text = String::from("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=program\r\n");
    text.push_str("c=IN IP4 127.0.0.1\r\nt=0 0\r\n");
    let level = HEXUPPER.encode(form.sps.get(1..4).unwrap_or_default());
    let (sps, pps) = (BASE64.encode(&form.sps), BASE64.encode(&form.pps));
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{line}\r\n");
    };
    line(format_args!("m=video 0 RTP/AVP {PICTURE}"));
    line(format_args!("a=rtpmap:{PICTURE} H264/90000"));
    line(format_args!(
        "a=fmtp:{PICTURE} packetization-mode=1; sprop-parameter-sets={sps},{pps}; \
         profile-level-id={level}"
    ));
    line(format_args!("a=control:streamid=0"));
    line(format_args!("m=audio 0 RTP/AVP {SOUND}"));
    match audio {
        AudioCodec::Aac => {
            let config = HEXLOWER.encode(&form.aac);
            line(format_args!("a=rtpmap:{SOUND} MPEG4-GENERIC/48000/2"));
            line(format_args!(
                "a=fmtp:{SOUND} profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
                 indexdeltalength=3; config={config}"
            ));
        }
        AudioCodec::Opus => {
            line(format_args!("a=rtpmap:{SOUND} opus/48000/2"));
            line(format_args!("a=fmtp:{SOUND} sprop-stereo=1"));
        }
    }
    line(format_args!("a=control:streamid=1"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_the_parameter_sets_and_the_sound() {
        let form = Form {
            sps: vec![0x67, 0x4d, 0x40, 0x1e, 1],
            pps: vec![0x68, 2],
            aac: vec![0x11, 0x90],
        };
        let aac = description(&form, AudioCodec::Aac);
        assert!(aac.contains("sprop-parameter-sets=Z01AHgE=,aAI="), "{aac}");
        assert!(aac.contains("profile-level-id=4D401E\r\n"), "{aac}");
        assert!(aac.contains("config=1190\r\n"), "{aac}");
        assert!(description(&form, AudioCodec::Opus).contains("opus/48000/2"));
    }
}
