//! What the disk takes to confirm a write: nothing that is durable can be acknowledged sooner.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::table::ms;

/// A write of this size, as a small batch of rows makes one.
const WRITE: [u8; 4096] = [0x5a; 4096];

/// How many are measured.
const COUNT: usize = 400;

/// Milliseconds of each of some `fdatasync` behind a small write to a file of its own in `folder`.
pub(crate) fn syncs(folder: &Path) -> Vec<f64> {
    let path = folder.join("bench-syncs");
    let mut file = File::create(&path).unwrap();
    let times = (0..COUNT).map(|_| {
        file.write_all(&WRITE).unwrap();
        let began = Instant::now();
        file.sync_data().unwrap();
        ms(began.elapsed())
    });
    let times = times.collect();
    drop(std::fs::remove_file(path));
    times
}
