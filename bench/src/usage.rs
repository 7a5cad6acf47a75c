//! The operating system's accounting of processor time and memory.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::process::Child;
use std::time::Duration;

/// What a process that has ended used from its start to its end: all its threads, and the children that it waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// In its own code.
    pub user: Duration,
    /// In the kernel, for it.
    pub system: Duration,
}

/// What this thread has used of a processor so far. Unlike a clock on the wall it stands still while others run.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is good for the call, which fills it in. The clock exists on every Linux, so the call
    // cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Ends a child's existence: if it has ended, takes its exit status (as `wait` encodes it) and what it used. The
/// child is gone then, and must not be waited for again.
///
/// # Errors
/// The system's, e.g. that it was waited for already.
pub fn reap(child: &Child) -> io::Result<Option<(i32, Usage)>> {
    let id = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are good for the call; the id is that of a child not yet waited for.
    let found = unsafe { libc::wait4(id, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) };
    match found {
        0 => Ok(None),
        -1 => Err(io::Error::last_os_error()),
        _ => {
            // SAFETY: the system has filled it in, and zeroes would be a usage too.
            let usage = unsafe { usage.assume_init() };
            Ok(Some((status, Usage { user: duration(usage.ru_utime), system: duration(usage.ru_stime) })))
        }
    }
}

/// The most memory that a running child has had so far, in bytes. What is told at its end would count in the memory of
/// the process that has started it.
pub fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_usec * 1000).unwrap_or_default())
}
