//! A collector for tests, and tracers that send to it at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prost::Message as _;

use super::Tracer;
use super::export::{Collector, Exporter, Pace, finish_exports};
use super::otlp::Names;
use super::otlp::message::Request;
pub(crate) use super::otlp::message::{KeyValue, Span, Value};
use super::sample::{Ids, Share};
use crate::config::{PlanOptions, load_text};
use crate::counters::TraceCounters;
use crate::rt;

/// Far more than anything takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// One answer of a collector: status, headers, body.
pub(crate) type Reply = (u16, &'static str, Vec<u8>);

/// A request: its head, and its body.
pub(crate) type Kept = (String, Vec<u8>);

/// A collector that gives one answer after the other, the last one for ever, and keeps what it was sent.
pub(crate) struct TestCollector {
    pub(crate) url: String,
    pub(crate) requests: Arc<Mutex<Vec<Kept>>>,
}

impl TestCollector {
    pub(crate) fn start(replies: Vec<Option<Reply>>) -> TestCollector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Kept>>> = Arc::default();
        let kept = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read(&mut stream);
                let number = kept.lock().unwrap().len();
                kept.lock().unwrap().push(request);
                if let Some((status, headers, body)) = &replies[number.min(replies.len() - 1)] {
                    let length = body.len();
                    let head = format!(
                        "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
                    );
                    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
                }
            }
        });
        TestCollector { url, requests }
    }

    pub(crate) fn well() -> TestCollector {
        TestCollector::start(vec![Some((200, "", Vec::new()))])
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let decoded = requests.iter().map(|(_, body)| Request::decode(&body[..]).unwrap());
        let resources = decoded.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

fn read(stream: &mut TcpStream) -> Kept {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// A tracer that sends at once, and tries again soon.
pub(in crate::traces) fn tracer(url: &str, more: &str, pace: Pace) -> (Arc<Tracer>, Arc<TraceCounters>) {
    let text = format!(
        "name: p\nkafka: {{ bootstrap.servers: nowhere:1 }}\ninstance: i\ninput: {{ topics: [in], group: g }}\n\
         stages: []\noutputs: {{ default: {{ topic: out }} }}\ntraces: {{ endpoint: \"{url}\", {more} }}\n"
    );
    let plan = load_text("p.yaml".as_ref(), &text, &|_| None, &PlanOptions::default()).unwrap().0;
    let traces = plan.traces.as_ref().unwrap();
    let (counters, collector) = (Arc::<TraceCounters>::default(), Collector::new(&plan.name, traces).unwrap());
    let exporter = Exporter::start(collector, Names::of(&plan, traces), pace, counters.clone()).unwrap();
    let (share, ids) = (Share::new(traces.sample), Ids::new());
    (Arc::new(Tracer { share, propagates: traces.propagate, ids, exporter }), counters)
}

pub(in crate::traces) fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace { delay: Duration::ZERO, backoff: (ms(1), ms(5)), patience: LIMIT, ..Pace::default() }
}

pub(crate) fn close(tracer: &Tracer) {
    close_within(tracer, LIMIT);
}

/// Waits for its exporter, and for no one else to do so: it is waited for once in the process.
pub(crate) fn close_within(tracer: &Tracer, limit: Duration) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    tracer.close(rt::now() + limit);
    finish_exports();
}

pub(crate) fn attribute(attributes: &[KeyValue], name: &str) -> Option<Value> {
    attributes.iter().find(|own| own.key == name)?.value.clone()?.value
}

/// A tracer that sends at once, with these keys of `traces` beside the collector's address.
pub(crate) fn quick_tracer(collector: &TestCollector, more: &str) -> Arc<Tracer> {
    tracer(&collector.url, more, quick()).0
}
