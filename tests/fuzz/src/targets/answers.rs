//! Whole answers of plugins through a worker: what they become in the chain, with retries, bisection and dead letters.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use sluicebox::batch::{Arena, Batch, Field, HeaderList, NO_TIMESTAMP, Offset, Partition, Record, Source};
use sluicebox::config::plan::{Hold, Limits, OnError, Then};
use sluicebox::config::{PlanOptions, load_text};
use sluicebox::counters::{PlanCounters, SpanTally};
use sluicebox::kafka::{TopicLimits, TopicPartition};
use sluicebox::lease::Lease;
use sluicebox::plugin::{Answer, CallError, Counters, Fields, PluginInstance, StageSetup, StartError, Verdict, unpack};
use sluicebox::rt::{self, Receiver, Turn, Wakeup};
use sluicebox::sink::dead_letter::DeadLetterOrigin;
use sluicebox::sink::event::{SinkEvent, SinkEvents};
use sluicebox::sink::receipt::Span;
use sluicebox::sink::{Known, Sink};
use sluicebox::source::Event;
use sluicebox::stage::Stage;
use sluicebox::stage::timeouts::StageTimeouts;
use sluicebox::worker::event::{WorkerEvent, WorkerEvents};
use sluicebox::worker::retry_budget::{RetryBudget, Waiting};
use sluicebox::worker::{Job, PipelineContext, Worker, WorkerMessage};

use super::packed::Parts;
use crate::producer::{Topics, Written};
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "answers",
    about: "whole answers of plugins through a worker",
    // What a stage adds to a batch is bounded by its memory limit; what waits for a retry is copied, within a bound.
    memory: Memory { fixed: 32 << 20, per_byte: 64 },
    open: || Box::new(Answers::new()),
};

/// The plugins' memory limit.
const LIMIT: usize = 1 << 20;
/// Bytes that large answers share.
const SHARED: usize = 512 << 10;
/// An input: five bytes of setting, then so many for each call.
const SETTING: usize = 5;
const CALL: usize = 9;
/// More turns than any input needs.
const TURNS: usize = 100_000;
const PIPELINE: &str = "name: p\nkafka: { bootstrap.servers: nowhere:1 }\ninput: { topics: [in] }\n\
                        outputs: { default: { topic: out }, audit: { topic: audit } }\ndlq: { topic: dlq }\n";

struct Answers {
    topics: Topics,
    context: Arc<PipelineContext>,
    events: Receiver<Event>,
}

/// What the plugins do in each call that is still to come; afterwards they keep everything.
type Script = Arc<Mutex<Vec<(u8, u64)>>>;

/// A plugin instance that does as an input says.
struct Scripted {
    script: Script,
    outputs: Vec<Arc<str>>,
    counters: Counters,
}

impl Scripted {
    fn next(&self) -> Option<(u8, u64)> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

impl PluginInstance for Scripted {
    fn process(
        &mut self,
        arena: &mut Arena,
        _sources: &[Source],
        records: &[Record],
        answer: &mut Answer,
    ) -> Result<(), CallError> {
        answer.clear();
        let Some((what, seed)) = self.next() else {
            answer.verdicts.resize(records.len(), Verdict::Keep);
            return Ok(());
        };
        let mut rng = Rng::with_seed(seed);
        match what {
            0..8 => return Err(CallError::Trap("unreachable".to_owned())),
            8..16 => return Err(CallError::Time),
            16..24 => return Err(CallError::Memory),
            24..40 => return Err(CallError::Retry("not yet".to_owned())),
            40..44 => return Err(CallError::Fatal("no more".to_owned())),
            _ => {}
        }
        let mut parts = Parts::whole_for(&mut rng, records.len() as u32);
        if what < 48 {
            parts.share(&mut rng, SHARED);
        }
        for _ in 0..usize::from(what >= 216) {
            parts.damage(&mut rng);
        }
        let len = arena.len();
        unpack(parts.result(), records.len(), &self.outputs, arena, answer).map_err(|reason| {
            assert_eq!(arena.len(), len, "nothing is left of an answer that is refused");
            answer.clear();
            CallError::Answer(reason)
        })
    }

    fn restart(&mut self) -> Result<(), StartError> {
        Ok(())
    }

    fn needs(&self) -> Fields {
        Fields::ALL
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn memory(&self) -> usize {
        0
    }
}

/// What an input says of the pipeline.
struct Setting {
    records: usize,
    partitions: usize,
    stages: usize,
    on_error: OnError,
}

impl Setting {
    fn of(input: &[u8]) -> Setting {
        let byte = |at: usize, most: u8| usize::from(input.get(at).copied().unwrap_or_default() % most);
        let retries = byte(3, 4) as u32;
        let hold = if byte(4, 2) == 0 { Hold::Partition } else { Hold::Key };
        let (backoff, max_backoff) = (Duration::ZERO, Duration::ZERO);
        Setting {
            records: 1 + byte(0, 24),
            partitions: 1 + byte(1, 4),
            stages: 1 + byte(2, 3),
            on_error: OnError { retries, backoff, max_backoff, hold, then: Then::Dlq },
        }
    }
}

impl Target for Answers {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let calls = if rng.u8(0..16) == 0 { rng.usize(0..200) } else { rng.usize(0..12) };
        input.extend((0..SETTING + calls * CALL).map(|_| rng.u8(..)));
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let setting = Setting::of(input);
        let calls = input.get(SETTING..).unwrap_or_default().chunks_exact(CALL);
        let word = |call: &[u8]| call[1..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let script: Script = Arc::new(Mutex::new(calls.map(|call| (call[0], word(call))).rev().collect()));
        let stages = (0..setting.stages).map(|number| self.stage(number, &script, setting.on_error)).collect();
        let (sender, receiver) = rt::channel();
        let (job, spans) = job(&setting);
        // The receiver lives.
        let _ = sender.send(WorkerMessage::job(job, &self.context.sink_events));
        let mut worker = Worker::new(0, stages, self.context.clone());
        let is_over = (0..TURNS).any(|_| matches!(worker.turn(&receiver), Turn::Wait));
        assert!(is_over, "it works for ever");
        let waiting = self.context.retry_budget.waiting();
        assert_eq!(waiting, Waiting::default(), "nothing waits any more");
        drop(worker);
        self.holds(&setting, &spans)
    }
}

impl Answers {
    fn new() -> Answers {
        let (plan, _) = load_text("p.yaml".as_ref(), PIPELINE, &|_| None, &PlanOptions::default())
            .unwrap_or_else(|errors| panic!("{errors}"));
        let (sender, events) = rt::channel();
        let sink_events = SinkEvents::new::<Event>(sender.clone(), Wakeup::default());
        let topics = Topics::default();
        let known = |name: &str| Some(Known { name: name.to_owned(), limits: TopicLimits::default() });
        let names = ["one", "two", "three"];
        let stages = names.map(|name| (name.to_owned(), "plugin".to_owned(), "sha256:0".to_owned())).to_vec();
        let origin = DeadLetterOrigin { pipeline: "p".to_owned(), stages, connect_headers: false };
        let (outputs, cut_off) = (vec![known("out"), known("audit")], Arc::<AtomicBool>::default());
        let clients = Arc::new(topics.clone());
        let sink = Sink::new(clients, &plan, outputs, known("dlq"), origin, cut_off.clone(), sink_events.clone());
        let (stages, outputs) = (names.map(Arc::from), ["default", "audit"].map(Arc::from));
        let context = PipelineContext {
            pipeline: "fuzz".into(),
            sink: Arc::new(sink.expect("a producer of the test")),
            breakers: Vec::new(),
            timeouts: StageTimeouts::default(),
            view: Arc::default(),
            counters: PlanCounters::new(Arc::default(), stages.iter(), outputs.iter()),
            retry_budget: Arc::new(RetryBudget::default()),
            formats: None,
            stages: names.len(),
            default_output: 0,
            cut_off,
            events: WorkerEvents::new::<Event>(sender, Wakeup::default()),
            sink_events,
            tripped: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            goes_back_after: None,
            tracer: None,
            outcomes: None,
            keeps_completed: false,
        };
        Answers { topics, context: Arc::new(context), events }
    }

    fn stage(&self, number: usize, script: &Script, on_error: OnError) -> Stage {
        let setup = StageSetup {
            pipeline: "p".into(),
            stage: ["one", "two", "three"][number].into(),
            config: "null".to_owned(),
            outputs: vec!["default".into(), "audit".into()],
            limits: Limits { time: Duration::from_secs(1), memory: LIMIT },
            env: Vec::new(),
            show: Default::default(),
        };
        let (outputs, counters) = (setup.outputs.clone(), Counters::default());
        Stage::new(Box::new(Scripted { script: script.clone(), outputs, counters }), &setup, on_error)
    }

    /// Whatever plugins answered: each partition is delivered once and every input is accounted for, or, where a plugin
    /// asked for the pipeline to stop, given up once.
    fn holds(&self, setting: &Setting, spans: &[Span]) -> Seen {
        let mut ended: BTreeMap<Partition, Option<SpanTally>> = BTreeMap::new();
        let mut has_failed = false;
        for event in self.events.drain() {
            let (partition, tally) = match event {
                Event::Sink(SinkEvent::Delivered(delivered)) => {
                    let (span, tally) = delivered.into_parts();
                    (span.lease.at.partition, Some(tally))
                }
                // Parts of a span may be given up each by itself.
                Event::Sink(SinkEvent::Abandoned { span, .. }) => (span.lease.at.partition, None),
                Event::Worker(WorkerEvent::Failed(error)) => {
                    assert!(error.to_string().contains("no more"), "{error}");
                    has_failed = true;
                    continue;
                }
                _ => continue,
            };
            let before = ended.insert(partition, tally);
            assert!(!matches!(before, Some(Some(_))), "a partition is delivered once");
        }
        assert_eq!(ended.len(), spans.len(), "every partition has an end");
        assert!(has_failed || ended.values().all(Option::is_some), "nothing is given up without a reason");
        let written = std::mem::take(&mut *self.topics.written());
        let (letters, outputs): (Vec<&Written>, Vec<&Written>) = written.iter().partition(|one| one.topic == "dlq");
        letters.iter().for_each(|letter| letter_holds(letter));
        if has_failed {
            return Seen::Refused;
        }
        let tallies: Vec<&SpanTally> = ended.values().flatten().collect();
        let sum = |count: &dyn Fn(&SpanTally) -> u64| tallies.iter().map(|tally| count(tally)).sum::<u64>();
        assert_eq!(sum(&SpanTally::inputs), setting.records as u64, "{tallies:?}");
        let counted = sum(&|tally| tally.outputs.iter().map(|output| output.records).sum());
        assert_eq!(counted, outputs.len() as u64);
        assert_eq!(sum(&|tally| tally.dead_letters.iter().map(|one| one.count).sum()), letters.len() as u64);
        Seen::Accepted
    }
}

/// A dead letter is the input record, which says itself what it was, and says why.
fn letter_holds(letter: &Written) {
    let said = |name: &str| {
        let found = letter.more_headers.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("{name} is said"))
    };
    assert_eq!(letter.value.as_deref(), Some(said("sluice.error.offset").as_bytes()));
    assert_eq!(letter.key.as_deref(), Some(said("sluice.error.partition").as_bytes()));
    assert!(["one", "two", "three"].contains(&said("sluice.error.stage")));
    assert!(said("sluice.error.reason").len() <= 1024);
}

/// A batch of all partitions in turn. A record's key is its partition, and its value its offset.
fn job(setting: &Setting) -> (Job, Vec<Span>) {
    let mut batch = Batch::default();
    let spans: Vec<Span> = (0..setting.partitions.min(setting.records))
        .map(|number| {
            let (topic_field, partition) = (batch.arena.push(b"in"), Partition(number as i32));
            batch.sources.push(Source { topic: "in".into(), topic_field, partition, replay: None });
            let lease = Arc::new(Lease::new(TopicPartition { topic: "in".into(), partition }, number, 1));
            Span { lease, first: Offset(number as i64), end: Offset(setting.records as i64) }
        })
        .collect();
    for number in 0..setting.records {
        let source = number % spans.len();
        let key: Field = batch.arena.push(source.to_string().as_bytes());
        let value = batch.arena.push(number.to_string().as_bytes());
        let (offset, headers) = (Offset(number as i64), HeaderList::EMPTY);
        let record = Record { key, value, headers, timestamp: NO_TIMESTAMP, offset, source: source as u32 };
        batch.records.push(record);
    }
    (Job { batch, spans: spans.clone(), probe: None, ahead: false }, spans)
}
