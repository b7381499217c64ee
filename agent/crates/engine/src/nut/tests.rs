//! What is written is read back; what nobody should send never panics.

use super::*;
use model::{FrameRate, Size};
use proptest::prelude::*;
use std::io::Cursor;

fn sample() -> (Vec<u8>, Vec<u8>) {
    let size = Size::new(32, 16).unwrap();
    let rate = FrameRate::new(30000, 1001).unwrap();
    let picture: Vec<u8> = (0..size.yuv420_bytes()).map(|i| i as u8).collect();
    let mut file = Vec::new();
    let mut writer = Writer::open(&mut file, WriterSpec { size, rate }).unwrap();
    let mut scratch = Vec::new();
    writer.picture(0, &picture).unwrap();
    writer.sound(0, &[1, -1, 300, -300], &mut scratch).unwrap();
    writer.picture(1_000_000, &picture).unwrap();
    (file, picture)
}

#[test]
fn what_is_written_is_read_again() {
    let (file, picture) = sample();
    let mut reader = Reader::open(Cursor::new(&file)).unwrap();
    assert_eq!(
        reader.streams().iter().map(|s| s.media).collect::<Vec<_>>(),
        [
            Media::Video {
                width: 32,
                height: 16
            },
            Media::Audio {
                rate: 48_000,
                channels: 2
            }
        ]
    );
    let head = reader.next_frame().unwrap().unwrap();
    let mut got = vec![0; head.bytes];
    reader.payload(&head, &mut got).unwrap();
    assert_eq!((head.stream, head.pts, got), (0, 0, picture));
    let head = reader.next_frame().unwrap().unwrap();
    let mut got = vec![0; head.bytes];
    reader.payload(&head, &mut got).unwrap();
    assert_eq!(
        (head.stream, got),
        (1, vec![1, 0, 255, 255, 44, 1, 212, 254])
    );
    let head = reader.next_frame().unwrap().unwrap();
    assert_eq!(head.pts_ns, 33_366_666_666_666);
    reader.skip(&head).unwrap();
    assert_eq!(reader.next_frame().unwrap(), None);
}

/// Reads to the end or to the first error.
fn read_all(file: &[u8]) {
    let Ok(mut reader) = Reader::open(Cursor::new(file)) else {
        return;
    };
    let mut buffer = Vec::new();
    while let Ok(Some(head)) = reader.next_frame() {
        buffer.resize(head.bytes, 0);
        if reader.payload(&head, &mut buffer).is_err() {
            break;
        }
    }
}

proptest! {
    #[test]
    fn numbers_are_read_as_written(v in 0..u64::MAX >> 1, s in i64::MIN / 4..i64::MAX / 4) {
        let mut out = Vec::new();
        bytes::put_v(&mut out, v);
        bytes::put_s(&mut out, s);
        let mut c = bytes::Cursor(&out);
        prop_assert_eq!((c.v().unwrap(), c.s().unwrap()), (v, s));
    }

    #[test]
    fn damaged_files_never_panic(at in 0..400_usize, value: u8, cut in 0..2000_usize) {
        let (mut file, _) = sample();
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        file.truncate(cut);
        read_all(&file);
    }

    #[test]
    fn damaged_headers_with_right_checksums_never_panic(
        body in proptest::collection::vec(any::<u8>(), 0..120),
        second in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut file = FILE_ID.to_vec();
        for (code, body) in [(MAIN, body), (STREAM, second)] {
            file.extend_from_slice(&code.to_be_bytes());
            bytes::put_v(&mut file, body.len() as u64 + 4);
            file.extend_from_slice(&body);
            file.extend_from_slice(&bytes::crc(&body).to_be_bytes());
        }
        read_all(&file);
    }
}
