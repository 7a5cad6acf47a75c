//! The calls for transactions over a simulated producer: what is made again, what ends a producer, and what is said.

use std::collections::VecDeque;

use super::*;
use crate::config::{PlanOptions, load_text};
use crate::kafka::TopicLimits;
use crate::rt::Turn;
use crate::rt::{Sender, Wakeup};
use crate::sink::Known;
use crate::sink::dead_letter::DeadLetterOrigin;
use crate::sink::simulated::SimulatedKafka;

struct Bench {
    kafka: SimulatedKafka,
    sink: Arc<Sink>,
    committer: Committer,
    events: Receiver<SinkEvent>,
    commands: (Sender<TransactionCommand>, Receiver<TransactionCommand>),
}

impl Bench {
    fn new() -> Bench {
        let text = "name: p\nkafka: { bootstrap.servers: nowhere:1 }\ninput: { topics: [in] }\ndelivery: exactly_once\n\
                    outputs: { default: { topic: out } }\n";
        let (plan, _) = load_text("p.yaml".as_ref(), text, &|_| None, &PlanOptions::default()).unwrap();
        let (sender, events) = rt::channel();
        let sender = SinkEvents::new(sender, Wakeup::default());
        let kafka = SimulatedKafka::default();
        let known = Some(Known { name: "out".to_owned(), limits: TopicLimits::default() });
        let origin = DeadLetterOrigin { pipeline: "p".to_owned(), stages: Vec::new(), connect_headers: false };
        let clients = Arc::new(kafka.clone());
        let sink = Sink::new(clients, &plan, vec![known], None, origin, Arc::default(), sender.clone()).unwrap();
        let sink = Arc::new(sink);
        let timeout = Duration::from_secs(60);
        let committer = Committer::new("p".into(), sink.clone(), sender, timeout, timeout, Arc::default());
        Bench { kafka, sink, committer, events, commands: rt::channel() }
    }

    fn then(&self, results: impl Into<VecDeque<Result<(), TransactionError>>>) {
        self.kafka.script().transactions = results.into();
    }

    /// Has one command executed; returns the outcome, and the calls that were made.
    fn ask(&self, command: TransactionCommand) -> (TransactionOutcome, Vec<&'static str>) {
        let outcome = self.committer.execute(command);
        (outcome, std::mem::take(&mut self.kafka.script().calls))
    }
}

fn commit() -> TransactionCommand {
    let offset = Committed { offset: Offset(5), note: String::new() };
    TransactionCommand::Commit {
        offsets: vec![(TopicPartition::new("in", 0), offset)],
        group: GroupMetadata::new("member", ()),
    }
}

fn error(kind: ErrorKind) -> KafkaError {
    KafkaError::new(kind, "no")
}

#[test]
fn a_transaction_is_registered_begun_flushed_and_committed() {
    let bench = Bench::new();
    let (outcome, calls) = bench.ask(TransactionCommand::Begin);
    assert!(matches!(outcome, TransactionOutcome::Begun { cause: None, renewed: None }));
    assert_eq!(calls, ["init", "begin"]);
    assert!(matches!(bench.ask(TransactionCommand::Flush).0, TransactionOutcome::Flushed));
    let (outcome, calls) = bench.ask(commit());
    assert!(matches!(outcome, TransactionOutcome::Committed(sent) if sent[0].1 == Offset(5)));
    assert_eq!(calls, ["offsets", "commit", "begin"]);
}

#[test]
fn a_call_that_may_succeed_later_is_made_again() {
    let bench = Bench::new();
    let again = || Err(TransactionError::Retry(error(ErrorKind::TimedOut)));
    bench.then([Ok(()), again(), again(), Ok(())]);
    let (outcome, calls) = bench.ask(commit());
    assert!(matches!(outcome, TransactionOutcome::Committed(_)));
    assert_eq!(calls, ["offsets", "commit", "commit", "commit", "begin"]);
}

#[test]
fn a_transaction_that_cannot_be_committed_says_why() {
    let bench = Bench::new();
    bench.then([Err(TransactionError::Abort(error(ErrorKind::Rebalance)))]);
    let (outcome, calls) = bench.ask(commit());
    assert!(matches!(outcome, TransactionOutcome::Failed(cause) if cause.kind == ErrorKind::Rebalance));
    assert_eq!(calls, ["offsets"]);
}

#[test]
fn what_a_failed_transaction_keeps_until_its_abort_is_not_waited_for() {
    let bench = Bench::new();
    bench.kafka.script().never_flushes = true;
    // In a transaction that is open the call is refused for its state, and nothing comes of that.
    let is_open = Err(TransactionError::Fatal(error(ErrorKind::Other)));
    bench.then([is_open, Err(TransactionError::Abort(error(ErrorKind::TooLarge)))]);
    let (outcome, calls) = bench.ask(TransactionCommand::Flush);
    assert!(matches!(outcome, TransactionOutcome::Failed(cause) if cause.kind == ErrorKind::TooLarge));
    assert_eq!(calls, ["begin", "begin"]);
}

#[test]
fn a_producer_that_can_do_nothing_more_is_replaced_and_registered() {
    let bench = Bench::new();
    bench.then([Ok(()), Err(TransactionError::Fatal(error(ErrorKind::FencedProducer)))]);
    let (outcome, calls) = bench.ask(TransactionCommand::Abort);
    let TransactionOutcome::Begun { renewed: Some(ended), .. } = outcome else { panic!("the next has begun") };
    assert_eq!(ended.kind, ErrorKind::FencedProducer);
    assert_eq!(calls, ["begin", "abort", "init", "begin"]);
    assert_eq!(bench.kafka.script().producers.len(), 2);
}

#[test]
fn who_ends_because_another_has_its_name_takes_the_transactional_id_back_no_more() {
    let bench = Bench::new();
    bench.sink.set_fenced();
    bench.then([Ok(()), Err(TransactionError::Fatal(error(ErrorKind::FencedProducer)))]);
    let (outcome, calls) = bench.ask(TransactionCommand::Abort);
    assert!(matches!(outcome, TransactionOutcome::Broken(cause) if cause.kind == ErrorKind::FencedProducer));
    assert_eq!(calls, ["begin", "abort"]);
    assert_eq!(bench.kafka.script().producers.len(), 1);
}

#[test]
fn an_abort_replaces_a_producer_whose_properties_its_topics_no_longer_allow() {
    let bench = Bench::new();
    let small = TopicLimits { max_message_bytes: 20_000, ..TopicLimits::default() };
    assert!(bench.sink.set_limits(&[small], Some(ErrorKind::TooLarge), None).unwrap());
    assert_eq!(bench.kafka.script().producers.len(), 1, "not in the middle of a transaction");
    let (outcome, calls) = bench.ask(TransactionCommand::Abort);
    assert!(matches!(outcome, TransactionOutcome::Begun { renewed: None, .. }));
    assert_eq!(calls, ["begin", "abort", "init", "begin"]);
    assert_eq!(bench.kafka.script().producers[1]["batch.size"], "20000");
    bench.ask(TransactionCommand::Abort);
    assert_eq!(bench.kafka.script().producers.len(), 2, "once");
}

#[test]
fn what_is_open_when_nobody_asks_any_more_is_aborted() {
    let bench = Bench::new();
    let (sender, receiver) = bench.commands;
    sender.send(TransactionCommand::Begin).unwrap();
    drop(sender);
    while matches!(bench.committer.turn(&receiver), Turn::Again) {}
    assert!(matches!(bench.events.try_recv(), Some(SinkEvent::Transaction(TransactionOutcome::Begun { .. }))));
    assert_eq!(bench.kafka.script().calls, ["init", "begin", "abort"]);
}

#[test]
fn a_transactional_id_that_is_not_allowed_is_tried_again_with_a_new_producer() {
    let bench = Bench::new();
    bench.then([Err(TransactionError::Fatal(error(ErrorKind::Authorization))), Ok(()), Ok(())]);
    let (outcome, calls) = bench.ask(TransactionCommand::Begin);
    assert!(matches!(outcome, TransactionOutcome::Begun { .. }));
    assert_eq!(calls, ["init", "init", "begin"]);
    assert_eq!(bench.kafka.script().producers.len(), 2);
}

#[test]
fn a_transactional_id_that_is_not_allowed_ends_the_pipeline_where_nothing_is_waited_for() {
    let mut bench = Bench::new();
    bench.committer.patience = Duration::ZERO;
    bench.then([Err(TransactionError::Fatal(error(ErrorKind::Authorization)))]);
    let (outcome, calls) = bench.ask(TransactionCommand::Begin);
    assert!(matches!(outcome, TransactionOutcome::Broken(cause) if cause.kind == ErrorKind::Authorization));
    assert_eq!(calls, ["init"]);
}
