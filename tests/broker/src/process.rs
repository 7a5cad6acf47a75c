//! A child process that dies with this one, whichever way this one ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a wait looks again.
pub(crate) const POLL: Duration = Duration::from_millis(25);

/// A running process; dropping it kills and reaps it.
pub(crate) struct Process {
    child: Child,
    /// Set where the process is a `docker run`: signals then go to the container of this name.
    container: Option<String>,
}

impl Process {
    /// Starts `command` in a process group of its own, so that a Ctrl-C in the terminal reaches the test alone and
    /// the test decides what becomes of its brokers.
    pub(crate) fn start(mut command: Command, container: Option<String>) -> Result<Self> {
        command.process_group(0);
        // The docker client passes SIGTERM on to its container, but SIGKILL would leave the container running.
        let on_parent_death = if container.is_some() { libc::SIGTERM } else { libc::SIGKILL };
        let program = command.get_program().to_owned();
        let child = spawn(command, on_parent_death).with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, container })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends one of the `libc::SIG*` signals.
    pub(crate) fn signal(&self, signal: i32) -> Result<()> {
        match &self.container {
            Some(name) => {
                let sent = Command::new("docker").args(["kill", "--signal", &signal.to_string(), name]).output();
                let sent = sent.context("cannot run docker")?;
                if !sent.status.success() {
                    bail!("docker kill --signal {signal} {name}: {}", String::from_utf8_lossy(&sent.stderr).trim());
                }
            }
            None => {
                let pid = i32::try_from(self.child.id()).context("process id out of range")?;
                // SAFETY: kill() touches no memory; the id is that of a child not yet reaped, so nobody else has it.
                if unsafe { libc::kill(pid, signal) } != 0 {
                    let error = io::Error::last_os_error();
                    return Err(error).with_context(|| format!("cannot send signal {signal} to process {pid}"));
                }
            }
        }
        Ok(())
    }

    /// The exit status, if the process has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot wait for a broker process")
    }

    /// Waits for the process to end; an error after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("process {} has not ended within {} s", self.id(), limit.as_secs());
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A container that has not started yet cannot be signalled; then its client ends before it starts.
            // Errors are ignored: the usual one is that the process has just ended. The wait reaps it either way.
            if self.signal(libc::SIGKILL).is_err() {
                let _ = self.child.kill();
            }
            let _ = self.child.wait();
        }
    }
}

/// A command to start, the signal it gets when this process dies, and where the answer goes.
type Job = (Command, i32, Sender<io::Result<Child>>);

/// Starts `command` from a thread that lives as long as this process. The kernel sends the parent-death signal when
/// the spawning THREAD ends; a broker shared by several tests would otherwise die with the test that came first.
fn spawn(command: Command, on_parent_death: i32) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = channel::<Job>();
        thread::spawn(move || {
            for (command, signal, answer) in inbox {
                // Whoever asked waits for the answer, so that the send cannot fail.
                let _ = answer.send(spawn_here(command, signal));
            }
        });
        Mutex::new(jobs)
    });
    let (answer, child) = channel();
    let gone = || io::Error::other("the thread that starts processes has ended");
    spawner
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, on_parent_death, answer))
        .map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// Starts `command` bound to the life of the calling thread.
#[cfg(target_os = "linux")]
fn spawn_here(mut command: Command, on_parent_death: i32) -> io::Result<Child> {
    let parent = std::process::id();
    let bind = move || {
        // SAFETY: prctl(PR_SET_PDEATHSIG) and getppid() take and return plain integers.
        let (bound, now) = unsafe { (libc::prctl(libc::PR_SET_PDEATHSIG, on_parent_death), libc::getppid()) };
        if bound != 0 {
            return Err(io::Error::last_os_error());
        }
        // The parent may have died before the signal was set.
        if u32::try_from(now) != Ok(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two async-signal-safe system calls and allocates nothing.
    unsafe { command.pre_exec(bind) };
    command.spawn()
}

/// Elsewhere a broker is bound to its `Drop` alone.
#[cfg(not(target_os = "linux"))]
fn spawn_here(mut command: Command, _on_parent_death: i32) -> io::Result<Child> {
    command.spawn()
}
