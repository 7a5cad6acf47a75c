//! Those who look at a running program: readers of its events, and one that asks for its metrics each second.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

/// How many read the events.
pub const READERS: usize = 50;
/// How often the metrics are asked for.
const SCRAPE: Duration = Duration::from_secs(1);
/// How often it is looked at whether all is over.
const LOOK: Duration = Duration::from_millis(100);
/// How long the program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// They look until they are stopped.
pub struct Watchers {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

/// Returns an address of this machine that nobody listens at.
///
/// # Errors
/// There is none.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

impl Watchers {
    /// Begins to look at the program that listens at an address, or will soon.
    pub fn start(address: SocketAddr) -> Watchers {
        let is_over = Arc::new(AtomicBool::new(false));
        let readers = (0..READERS).map(|_| {
            let is_over = is_over.clone();
            thread::spawn(move || read_events(address, &is_over).context("a reader of the events"))
        });
        let mut threads: Vec<_> = readers.collect();
        let scraped = is_over.clone();
        threads.push(thread::spawn(move || scrape(address, &scraped).context("a scrape of the metrics")));
        Watchers { is_over, threads }
    }

    /// Has them end.
    ///
    /// # Errors
    /// One of them was refused, or has seen nothing.
    pub fn stop(self) -> Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow!("one who looked on panicked"))??;
        }
        Ok(())
    }
}

fn read_events(address: SocketAddr, is_over: &AtomicBool) -> Result<()> {
    let mut stream = ask(address, "/api/v1/events", "keep-alive")?;
    let (mut buffer, mut events, mut has_answer) = (vec![0; 64 << 10], 0, false);
    while !is_over.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let text = String::from_utf8_lossy(&buffer[..count]);
                ensure!(has_answer || text.starts_with("HTTP/1.1 200"), "the answer is {text}");
                has_answer = true;
                events += text.matches("data:").count();
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(events > 0, "there was no event");
    Ok(())
}

fn scrape(address: SocketAddr, is_over: &AtomicBool) -> Result<()> {
    let mut due = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        if Instant::now() < due {
            thread::sleep(LOOK);
            continue;
        }
        due += SCRAPE;
        let mut stream = ask(address, "/metrics", "close")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        ensure!(text.starts_with("HTTP/1.1 200"), "the answer is {text}");
    }
    Ok(())
}

fn ask(address: SocketAddr, path: &str, connection: &str) -> Result<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > deadline => return Err(error).context("nobody listens"),
            Err(_) => thread::sleep(LOOK),
        }
    };
    stream.set_read_timeout(Some(LOOK))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n\r\n")?;
    Ok(stream)
}
