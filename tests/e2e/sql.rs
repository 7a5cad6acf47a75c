//! `sluice sql`: questions to a pipeline's topics.

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Finished, Folder, Group, Kafka, Pipeline, Record, Sluice, sluice};

use crate::{EPOCH, stop};

/// A pipeline, and orders in its input.
struct Asking {
    kafka: Kafka,
    pipeline: Pipeline,
    folder: Folder,
}

impl Asking {
    fn new(test: &str, partitions: i32) -> Asking {
        let kafka = Kafka::shared();
        let mut pipeline = Pipeline::with_topics(&kafka, test, partitions);
        pipeline.stage("misbehave", json!(null));
        Asking { kafka, pipeline, folder: Folder::new() }
    }

    fn feed(&self, first: usize, values: &[&str]) {
        let record = |(n, value): (usize, &&str)| {
            Record::new(format!("key-{}", first + n), *value, EPOCH + (first + n) as i64 * 1000)
                .with_header("source", "shop")
        };
        let records: Vec<Record> = values.iter().enumerate().map(record).collect();
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, &records);
    }

    fn sql(&self, query: &str, arguments: &[&str]) -> Finished {
        let file = self.pipeline.write(&self.folder);
        Finished::of(sluice().arg("sql").arg(file).arg(query).args(arguments))
    }

    /// The rows of a query that succeeds.
    fn rows(&self, query: &str, arguments: &[&str]) -> Vec<Value> {
        let answer = self.sql(query, arguments);
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const ORDERS: [&str; 5] = [
    r#"{"id": 1, "status": "paid", "cents": 100}"#,
    r#"{"id": 2, "status": "new", "cents": 250}"#,
    r#"{"id": 3, "status": "paid", "cents": 50}"#,
    r#"{"id": 4, "status": "paid", "cents": 7}"#,
    r#"{"id": 5, "status": "new", "cents": 7}"#,
];

#[test]
fn records_are_selected_grouped_and_sorted() {
    let asking = Asking::new("sql-rows", 2);
    asking.feed(0, &ORDERS);

    assert_eq!(
        asking.rows("SELECT id FROM input WHERE cents < 100 ORDER BY id", &[]),
        [json!({"id": 3}), json!({"id": 4}), json!({"id": 5})]
    );
    assert_eq!(
        asking
            .rows("SELECT status, count(*) AS n, sum(cents) AS cents FROM input GROUP BY status ORDER BY 2 DESC", &[]),
        [json!({"status": "paid", "n": 3, "cents": 157}), json!({"status": "new", "n": 2, "cents": 257})]
    );
    assert_eq!(
        asking.rows("SELECT __topic, __headers['source'] AS source, __key FROM input WHERE id = 2", &[]),
        [json!({"__topic": asking.pipeline.input, "source": "shop", "__key": "key-1"})]
    );
    assert_eq!(asking.rows("SELECT * FROM input", &["--limit", "2"]).len(), 2);
    assert_eq!(asking.rows("SELECT count(*) FROM input", &["--from", "2026-01-01T00:00:03Z"]), [json!({"count": 2})]);
    assert_eq!(asking.rows("SELECT id FROM input", &["--from", "latest"]), [json!(null); 0]);

    let csv = asking.sql("SELECT id, status FROM input WHERE id = 1", &["--output", "csv"]);
    assert_eq!(csv.out, "id,status\r\n1,paid\r\n");
    let table = asking.sql("SELECT status, count(*) FROM input GROUP BY status ORDER BY 1", &["--output", "table"]);
    assert_eq!(table.out, "status  count\n──────  ─────\nnew         2\npaid        3\n");
}

#[test]
fn outputs_and_dead_letters_are_tables_too_and_no_group_is_joined() {
    let asking = Asking::new("sql-tables", 1);
    asking.feed(0, &["!reject:because", r#"{"id": 7}"#]);
    let mut running = Sluice::run(&[&asking.pipeline.write(&asking.folder)]);
    running.wait_until_caught_up(&Group::new(&asking.kafka, &asking.pipeline.name), &asking.pipeline.input);
    stop(&mut running);
    let group = Group::new(&asking.kafka, &asking.pipeline.name);
    let committed = group.committed(&asking.pipeline.input);

    assert_eq!(asking.rows("SELECT id FROM default", &[]), [json!({"id": 7})]);
    assert_eq!(
        asking.rows("SELECT __headers['sluice.error.reason'] AS reason, count(*) FROM dlq GROUP BY reason", &[]),
        [json!({"reason": "because", "count": 1})]
    );
    // What is no JSON is left out, and that is said.
    let answer = asking.sql("SELECT id FROM input", &[]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), "{\"id\":7}\n"), "{}", answer.err);
    assert!(answer.err.contains("1 record was left out"), "{}", answer.err);
    assert_eq!(group.committed(&asking.pipeline.input), committed);
}

#[test]
fn what_is_wrong_with_a_question_is_said_with_its_exit_code() {
    let asking = Asking::new("sql-wrong", 1);
    asking.feed(0, &[r#"{"id": 1}"#, r#"{"id": "x"}"#]);
    let says = |query: &str, arguments: &[&str], code: i32, part: &str| {
        let answer = asking.sql(query, arguments);
        assert_eq!(answer.code, Some(code), "{}", answer.err);
        assert!(answer.err.contains(part), "{part} in {}", answer.err);
    };
    says("SELECT id FROM inptu", &[], 2, "did you mean \"input\"?");
    says("SELECT FROM input", &[], 2, "line 1, column ");
    says("SELECT status, count(*) FROM input", &[], 2, "neither in GROUP BY nor in an aggregate");
    says("SELECT count(*) FROM input", &["--follow"], 2, "--follow has no end");
    says("SELECT id + 1 AS next FROM input", &[], 1, "/0/1: column next");
    let rows = asking.sql("SELECT id + 1 AS next FROM input", &[]).out;
    assert_eq!(rows, "{\"next\":2}\n", "the rows before it are shown");
}

#[test]
fn what_comes_is_followed() {
    let asking = Asking::new("sql-follow", 2);
    asking.feed(0, &ORDERS[..2]);
    let file = asking.pipeline.write(&asking.folder);
    let mut command = sluice();
    command.arg("sql").arg(file).args(["SELECT id FROM input", "--follow", "--limit", "4"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["id"].as_i64().unwrap();
    let mut ids = vec![next(), next()];
    asking.feed(2, &ORDERS[2..]);
    ids.extend([next(), next()]);
    ids.sort_unstable();
    // The fifth is one too many.
    assert!(ids.starts_with(&[1, 2]) && ids.len() == 4, "{ids:?}");
    assert!(child.wait().unwrap().success());
}
