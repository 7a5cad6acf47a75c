//! A program under measurement: a child process, watched from the outside until its work is done.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::cluster::Cluster;
use crate::usage::{self, Usage};

/// How often the topics are looked at: often enough to time seconds, seldom enough to be no load.
const LOOK: Duration = Duration::from_millis(25);
/// How long a program may stand still before it is given up.
const STANDSTILL: Duration = Duration::from_secs(60);

/// A running program; dropping it kills it.
pub struct Program {
    child: Child,
    log: PathBuf,
    /// The most memory that it was seen to have.
    peak: u64,
    ended: Option<(ExitStatus, Usage)>,
}

/// What it is to bring about.
pub struct Goal<'a> {
    /// The brokers.
    pub cluster: &'a Cluster,
    /// What it reads.
    pub input: &'a str,
    /// In which group.
    pub group: &'a str,
    /// What it writes.
    pub output: &'a str,
    /// Where it writes what it cannot work on, if it does.
    pub dead_letters: Option<&'a str>,
    /// How many records of the input.
    pub records: u64,
    /// How many it writes.
    pub written: u64,
    /// Whether it writes in transactions, whose markers are no records: then what is committed counts.
    pub transactions: bool,
}

impl Goal<'_> {
    /// How many records are written; with transactions their markers too.
    fn filled(&self) -> Result<u64> {
        let dead_letters = self.dead_letters.map(|topic| self.cluster.filled(topic)).transpose()?;
        Ok(self.cluster.filled(self.output)? + dead_letters.unwrap_or_default())
    }

    fn reached(&self, filled: u64) -> Result<bool> {
        match self.transactions {
            true if filled < self.written => Ok(false),
            true => Ok(self.cluster.committed(self.group, self.input)? == self.records),
            false => Ok(filled == self.written),
        }
    }
}

impl Program {
    /// Starts it; what it says goes to the file `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command, log: &Path) -> Result<Program> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let name = command.get_program().to_owned();
        let child = command.spawn().with_context(|| format!("cannot run {}", name.display()))?;
        Ok(Program { child, log: log.to_owned(), peak: 0, ended: None })
    }

    /// Waits until all that is to be written is there; with transactions, until they are committed. Answers how many
    /// records of the input that are a second, from the first look that finds something written.
    ///
    /// # Errors
    /// It has ended too early, stands still, or writes more than it should.
    pub fn wait_for_output(&mut self, goal: &Goal<'_>) -> Result<f64> {
        let mut first = None;
        let mut last = (0, Instant::now());
        loop {
            let (ended, filled, now) = (self.has_ended()?, goal.filled()?, Instant::now());
            ensure!(
                goal.transactions || filled <= goal.written,
                "{filled} records came out in place of {}: {}",
                goal.written,
                self.tail()
            );
            if filled > last.0 {
                last = (filled, now);
            }
            if filled > 0 && first.is_none() {
                first = Some((filled, now));
            }
            if let Some((before, since)) = first
                && goal.reached(filled)?
            {
                let part = 1.0 - before as f64 / goal.written as f64;
                return Ok(part * goal.records as f64 / now.duration_since(since).as_secs_f64());
            }
            if ended || now.duration_since(last.1) > STANDSTILL {
                bail!("{filled} of {} records came out; the program says:\n{}", goal.written, self.tail());
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits until all records are committed.
    ///
    /// # Errors
    /// It stands still.
    pub fn wait_for_commit(&self, goal: &Goal<'_>) -> Result<()> {
        let deadline = Instant::now() + STANDSTILL;
        loop {
            let committed = goal.cluster.committed(goal.group, goal.input)?;
            if committed == goal.records {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{committed} of {} records are committed; the program says:\n{}", goal.records, self.tail());
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits until it has written a file.
    ///
    /// # Errors
    /// It has ended before, or stands still.
    pub fn wait_for_file(&mut self, file: &Path) -> Result<()> {
        let deadline = Instant::now() + STANDSTILL;
        while !file.exists() {
            self.ensure_runs()?;
            ensure!(Instant::now() < deadline, "no {} appears; the program says:\n{}", file.display(), self.tail());
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// An error where it has ended.
    ///
    /// # Errors
    /// It has.
    pub fn ensure_runs(&mut self) -> Result<()> {
        ensure!(!self.has_ended()?, "the program has ended; it says:\n{}", self.tail());
        Ok(())
    }

    /// The number that the system has given it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// The system's.
    pub fn stop(&mut self) -> Result<()> {
        if self.has_ended()? {
            return Ok(());
        }
        let id = libc::pid_t::try_from(self.child.id()).context("a process id out of range")?;
        // SAFETY: touches no memory; the id is that of a child not yet waited for.
        let sent = unsafe { libc::kill(id, libc::SIGTERM) };
        ensure!(sent == 0, "SIGTERM: {}", std::io::Error::last_os_error());
        Ok(())
    }

    /// The most memory that it was seen to have, in bytes.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Waits for its end, and answers what it used.
    ///
    /// # Errors
    /// It does not end, or fails.
    pub fn wait(mut self) -> Result<Usage> {
        let deadline = Instant::now() + STANDSTILL;
        while !self.has_ended()? {
            ensure!(Instant::now() < deadline, "the program does not end; it says:\n{}", self.tail());
            thread::sleep(LOOK);
        }
        let (status, usage) = self.ended.context("it has ended")?;
        ensure!(status.success(), "the program failed ({status}); it says:\n{}", self.tail());
        Ok(usage)
    }

    fn has_ended(&mut self) -> Result<bool> {
        if self.ended.is_none() {
            self.peak = usage::memory(self.id()).map_or(self.peak, |memory| memory.peak);
            let reaped = usage::reap(&self.child).context("waiting for a program")?;
            self.ended = reaped.map(|(status, usage)| (ExitStatus::from_raw(status), usage));
        }
        Ok(self.ended.is_some())
    }

    /// The end of what it says.
    fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // It may have ended by itself just now.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
