//! `sluice explain`: what it says of records is what became of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Finished, Folder, Group, Kafka, Pipeline, Reading, Record, Sluice, sluice};

use crate::dlq::Desk;
use crate::{EPOCH, stop};

/// How many random records are explained.
const COUNT: usize = 300;

/// A number that the seed and the place decide.
fn random(n: usize, salt: u64) -> usize {
    let mut state = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    for _ in 0..3 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    (state >> 33) as usize
}

fn pick<'a>(n: usize, salt: u64, from: &[&'a str]) -> &'a str {
    from[random(n, salt) % from.len()]
}

/// An order, an instruction to `misbehave`, a null, or text that is no JSON.
fn record(n: usize) -> Record {
    let orders = [
        "!drop",
        "!emit:0",
        "!emit:3",
        "!reject:because",
        "!reject:\"a\" is 7",
        "!trap",
        "!retry:1",
        "!retry",
        "!output",
        "!output:audit",
        "!null",
        "!echo:source",
    ];
    let line = |line: usize| json!({ "sku": format!("s-{line}"), "qty": random(n, 90 + line as u64) % 5 });
    let order = json!({
        "order_id": format!("o-{}", n % 40),
        "status": pick(n, 1, &["paid", "shipped", "delivered", "cancelled", "returned"]),
        "customer": { "email": format!("person{n}@example.com") },
        "address": { "country": pick(n, 2, &["de", "fr", "us"]) },
        "quantity": random(n, 3) % 10,
        "lines": (0..random(n, 4) % 4).map(line).collect::<Vec<_>>(),
    });
    let value = match random(n, 5) % 10 {
        0 | 1 => pick(n, 6, &orders).to_owned(),
        2 => pick(n, 7, &["", "{\"order_id\": ", "plain text", "[1, 2", "\"text\"", "{}"]).to_owned(),
        _ => order.to_string(),
    };
    let record = Record::new(format!("key-{}", n % 17), value, EPOCH + n as i64);
    let record = if random(n, 8).is_multiple_of(3) { record.with_header("trace", format!("t-{n}")) } else { record };
    match random(n, 9) % 40 {
        0 => Record { value: None, ..record },
        1 => Record { key: None, ..record },
        _ => record,
    }
}

/// All shipped plugins in one chain, and several outputs.
fn every_plugin(kafka: &Kafka, test: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(kafka, test);
    kafka.create_topic(&pipeline.input, 3, &[]);
    let topic = |name: &str| format!("{}.{name}", pipeline.name);
    let outputs = json!({
        "default": { "topic": pipeline.output }, "audit": { "topic": topic("audit") }, "large": { "topic": topic("large") },
        "germany": { "topic": topic("de") }, "nowhere": { "drop": true },
    });
    let topics = [pipeline.dlq.clone(), pipeline.output.clone(), topic("audit"), topic("large"), topic("de")];
    topics.iter().for_each(|topic| kafka.create_topic(topic, 1, &[]));
    let stage = |name: &str, plugin: &str, config: Value| json!({ "name": name, "plugin": plugin, "config": config });
    let mut orders = stage("orders", "misbehave", json!(null));
    // What passes at the second call is counted by the plugin instance, which each trap of another record replaces:
    // more retries than traps can meet.
    orders["on_error"] = json!({ "retries": 6, "backoff": "1ms" });
    let mut lines = stage(
        "lines",
        "jq",
        json!({
            "program": ".lines[] as $line | . + {line: $line} | del(.lines)",
            "output": "if .line.qty > 3 then \"large\" else null end",
            "key": ".line.sku",
        }),
    );
    lines["on_error"] = json!({ "then": "dlq" });
    let mut query =
        stage("query", "sql", json!({ "query": "SELECT *, quantity * 2 AS twice FROM input WHERE quantity <> 4" }));
    query["on_error"] = json!({ "then": "drop" });
    pipeline.set("outputs", outputs);
    pipeline.set("breaker", json!("off"));
    pipeline.set(
        "stages",
        json!([
            orders,
            stage("same", "identity", json!(null)),
            stage("wanted", "filter-json", json!({ "field": "status", "one_of": ["paid", "shipped", "delivered"] })),
            stage("hidden", "mask-json", json!({ "fields": ["customer.email"], "style": "email" })),
            lines,
            query,
            stage("labels", "set", json!({ "headers": { "region": { "field": "address.country" } }, "tee": "audit" })),
            stage(
                "ways",
                "route",
                json!({ "field": "address.country", "routes": { "de": "germany", "us": "nowhere" } })
            ),
        ]),
    );
    pipeline
}

fn run(kafka: &Kafka, pipeline: &Pipeline, folder: &Folder) {
    let mut running = Sluice::run(&[&pipeline.write(folder)]);
    running.wait_until_caught_up(&Group::new(kafka, &pipeline.name), &pipeline.input);
    stop(&mut running);
}

fn explain(pipeline: &Pipeline, folder: &Folder, arguments: &[String]) -> Finished {
    Finished::of(sluice().arg("explain").arg(pipeline.write(folder)).args(arguments))
}

/// The explanations that `sluice explain --json` prints.
fn explanations(pipeline: &Pipeline, folder: &Folder, arguments: &[String]) -> Vec<Value> {
    let answer = explain(pipeline, folder, &[&["--json".to_owned()], arguments].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A record as an explanation has it.
fn as_shown(record: &Record) -> Value {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    let headers = record.headers.iter().map(|(name, value)| json!([String::from_utf8_lossy(name), text(value)]));
    json!({
        "timestamp": record.timestamp, "key": text(&record.key), "value": text(&record.value),
        "headers": headers.collect::<Vec<_>>(),
    })
}

/// What a topic holds, by the timestamps of the inputs, which their outputs keep.
fn by_timestamp(topic: &str, reading: &Reading) -> BTreeMap<i64, Vec<Value>> {
    let mut all: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for stored in &reading.0 {
        let output = json!({ "topic": topic, "record": as_shown(&stored.record) });
        all.entry(stored.record.timestamp).or_default().push(output);
    }
    all
}

fn header<'r>(record: &'r Record, name: &str) -> &'r str {
    record.header(&format!("sluice.error.{name}")).unwrap()
}

/// Each dead letter is explained as its input is, and says what it had failed of.
fn letters_are_explained_as_their_inputs(pipeline: &Pipeline, folder: &Folder, letters: &Reading, explained: &[Value]) {
    let places: Vec<String> = letters
        .0
        .iter()
        .flat_map(|letter| ["--dead-letter".to_owned(), format!("{}/{}", letter.partition, letter.offset)])
        .collect();
    let again = explanations(pipeline, folder, &places);
    assert_eq!(again.len(), letters.len());
    for (letter, explanation) in letters.0.iter().zip(&again) {
        let (record, before) = (&letter.record, &explanation["before"]);
        assert_eq!(
            (&before["class"], &before["reason"]),
            (&json!(header(record, "class")), &json!(header(record, "reason")))
        );
        let same = explained.iter().find(|one| {
            ["topic", "partition", "offset"].iter().all(|part| one["record"][part] == explanation["record"][part])
        });
        let parts = ["record", "outputs", "dead_letters", "result", "outcome"];
        for part in parts {
            assert_eq!(same.map(|same| &same[part]), Some(&explanation[part]), "{part}");
        }
    }
}

#[test]
fn what_is_explained_of_random_records_is_what_became_of_them() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let pipeline = every_plugin(&kafka, "explain");
    let inputs: Vec<Record> = (0..COUNT).map(record).collect();
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &inputs);
    run(&kafka, &pipeline, &folder);

    let stored = kafka.read(&pipeline.input);
    let place = |partition: &dyn std::fmt::Display, offset: &dyn std::fmt::Display| {
        format!("{}/{partition}/{offset}", pipeline.input)
    };
    let places: Vec<String> = stored.0.iter().map(|stored| place(&stored.partition, &stored.offset)).collect();
    let explained = explanations(&pipeline, &folder, &places);
    assert_eq!(explained.len(), COUNT);

    let names = ["audit", "large", "de"].map(|name| format!("{}.{name}", pipeline.name));
    let topics = [std::slice::from_ref(&pipeline.output), &names[..]].concat();
    let outputs = topics.iter().map(|topic| by_timestamp(topic, &kafka.read(topic))).collect::<Vec<_>>();
    let letters = kafka.read(&pipeline.dlq);
    let mut results: BTreeMap<String, usize> = BTreeMap::new();
    for ((stored, place), explanation) in stored.0.iter().zip(&places).zip(&explained) {
        let came: Vec<&Value> =
            outputs.iter().filter_map(|outputs| outputs.get(&stored.record.timestamp)).flatten().collect();
        let mut said: Vec<Value> = explanation["outputs"].as_array().unwrap().clone();
        said.iter_mut().for_each(|output| *output = json!({ "topic": output["topic"], "record": output["record"] }));
        said.sort_by_key(|output| topics.iter().position(|topic| output["topic"] == **topic));
        assert_eq!(said.iter().collect::<Vec<_>>(), came, "{place}: {explanation:#}");

        let is_its = |letter: &&Record| {
            place
                == &format!("{}/{}/{}", header(letter, "topic"), header(letter, "partition"), header(letter, "offset"))
        };
        let letters = letters.records();
        let letter = |letter: &Record| {
            json!({
                "stage": header(letter, "stage"), "class": header(letter, "class"),
                "reason": header(letter, "reason"), "path": header(letter, "path"),
            })
        };
        let of_it: Vec<Value> = letters.iter().filter(is_its).map(letter).collect();
        assert_eq!(explanation["dead_letters"], json!(of_it), "{place}: {explanation:#}");
        let result = match (of_it.is_empty(), came.is_empty()) {
            (false, _) => "dead_lettered",
            (true, false) => "delivered",
            (true, true) => "dropped",
        };
        assert_eq!(explanation["result"], result, "{place}");
        *results.entry(result.to_owned()).or_default() += 1;
    }
    assert!(results.len() == 3 && results.values().all(|count| *count >= 20), "each is there: {results:?}");
    letters_are_explained_as_their_inputs(&pipeline, &folder, &letters, &explained);
}

#[test]
fn the_source_of_a_record_is_what_the_pipeline_reads() {
    let desk = Desk::new("explain-source", 2);
    desk.process(&["!echo:source"; 8]);
    let stored = desk.kafka.read(&desk.pipeline.input);
    let places =
        stored.0.iter().map(|stored| format!("{}/{}/{}", desk.pipeline.input, stored.partition, stored.offset));
    let explained = explanations(&desk.pipeline, &desk.folder, &places.collect::<Vec<_>>());
    let outputs = by_timestamp(&desk.pipeline.output, &desk.kafka.read(&desk.pipeline.output));
    for (stored, explanation) in stored.0.iter().zip(&explained) {
        assert_eq!(explanation["outputs"][0]["record"], outputs[&stored.record.timestamp][0]["record"]);
        assert_eq!(explanation["stages"][0]["verdict"], "emit");
        assert_eq!(explanation["stages"][0]["after"][0]["changed"], json!(["value"]));
    }
}

#[test]
fn a_record_that_is_not_there_is_said_with_the_reason() {
    let desk = Desk::new("explain-nothing", 1);
    let (input, kafka) = (desk.pipeline.input.clone(), &desk.kafka);
    Feeder::new(kafka, &[]).feed(&input, [&Record::new("k", "gone", EPOCH), &Record::new("k", "there", EPOCH)]);
    let feeder = Feeder::new(kafka, &[("transactional.id", &input)]);
    feeder.init_transactions();
    let lost = [Record::new("k", "aborted", EPOCH)];
    feeder.transaction(&input, 0, &lost, false);
    feeder.transaction(&input, 0, &[Record::new("k", "committed", EPOCH)], true);
    kafka.delete_records(&input, 0, 1);
    let says = |place: &str, code: i32, part: &str| {
        let answer = explain(&desk.pipeline, &desk.folder, &[place.to_owned()]);
        assert_eq!((answer.code, answer.out.as_str()), (Some(code), ""), "{}", answer.err);
        assert!(answer.err.contains(part), "{part} in {}", answer.err);
    };
    says(
        &format!("{input}/0/0"),
        1,
        "it is gone, by retention or because it was deleted; the partition holds offsets 1 to 5",
    );
    says(&format!("{input}/0/99"), 1, "it is not there yet");
    says(&format!("{input}/0/2"), 1, "is in a transaction that was aborted");
    says(
        &format!("{input}/0/3"),
        1,
        "at that offset is a transaction's marker, which is no record; the next one is 0/4",
    );
    says(&format!("{input}/7/0"), 1, "has 1 partitions, and none 7");
    says("elsewhere/0/0", 2, "topic \"elsewhere\" is no input of pipeline");
    says("elsewhere/0", 2, "expected TOPIC/PARTITION/OFFSET");
    let mut pipeline = desk.pipeline.clone();
    pipeline.set("input", json!({ "topics": [input, "not-there"] }));
    let answer = explain(&pipeline, &desk.folder, &["not-there/0/0".to_owned()]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.err.contains("topic \"not-there\" does not exist on"), "{}", answer.err);
    let answer = explain(&desk.pipeline, &desk.folder, &["--dead-letter".to_owned(), "0/0".to_owned()]);
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    // What is there is explained, for people.
    let answer = explain(&desk.pipeline, &desk.folder, &[format!("{input}/0/1")]);
    assert!(
        answer.out.contains("1 stage: keep (") && answer.out.contains("delivered: to output \"default\" (topic "),
        "{}",
        answer.out
    );
    assert_eq!(answer.out.matches("to output").count(), 1, "it is said once: {}", answer.out);
}

#[test]
fn explaining_joins_no_group_commits_nothing_and_writes_nothing() {
    let desk = Desk::new("explain-look", 1);
    Feeder::new(&desk.kafka, &[]).feed(&desk.pipeline.input, [&Record::new("k", "!emit:2", EPOCH)]);
    let [explanation] = &explanations(&desk.pipeline, &desk.folder, &[format!("{}/0/0", desk.pipeline.input)])[..]
    else {
        panic!("one explanation")
    };
    assert_eq!(explanation["outputs"].as_array().map(Vec::len), Some(2));
    let group = Group::new(&desk.kafka, &desk.pipeline.name);
    assert_eq!(group.committed(&desk.pipeline.input), vec![None]);
    assert!(desk.output().is_empty() && desk.letters().is_empty());
}

/// Explains records that are given by hand.
fn by_hand(pipeline: &Pipeline, records: &[Value]) -> Vec<Value> {
    let folder = Folder::new();
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let file = folder.write("records.json", lines);
    explanations(pipeline, &folder, &["--record".to_owned(), file.display().to_string()])
}

#[test]
fn a_stage_that_may_not_repeat_itself_says_so() {
    let mut pipeline = Pipeline::new(&Kafka::shared(), "explain-notes");
    pipeline.set(
        "stages",
        json!([
            { "name": "granted", "plugin": "identity", "grants": { "clock": true, "random": true, "env": ["HOME"] } },
            { "name": "odd", "plugin": "misbehave", "on_error": { "retries": 0 } },
        ]),
    );
    let explained = by_hand(&pipeline, &[json!({ "value": "plain" }), json!({ "value": "!retry:1" })]);
    let notes = |explanation: usize, stage: usize| explained[explanation]["stages"][stage]["notes"].to_string();
    assert!(notes(0, 0).contains("the clock and randomness") && notes(0, 0).contains("HOME"), "{}", notes(0, 0));
    assert_eq!(notes(0, 1), "[]");
    // It remembers that it has refused the record once.
    assert!(notes(1, 1).contains("answers otherwise when it is called with the same record again"), "{}", notes(1, 1));
    assert_eq!(explained[1]["dead_letters"][0]["class"], "retries");
    assert!(explained[0]["notes"].to_string().contains("no broker was asked"), "{}", explained[0]["notes"]);
}

#[test]
fn what_a_mask_hides_is_in_no_part_of_an_explanation() {
    let mut pipeline = Pipeline::new(&Kafka::shared(), "explain-mask");
    pipeline.set("show", json!({ "mask": ["value.customer.email", "headers.token"] }));
    pipeline.set("stages", json!([
        { "name": "copies", "plugin": "set", "config": { "key": { "field": "customer.email" }, "headers": { "mail": { "field": "customer.email" } } } },
        { "name": "refuses", "plugin": "jq", "config": { "program": "if .bad then error(\"no mail to \" + .customer.email) else . end" } },
    ]));
    let order = |bad: bool| {
        json!({ "customer": { "email": "anna.secret@example.com", "name": "shown" }, "bad": bad }).to_string()
    };
    let headers = json!([["token", "t-secret"], ["trace", "shown"]]);
    let explained = by_hand(
        &pipeline,
        &[
            json!({ "value": order(false), "headers": headers }),
            json!({ "value": order(true), "headers": headers }),
            json!({ "value": "{\"customer\": {\"email\": \"anna.secret@example.com\"" }),
        ],
    );
    let text = json!(explained).to_string();
    assert!(!text.contains("secret") && !text.contains("anna"), "{text}");
    assert_eq!(explained[0]["result"], "delivered");
    assert!(explained[0]["outputs"][0]["record"]["value"].as_str().unwrap().contains("\"name\":\"shown\""));
    assert!(explained[1]["dead_letters"][0]["reason"].as_str().unwrap().contains("no mail to ***"), "{}", explained[1]);
    let broken = explained[2]["record"]["value"].as_str().unwrap();
    assert!(broken.starts_with("(48 bytes, hash "), "{broken}");
}

#[test]
fn another_plugin_than_then_is_named() {
    let mut desk = Desk::new("explain-digest", 1);
    desk.process(&["!reject:no"]);
    desk.pipeline.stage("identity", json!(null));
    let places = ["--dead-letter".to_owned(), "0/0".to_owned()];
    let explained = explanations(&desk.pipeline, &desk.folder, &places);
    assert_eq!((&explained[0]["result"], &explained[0]["before"]["reason"]), (&json!("delivered"), &json!("no")));
    let notes = explained[0]["stages"][0]["notes"].to_string();
    assert!(notes.contains("its plugin is another than then: it was sha256:"), "{notes}");
    let shown = explain(&desk.pipeline, &desk.folder, &places).out;
    assert!(
        shown.contains("failed before in stage \"stage\" at ") && shown.contains("after 1 call: reject: no"),
        "{shown}"
    );
}
