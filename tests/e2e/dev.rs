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

const COPY: &str = "\
name: copy
kafka: { bootstrap.servers: nowhere:1 }
input: { topics: [in, second, \"^more[.].*\"] }
outputs: { default: { topic: out } }
";

const ONLY_PAID: &str = "\
name: paid
kafka: { bootstrap.servers: nowhere:1 }
input: { topics: [in] }
stages:
  - name: only-paid
    plugin: filter-json
    config: { field: status, equals: paid }
outputs: { default: { topic: out } }
dlq: { topic: dlq }
";

/// Runs a pipeline on these lines.
fn dev_on(pipeline: &str, lines: &str, options: &[&str]) -> Finished {
    let folder = Folder::new();
    let (pipeline, records) = (folder.write("p.yaml", pipeline), folder.write("records", lines));
    Finished::of(sluice().arg("dev").arg(pipeline).arg("--records").arg(records).args(options))
}

fn lines(answer: &Finished) -> Vec<Value> {
    answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn results_come_in_the_order_of_the_input_and_dead_letters_are_marked() {
    let inputs =
        (0..40).map(|n| if n % 3 == 1 { format!("oops {n}") } else { format!(r#"{{"status":"paid","n":{n}}}"#) });
    let inputs: Vec<String> = inputs.collect();
    let answer = dev_on(ONLY_PAID, &(inputs.join("\n") + "\n"), &[]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let results = lines(&answer);
    let values: Vec<&str> = results.iter().map(|record| record["value"].as_str().unwrap()).collect();
    assert_eq!(values, inputs);
    for record in &results {
        let is_dead_letter = record["value"].as_str().unwrap().starts_with("oops");
        assert_eq!(record.get("dead_letter"), is_dead_letter.then_some(&json!(true)), "{record}");
    }
    assert!(answer.err.contains("records in: 40, out: 27, dead letters: 13, dropped: 0"), "{}", answer.err);
    // What comes out can go in again.
    let again = dev_on(
        &ONLY_PAID
            .replace("[in]", "[out, dlq]")
            .replace("topic: out", "topic: out2")
            .replace("topic: dlq", "topic: dlq2"),
        &answer.out,
        &["--records-format", "json"],
    );
    assert!(again.err.contains("records in: 40, out: 27, dead letters: 13"), "{}", again.err);
}

#[test]
fn in_one_topic_many_records_keep_their_order() {
    let inputs: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let answer = dev_on(COPY, &(inputs.join("\n") + "\n"), &[]);
    let values: Vec<Value> = lines(&answer).into_iter().map(|mut record| record["value"].take()).collect();
    assert_eq!(values, inputs, "{}", answer.err);
}

#[test]
fn records_go_to_the_topics_of_the_input_that_they_name() {
    let records = [
        json!({ "value": "1" }),
        json!({ "topic": "second", "value": "2" }),
        json!({ "topic": "more.a", "value": "3" }),
        json!({ "topic": "in", "value": "4" }),
    ];
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let answer = dev_on(COPY, &text, &["--records-format", "record"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let values: Vec<Value> = lines(&answer).into_iter().map(|mut record| record["value"].take()).collect();
    assert_eq!(values, ["1", "2", "3", "4"]);
    let wrong = dev_on(COPY, "{\"topic\": \"third\"}\n", &["--records-format", "record"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("topic \"third\" is not among `input.topics`"), "{}", wrong.err);
}

#[test]
fn the_summary_counts_what_came_out_before_a_stop() {
    let pipeline = ONLY_PAID.replace("config:", "on_error: { then: stop }\n    config:");
    let answer = dev_on(&pipeline, "{\"status\":\"paid\"}\noops\n{\"status\":\"paid\"}\n", &[]);
    assert_eq!((answer.code, lines(&answer).len()), (Some(1), 1), "{}", answer.err);
    assert!(answer.err.contains("out: 1, dead letters: 0, dropped: 0, stopped"), "{}", answer.err);
}

#[test]
fn large_records_go_through() {
    let mib = |n: usize| "x".repeat(n << 20);
    for values in [vec![mib(2), "small".to_owned(), mib(17), mib(6), "last".to_owned()], vec![mib(95)]] {
        let answer = dev_on(COPY, &(values.join("\n") + "\n"), &[]);
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        let came: Vec<Value> = lines(&answer).into_iter().map(|mut record| record["value"].take()).collect();
        assert!(came == values, "{} results: {}", came.len(), answer.err);
    }
}
