//! The operating system's accounting of processor time and memory.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Sub;
use std::os::unix::thread::JoinHandleExt;
use std::process::Child;
use std::thread::JoinHandle;
use std::time::Duration;

/// What a process has used, all its threads together; of one that has ended, the children that it waited for too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// In its own code.
    pub user: Duration,
    /// In the kernel, for it.
    pub system: Duration,
}

impl Usage {
    /// Both together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

/// What a process has used so far, to a hundredth of a second.
///
/// # Errors
/// There is no such process.
pub fn so_far(process: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let incomplete = || io::Error::other(format!("/proc/{process}/stat is incomplete"));
    // The second field is the program's name in brackets, which may have spaces in it; after it comes the third.
    let (_, fields) = stat.rsplit_once(") ").ok_or_else(incomplete)?;
    let mut times = fields.split(' ').skip(11).map_while(|field| field.parse::<u64>().ok());
    // Linux tells every program hundredths, whatever it counts in itself.
    let mut next = || Some(Duration::from_millis(times.next()? * 10));
    let (user, system) = next().zip(next()).ok_or_else(incomplete)?;
    Ok(Usage { user, system })
}

/// Memory that a process has, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// The most that it ever had.
    pub peak: u64,
}

/// The memory of a process, as far as it lies in the machine's own.
///
/// # Errors
/// There is no such process.
pub fn memory(process: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        let kibibytes = line.and_then(|line| line.parse::<u64>().ok());
        kibibytes.map(|count| count << 10).ok_or_else(|| io::Error::other(format!("/proc/{process}/status: no {name}")))
    };
    Ok(Memory { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// What this thread has used of a processor so far. Unlike a clock on the wall it stands still while others run.
pub fn thread_time() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The same of another thread, as long as nobody has waited for its end.
pub fn time_of<T>(thread: &JoinHandle<T>) -> Duration {
    let mut clock = 0;
    // SAFETY: the thread was not joined, for its handle is here; the clock's number is good for the call.
    let found = unsafe { libc::pthread_getcpuclockid(thread.as_pthread_t(), &raw mut clock) };
    // Its clock is gone with a thread that has ended.
    if found == 0 { read(clock) } else { Duration::ZERO }
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is good for the call, which fills it in, or leaves it where there is no such clock.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Ends a child's existence: if it has ended, takes its exit status (as `wait` encodes it) and what it used. The
/// child is gone then, and must not be waited for again. That is from its start to its end.
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

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_usec * 1000).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_process_is_found() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.now > 1 << 20 && memory.peak >= memory.now, "{memory:?}");
    }

    #[test]
    fn what_this_process_uses_is_found() {
        let before = so_far(std::process::id()).unwrap();
        let started = thread_time();
        while thread_time() - started < Duration::from_millis(50) {}
        let used = so_far(std::process::id()).unwrap() - before;
        assert!(used.total() >= Duration::from_millis(30), "{used:?}");
    }
}
