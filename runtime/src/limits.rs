//! What the operating system lets the process have.

use std::{io, thread};

use anyhow::ensure;

/// File descriptors that any command may need: what the runtime, a log, an embedded broker and three clients take.
const LEAST: libc::rlim_t = 128;

/// Memory without which clients cannot start their threads, where librdkafka ends the process: of which limit, its
/// least value in MiB, and how it is set.
const MEMORY: [(libc::__rlimit_resource_t, libc::rlim_t, &str); 2] = [
    (libc::RLIMIT_AS, 512, "address space (`ulimit -v`, LimitAS= in a systemd unit)"),
    (libc::RLIMIT_DATA, 256, "data (`ulimit -d`, LimitDATA= in a systemd unit)"),
];

/// Threads that any command may need: those of an embedded broker, of a few clients and of the first workers.
const LEAST_THREADS: usize = 40;
/// The stack of a thread that only shows that it can be started.
const SMALL_STACK: usize = 64 << 10;

/// Starts as many threads as a command may need, and ends them: no limit tells how many there may be, since others of
/// this user and of this container count, too. Where there are too few, librdkafka and the compiler end the process.
///
/// # Errors
/// They are too few to work with.
pub fn check_threads() -> anyhow::Result<()> {
    start_threads(|| thread::Builder::new().stack_size(SMALL_STACK).spawn(thread::park).ok())
}

fn start_threads(mut start: impl FnMut() -> Option<thread::JoinHandle<()>>) -> anyhow::Result<()> {
    let threads: Vec<_> = (0..LEAST_THREADS).map_while(|_| start()).collect();
    let count = threads.len();
    for thread in threads {
        thread.thread().unpark();
        // It has nothing to say.
        let _ = thread.join();
    }
    ensure!(
        count >= LEAST_THREADS,
        "the process can start {count} more threads, which is too few: raise the limit by {LEAST_THREADS} or more \
         (`ulimit -u`, TasksMax= in a systemd unit, the container's limit of processes)"
    );
    Ok(())
}

/// Makes a write beyond the largest size of a file (`ulimit -f`) an error, as on a full disk, where by default the
/// signal of it ends the process.
pub fn survive_file_size_limit() {
    // SAFETY: to ignore a signal takes no handler of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Looks at how much memory the process may have.
///
/// # Errors
/// That is too little to work with.
pub fn check_memory() -> anyhow::Result<()> {
    for (resource, least, what) in MEMORY {
        let limit = limit(resource)?.rlim_cur >> 20;
        ensure!(
            limit >= least,
            "the process may have {limit} MiB of {what}, which is too little: raise the limit to {least} MiB or more"
        );
    }
    Ok(())
}

fn limit(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes to `limit`, which lives.
    match unsafe { libc::getrlimit(resource, &raw mut limit) } {
        0 => Ok(limit),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Raises the number of files that may be open at once to what the process may have.
///
/// # Errors
/// That is too little to work with.
pub fn raise_open_files() -> anyhow::Result<()> {
    let mut limit = limit(libc::RLIMIT_NOFILE)?;
    if limit.rlim_cur < limit.rlim_max {
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        // SAFETY: the call reads from `raised`, which lives.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
            limit = raised;
        }
    }
    ensure!(
        limit.rlim_cur >= LEAST,
        "the process may have {} files open at once, which is too few: raise the limit to {LEAST} or more (`ulimit -n`, \
         LimitNOFILE= in a systemd unit)",
        limit.rlim_cur
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_threads_are_named_and_none_is_left_behind() {
        let mut left = 12;
        let answer = start_threads(|| {
            left -= 1;
            (left >= 0).then(|| thread::spawn(thread::park))
        });
        let message = answer.unwrap_err().to_string();
        assert!(message.starts_with("the process can start 12 more threads, which is too few"), "{message}");
        check_threads().unwrap();
    }
}
