//! The memory that the host writes a call's arguments to: buffers that are kept from call to call.

use std::mem::MaybeUninit;

/// The most that a canonical-ABI type asks for is eight bytes of alignment.
const UNIT: usize = 8;

/// The buffers of one call, in the order in which the host asks for them. As each batch is passed with the same
/// few requests, the n-th request of a call gets the n-th buffer of the call before: no batch allocates once the
/// buffers have grown to its size.
#[derive(Debug, Default)]
pub struct Buffers {
    buffers: Vec<Vec<MaybeUninit<[u8; UNIT]>>>,
    used: usize,
}

impl Buffers {
    /// No buffers.
    pub const fn new() -> Buffers {
        Buffers { buffers: Vec::new(), used: 0 }
    }

    /// The next buffer of this call, at least `size` bytes long and eight-byte aligned. What it held is lost.
    pub fn next(&mut self, size: usize) -> *mut u8 {
        if self.used == self.buffers.len() {
            self.buffers.push(Vec::new());
        }
        let buffer = &mut self.buffers[self.used];
        self.used += 1;
        let units = size.div_ceil(UNIT);
        if buffer.capacity() < units {
            *buffer = Vec::new(); // frees before it allocates, as nothing is to be copied
            buffer.reserve_exact(units + units / 4);
        }
        buffer.as_mut_ptr().cast()
    }

    /// Grows a buffer of this call, keeping its first `kept` bytes.
    ///
    /// # Panics
    /// Where `at` is not the start of a buffer of this call, or `kept` more than it has room for.
    pub fn grow(&mut self, at: *mut u8, kept: usize, size: usize) -> *mut u8 {
        let buffer = self.buffers[..self.used].iter_mut().find(|buffer| buffer.as_ptr().cast() == at.cast_const());
        let buffer = buffer.expect("the host grows what it was given in this call");
        let kept = kept.div_ceil(UNIT);
        assert!(kept <= buffer.capacity(), "the host keeps what it has written");
        // SAFETY: the first `kept` units lie within the capacity, and a `MaybeUninit` needs no initialisation.
        unsafe { buffer.set_len(kept) };
        buffer.reserve(size.div_ceil(UNIT).saturating_sub(kept));
        buffer.as_mut_ptr().cast()
    }

    /// Ends a call: the next one gets the same buffers again.
    pub fn reuse(&mut self) {
        self.used = 0;
        self.buffers.iter_mut().for_each(Vec::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_call_gets_the_same_memory() {
        let mut buffers = Buffers::new();
        let first = (buffers.next(100), buffers.next(1000));
        buffers.reuse();
        assert_eq!((buffers.next(100), buffers.next(900)), first);
    }

    #[test]
    fn buffers_of_one_call_are_apart_and_aligned() {
        let mut buffers = Buffers::new();
        let (first, second) = (buffers.next(9), buffers.next(9));
        assert!(first.addr().abs_diff(second.addr()) >= 9);
        assert_eq!((first.addr() % UNIT, second.addr() % UNIT), (0, 0));
    }

    #[test]
    fn growing_keeps_what_was_written() {
        let mut buffers = Buffers::new();
        let at = buffers.next(5);
        // SAFETY: the buffer has room for five bytes.
        unsafe { at.copy_from_nonoverlapping(b"hello".as_ptr(), 5) };
        let at = buffers.grow(at, 5, 1 << 16);
        // SAFETY: the buffer has room for 64 KiB, of which five bytes are written.
        assert_eq!(unsafe { std::slice::from_raw_parts(at, 5) }, b"hello");
    }
}
