//! H.264 as encoders write it: units between start codes.
//!
//! Owns taking it apart. Pure.

use std::ops::Range;

/// Places of units in a packet, start codes left out.
pub(crate) type Units = Vec<Range<usize>>;

const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const IDR: u8 = 5;

/// The kind of a unit by its first byte.
fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |byte| byte & 0x1f)
}

/// Every unit of a packet.
fn split(data: &[u8]) -> Units {
    let mut units = Units::new();
    let mut begin: Option<usize> = None;
    let mut at = 0;
    while let Some(rest) = data.get(at..) {
        let Some(found) = rest.windows(3).position(|three| three == [0, 0, 1]) else {
            break;
        };
        let code = at + found;
        if let Some(begin) = begin {
            units.push(begin..trimmed(data, begin, code));
        }
        begin = Some(code + 3);
        at = code + 3;
    }
    if let Some(begin) = begin {
        units.push(begin..trimmed(data, begin, data.len()));
    }
    units.retain(|unit| !unit.is_empty());
    units
}

/// The end of a unit: zeros before the next start code belong to nobody.
fn trimmed(data: &[u8], begin: usize, end: usize) -> usize {
    let unit = data.get(begin..end).unwrap_or_default();
    let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
    end - zeros
}

/// The units of a picture that are sent, and whether decoding can begin with it. Parameter sets are
/// told once for a whole session and left out here.
pub(crate) fn picture(data: &[u8]) -> (Units, bool) {
    let mut units = split(data);
    let of = |range: &Range<usize>| kind(data.get(range.clone()).unwrap_or_default());
    let key = units.iter().any(|unit| of(unit) == IDR);
    units.retain(|unit| !matches!(of(unit), SPS | PPS | DELIMITER));
    (units, key)
}

/// The first sequence and picture parameter set, where there are both.
pub(crate) fn parameters(data: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let units = split(data);
    let first = |wanted: u8| {
        let mut all = units.iter().filter_map(|unit| data.get(unit.clone()));
        all.find(|unit| kind(unit) == wanted).map(<[u8]>::to_vec)
    };
    Some((first(SPS)?, first(PPS)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_are_found_and_not_sent_again() {
        let data = [
            0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x06, 5, 0, 0, 1, 0x65, 7, 8,
        ];
        assert_eq!(
            parameters(&data),
            Some((vec![0x67, 1, 2, 3], vec![0x68, 9]))
        );
        let (units, key) = picture(&data);
        assert!(key);
        let sent: Vec<&[u8]> = units.iter().map(|unit| &data[unit.clone()]).collect();
        assert_eq!(sent, [&[0x06, 5][..], &[0x65, 7, 8]]);
    }

    #[test]
    fn whatever_comes_is_taken_apart_without_a_panic() {
        for data in [
            &[][..],
            &[0, 0, 1],
            &[0, 0, 0, 1, 0, 0, 1],
            &[1, 2, 3],
            &[0; 9],
        ] {
            assert_eq!(picture(data), (Vec::new(), false));
            assert_eq!(parameters(data), None);
        }
    }
}
