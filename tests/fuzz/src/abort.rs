//! The last words of a process that is aborted (a stack that is used up, memory that is refused): which input it was.

use std::cell::Cell;
use std::io::Write;

thread_local! {
    /// The target, the seed and the input that this thread works on.
    static NOW: Cell<(&'static str, u64, u64)> = const { Cell::new(("", 0, 0)) };
}

/// From here on an abort names the input of its thread.
pub fn speak() {
    let handler: extern "C" fn(libc::c_int) = last_words;
    // SAFETY: the handler does only what a signal handler may: it reads a plain cell of its thread, formats into a
    // buffer on its stack, and writes.
    unsafe { libc::signal(libc::SIGABRT, handler as *const () as libc::sighandler_t) };
}

/// This thread now works on this input.
pub fn now_at(target: &'static str, seed: u64, number: u64) {
    NOW.set((target, seed, number));
}

extern "C" fn last_words(_signal: libc::c_int) {
    let (target, seed, number) = NOW.get();
    let mut buffer = [0_u8; 256];
    let mut rest = &mut buffer[..];
    let repeat = format_args!("cargo xtask fuzz {target} --seed {seed} --from {number} --inputs 1");
    _ = writeln!(rest, "\n{target}: FAILED: the process was aborted at input {number}; repeat: {repeat}");
    let left = rest.len();
    let text = &buffer[..buffer.len() - left];
    // SAFETY: the bytes are there, and the signal's own action ends the process.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        libc::abort();
    }
}
