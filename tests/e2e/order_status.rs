//! The order-status pipeline at scale: every value as computed apart from it, nothing lost, nothing twice.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Record, Sluice, Stored, audit, repository, unique};

use crate::{EPOCH, alone, by_timestamp, stop};

const MEMORY: u64 = 300 << 20;
const PARTITIONS: i32 = 4;

/// One in so many records is broken.
const BROKEN: usize = 1_000;

/// The shipped pipeline, on topics of its own.
pub fn pipeline(kafka: &Kafka, folder: &Folder, name: &str) -> PathBuf {
    let text = fs::read_to_string(repository().join("pipelines/order-status.yaml")).unwrap();
    let own = text.replace("order_status", name).replace("name: order-status", &format!("name: {name}"));
    assert_ne!(own, text);
    folder.write("order-status.yaml", own.replace("${KAFKA_BROKERS:-localhost:9092}", kafka.bootstrap()))
}

/// The order of this number.
pub fn order(n: usize) -> Record {
    let status = ["created", "paid", "shipped", "delivered", "cancelled"][n % 5];
    let name = ["ada", "grace", "edsger", "barbara", "linus"][n / 7 % 5];
    let order = json!({
        "order_id": format!("o-{n}"), "status": status, "quantity": n % 9 + 1, "price_cents": n % 5_000 + 1,
        "customer": { "name": name, "email": format!("{name}{n}@example.org") },
        "internal_note": "do not ship on Friday",
    });
    let mut value = order.to_string();
    if n % BROKEN == BROKEN / 2 {
        value.truncate(value.len() * 2 / 3);
    }
    let source = if n.is_multiple_of(2) { "shop" } else { "web" };
    Record::new(format!("o-{}", n % 20_011), value, EPOCH + n as i64).with_header("source", source)
}

/// What should come of an order: none where it is filtered out.
fn cleaned(record: &Record) -> Option<Record> {
    let mut order: Value = serde_json::from_str(record.text()).unwrap();
    if !["shipped", "delivered", "cancelled"].contains(&order["status"].as_str()?) {
        return None;
    }
    let email = order["customer"]["email"].as_str()?;
    let (local, domain) = email.split_once('@')?;
    order["customer"]["email"] = json!(format!("{}***@{domain}", &local[..1]));
    order["total_cents"] = json!(order["quantity"].as_i64()? * order["price_cents"].as_i64()?);
    order.as_object_mut()?.shift_remove("internal_note");
    Some(Record { value: Some(order.to_string().into_bytes()), ..record.clone() })
}

fn assert_dead_letter(letter: &Record, source: &Stored, name: &str) {
    let header =
        |suffix: &str| letter.header(&format!("sluice.error.{suffix}")).unwrap_or_else(|| panic!("no {suffix}"));
    assert_eq!((header("class"), header("stage"), header("plugin")), ("reject", "only-changes", "filter-json"));
    assert_eq!((header("pipeline"), header("topic")), (name, name));
    assert_eq!(header("partition"), source.partition.to_string());
    assert_eq!(header("offset"), source.offset.to_string());
    assert_eq!(header("timestamp"), source.record.timestamp.to_string());
    assert_eq!((header("attempts"), header("path")), ("1", ""));
    assert!(!header("reason").is_empty());
    let chain: Vec<&str> = header("chain").split(',').collect();
    assert_eq!((chain.len(), chain[0]), (3, header("digest")));
    assert!(chain.iter().all(|digest| digest.len() == 71 && digest.starts_with("sha256:")), "{chain:?}");
    let at = header("failed_at");
    assert!(at.starts_with("20") && at.contains('T') && at.ends_with('Z'), "{at}");
}

#[test]
fn order_status_cleans_every_order_and_dead_letters_every_broken_one() {
    let _alone = alone();
    let count = if env::var("SLUICE_TEST_FULL").is_ok_and(|full| full == "1") { 1_000_000 } else { 200_000 };
    let (kafka, folder, name) = (Kafka::shared(), Folder::new(), unique("orders"));
    let file = pipeline(&kafka, &folder, &name);
    let (output, dlq) = (format!("{name}.clean"), format!("{name}.dlq"));
    for topic in [&name, &output, &dlq] {
        kafka.create_topic(topic, PARTITIONS, &[]);
    }
    let orders: Vec<Record> = (0..count).map(order).collect();
    Feeder::new(&kafka, &[("compression.type", "lz4")]).feed(&name, &orders);

    let group = Group::new(&kafka, &name);
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_caught_up(&group, &name);
    let peak = sluice.peak_memory();
    stop(&mut sluice);
    assert_eq!(group.caught_up(&name), Ok(()));
    assert!(peak < MEMORY, "it took {} MiB", peak >> 20);

    let is_broken = |record: &Record| serde_json::from_slice::<Value>(record.value.as_deref().unwrap()).is_err();
    let (broken, whole): (Vec<Record>, Vec<Record>) = orders.into_iter().partition(is_broken);
    assert_eq!(broken.len(), count / BROKEN);
    let expected: Vec<Record> = whole.iter().filter_map(cleaned).collect();
    audit(&expected, &kafka.read(&output).records(), by_timestamp).assert_exact();
    let letters = kafka.read(&dlq);
    audit(&broken, &letters.inputs(), by_timestamp).assert_exact();
    let input = kafka.read(&name);
    for letter in letters.0.iter().take(20) {
        let source = input.0.iter().find(|stored| stored.record.timestamp == letter.record.timestamp).unwrap();
        assert_dead_letter(&letter.record, source, &name);
    }
    reads_nothing_again(&file, &name);
    assert_eq!(kafka.read(&output).len() + kafka.read(&dlq).len(), expected.len() + broken.len());
}

fn reads_nothing_again(file: &Path, name: &str) {
    let mut sluice = Sluice::run(&[file]);
    sluice.wait_until_ready();
    let status = sluice.wait_for_line("its status", |line| line.is_status_of(name) && line.field("state") == "running");
    assert_eq!((status.field("records_in").as_str(), status.field("lag").as_str()), ("0", "0"), "{}", status.text);
    stop(&mut sluice);
    let last = sluice.lines().into_iter().rfind(|line| line.is_status_of(name)).unwrap();
    assert_eq!((last.field("records_in").as_str(), last.field("state").as_str()), ("0", "stopped"), "{}", last.text);
}
