//! The plugin as a stage sees it.

use super::*;
use sluicebox_plugin::testing::{Message, Started, start};

const OUTPUTS: [&str; 4] = ["default", "germany", "audit", "lines"];

fn try_sql(query: &str, more: &str) -> Result<Started<Sql>, String> {
    let query = serde_json::to_string(query).expect("a text is JSON");
    start(&format!("{{\"query\": {query}{more}}}"), &OUTPUTS)
}

fn sql(query: &str) -> Started<Sql> {
    try_sql(query, "").expect("the query is right")
}

fn value(json: &'static str) -> Emit<'static> {
    emit().value(json)
}

#[test]
fn a_record_is_projected_and_others_are_dropped() {
    let mut sql = sql("SELECT id, upper(status) AS status FROM input WHERE status IN ('new', 'old')");
    assert_eq!(sql.run(Message::new(r#"{"status": "new", "id": 7}"#)), value(r#"{"id":7,"status":"NEW"}"#).into());
    assert_eq!(sql.run(Message::new(r#"{"status": "x", "id": 7}"#)), Verdict::Drop);
    assert_eq!(sql.run(Message::new("{}")), Verdict::Drop, "NULL is not true");
}

#[test]
fn a_record_that_is_passed_on_whole_is_kept() {
    let mut sql = sql("SELECT * FROM input WHERE a > 1");
    assert_eq!(sql.run(Message::new(r#" {"a" : 2, "a b": [1, 2]} "#)), Verdict::Keep);
    assert_eq!(sql.run(Message::new(r#"{"a": 1}"#)), Verdict::Drop);
}

#[test]
fn the_star_copies_fields_as_they_stand() {
    let mut sql = sql("SELECT * EXCEPT (a) REPLACE (b + 1 AS b), c AS d FROM input");
    let json = r#"{"a": 1, "b" : 2, "n": 1.50e0, "x\u0041\"": [ 1 ], "d": "old", "c": "\u00e9"}"#;
    let expected = r#"{"b":3,"n":1.50e0,"x\u0041\"":[ 1 ],"c":"\u00e9","d":"\u00e9"}"#;
    assert_eq!(sql.run(Message::new(json)), value(expected).into());
}

#[test]
fn statements_route_and_fan_out() {
    let mut sql = sql("INSERT INTO germany SELECT id FROM input WHERE country = 'de'; \
                       INSERT INTO lines SELECT id, line.sku FROM input, UNNEST(lines) AS line; \
                       SELECT * FROM input WHERE keep;");
    let json = r#"{"id": 1, "country": "de", "lines": [{"sku": "a"}, {"sku": "b"}], "keep": true}"#;
    let expected = vec![
        value(r#"{"id":1}"#).to("germany"),
        value(r#"{"id":1,"sku":"a"}"#).to("lines"),
        value(r#"{"id":1,"sku":"b"}"#).to("lines"),
        emit(),
    ];
    assert_eq!(sql.run(Message::new(json)), expected.into());
    assert_eq!(sql.run(Message::new(r#"{"id": 2}"#)), Verdict::Drop);
}

#[test]
fn key_timestamp_and_headers_are_set() {
    let mut sql = sql("SELECT a, a AS __key, ts AS __timestamp, __headers['h'] || '!' AS __headers['h'], \
                       NULL AS __headers['gone'] FROM input");
    let message = Message::new(r#"{"a": "k", "ts": 1500}"#).header("x", "1").header("h", "v").header("gone", "2");
    let expected = value(r#"{"a":"k"}"#).key("k").timestamp(1500).header("x", "1").header("h", "v!");
    assert_eq!(sql.run(message), expected.into());
    let message = Message::new(r#"{"ts": "2026-01-01"}"#);
    assert_eq!(
        sql.run(message),
        Verdict::reject("__timestamp: expected milliseconds or a timestamp, found text \"2026-01-01\"")
    );
}

#[test]
fn what_is_beside_the_value_can_be_read() {
    let mut sql = sql("SELECT __key AS key, __timestamp AS ts, __topic AS t, __partition AS p, __offset AS o, \
                       __headers['h'] AS h, __headers['none'] AS n FROM input");
    let message = Message::new("no JSON").key("k").timestamp(5).offset(9).header("h", "1").header("h", "2");
    let expected = r#"{"key":"k","ts":5,"t":"input","p":0,"o":9,"h":"2","n":null}"#;
    assert_eq!(sql.run(message), value(expected).into());
}

#[test]
fn only_what_is_used_is_asked_for() {
    let needs = |query: &str| {
        let config = Config { query: query.into(), nulls: NullResults::Keep, tombstones: Tombstones::Keep };
        let stage = Stage::new("s", OUTPUTS.map(str::to_owned).to_vec());
        Sql::init(config, &stage).expect("the query is right").needs()
    };
    assert_eq!(needs("SELECT a FROM input"), Fields::VALUE);
    assert_eq!(needs("SELECT * FROM input"), Fields::NONE);
    assert_eq!(needs("SELECT * FROM input WHERE __key = 'x'"), Fields::KEY);
    assert_eq!(needs("SELECT *, 1 AS a FROM input"), Fields::VALUE);
    assert_eq!(
        needs("SELECT * FROM input WHERE __headers['a'] = 'x' AND __offset > 5"),
        Fields::HEADERS.and(Fields::SOURCE)
    );
    assert_eq!(needs("SELECT *, 'x' AS __headers['a'] FROM input"), Fields::HEADERS);
    assert_eq!(needs("SELECT __timestamp AS a FROM input"), Fields::TIMESTAMP);
}

#[test]
fn null_results_are_written_or_left_out() {
    let query = "SELECT *, missing, nullif(a, 1) AS b FROM input";
    let json = r#"{"a": 1, "n": null}"#;
    let run = |more| try_sql(query, more).expect("the query is right").run(Message::new(json));
    assert_eq!(run(""), value(r#"{"a":1,"n":null,"missing":null,"b":null}"#).into());
    assert_eq!(run(r#", "nulls": "omit""#), value(r#"{"a":1,"n":null}"#).into(), "the star copies nulls");
}

#[test]
fn a_tombstone_passes_unless_configured_otherwise() {
    let verdict = |more: &str| {
        try_sql("SELECT a FROM input WHERE a = 1", more).expect("the query is right").run(Message::tombstone().key("k"))
    };
    assert_eq!(verdict(""), Verdict::Keep);
    assert_eq!(verdict(r#", "tombstones": "drop""#), Verdict::Drop);
    assert_eq!(verdict(r#", "tombstones": "reject""#), Verdict::reject("the value is null"));
    // A query that does not look at the value judges tombstones like other records.
    assert_eq!(sql("SELECT * FROM input WHERE __key = 'x'").run(Message::tombstone().key("k")), Verdict::Drop);
}

#[test]
fn a_record_that_does_not_fit_is_rejected_with_the_expression() {
    let reason = |query: &str, json: &str| match sql(query).run(Message::new(json)) {
        Verdict::Reject(reason) => reason.into_owned(),
        other => panic!("the record is rejected, and not {other:?}"),
    };
    assert_eq!(
        reason("SELECT price / quantity AS each FROM input", r#"{"price": 5, "quantity": 0}"#),
        "column each: price / quantity (line 1, column 8): division by zero"
    );
    assert_eq!(
        reason("SELECT a * 2 AS b FROM input", r#"{"a": 9223372036854775807}"#),
        "column b: a * 2 (line 1, column 8): bigint out of range"
    );
    assert_eq!(
        reason("SELECT *\nFROM input\nWHERE upper(a) = 'X'", r#"{"a": {"b": 1}}"#),
        "WHERE: upper(a) (line 3, column 7): expected text, found jsonb {\"b\": 1}"
    );
    assert_eq!(reason("SELECT a FROM input", r#"{"a": 1"#), "not JSON: expected `,` or `}`, found the end, at byte 7");
    assert!(reason("SELECT a FROM input", "[1]").contains("no object"));
}

#[test]
fn a_wrong_query_is_refused_with_its_place() {
    let refused = |query: &str| try_sql(query, "").expect_err("the query is wrong");
    assert_eq!(
        refused("SELECT a,\n  uper(b) AS b FROM input"),
        "config.query: line 2, column 3: no function uper\n    uper(b) AS b FROM input\n    ^\n  did you mean `upper`?"
    );
    assert_eq!(
        refused("INSERT INTO germani SELECT * FROM input"),
        "config.query: line 1, column 13: the pipeline has no output `germani`; did you mean `germany`? its outputs are: \
         default, germany, audit, lines"
    );
    assert!(
        try_sql("SELECT 1 AS a FROM input", r#", "null": "omit""#)
            .is_err_and(|error| error.starts_with("config.null: "))
    );
    assert!(
        try_sql("SELECT 1 AS a FROM input", r#", "nulls": "no""#)
            .is_err_and(|error| error.starts_with("config.nulls: "))
    );
}
