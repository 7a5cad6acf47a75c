//! Memory for plugins: small pieces by size, from lists that are never given back.
//!
//! A plugin works on one record after the other in one thread and asks for the same few sizes again and again. A list
//! of free pieces for each size serves it faster than the standard library's allocator for WebAssembly, which serves
//! what is larger.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{NonNull, null_mut};

/// Pieces are multiples of this, and aligned to it.
const UNIT: usize = 16;
/// The largest piece that has a list.
const LARGEST: usize = 1024;
/// How much is taken from the other allocator at once.
const CHUNK: usize = 64 * 1024;

/// An allocator for plugins, which have one thread. [`export!`](crate::export) makes it the global one.
pub struct Allocator(UnsafeCell<Lists>);

struct Lists {
    /// For each size the free pieces: each holds the address of the next.
    free: [*mut Piece; LARGEST / UNIT],
    /// What is left of the last chunk.
    next: *mut u8,
    end: *mut u8,
}

struct Piece {
    next: *mut Piece,
}

// SAFETY: a component has one thread, and nothing here calls out while the lists are held.
unsafe impl Sync for Allocator {}

impl Allocator {
    /// An allocator that holds nothing yet.
    pub const fn new() -> Allocator {
        Allocator(UnsafeCell::new(Lists { free: [null_mut(); LARGEST / UNIT], next: null_mut(), end: null_mut() }))
    }

    /// The list for a layout; none where the other allocator serves it.
    #[inline]
    fn list(layout: Layout) -> Option<usize> {
        let is_small = layout.size() <= LARGEST && layout.size() > 0 && layout.align() <= UNIT;
        is_small.then(|| (layout.size() - 1) / UNIT)
    }
}

impl Default for Allocator {
    fn default() -> Self {
        Allocator::new()
    }
}

// SAFETY: pieces are cut from chunks without overlap, aligned to `UNIT` and at least as large as asked for; a piece is
// in one list or in use. Everything else is what the other allocator says.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(list) = Allocator::list(layout) else {
            // SAFETY: by the contract of this function.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: there is one thread, and no other reference to the lists lives.
        let lists = unsafe { &mut *self.0.get() };
        match NonNull::new(lists.free[list]) {
            Some(piece) => {
                // SAFETY: a piece in a list holds the address of the next one.
                lists.free[list] = unsafe { piece.as_ref().next };
                piece.as_ptr().cast()
            }
            None => lists.cut((list + 1) * UNIT),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let Some(list) = Allocator::list(layout) else {
            // SAFETY: by the contract of this function; the other allocator has served this layout.
            return unsafe { System.dealloc(at, layout) };
        };
        // SAFETY: there is one thread; the piece has room for an address, is aligned to it, and not in use any more.
        unsafe {
            let lists = &mut *self.0.get();
            let piece = at.cast::<Piece>();
            piece.write(Piece { next: lists.free[list] });
            lists.free[list] = piece;
        }
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the contract of this function.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (Allocator::list(layout), Allocator::list(new)) {
            // SAFETY: by the contract of this function; the other allocator has served this layout and serves the new one.
            (None, None) => unsafe { System.realloc(at, layout, size) },
            (one, other) if one == other => at,
            // SAFETY: both pieces are in use and do not overlap; as much as both hold is copied.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(at, layout.size().min(size));
                    self.dealloc(at, layout);
                }
                moved
            },
        }
    }
}

impl Lists {
    /// A piece of a chunk; null where there is no memory. What is left of a chunk that is too small is lost.
    #[cold]
    fn cut(&mut self, size: usize) -> *mut u8 {
        if self.end.addr() - self.next.addr() < size {
            // SAFETY: the size is not 0, the alignment a power of two.
            let chunk = unsafe { System.alloc(Layout::from_size_align_unchecked(CHUNK, UNIT)) };
            if chunk.is_null() {
                return chunk;
            }
            self.next = chunk;
            self.end = chunk.wrapping_add(CHUNK);
        }
        let piece = self.next;
        self.next = piece.wrapping_add(size);
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_in_use_never_overlap(
            steps in proptest::collection::vec((0_usize..1500, any::<proptest::sample::Index>(), 0..3_u8), 1..200),
        ) {
            let allocator = Allocator::new();
            let mut used: Vec<(*mut u8, Layout, u8)> = Vec::new();
            let check = |at: *mut u8, layout: Layout, mark: u8| {
                // SAFETY: the piece is in use, and all of it has been written.
                let bytes = unsafe { std::slice::from_raw_parts(at, layout.size()) };
                bytes.iter().all(|byte| *byte == mark)
            };
            for (number, (size, index, step)) in steps.into_iter().enumerate() {
                let mark = number as u8;
                let layout = Layout::from_size_align(size + 1, 8).expect("the layout is right");
                // SAFETY: every piece is freed once, with the layout that it has, and written within its size.
                unsafe {
                    match step {
                        0 if !used.is_empty() => {
                            let (at, layout, mark) = used.swap_remove(index.index(used.len()));
                            prop_assert!(check(at, layout, mark));
                            allocator.dealloc(at, layout);
                        }
                        1 if !used.is_empty() => {
                            let (at, old, kept) = used.swap_remove(index.index(used.len()));
                            let at = allocator.realloc(at, old, layout.size());
                            let both = Layout::from_size_align(layout.size().min(old.size()), 8).expect("it is right");
                            prop_assert!(check(at, both, kept));
                            at.write_bytes(mark, layout.size());
                            used.push((at, layout, mark));
                        }
                        _ => {
                            let at = allocator.alloc(layout);
                            prop_assert!(!at.is_null() && at.addr().is_multiple_of(8));
                            at.write_bytes(mark, layout.size());
                            used.push((at, layout, mark));
                        }
                    }
                }
            }
            for (at, layout, mark) in used {
                prop_assert!(check(at, layout, mark));
                // SAFETY: as above.
                unsafe { allocator.dealloc(at, layout) };
            }
        }
    }
}
