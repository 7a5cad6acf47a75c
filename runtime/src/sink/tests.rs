//! The sink over a simulated producer: what topics refuse, beforehand and at run time, and what is done about it.

use super::simulated::SimulatedKafka;
use super::*;
use crate::batch::{Arena, Field, HeaderList, NO_TIMESTAMP, Offset, Record};
use crate::config::{PlanOptions, load_text};
use crate::kafka::{KafkaError, TopicPartition};
use crate::lease::Lease;
use crate::rt::{Receiver, Wakeup};
use crate::sink::event::SinkEvent;

struct Bench {
    kafka: SimulatedKafka,
    sink: Sink,
    events: Receiver<SinkEvent>,
    sender: SinkEvents,
    arena: Arena,
}

impl Bench {
    fn new(delivery: &str, limits: TopicLimits) -> Bench {
        let text = format!(
            "name: p\nkafka: {{ bootstrap.servers: nowhere:1 }}\ninput: {{ topics: [in] }}\ndelivery: {delivery}\n\
             outputs: {{ default: {{ topic: out }} }}\ndlq: {{ topic: dlq }}\n"
        );
        let (plan, _) = load_text("p.yaml".as_ref(), &text, &|_| None, &PlanOptions::default()).unwrap();
        let (sender, events) = rt::channel();
        let sender = SinkEvents::new(sender, Wakeup::default());
        let kafka = SimulatedKafka::default();
        let known = |name: &str| Some(Known { name: name.to_owned(), limits });
        let origin = DeadLetterOrigin { pipeline: "p".to_owned(), stages: Vec::new(), connect_headers: false };
        let (outputs, cut_off) = (vec![known("out")], Arc::default());
        let clients = Arc::new(kafka.clone());
        let sink = Sink::new(clients, &plan, outputs, known("dlq"), origin, cut_off, sender.clone()).unwrap();
        sink.write_gate().open();
        Bench { kafka, sink, events, sender, arena: Arena::default() }
    }

    fn span(&self) -> OpenSpan {
        let lease = Arc::new(Lease::new(TopicPartition::new("in", 0), 0, 1));
        OpenSpan::new(Span { lease, first: Offset(0), end: Offset(1) }, self.sender.clone())
    }

    fn record(&mut self, value: &[u8], timestamp: i64) -> Record {
        let value = self.arena.push(value);
        Record { key: Field::NULL, value, headers: HeaderList::EMPTY, timestamp, offset: Offset(0), source: 0 }
    }

    fn letter(&self, record: &Record) -> Box<DeadLetter> {
        Box::new(DeadLetter::new(&self.arena, record, vec![("sluice.error.timestamp", record.timestamp.to_string())]))
    }

    /// Writes a record of so many bytes to the output, in a span of its own.
    fn write(&mut self, bytes: usize) -> Result<usize, WriteError> {
        self.write_value(&vec![b'x'; bytes])
    }

    /// Writes a record with this value to the output, in a span of its own.
    fn write_value(&mut self, value: &[u8]) -> Result<usize, WriteError> {
        let record = self.record(value, NO_TIMESTAMP);
        let mut span = self.span();
        let mut session = self.sink.begin(|| true).unwrap();
        let destined = Destined { output: 0, stage: 0, arena: &self.arena, record: &record, now: rt::unix_ms() };
        let written = session.write(&destined, &mut span, || self.letter(&record))?;
        span.tally().output(0, written as u64);
        span.tally().delivered = 1;
        span.seal();
        Ok(written)
    }

    fn too_large(&self) -> Option<OversizeRecord> {
        self.events.drain().into_iter().find_map(|event| match event {
            SinkEvent::TooLarge(oversize) => Some(oversize),
            _ => None,
        })
    }
}

fn limits(max_message_bytes: usize) -> TopicLimits {
    TopicLimits { max_message_bytes, ..TopicLimits::default() }
}

fn refuse_over(bytes: usize) -> Option<simulated::Refuse> {
    Some(Box::new(move |record| {
        let is_over = record.topic == "out" && record.value.as_ref().map_or(0, Vec::len) > bytes;
        is_over.then(|| KafkaError::new(ErrorKind::TooLarge, "Message size too large"))
    }))
}

#[test]
fn a_record_that_its_topic_takes_fits_into_the_queue_of_the_producer() {
    let mut bench = Bench::new("at_least_once", limits(32 << 20));
    let kbytes: usize = bench.kafka.script().producers[0][QUEUE_KBYTES].parse().unwrap();
    bench.kafka.script().capacity = Some(kbytes * 1024);
    assert_eq!(bench.write(17 << 20).unwrap(), 17 << 20);
}

#[test]
fn a_record_that_never_fits_into_the_queue_is_refused_with_the_propertys_name() {
    let mut bench = Bench::new("at_least_once", limits(1 << 20));
    bench.kafka.script().capacity = Some(16384 * 1024);
    let Err(WriteError::Refused(Class::Oversize, reason)) = bench.write(17 << 20) else { panic!("it is refused") };
    assert!(reason.contains("set `queue.buffering.max.kbytes` to 17408 or more"), "{reason}");
    let record = bench.record(&vec![b'x'; 17 << 20], NO_TIMESTAMP);
    let (mut span, letter) = (bench.span(), bench.letter(&record));
    let error = bench.sink.begin(|| true).unwrap().dead_letter(letter, Offset(0), (0, Class::Reject), &mut span);
    assert!(matches!(error, Err(WriteError::Impossible(reason)) if reason.contains(QUEUE_KBYTES)));
}

#[test]
fn a_queue_that_is_full_for_now_is_waited_for() {
    let mut bench = Bench::new("at_least_once", limits(1 << 20));
    bench.kafka.script().capacity = Some(1500);
    bench.kafka.script().holds_back = true;
    assert_eq!((bench.write(1000).unwrap(), bench.write(1000).unwrap()), (1000, 1000));
    assert_eq!(bench.kafka.texts("out").len(), 1, "the first left to make room");
}

#[test]
fn a_dead_letter_whose_timestamp_its_topic_refuses_goes_with_the_time_of_failure() {
    let ahead = TopicLimits { timestamp_after: Some(1000), ..TopicLimits::default() };
    let mut bench = Bench::new("at_least_once", ahead);
    let timestamp = rt::unix_ms() + 1_000_000;
    let record = bench.record(b"late", timestamp);
    let (mut span, letter) = (bench.span(), bench.letter(&record));
    bench.sink.begin(|| true).unwrap().dead_letter(letter, Offset(0), (0, Class::Reject), &mut span).unwrap();
    let script = bench.kafka.script();
    assert!(script.written[0].timestamp <= rt::unix_ms());
    assert_eq!(script.written[0].header("sluice.error.timestamp"), Some(timestamp.to_string().as_str()));
}

#[test]
fn a_dead_letter_without_a_key_does_not_go_to_a_compacted_topic() {
    let mut bench = Bench::new("at_least_once", TopicLimits { compacted: true, ..TopicLimits::default() });
    let record = bench.record(b"a", NO_TIMESTAMP);
    let (mut span, letter) = (bench.span(), bench.letter(&record));
    let error = bench.sink.begin(|| true).unwrap().dead_letter(letter, Offset(0), (0, Class::Reject), &mut span);
    assert!(matches!(error, Err(WriteError::Impossible(reason)) if reason.contains("null key")));
}

#[test]
fn what_a_broker_refuses_at_run_time_is_dead_lettered_once_the_limits_are_read_again() {
    let mut bench = Bench::new("at_least_once", limits(1 << 20));
    bench.kafka.script().refuse = refuse_over(20_000);
    bench.write(50_000).unwrap();
    let refused = bench.events.drain().into_iter().find_map(|event| match event {
        SinkEvent::NotDelivered { error, .. } => Some(error.kind),
        _ => None,
    });
    assert_eq!(refused, Some(ErrorKind::TooLarge), "nobody knew that it might be");
    assert_eq!(bench.sink.topic_names(), ["out", "dlq"]);
    assert!(bench.sink.set_limits(&[limits(20_000), limits(1 << 20)], refused, None).unwrap());
    assert_eq!(bench.kafka.script().producers[1]["batch.size"], "20000", "small records are in batches that pass");
    bench.write(50_000).unwrap();
    let oversize = bench.too_large().unwrap();
    assert!(bench.sink.resend(oversize).unwrap().is_none());
    assert_eq!(bench.kafka.texts("dlq").len(), 1);
    let delivered = bench.events.drain().into_iter().find_map(|event| match event {
        SinkEvent::Delivered(delivered) => Some(delivered.into_parts().1),
        _ => None,
    });
    let tally = delivered.unwrap();
    assert_eq!((tally.delivered, tally.dead_lettered, tally.outputs[0].records), (0, 1, 0));
    assert_eq!((tally.dead_letters[0].class, tally.dead_letters[0].count), (Class::Oversize, 1));
}

/// Of three records of one input partition each fails and gets a dead letter; that of the second is refused.
#[test]
fn a_dead_letter_that_a_broker_refuses_is_named_and_what_came_before_it_may_be_committed() {
    let mut bench = Bench::new("at_least_once", limits(1 << 20));
    bench.kafka.script().refuse = Some(Box::new(|record| {
        let is_over = record.value.as_ref().is_some_and(|value| value.len() > 20_000);
        is_over.then(|| KafkaError::new(ErrorKind::TooLarge, "Message size too large"))
    }));
    bench.kafka.script().holds_back = true;
    let lease = Arc::new(Lease::new(TopicPartition::new("in", 0), 0, 1));
    let mut span =
        OpenSpan::new(Span { lease: lease.clone(), first: Offset(10), end: Offset(13) }, bench.sender.clone());
    for (offset, bytes) in [(10, 5), (11, 50_000), (12, 5)] {
        let record = bench.record(&vec![b'x'; bytes], NO_TIMESTAMP);
        let letter = bench.letter(&record);
        let mut session = bench.sink.begin(|| true).unwrap();
        session.dead_letter(letter, Offset(offset), (0, Class::Reject), &mut span).unwrap();
        span.tally().dead_letter(0, Class::Reject);
        span.tally().dead_lettered += 1;
    }
    span.seal();
    bench.kafka.acknowledge();
    let (mut refused, mut delivered) = (None, None);
    for event in bench.events.drain() {
        match event {
            SinkEvent::SizeRefused(refusal) => refused = Some(refusal),
            SinkEvent::Delivered(parts) => delivered = Some(parts.into_parts()),
            _ => {}
        }
    }
    let (refused, (span, tally)) = (refused.unwrap(), delivered.unwrap());
    assert_eq!((span.first, span.end, refused.span.first), (Offset(10), Offset(11), Offset(11)));
    assert_eq!((tally.dead_lettered, tally.dead_letters[0].count), (2, 2), "what was refused is not counted");
    assert!(lease.covers(Offset(10)) && !lease.covers(Offset(11)), "nothing more overtakes it");

    let size = refused.record.size;
    assert!(size > 50_000 && bench.sink.too_large_for_good(&refused.record).is_none(), "nobody knows the limit");
    assert!(bench.sink.set_limits(&[limits(1 << 20), limits(20_000)], None, Some(size)).unwrap());
    let why = bench.sink.too_large_for_good(&refused.record).unwrap();
    let expected = format!(
        "the dead letter of offset 11 has {size} bytes, and its topic \"dlq\" takes 20000 (max.message.bytes): \
         raise that to {size} or more, or set `dlq.oversize: drop_value`"
    );
    assert_eq!(why, expected);
    assert!(!bench.sink.set_limits(&[limits(1 << 20), limits(20_000)], None, Some(size)).unwrap(), "it was alone");
}

#[test]
fn where_the_first_of_a_span_is_refused_nothing_of_it_may_be_committed() {
    // Refused before the span is sealed, and after that.
    for holds_back in [false, true] {
        let mut bench = Bench::new("at_least_once", limits(1 << 20));
        bench.kafka.script().holds_back = holds_back;
        bench.kafka.script().refuse =
            Some(Box::new(|_| Some(KafkaError::new(ErrorKind::TooLarge, "Message size too large"))));
        let (record, mut span) = (bench.record(b"a", NO_TIMESTAMP), bench.span());
        let letter = bench.letter(&record);
        bench.sink.begin(|| true).unwrap().dead_letter(letter, Offset(0), (0, Class::Reject), &mut span).unwrap();
        span.seal();
        bench.kafka.acknowledge();
        let told: Vec<_> = bench.events.drain().into_iter().collect();
        let [SinkEvent::SizeRefused(_), SinkEvent::Abandoned { written: true, .. }] = &told[..] else {
            panic!("{} events, holding back: {holds_back}", told.len());
        };
    }
}

#[test]
fn a_size_that_is_to_be_refused_alone_is_found_at_once_where_limits_may_not_be_read() {
    let bench = Bench::new("at_least_once", TopicLimits::default());
    let unread = [TopicLimits::default(), TopicLimits::default()];
    assert!(bench.sink.set_limits(&unread, None, Some(50_000)).unwrap());
    let batch: usize = bench.kafka.script().producers[1]["batch.size"].parse().unwrap();
    assert!((25_000..=50_000).contains(&batch), "{batch}");
    assert!(!bench.sink.set_limits(&unread, None, Some(50_000)).unwrap());
}

#[test]
fn a_topic_that_is_compacted_meanwhile_refuses_null_keys_once_that_is_known() {
    let mut bench = Bench::new("at_least_once", TopicLimits::default());
    let compacted = TopicLimits { compacted: true, ..TopicLimits::default() };
    let now = [compacted, TopicLimits::default()];
    assert!(bench.sink.set_limits(&now, Some(ErrorKind::InvalidRecord), None).unwrap());
    assert!(matches!(bench.write(10), Err(WriteError::Refused(Class::Refused, _))));
    assert!(!bench.sink.set_limits(&now, Some(ErrorKind::InvalidRecord), None).unwrap(), "nothing would be better");
    assert_eq!(bench.kafka.script().producers.len(), 1, "the producer does not have to change");
}

#[test]
fn a_limit_that_may_not_be_read_is_guessed() {
    let mut bench = Bench::new("at_least_once", TopicLimits::default());
    bench.kafka.script().refuse = refuse_over(20_000);
    let unread = [TopicLimits::default(), TopicLimits::default()];
    let mut tries = 0;
    let oversize = loop {
        bench.write(50_000).unwrap();
        if let Some(oversize) = bench.too_large() {
            break oversize;
        }
        tries += 1;
        assert!(bench.sink.set_limits(&unread, Some(ErrorKind::TooLarge), None).unwrap(), "{tries}");
    };
    assert!(tries <= 6, "{tries}");
    assert!(bench.sink.resend(oversize).unwrap().is_none());
    while bench.sink.set_limits(&unread, Some(ErrorKind::TooLarge), None).unwrap() {
        tries += 1;
    }
    assert!(tries <= 12, "there is an end to it: {tries}");
}

#[test]
fn a_dead_letter_in_the_place_of_an_oversize_output_that_may_not_be_written_waits_for_the_right_like_any_other() {
    let mut bench = Bench::new("at_least_once", limits(1000));
    bench.kafka.script().refuse = refuse_over(1000);
    bench.write(2000).unwrap();
    let oversize = bench.too_large().unwrap();
    bench.kafka.script().refuse_to_send = Some(Box::new(|record| {
        (record.topic == "dlq").then(|| KafkaError::new(ErrorKind::Authorization, "Topic authorization failed"))
    }));
    assert!(matches!(bench.sink.resend(oversize), Ok(None)), "the pipeline does not end");
    let told = bench.events.drain().into_iter().find_map(|event| match event {
        SinkEvent::NotDelivered { span, error } => Some((span.first, error)),
        _ => None,
    });
    let (first, error) = told.expect("the source is told");
    assert_eq!((first, error.kind), (Offset(0), ErrorKind::Authorization));
    assert!(error.text.contains("topic \"dlq\""), "{error}");
}

#[test]
fn a_producer_that_does_not_get_rid_of_its_records_is_not_replaced() {
    let bench = Bench::new("at_least_once", limits(1 << 20));
    bench.kafka.script().never_flushes = true;
    assert!(bench.sink.set_limits(&[limits(500), limits(1 << 20)], None, None).is_err());
    assert!(bench.sink.is_producer_outdated(), "it is tried again");
}

/// Bytes that do not compress: each pair of them comes once.
fn noise(len: usize) -> Vec<u8> {
    (0..len as u32 / 2).flat_map(|n| (n.wrapping_mul(40_503) as u16).to_le_bytes()).collect()
}

#[test]
fn under_exactly_once_many_oversize_outputs_are_soon_refused_without_asking_the_broker() {
    let mut bench = Bench::new("exactly_once", limits(1000));
    bench.kafka.script().refuse = refuse_over(0);
    for asked in 0..16 {
        bench.write_value(&noise(2000 + 2 * asked)).unwrap();
        assert!(bench.sink.remember_refused(&bench.too_large().unwrap()), "{asked}");
    }
    let again = bench.write_value(&noise(5000));
    assert!(matches!(again, Err(WriteError::Refused(Class::Oversize, reason)) if reason == TOO_LARGE));
    bench.write_value(&noise(1500)).unwrap();
    assert!(bench.too_large().is_some(), "a smaller one may pass, so the broker is asked");
}

#[test]
fn under_exactly_once_what_compresses_well_is_written_though_the_broker_refuses_smaller_ones_that_do_not() {
    let mut bench = Bench::new("exactly_once", limits(1000));
    bench.kafka.script().refuse = Some(Box::new(|record| {
        let is_noise = record.topic == "out" && record.value.as_ref().is_some_and(|value| value[0] != b'x');
        is_noise.then(|| KafkaError::new(ErrorKind::TooLarge, "Message size too large"))
    }));
    for asked in 0..16 {
        bench.write_value(&noise(4000 + 2 * asked)).unwrap();
        assert!(bench.sink.remember_refused(&bench.too_large().unwrap()));
    }
    assert!(matches!(bench.write_value(&noise(5000)), Err(WriteError::Refused(Class::Oversize, _))));
    bench.write(50_000).unwrap();
    assert_eq!(bench.kafka.texts("out").len(), 1);
}

#[test]
fn a_span_is_delivered_when_all_of_its_parts_are_and_abandoned_when_one_is() {
    let bench = Bench::new("at_least_once", TopicLimits::default());
    let span = bench.span();
    let mut other = span.fork();
    span.seal();
    assert!(bench.events.drain().is_empty());
    other.tally().dropped = 2;
    other.seal();
    let Some(SinkEvent::Delivered(delivered)) = bench.events.try_recv() else { panic!("both are sealed") };
    assert_eq!(delivered.tally().dropped, 2);
    let span = bench.span();
    drop(span.fork());
    span.seal();
    let events = bench.events.drain();
    assert!(matches!(events[0], SinkEvent::Abandoned { written: false, .. }));
    assert!(!events.iter().any(|event| matches!(event, SinkEvent::Delivered(_))));
}

#[test]
fn what_was_written_is_sent_at_once_where_the_file_and_transactions_leave_that_open() {
    let waits = |delivery: &str| {
        let mut bench = Bench::new(delivery, TopicLimits::default());
        bench.kafka.script().holds_back = true;
        bench.write(10).unwrap();
        bench.sink.send_at_once();
        bench.kafka.texts("out").is_empty()
    };
    assert!(!waits("at_least_once"));
    assert!(!waits("at_least_once\nproducer: { compression.type: none }"));
    assert!(waits("at_least_once\nproducer: { linger.ms: 5 }"));
    assert!(waits("exactly_once"), "the end of a transaction lets nothing linger");
}
