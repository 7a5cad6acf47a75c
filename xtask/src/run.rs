//! Running other programs, and what becomes of them when this one is told to stop.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The signal that has come and has not been passed on yet; 0: none.
static PENDING: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The process groups of the programs that run: a signal goes to all of them.
static GROUPS: Mutex<Vec<libc::pid_t>> = Mutex::new(Vec::new());

const POLL: Duration = Duration::from_millis(20);

/// From here on SIGINT, SIGTERM and SIGHUP end the program that runs, and then this one in good order: a broker is
/// stopped and temporary folders are removed.
pub fn watch_signals() -> Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let number = usize::try_from(signal)?;
        signal_hook::flag::register_usize(signal, PENDING.clone(), number).context("cannot watch for signals")?;
    }
    Ok(())
}

/// Whether one of these signals has come.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed) || PENDING.load(Ordering::Relaxed) != 0
}

/// Says in one line what is there or has been done.
pub fn say(what: &str, text: &str) {
    eprintln!("{what:>10}  {text}");
}

/// Runs a command with this program's own output; an error where it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let mut child = spawn(command)?;
    let status = wait(&mut child, None)?;
    succeeded(command, status)
}

/// Like [`run`], with all that it writes in a file, so that it can run beside another.
pub fn run_into(command: &mut Command, file: &Path) -> Result<()> {
    let output = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    run(command.stdout(output.try_clone()?).stderr(output))
}

/// Like [`run`], but kills the command and fails after `limit`.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = spawn(command)?;
    let status = wait(&mut child, Some(limit)).with_context(|| line(command))?;
    succeeded(command, status)
}

/// Runs a command and returns its standard output; an error with all that it wrote where it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", line(command)))?;
    if !output.status.success() {
        let (errors, answer) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        bail!("{} failed ({}): {}{}", line(command), output.status, errors, answer);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} did not answer in UTF-8", line(command)))
}

/// Whether a command can be run and succeeds; what it writes is lost.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// An error that names the command, unless it succeeded.
fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// A command as one would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Starts a command in a process group of its own, so that a signal reaches all that it has started in turn: a
/// test of `cargo test` as well as cargo.
fn spawn(command: &mut Command) -> Result<Child> {
    if interrupted() {
        bail!("interrupted");
    }
    let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    let child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", line(command)))?;
    groups.push(libc::pid_t::try_from(child.id()).context("process id out of range")?);
    Ok(child)
}

/// Waits for the end of a child and passes on what signals come meanwhile, to all that run. By polling, and with the
/// list of them locked: so a signal can only go to a child that has not been waited for, and never to a stranger with
/// its process id.
fn wait(child: &mut Child, limit: Option<Duration>) -> Result<ExitStatus> {
    let started = Instant::now();
    let group = libc::pid_t::try_from(child.id()).context("process id out of range")?;
    loop {
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = child.try_wait().context("cannot wait for a process")? {
            groups.retain(|other| *other != group);
            return Ok(status);
        }
        match PENDING.swap(0, Ordering::Relaxed) {
            0 => {}
            signal => {
                INTERRUPTED.store(true, Ordering::Relaxed);
                let signal = i32::try_from(signal)?;
                groups.iter().for_each(|group| signal_group(*group, signal));
            }
        }
        if limit.is_some_and(|limit| started.elapsed() >= limit) {
            signal_group(group, libc::SIGKILL);
            child.wait().context("cannot wait for a process")?;
            groups.retain(|other| *other != group);
            bail!("not done within {} s", started.elapsed().as_secs());
        }
        drop(groups);
        thread::sleep(POLL);
    }
}

fn signal_group(leader: libc::pid_t, signal: i32) {
    // SAFETY: kill() touches no memory. An error means that the group has just ended, which is what is wanted.
    unsafe { libc::kill(-leader, signal) };
}
