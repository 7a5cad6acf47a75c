//! One broker: a Java process with its folder, its ports and its log.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::java::{Java, Machine};
use crate::metadata;
use crate::process::{POLL, Process};
use crate::properties::{Ports, Proxied};

/// Kafka is up within seconds; a machine that builds at the same time may be much slower.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A clean stop moves leaders away first.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Of a broker's log, what an error shows.
const TAIL_LINES: usize = 40;

/// One broker of a [`Cluster`](crate::Cluster). All of it may be called from any thread.
pub struct Broker {
    id: i32,
    ports: Ports,
    java: Java,
    machine: Machine,
    /// The cluster's; the broker's own is `broker-ID` in it.
    folder: PathBuf,
    process: Mutex<Option<Process>>,
}

impl Broker {
    /// A broker that does not run yet; `folder` is the cluster's, with `broker-ID/server.properties` in it.
    pub(crate) fn new(id: i32, ports: Ports, java: Java, machine: Machine, folder: PathBuf) -> Self {
        Self { id, ports, java, machine, folder, process: Mutex::new(None) }
    }

    /// The broker's id, from 1.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// `127.0.0.1:PORT` of the plaintext listener.
    pub fn address(&self) -> String {
        self.socket().to_string()
    }

    /// Of the listener for clients behind a proxy, where the cluster has one: the address that it tells clients to
    /// connect to, where a proxy is to listen, and the address that the proxy is to connect to.
    pub fn proxied(&self) -> Option<(SocketAddr, SocketAddr)> {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.ports.proxied.map(|Proxied { front, behind }| (local(front), local(behind)))
    }

    /// The file with all that the broker has written; starts add to it.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join(format!("broker-{}/broker.log", self.id))
    }

    /// The id of the broker's process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Process::id)
    }

    /// Ends the broker at once, as a crash or a power cut would (SIGKILL). It keeps its folder and its ports.
    pub fn kill(&self) -> Result<()> {
        // Dropping a process kills and reaps it.
        drop(self.take_process()?);
        Ok(())
    }

    /// Stops the broker in good order (SIGTERM) and waits for its end. A broker that has not ended after a minute, a
    /// paused one for example, is killed, and that is an error.
    pub fn stop(&self) -> Result<()> {
        let mut process = self.take_process()?;
        process.signal(libc::SIGTERM)?;
        process.wait(STOP_LIMIT).with_context(|| self.describe("does not stop"))?;
        Ok(())
    }

    /// Starts the broker again after [`kill`](Self::kill) or [`stop`](Self::stop), with the same ports and data, and
    /// waits until it answers.
    pub fn restart(&self) -> Result<()> {
        if self.pid().is_some() {
            bail!("broker {} is running; kill or stop it before a restart", self.id);
        }
        self.launch()?;
        self.wait_ready(1)
    }

    /// Freezes the broker (SIGSTOP): its connections stay open and nothing answers.
    pub fn pause(&self) -> Result<()> {
        self.signal(libc::SIGSTOP)
    }

    /// Lets a paused broker go on (SIGCONT).
    pub fn resume(&self) -> Result<()> {
        self.signal(libc::SIGCONT)
    }

    /// Starts the process; it is not ready when this returns.
    pub(crate) fn launch(&self) -> Result<()> {
        let mut launch = self.java.kafka(&self.folder, self.machine.options(), "kafka.Kafka");
        let log = self.open_log()?;
        let also = log.try_clone().context("cannot share the broker's log file")?;
        launch.command.arg(format!("broker-{}/server.properties", self.id)).stdout(log).stderr(also);
        *self.process() = Some(Process::start(launch.command, launch.container)?);
        Ok(())
    }

    /// Waits until the broker answers and knows itself and at least `brokers` brokers to be alive.
    pub(crate) fn wait_ready(&self, brokers: usize) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let last = match metadata::live_brokers(self.socket()) {
                Ok(ids) if ids.len() >= brokers && ids.contains(&self.id) => return Ok(()),
                Ok(ids) => format!("it knows of brokers {ids:?}"),
                Err(error) => error.to_string(),
            };
            if let Some(status) = self.process().as_mut().with_context(|| self.not_running())?.ended()? {
                bail!(self.describe(&format!("ended at its start ({status})")));
            }
            if Instant::now() >= deadline {
                bail!(self.describe(&format!("is not ready after {} s ({last})", START_LIMIT.as_secs())));
            }
            thread::sleep(POLL);
        }
    }

    fn signal(&self, signal: i32) -> Result<()> {
        self.process().as_ref().with_context(|| self.not_running())?.signal(signal)
    }

    fn take_process(&self) -> Result<Process> {
        self.process().take().with_context(|| self.not_running())
    }

    fn not_running(&self) -> String {
        format!("broker {} is not running", self.id)
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn socket(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.plain).into()
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log_file();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))
    }

    /// An error about this broker, with the end of its log.
    fn describe(&self, what: &str) -> String {
        let path = self.log_file();
        format!("broker {} {what}; the end of {}:\n{}", self.id, path.display(), tail(&path))
    }
}

fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
