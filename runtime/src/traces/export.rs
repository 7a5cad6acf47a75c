//! The exporter of a pipeline: takes what workers have recorded, never makes them wait, and sends it to the collector
//! from a thread of its own.

mod collector;
mod queue;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prost::Message as _;

pub(super) use self::collector::Collector;
use self::collector::{Answer, clean};
use self::queue::{Next, Queue};
use super::otlp::Names;
use super::sample::Ids;
use super::span::BatchSpan;
use crate::counters::TraceCounters;
use crate::rt::{self, Receiver, Turn};

/// How often it is said that the collector does not take spans, while that lasts.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// Exporters that were closed and may still send: nothing comes of the receiver but that they have ended.
static CLOSING: Mutex<Vec<(Receiver<()>, Instant)>> = Mutex::new(Vec::new());

/// Waits until every exporter that was closed has ended, for each no longer than until its own deadline: for the end of
/// the process.
pub fn finish_exports() {
    let closing = std::mem::take(&mut *CLOSING.lock().unwrap_or_else(PoisonError::into_inner));
    for (over, deadline) in closing {
        // It has ended, or its time is over.
        let _ = over.recv_until(Some(deadline));
    }
}

/// How much is sent at once, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Spans that wait at the most; those beyond are shed.
    pub(super) most_waiting: usize,
    /// Spans of one request, where a single batch has no more.
    pub(super) request: usize,
    /// How long a span waits for others.
    pub(super) delay: Duration,
    /// The first and the longest wait before a request is tried again.
    pub(super) backoff: (Duration, Duration),
    /// How long a request is tried before it is given up.
    pub(super) patience: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            most_waiting: 4096,
            request: 512,
            delay: Duration::from_secs(1),
            backoff: (Duration::from_secs(1), Duration::from_secs(30)),
            patience: Duration::from_secs(300),
        }
    }
}

/// The way to an exporter.
pub(super) struct Exporter {
    queue: Arc<Queue>,
    over: Mutex<Option<Receiver<()>>>,
}

impl Exporter {
    /// Starts one. It has a thread while there is something to send.
    pub(super) fn start(
        collector: Collector,
        names: Names,
        pace: Pace,
        counters: Arc<TraceCounters>,
    ) -> anyhow::Result<Exporter> {
        let (ended, over) = rt::channel::<()>();
        let queue = Arc::new(Queue::new(pace, counters.clone()));
        let (pipeline, wakeup) = (collector.pipeline().clone(), queue.wakeup().clone());
        let mut sender = Sender {
            queue: queue.clone(),
            collector,
            names,
            pace,
            counters,
            ids: Ids::new(),
            sending: None,
            trouble: Trouble::default(),
        };
        let turn = move || {
            // Dropped with this loop.
            let _ended = &ended;
            sender.turn()
        };
        rt::spawn_on_demand(&format!("{pipeline}/traces"), wakeup, turn)?;
        Ok(Exporter { queue, over: Mutex::new(Some(over)) })
    }

    /// Takes a batch, or sheds it; never waits.
    pub(super) fn offer(&self, span: BatchSpan) {
        self.queue.offer(span);
    }

    /// Ends it: what waits is sent, each request tried once, until `deadline`.
    pub(super) fn close(&self, deadline: Instant) {
        let Some(over) = self.over.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.queue.close(deadline);
        let mut closing = CLOSING.lock().unwrap_or_else(PoisonError::into_inner);
        closing.retain(|(over, _)| !over.is_closed());
        closing.push((over, deadline));
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // Of a pipeline that did not come to its end in order: what waits is dropped.
        self.close(rt::now());
    }
}

/// A request under way.
struct Sending {
    body: Vec<u8>,
    spans: usize,
    begun: Instant,
    tries: u32,
    // When to try it next.
    due: Instant,
}

/// The loop that sends.
struct Sender {
    queue: Arc<Queue>,
    collector: Collector,
    names: Names,
    pace: Pace,
    counters: Arc<TraceCounters>,
    // For waits that differ from those of other processes.
    ids: Ids,
    sending: Option<Sending>,
    trouble: Trouble,
}

impl Sender {
    fn turn(&mut self) -> Turn<()> {
        let now = rt::now();
        let closing = self.queue.closing();
        if closing.is_some_and(|deadline| now >= deadline) {
            let left = self.queue.clear() + self.sending.take().map_or(0, |sending| sending.spans);
            self.drop_spans(left, now, "the pipeline has ended before it took them");
            return Turn::Ended(());
        }
        let shed = self.queue.take_shed();
        if shed > 0 {
            // They are counted.
            self.trouble.say(&self.collector, &self.counters, now, "more spans come than it takes");
        }
        let Some(mut sending) = self.sending.take() else { return self.next(now) };
        if closing.is_none() && now < sending.due {
            let due = sending.due;
            self.sending = Some(sending);
            return Turn::WaitUntil(due);
        }
        sending.tries += 1;
        let left = closing.map(|deadline| deadline - now);
        let answer = self.collector.post(&sending.body, left);
        let now = rt::now();
        match answer {
            Answer::Taken { rejected, why } => self.taken(&sending, rejected, &why, now),
            Answer::Refused(why) => self.drop_spans(sending.spans, now, &why),
            Answer::TryAgain { after, why } => {
                let given_up = sending.begun + self.pace.patience;
                if closing.is_some() || now >= given_up {
                    self.drop_spans(sending.spans, now, &why);
                } else {
                    self.trouble.say(&self.collector, &self.counters, now, &why);
                    let wait = after.unwrap_or_else(|| self.backoff(sending.tries));
                    sending.due = (now + wait.min(self.pace.patience)).min(given_up);
                    self.sending = Some(sending);
                }
            }
        }
        Turn::Again
    }

    /// Begins with the next request, where there is enough for one.
    fn next(&mut self, now: Instant) -> Turn<()> {
        match self.queue.next(now) {
            Next::Wait => Turn::Wait,
            Next::At(due) => Turn::WaitUntil(due),
            Next::Over => Turn::Ended(()),
            Next::Request(batches) => {
                let spans = batches.iter().map(BatchSpan::spans).sum();
                let body = self.names.request(&batches).encode_to_vec();
                self.sending = Some(Sending { body, spans, begun: now, tries: 0, due: now });
                Turn::Again
            }
        }
    }

    fn taken(&mut self, sending: &Sending, rejected: usize, why: &str, now: Instant) {
        let rejected = rejected.min(sending.spans);
        self.counters.exported.add((sending.spans - rejected) as u64);
        if rejected > 0 {
            self.drop_spans(
                rejected,
                now,
                &format!("it rejects {rejected} of {} spans: {}", sending.spans, clean(why)),
            );
        } else {
            self.trouble.is_over(&self.collector, &self.counters);
        }
    }

    fn drop_spans(&mut self, count: usize, now: Instant, why: &str) {
        self.counters.dropped.add(count as u64);
        if count > 0 {
            self.trouble.say(&self.collector, &self.counters, now, why);
        }
    }

    /// Doubles with each try, and differs by up to a fifth.
    fn backoff(&self, tries: u32) -> Duration {
        let (first, longest) = self.pace.backoff;
        let wait = first.saturating_mul(1 << (tries - 1).min(16)).min(longest);
        wait.mul_f64(0.8 + 0.4 * (self.ids.next() >> 11) as f64 / 2_f64.powi(53))
    }
}

/// What is said of a collector that does not take spans: at once, then once a minute, and when it does again.
#[derive(Default)]
struct Trouble {
    said: Option<Instant>,
    // It was said, and the collector has not taken any since.
    lasts: bool,
}

impl Trouble {
    fn say(&mut self, collector: &Collector, counters: &TraceCounters, now: Instant, why: &str) {
        if self.said.is_some_and(|said| now - said < SAID_AGAIN) {
            return;
        }
        (self.said, self.lasts) = (Some(now), true);
        tracing::warn!(
            target: "traces", pipeline = %collector.pipeline(), endpoint = collector.url(),
            dropped = counters.dropped.get(),
            "the collector does not take spans: {why}; records are not held up by that"
        );
    }

    fn is_over(&mut self, collector: &Collector, counters: &TraceCounters) {
        if std::mem::take(&mut self.lasts) {
            tracing::info!(
                target: "traces", pipeline = %collector.pipeline(), endpoint = collector.url(),
                dropped = counters.dropped.get(), "the collector takes spans"
            );
        }
    }
}
