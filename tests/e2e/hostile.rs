//! Clients of the admin endpoint that mean no good, all at once: they are refused or bounded, and the pipeline does not
//! notice.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, Pipeline, Sluice, wait_for};

use crate::metrics::{address, ask_with};
use crate::{records, stop};

const TOKEN: &str = "a-token-of-this-test";
const CONNECTIONS: usize = 1_000;
/// Bytes of a body that is far too large.
const BODY: usize = 10 << 20;
/// How much memory all of it may take for a while.
const MEMORY: u64 = 64 << 20;

struct Target {
    sluice: Sluice,
    address: String,
    pipeline: Pipeline,
    kafka: Kafka,
    _folder: Folder,
}

impl Target {
    fn start(test: &str) -> Target {
        let (kafka, folder) = (Kafka::shared(), Folder::new());
        let pipeline = Pipeline::with_topics(&kafka, test, 2);
        let (file, token) = (pipeline.write(&folder), folder.write("token", TOKEN));
        let mut sluice = Sluice::run_with(&[&file], |command| {
            command.args(["--admin", "127.0.0.1:0", "--admin-token-file"]).arg(token);
        });
        let address = address(&mut sluice);
        sluice.wait_until_ready();
        Target { sluice, address, pipeline, kafka, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Delivers records, and waits until that is done.
    fn deliver(&mut self, first: usize) {
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, &records(first, 5_000, |n| n.to_string()));
        self.sluice.wait_until_caught_up(&Group::new(&self.kafka, &self.pipeline.name), &self.pipeline.input);
    }
}

#[test]
fn a_thousand_slow_connections_and_large_bodies_are_bounded_and_the_pipeline_goes_on() {
    let mut target = Target::start("hostile");
    target.deliver(0);
    let before = target.sluice.peak_memory();
    let body = vec![b'x'; BODY];
    for _ in 0..5 {
        let mut stream = target.connect();
        let head = format!(
            "PUT /api/v1/log-level HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {BODY}\r\n\r\n",
            target.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        // It is refused before it has all come, and closed.
        let _ = stream.write_all(&body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    }
    // Each begins a request, and never ends it. Those that are too many are closed at once.
    let held: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = target.connect();
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: loc");
            stream
        })
        .collect();
    target.deliver(5_000);
    let took = target.sluice.peak_memory() - before;
    assert!(took < MEMORY, "{took} bytes");
    // The others do not get to keep their place.
    wait_for("the endpoint to answer again", LIMIT, || {
        let mut stream = TcpStream::connect(&target.address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).map_err(|error| error.to_string())?;
        let request = format!("GET /livez HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", target.address);
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(String::from_utf8_lossy(&answer).into_owned()) }
    });
    drop(held);
    stop(&mut target.sluice);
}

#[test]
fn whoever_reads_nothing_gets_no_more_than_its_buffers_hold() {
    let mut target = Target::start("unread");
    let before = target.sluice.peak_memory();
    let metrics = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", target.address);
    let events =
        format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", target.address);
    let unread: Vec<TcpStream> = (0..40)
        .map(|number| {
            let mut stream = target.connect();
            stream.set_nonblocking(true).unwrap();
            // As many requests one behind the other as the server takes before it waits for its answers to be read.
            let request = if number % 2 == 0 { metrics.repeat(1_000) } else { events.clone() };
            let _ = stream.write_all(request.as_bytes());
            stream
        })
        .collect();
    target.deliver(0);
    assert_eq!(ask_with(&target.address, "GET", "/livez", "").0, 200);
    let took = target.sluice.peak_memory() - before;
    assert!(took < 2 * MEMORY, "{took} bytes");
    drop(unread);
    stop(&mut target.sluice);
}
