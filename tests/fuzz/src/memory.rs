//! The allocator of this program: it counts what each thread holds, so that one input's memory can be told.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes that one thread may hold. More is refused, which aborts the process, before the machine suffers.
const CEILING: isize = 2 << 30;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counted.
pub struct Counting;

/// Bytes that this thread holds: what it was given less what it gave back.
pub fn held() -> isize {
    HELD.get()
}

/// Runs `work`, and says how many bytes more than before this thread held at the most.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let done = work();
    (done, (PEAK.get() - before).max(0).unsigned_abs())
}

/// Counts `more` bytes; false where they are too many.
fn take(more: usize) -> bool {
    let held = HELD.get().saturating_add_unsigned(more);
    if held > CEILING {
        return false;
    }
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
    true
}

fn give_back(less: usize) {
    HELD.set(HELD.get().saturating_sub_unsigned(less));
}

// SAFETY: every request goes to the system's allocator as it came, or is answered with null, which means that there is
// no memory. The counters are plain cells of the thread: reading them allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`, and `at` came from the system's allocator.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may be there at the same time.
        if !take(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract of `realloc`, and `at` came from the system's allocator.
        let moved = unsafe { System.realloc(at, layout, size) };
        give_back(if moved.is_null() { size } else { layout.size() });
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_for_a_moment_counts() {
        let before = held();
        let ((), peak) = peak_of(|| {
            drop(std::hint::black_box(vec![0_u8; 100_000]));
            drop(std::hint::black_box(vec![0_u8; 50_000]));
        });
        assert!((100_000..101_000).contains(&peak), "{peak}");
        assert_eq!(held(), before);
    }
}
