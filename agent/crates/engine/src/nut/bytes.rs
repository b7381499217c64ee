//! Numbers and checksums of the format.

use super::NutError;

/// Reads numbers out of a packet that is in memory.
#[derive(Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, NutError> {
        let (first, rest) = self.0.split_first().ok_or(NutError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A variable-length number of at most 63 bits.
    pub(super) fn v(&mut self) -> Result<u64, NutError> {
        let mut value = 0_u64;
        loop {
            let byte = self.byte()?;
            value = push7(value, byte)?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    }

    /// A signed one.
    pub(super) fn s(&mut self) -> Result<i64, NutError> {
        Ok(signed(self.v()?))
    }

    /// Length and bytes.
    pub(super) fn vb(&mut self) -> Result<&'a [u8], NutError> {
        let length = usize::try_from(self.v()?).map_err(|_| NutError::Short)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(NutError::Short)?;
        self.0 = rest;
        Ok(bytes)
    }
}

/// Appends seven bits to a variable-length number.
pub(super) fn push7(value: u64, byte: u8) -> Result<u64, NutError> {
    if value >> 56 != 0 {
        return Err(NutError::Number);
    }
    Ok(value << 7 | u64::from(byte & 0x7f))
}

pub(super) fn signed(v: u64) -> i64 {
    let v = i64::try_from(v).unwrap_or(i64::MAX - 1).saturating_add(1);
    if v & 1 == 1 { -(v >> 1) } else { v >> 1 }
}

pub(super) fn put_v(out: &mut Vec<u8>, value: u64) {
    let bits = 64 - (value | 1).leading_zeros();
    for group in (0..bits.div_ceil(7)).rev() {
        #[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
        let low = (value >> (7 * group)) as u8 & 0x7f;
        out.push(if group == 0 { low } else { low | 0x80 });
    }
}

pub(super) fn put_s(out: &mut Vec<u8>, value: i64) {
    let twice = 2 * value.unsigned_abs();
    put_v(out, if value > 0 { twice - 1 } else { twice });
}

pub(super) fn put_vb(out: &mut Vec<u8>, bytes: &[u8]) {
    put_v(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// CRC-32 of polynomial 0x04C11DB7, not reflected, starting at 0.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = table();
    bytes.iter().fold(0, |crc, byte| {
        let index = usize::from((crc >> 24) as u8 ^ byte);
        crc << 8 ^ TABLE.get(index).copied().unwrap_or(0)
    })
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = (i as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            let carry = crc >> 31 == 1;
            crc <<= 1;
            if carry {
                crc ^= 0x04C1_1DB7;
            }
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}
