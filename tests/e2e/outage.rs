//! A registry that is away while records keep coming, and ids that it does not know.

use std::env;
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_tests::{Feeder, Mood, Record, Sluice, audit, wait_for};

use crate::formats::{Case, framed, record};
use crate::{alone, by_timestamp, stop};

const PARTITIONS: i32 = 4;
/// Records of each partition that goes on, in each round.
const ROUND: usize = 1_000;
/// How soon after its return records flow that have waited for it.
const RESUMED: Duration = Duration::from_secs(5);

/// How long the registry is gone; `SLUICE_REGISTRY_OUTAGE` says other seconds.
fn outage() -> Duration {
    let seconds = env::var("SLUICE_REGISTRY_OUTAGE").map_or(6, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

/// What was sent.
struct Load {
    case: Case,
    records: Vec<Record>,
    ids: u32,
}

impl Load {
    fn send(&mut self, partition: i32, id: u32, count: usize) {
        let first = self.records.len();
        let next = |n: usize| record(n as i64, framed(id, format!("{{\"n\":{n}}}").as_bytes()));
        self.records.extend((first..first + count).map(next));
        let topic = &self.case.pipeline.input;
        Feeder::new(&self.case.kafka, &[]).feed_partition(topic, partition, &self.records[first..]);
    }

    /// Keeps the load on for so long: in each round a record with an id of its own for each partition of `waiting`, and
    /// records of the schema that is known for all others, which have to be committed before the next.
    fn keep_on(&mut self, sluice: &mut Sluice, time: Duration, waiting: Range<i32>) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            for partition in waiting.clone() {
                self.ids += 1;
                self.send(partition, self.ids, 1);
                self.send(partition, 1, 1);
            }
            for partition in waiting.end..PARTITIONS {
                self.send(partition, 1, ROUND);
            }
            let (group, topic) = (&self.case.group, &self.case.pipeline.input);
            let go_on = waiting.end as usize..;
            sluice.wait_for("the other partitions to go on", Duration::from_secs(30), || {
                let (committed, ends) = (group.committed(topic), group.ends(topic));
                let done =
                    committed[go_on.clone()].iter().zip(&ends[go_on.clone()]).all(|(one, end)| *one == Some(*end));
                if done { Ok(()) } else { Err(format!("committed {committed:?} of {ends:?}")) }
            });
        }
    }
}

#[test]
fn under_load_an_absence_loses_nothing_and_flow_resumes_at_once() {
    let _alone = alone();
    let (input, output) = (json!({ "format": "json_schema" }), json!({ "format": "json_schema", "schema": "input" }));
    let case = Case::new("format-outage", PARTITIONS, input, output);
    case.registry.add("in", 1, "JSON", "{}");
    let mut load = Load { case, records: Vec::new(), ids: 1 };
    for partition in 0..PARTITIONS {
        load.send(partition, 1, ROUND);
    }
    let mut sluice = load.case.start();
    sluice.wait_until_caught_up(&load.case.group, &load.case.pipeline.input);
    load.case.registry.set_mood(Mood::Gone);
    load.keep_on(&mut sluice, outage(), 0..1);
    load.case.registry.set_mood(Mood::Page(404));
    load.keep_on(&mut sluice, outage() / 2, 0..2);
    let Load { case, records, ids } = load;
    let before = case.group.committed(&case.pipeline.input);
    (2..=ids).for_each(|id| case.registry.add("in", id, "JSON", "{}"));
    case.registry.set_mood(Mood::Well);
    let returned = Instant::now();
    wait_for("the partitions that waited to go on", Duration::from_secs(60), || {
        let now = case.group.committed(&case.pipeline.input);
        if now[0] > before[0] && now[1] > before[1] { Ok(()) } else { Err(format!("{now:?}, before {before:?}")) }
    });
    let took = returned.elapsed();
    assert!(took < RESUMED, "flow resumes after {took:?}");
    sluice.wait_until_caught_up(&case.group, &case.pipeline.input);
    stop(&mut sluice);
    assert!(case.letters().is_empty(), "absence is no record's fault");
    println!("{} records, {} new ids; flow resumes after {took:?}", records.len(), ids - 1);
    audit(&records, &case.output(), by_timestamp).assert_exact();
}

#[test]
fn many_records_with_an_id_that_the_registry_does_not_know_open_the_breaker() {
    const MIN_RECORDS: usize = 100;
    const BATCH: usize = 20;
    let mut case = Case::new("format-breaker", 1, json!({ "format": "json_schema" }), json!({ "format": "bytes" }));
    case.pipeline.set("workers", json!(1)).set("batch", json!({ "max_records": BATCH }));
    case.pipeline.set("breaker", json!({ "share": 0.5, "window": "30s", "min_records": MIN_RECORDS }));
    case.registry.add("in", 1, "JSON", "{}");
    let records: Vec<Record> = (0..2_000).map(|n| record(n, framed(9, b"{}"))).collect();
    case.feed(&records);
    let mut sluice = case.start();
    let name = case.pipeline.name.clone();
    sluice.wait_for_line("an open breaker", |line| line.is_status_of(&name) && line.field("breaker") == "open");
    let said = sluice.errors().join("\n");
    assert!(said.contains("the registry knows no schema 9"), "{said}");
    stop(&mut sluice);
    let letters = case.letters().len();
    assert!((MIN_RECORDS..=MIN_RECORDS + 3 * BATCH).contains(&letters), "{letters} dead letters");
    assert_eq!(case.group.committed(&case.pipeline.input), [Some(letters as i64)], "the rest waits");
}
