//! Pictures and pieces of sound on their way from a decoder to the mixer.

use model::Size;
use std::sync::Arc;

/// One decoded picture: 8-bit 4:2:0, BT.709, limited range, planes without padding.
#[derive(Debug)]
pub struct FrameBuf {
    /// Its size; always the program's.
    pub size: Size,
    /// Presentation time in the source's own time, nanoseconds.
    pub pts_ns: i64,
    /// When its last byte was read, [`runtime::SystemClock`] nanoseconds.
    pub arrived_ns: i64,
    /// [`Size::yuv420_bytes`] bytes.
    pub data: Vec<u8>,
}

impl FrameBuf {
    /// A black picture. The memory is only taken from the system once it is written to.
    #[must_use]
    pub fn black(size: Size) -> Self {
        let mut data = vec![0; size.yuv420_bytes()];
        let (luma, chroma) = data.split_at_mut(size.luma_bytes());
        luma.fill(16);
        chroma.fill(128);
        Self {
            size,
            pts_ns: 0,
            arrived_ns: 0,
            data,
        }
    }

    /// A picture whose content is yet to be written.
    #[must_use]
    pub(crate) fn blank(size: Size) -> Self {
        Self {
            size,
            pts_ns: 0,
            arrived_ns: 0,
            data: vec![0; size.yuv420_bytes()],
        }
    }
}

/// Most stereo pairs in one piece of sound.
pub(crate) const PIECE: usize = 1024;

/// A piece of sound: at most [`PIECE`] stereo pairs of 48 kHz.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoundPiece {
    pub(crate) pts_ns: i64,
    pub(crate) arrived_ns: i64,
    /// Which run of the decoder it comes from.
    pub(crate) run: u32,
    pub(crate) pairs: usize,
    pub(crate) samples: [i16; 2 * PIECE],
}

impl SoundPiece {
    pub(crate) fn samples(&self) -> &[i16] {
        self.samples.get(..2 * self.pairs).unwrap_or(&self.samples)
    }
}

/// A picture in a queue, with the run of the decoder that it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) frame: Arc<FrameBuf>,
    /// Times of different runs do not compare.
    pub(crate) run: u32,
}

/// A buffer out of a [`Pool`], held by nobody else.
#[derive(Debug)]
pub(crate) struct Taken(pub(crate) Arc<FrameBuf>);

/// The buffers of one reader: each is used again as soon as nobody else holds it.
#[derive(Debug)]
pub(crate) struct Pool {
    size: Size,
    most: usize,
    frames: Vec<Arc<FrameBuf>>,
    /// How many were in use at once since the last [`Pool::rest`].
    peak: usize,
}

impl Pool {
    pub(crate) const fn new(size: Size, most: usize) -> Self {
        Self {
            size,
            most,
            frames: Vec::new(),
            peak: 0,
        }
    }

    /// A pool whose buffers are all there already, and which never takes more.
    pub(crate) fn filled(size: Size, count: usize) -> Self {
        let frames = (0..count).map(|_| Arc::new(FrameBuf::blank(size)));
        Self {
            size,
            most: count,
            frames: frames.collect(),
            peak: 0,
        }
    }

    /// Takes a buffer that nobody else holds out of the pool, to be given back soon.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let index = self.free()?;
        Some(Taken(self.frames.swap_remove(index)))
    }

    /// Puts a buffer back; it stays in use as long as the returned picture does.
    pub(crate) fn give_back(&mut self, taken: Taken) -> Arc<FrameBuf> {
        self.frames.push(taken.0.clone());
        taken.0
    }

    /// Takes a picture's buffer out of the pool, if it is one of ours and nobody else holds it.
    pub(crate) fn reclaim(&mut self, frame: Arc<FrameBuf>) -> Result<Taken, Arc<FrameBuf>> {
        let place = self.frames.iter().position(|f| Arc::ptr_eq(f, &frame));
        let Some(place) = place.filter(|_| Arc::strong_count(&frame) == 2) else {
            return Err(frame);
        };
        drop(self.frames.swap_remove(place));
        Ok(Taken(frame))
    }

    /// The index of a buffer that nobody else holds; `None` when all `most` are in use.
    pub(crate) fn free(&mut self) -> Option<usize> {
        let held = |f: &mut Arc<FrameBuf>| Arc::get_mut(f).is_some();
        let index = match self.frames.iter_mut().position(held) {
            Some(index) => index,
            None if self.frames.len() < self.most => {
                self.frames.push(Arc::new(FrameBuf::blank(self.size)));
                self.frames.len() - 1
            }
            None => return None,
        };
        // The first free one is always taken, so nothing behind this one was needed.
        self.peak = self.peak.max(index + 1);
        Some(index)
    }

    /// Gives memory back: buffers that were not needed since the last call, but for one. For a pool out of
    /// which nothing is taken, and never on the mixer's thread.
    pub(crate) fn rest(&mut self) {
        let keep = std::mem::take(&mut self.peak) + 1;
        while self.frames.len() > keep
            && self
                .frames
                .last_mut()
                .is_some_and(|f| Arc::get_mut(f).is_some())
        {
            self.frames.pop();
        }
    }

    /// The buffer at an index, to be written.
    pub(crate) fn write(&mut self, index: usize) -> Option<&mut FrameBuf> {
        self.frames.get_mut(index).and_then(Arc::get_mut)
    }

    /// The buffer at an index, to be shown.
    pub(crate) fn share(&self, index: usize) -> Option<Arc<FrameBuf>> {
        self.frames.get(index).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_only_when_nobody_holds_it() {
        let mut pool = Pool::new(Size::new(16, 16).unwrap(), 2);
        let first = pool.free().unwrap();
        let held = pool.share(first).unwrap();
        let second = pool.free().unwrap();
        assert_ne!(first, second);
        let also_held = pool.share(second).unwrap();
        assert_eq!(pool.free(), None);
        drop(held);
        assert_eq!(pool.free(), Some(first));
        drop(also_held);
    }

    #[test]
    fn what_a_bad_moment_needed_is_given_back() {
        let mut pool = Pool::new(Size::new(16, 16).unwrap(), 40);
        let mut fill = |count: usize| {
            let held: Vec<_> = (0..count)
                .map(|_| {
                    let index = pool.free().unwrap();
                    pool.share(index).unwrap()
                })
                .collect();
            pool.rest();
            (held, pool.frames.len())
        };
        let (held, kept) = fill(12);
        assert_eq!(kept, 12);
        drop(held);
        // What was needed lately stays, what was needed before that does not.
        assert_eq!(fill(4).1, 5);
        assert_eq!(fill(4).1, 5);
        let (held, kept) = fill(6);
        assert_eq!(kept, 6);
        let (also_held, kept) = fill(2);
        assert_eq!(kept, 8, "nothing that somebody holds goes");
        drop((held, also_held));
    }
}
