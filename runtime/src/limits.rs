//! What the operating system lets the process have.

use std::io;

use anyhow::ensure;

/// File descriptors that any command may need: what the runtime, a log, an embedded broker and three clients take.
const LEAST: libc::rlim_t = 128;

/// Raises the number of files that may be open at once to what the process may have.
///
/// # Errors
/// That is too little to work with.
pub fn raise_open_files() -> anyhow::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes to `limit`, which lives.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
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
