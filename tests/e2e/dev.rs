//! `sluice dev`: the shipped pipelines on their samples, and records that are wrong. No Kafka is needed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sluicebox_tests::{Finished, Folder, repository, sluice};

fn dev(pipeline: &str, records: &str) -> Command {
    let folder = repository().join("pipelines");
    let mut command = sluice();
    command.arg("dev").arg(folder.join(pipeline)).arg("--records").arg(folder.join("samples").join(records));
    command
}

/// What came out: of each topic its records, in order.
fn results(answer: &Finished) -> BTreeMap<String, Vec<Value>> {
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let mut topics: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in answer.out.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        topics.entry(record["topic"].as_str().unwrap().to_owned()).or_default().push(record);
    }
    topics
}

fn sample(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(repository().join("pipelines/samples").join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// By key and timestamp: what lies in different partitions comes in any order.
fn sorted(mut records: Vec<Value>) -> Vec<Value> {
    records.sort_by_key(|record| (record["timestamp"].as_i64(), record["key"].to_string()));
    records
}

#[test]
fn order_status_on_its_sample_gives_exactly_what_it_should() {
    let answer = Finished::of(dev("order-status.yaml", "order-status.jsonl").args(["--records-format", "record"]));
    let mut topics = results(&answer);
    let (mut clean, mut broken) = (Vec::new(), Vec::new());
    for input in sample("order-status.jsonl") {
        let Some(value) = input["value"].as_str() else {
            // A tombstone passes through.
            clean.push(input);
            continue;
        };
        let Ok(mut order) = serde_json::from_str::<Value>(value) else {
            broken.push(input);
            continue;
        };
        if ["shipped", "delivered", "cancelled"].contains(&order["status"].as_str().unwrap()) {
            let email = order["customer"]["email"].as_str().unwrap();
            let (local, domain) = email.split_once('@').unwrap();
            order["customer"]["email"] = json!(format!("{}***@{domain}", &local[..1]));
            order["total_cents"] = json!(order["quantity"].as_i64().unwrap() * order["price_cents"].as_i64().unwrap());
            order.as_object_mut().unwrap().shift_remove("internal_note");
            clean.push(json!({
                "key": input["key"], "value": order.to_string(), "headers": input["headers"],
                "timestamp": input["timestamp"],
            }));
        }
    }
    clean.iter_mut().for_each(|record| record["topic"] = json!("order_status.clean"));
    assert_eq!(sorted(topics.remove("order_status.clean").unwrap()), sorted(clean));

    let letters = sorted(topics.remove("order_status.dlq").unwrap());
    assert_eq!(letters.len(), broken.len());
    for (letter, input) in letters.iter().zip(sorted(broken)) {
        for field in ["key", "value", "timestamp"] {
            assert_eq!(letter[field], input[field]);
        }
        let headers = letter["headers"].as_array().unwrap();
        assert!(headers.starts_with(input["headers"].as_array().unwrap()), "{letter}");
        assert!(headers.contains(&json!(["sluice.error.class", "reject"])), "{letter}");
    }
    assert!(topics.is_empty(), "{topics:?}");
}

#[test]
fn flights_on_its_sample_gives_exactly_what_it_should() {
    let mut topics = results(&Finished::of(&mut dev("flights.yaml", "flights.jsonl")));
    let inputs = sample("flights.jsonl");
    let expected = |which: fn(&Value) -> bool| {
        let mut values: Vec<String> = inputs.iter().filter(|flight| which(flight)).map(Value::to_string).collect();
        values.sort();
        values
    };
    let mut values = |topic: &str| {
        let records = topics.remove(topic).unwrap_or_default();
        let mut values: Vec<String> =
            records.iter().map(|record| record["value"].as_str().unwrap().to_owned()).collect();
        values.sort();
        values
    };
    let (cancelled, delayed) = (values("flights.cancelled"), values("flights.delayed"));
    assert!(!cancelled.is_empty() && !delayed.is_empty());
    assert_eq!(cancelled, expected(|flight| flight["dep_time"].is_null()));
    let is_late = |flight: &Value| !flight["dep_time"].is_null() && flight["dep_delay"].as_f64().unwrap() >= 60.0;
    assert_eq!(delayed, expected(is_late));
    assert!(topics.is_empty(), "{topics:?}");
}

#[test]
fn records_come_from_standard_input_too_and_odd_bytes_survive() {
    let folder = Folder::new();
    let pipeline = "name: echo\nkafka: { bootstrap.servers: nowhere:1 }\ninput: { topics: [in] }\n\
                    outputs: { default: { topic: out } }\n";
    let mut command = sluice();
    command.arg("dev").arg(folder.write("echo.yaml", pipeline)).args(["--records-format", "record"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let records = [
        json!({ "key": null, "value": null, "headers": [], "timestamp": 1_767_225_600_000_i64 }),
        json!({ "key": "", "value": "", "headers": [["h", null], ["h", ""]], "timestamp": 1_767_225_600_001_i64 }),
        json!({ "key_base64": "/wA=", "value_base64": "/v8=", "headers": [["h", { "base64": "/w==" }]], "timestamp": 1_767_225_600_002_i64 }),
    ];
    let mut stdin = child.stdin.take().unwrap();
    records.iter().for_each(|record| writeln!(stdin, "{record}").unwrap());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let answer = Finished { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    let mut came = sorted(results(&answer).remove("out").unwrap());
    came.iter_mut().for_each(|record| _ = record.as_object_mut().unwrap().shift_remove("topic"));
    assert_eq!(came, records);
}

#[test]
fn a_line_that_is_no_record_is_wrong_use_and_named() {
    let folder = Folder::new();
    let records = folder.write("records.jsonl", "{\"value\": \"1\"}\n{\"vlaue\": \"2\"}\n");
    let pipeline = repository().join("pipelines/flights.yaml");
    let answer =
        Finished::of(sluice().arg("dev").arg(pipeline).args(["--records-format", "record", "--records"]).arg(&records));
    assert_eq!(answer.code, Some(2), "{}", answer.err);
    assert!(answer.err.contains(&format!("{}:2: ", records.display())), "{}", answer.err);
    assert!(answer.err.contains("vlaue"), "{}", answer.err);
}
