//! Replays that do not come to their end: crashes, stops, another replay, stages that fail for good.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::json;
use sluicebox_tests::{LIMIT, Record, audit, sluice, wait_for};

use super::Desk;
use crate::{STOP, by_timestamp, records};

const COUNT: usize = 400;

/// A replay in the background; killed when dropped.
struct Running(Child);

impl Running {
    /// Starts one that takes some seconds, with 25 dead letters in a transaction.
    fn start(desk: &Desk) -> Running {
        let file = desk.pipeline.write(&desk.folder);
        let mut command = sluice();
        command.args(["dlq", "replay"]).arg(file).args(["--rate", "100", "--json"]);
        Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.0.id()).unwrap();
        // SAFETY: plain integers; the process is our child and not reaped yet, so the id is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Waits for its end: exit code, standard output, standard error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let child = &mut self.0;
        let status =
            wait_for("the replay's end", STOP, || child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()));
        let read = |pipe: &mut dyn std::io::Read| {
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            text
        };
        let out = read(&mut child.stdout.take().unwrap());
        (status.code(), out, read(&mut child.stderr.take().unwrap()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Dead letters of a stage that has been mended since, and their inputs.
fn mended(test: &str) -> (Desk, Vec<Record>) {
    let mut desk = Desk::new(test, 2);
    desk.pipeline.set("breaker", json!("off"));
    let inputs = records(0, COUNT, |n| format!("!reject:no {n}"));
    desk.process_records(&inputs);
    assert_eq!(desk.letters().len(), COUNT);
    desk.pipeline.stage("identity", json!({}));
    (desk, inputs)
}

/// Waits until a replay has delivered something; it must not be through by then.
fn wait_for_some(desk: &Desk, before: usize) {
    let some = wait_for("some outputs", LIMIT, || {
        let count = desk.output().len();
        if count >= before + 20 { Ok(count) } else { Err(format!("{count} outputs")) }
    });
    assert!(some < COUNT, "the replay was too quick for this test");
}

#[test]
fn after_kill_9_in_the_middle_the_next_replay_delivers_the_rest_and_repeats_nothing() {
    let (desk, inputs) = mended("replay-kill");
    for crash in 0..2 {
        let running = Running::start(&desk);
        wait_for_some(&desk, crash * 20);
        running.signal(libc::SIGKILL);
        assert_eq!(running.end().0, None);
    }
    let done = desk.output().len() as u64;
    let summary = desk.replay(0, &[]);
    assert_eq!(summary["already"].as_u64(), Some(done));
    assert_eq!(summary["replayed"].as_u64(), Some(COUNT as u64 - done));
    audit(&inputs, &desk.output().records(), by_timestamp).assert_exact();
    assert_eq!(desk.letters().len(), COUNT);
}

/// Dead letters of which ten fill a batch of the producer, which is sent at once, and five to another topic do not, and
/// wait for more: so the transaction of their replay stays open for a while.
fn waiting(test: &str) -> Desk {
    let mut desk = Desk::new(test, 1);
    desk.pipeline.set_stage("on_error", json!({ "retries": 0 }));
    desk.process(&[["!retry:1"; 10].as_slice(), &["!output:side"; 5]].concat());
    let side = format!("{}.side", desk.pipeline.name);
    desk.kafka.create_topic(&side, 1, &[]);
    desk.pipeline.set("outputs", json!({ "default": { "topic": desk.pipeline.output }, "side": { "topic": side } }));
    desk.pipeline.set("producer", json!({ "batch.num.messages": 10, "linger.ms": 12_000 }));
    desk.pipeline.set_stage("on_error", json!({ "retries": 1, "backoff": "10ms" }));
    desk
}

/// Waits until a replay has written something and has committed nothing.
fn wait_for_open_transaction(desk: &Desk) {
    let end = |isolation| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", desk.kafka.bootstrap()).set("isolation.level", isolation);
        let consumer: BaseConsumer = config.create().unwrap();
        let ends = consumer.fetch_watermarks(&desk.pipeline.output, 0, LIMIT);
        ends.map(|(_, end)| end).map_err(|error| error.to_string())
    };
    wait_for("outputs that are not committed", LIMIT, || match end("read_uncommitted")? {
        0 => Err("there are none".to_owned()),
        _ => Ok(()),
    });
    assert_eq!(end("read_committed"), Ok(0));
}

#[test]
fn of_a_transaction_that_kill_9_left_open_nothing_is_seen_and_the_next_replay_delivers_it_once() {
    let mut desk = waiting("replay-open");
    let running = Running::start(&desk);
    wait_for_open_transaction(&desk);
    running.signal(libc::SIGKILL);
    assert_eq!(running.end().0, None);
    let topic = json!({ "topic": desk.pipeline.output });
    desk.pipeline.set("outputs", json!({ "default": topic, "side": topic }));
    desk.pipeline.remove("producer");
    assert_eq!(desk.replay(0, &[])["replayed"], 15);
    assert_eq!(desk.output().len(), 15);
    assert_eq!(desk.replay(0, &[])["already"], 15);
}

#[test]
fn retries_that_wait_longer_than_a_transaction_may_take_are_over_before_it_begins() {
    let mut desk = Desk::new("replay-long", 1);
    desk.pipeline.set_stage("on_error", json!({ "retries": 0 }));
    // The neighbours are through the chain at once.
    desk.process(&["!output:side", "!retry:2", "!output:side", "!retry:2"]);
    let topic = json!({ "topic": desk.pipeline.output });
    desk.pipeline.set("outputs", json!({ "default": topic, "side": topic }));
    desk.pipeline.set("producer", json!({ "transaction.timeout.ms": 2000 }));
    desk.pipeline.set_stage("on_error", json!({ "retries": 2, "backoff": "2500ms", "max_backoff": "2500ms" }));
    let begun = Instant::now();
    let summary = desk.replay(0, &[]);
    assert_eq!((&summary["replayed"], &summary["left"]), (&json!(4), &json!([])));
    assert!(begun.elapsed() > Duration::from_secs(5), "the retries were too quick for this test");
    assert_eq!(desk.output().len(), 4);
    assert_eq!(desk.replay(0, &[])["already"], 4);
}

#[test]
fn a_second_signal_ends_a_replay_at_once_and_nothing_of_its_transaction_is_delivered() {
    let desk = waiting("replay-cut");
    let mut running = Running::start(&desk);
    wait_for_open_transaction(&desk);
    wait_for("the replay's end", STOP, || match running.0.try_wait().unwrap() {
        Some(_) => Ok(()),
        None => {
            // Signals that come close together may be one.
            running.signal(libc::SIGTERM);
            Err("it runs".to_owned())
        }
    });
    let (code, _, err) = running.end();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("it was cut off"), "{err}");
    assert!(desk.output().is_empty());
}

#[test]
fn a_signal_ends_a_replay_after_the_open_transaction() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let (desk, inputs) = mended("replay-signal");
        let running = Running::start(&desk);
        wait_for_some(&desk, 0);
        running.signal(signal);
        let (code, out, err) = running.end();
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains("stopped: run the same command again"), "{err}");
        let summary: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(summary["replayed"].as_u64(), Some(desk.output().len() as u64));
        desk.replay(0, &[]);
        audit(&inputs, &desk.output().records(), by_timestamp).assert_exact();
    }
}

#[test]
fn of_two_replays_at_once_the_first_ends_and_the_second_repeats_nothing() {
    let (desk, inputs) = mended("replay-two");
    let first = Running::start(&desk);
    wait_for_some(&desk, 0);
    assert_eq!(desk.replay(0, &[])["left"], json!([]));
    let (code, _, err) = first.end();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("another replay of this pipeline has taken over"), "{err}");
    audit(&inputs, &desk.output().records(), by_timestamp).assert_exact();
}

#[test]
fn marks_behind_a_transaction_that_somebody_has_left_open_count_too() {
    let (desk, inputs) = mended("replay-others");
    let first = Running::start(&desk);
    wait_for_some(&desk, 0);
    // As another pipeline with the same DLQ that was killed: until the brokers end this, committed readers stop before
    // it.
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", desk.kafka.bootstrap()).set("transactional.id", &desk.pipeline.name);
    let other: BaseProducer = config.set("transaction.timeout.ms", "10000").create().unwrap();
    other.init_transactions(LIMIT).unwrap();
    other.begin_transaction().unwrap();
    other.send(BaseRecord::<str, str>::to(&desk.marks()).key("0/0").payload("never committed")).unwrap();
    other.flush(LIMIT).unwrap();
    assert_eq!(first.end().0, Some(0));
    let second = desk.replay(0, &[]);
    assert_eq!((&second["replayed"], &second["already"]), (&json!(0), &json!(COUNT)));
    audit(&inputs, &desk.output().records(), by_timestamp).assert_exact();
}

#[test]
fn a_stage_that_fails_for_good_or_says_stop_ends_the_replay_and_keeps_what_was_committed() {
    let mut desk = Desk::new("replay-stop", 1);
    desk.process(&["!output:nowhere", "!reject:no", "!output:nowhere"]);
    desk.pipeline.set(
        "outputs",
        json!({ "default": { "topic": desk.pipeline.output }, "nowhere": { "topic": desk.pipeline.output } }),
    );
    desk.pipeline.set_stage("on_error", json!({ "then": "stop" }));
    assert_eq!(desk.replay(0, &["--limit", "1"])["replayed"], 1);
    let ended = desk.dlq("replay", &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    for part in ["failed again on", "/0/1 (reject: no)", "then: stop", "run the same command again"] {
        assert!(ended.err.contains(part), "{part} in {}", ended.err);
    }
    assert_eq!(desk.output().len(), 1, "nothing of the last transaction is delivered");
    assert_eq!(desk.replay(0, &["--class", "output"])["replayed"], 1);
    assert_eq!((desk.output().len(), desk.letters().len()), (2, 3));
}

#[test]
fn a_stage_that_fails_on_too_much_again_does_not_fill_the_dlq() {
    let mut desk = Desk::new("replay-breaker", 1);
    desk.pipeline.set("breaker", json!("off"));
    desk.process_records(&records(0, COUNT, |n| format!("!reject:no {n}")));
    desk.pipeline.set("breaker", json!({ "min_records": 100 }));
    let ended = desk.dlq("replay", &["--max-replays", "1"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("fails again on"), "{}", ended.err);
    assert!(desk.letters().len() < COUNT + 100, "{} dead letters", desk.letters().len());
}

#[test]
fn the_rate_is_bounded() {
    let (desk, _) = mended("replay-rate");
    let begun = Instant::now();
    assert_eq!(desk.replay(0, &["--rate", "100"])["replayed"], COUNT);
    // The last of its parts need not be waited for.
    assert!(begun.elapsed() >= Duration::from_millis(3_500), "{:?}", begun.elapsed());
}
