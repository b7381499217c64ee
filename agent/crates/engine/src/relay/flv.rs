//! Coded packets as the bodies of RTMP's messages: FLV's tags.
//!
//! Owns their layout. Pure.

use crate::publish::{Coded, Form};

/// What decoding needs to know of the picture.
pub(super) fn picture_form(form: &Form) -> Vec<u8> {
    let level = form.sps.get(1..4).unwrap_or_default();
    let mut out = vec![0x17, 0, 0, 0, 0, 1];
    out.extend(level);
    // Sizes of four bytes; one sequence and one picture parameter set.
    out.extend([0xff, 0xe1]);
    for (set, before) in [(&form.sps, None), (&form.pps, Some(1))] {
        out.extend(before);
        out.extend(u16::try_from(set.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(set);
    }
    out
}

/// What decoding needs to know of the sound.
pub(super) fn sound_form(form: &Form) -> Vec<u8> {
    let mut out = vec![0xaf, 0];
    out.extend(&form.aac);
    out
}

/// A picture.
pub(super) fn picture(coded: &Coded) -> Vec<u8> {
    let mut out = Vec::with_capacity(coded.data.len() + 32);
    out.extend([if coded.key { 0x17 } else { 0x27 }, 1, 0, 0, 0]);
    for unit in &coded.units {
        let unit = coded.data.get(unit.clone()).unwrap_or_default();
        out.extend(u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(unit);
    }
    out
}

/// A piece of sound.
pub(super) fn sound(coded: &Coded) -> Vec<u8> {
    let mut out = Vec::with_capacity(coded.data.len() + 2);
    out.extend([0xaf, 1]);
    out.extend(&coded.data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::Track;
    use std::sync::Arc;

    #[test]
    fn units_come_with_their_sizes_and_parameter_sets_beforehand() {
        let form = Form {
            sps: vec![0x67, 0x4d, 0x40, 0x1e, 9],
            pps: vec![0x68, 2],
            aac: vec![0x11, 0x90],
        };
        assert_eq!(
            picture_form(&form),
            [
                0x17, 0, 0, 0, 0, 1, 0x4d, 0x40, 0x1e, 0xff, 0xe1, 0, 5, 0x67, 0x4d, 0x40, 0x1e, 9,
                1, 0, 2, 0x68, 2
            ]
        );
        assert_eq!(sound_form(&form), [0xaf, 0, 0x11, 0x90]);
        let coded = Coded {
            track: Track::Picture,
            at: 0,
            key: true,
            made_ns: 0,
            data: vec![0, 0, 0, 1, 0x65, 7, 0, 0, 1, 0x65, 8, 9],
            units: vec![4..6, 9..12],
            form: Arc::new(form),
        };
        assert_eq!(
            picture(&coded),
            [
                0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 7, 0, 0, 0, 3, 0x65, 8, 9
            ]
        );
    }
}
