//! Queries over many records, as PostgreSQL answers them.

use json_sql::{Flow, Input, RowError, TableQuery};

const ORDERS: [&str; 6] = [
    r#"{"id": 1, "shop": "a", "status": "paid", "cents": 100, "at": "2026-01-01T10:15:00", "lines": [1, 2]}"#,
    r#"{"id": 2, "shop": "b", "status": "new", "cents": 250, "at": "2026-01-01T10:45:00", "lines": []}"#,
    r#"{"id": 3, "shop": "a", "status": "paid", "cents": 50.5, "at": "2026-01-01T11:00:00", "lines": [3]}"#,
    r#"{"id": 4, "shop": null, "status": "paid", "cents": 7, "at": "2026-01-01T11:30:00"}"#,
    r#"{"id": 5, "shop": "b", "status": "paid", "cents": null, "at": "2026-01-01T12:00:00"}"#,
    r#"{"id": 6, "status": "new", "cents": 7.0, "at": "2026-01-01T12:00:00"}"#,
];

fn ask(query: &str) -> Vec<String> {
    ask_of(query, &ORDERS)
}

fn ask_of(query: &str, values: &[&str]) -> Vec<String> {
    let mut rows = Vec::new();
    let mut take = |row: &[u8]| rows.push(String::from_utf8(row.to_vec()).expect("rows are text"));
    let mut query = TableQuery::compile(query).unwrap_or_else(|error| panic!("{error}"));
    for (offset, value) in values.iter().enumerate() {
        let offset = offset as i64;
        let key = format!("k{offset}");
        let input = Input {
            value: Some(value.as_bytes()),
            key: Some(key.as_bytes()),
            timestamp: Some(1_767_225_600_000),
            topic: "orders",
            partition: 3,
            offset,
            headers: &[("source", Some(b"shop"))],
        };
        if query.add(&input, &mut take).expect("the record fits") == Flow::Enough {
            break;
        }
    }
    query.finish(&mut take).expect("the rows are there");
    rows
}

fn refusal(query: &str) -> String {
    TableQuery::compile(query).expect_err("it is refused").to_string()
}

#[test]
fn rows_of_records_stand_as_they_come() {
    assert_eq!(
        ask("SELECT id, upper(status) AS s FROM input WHERE cents > 60"),
        [r#"{"id":1,"s":"PAID"}"#, r#"{"id":2,"s":"NEW"}"#]
    );
    assert_eq!(
        ask("SELECT * FROM orders LIMIT 1"),
        [ORDERS[0].replace(": ", ":").replace(", ", ",").replace("[1,2]", "[1, 2]")]
    );
}

#[test]
fn what_is_beside_the_value_is_a_result_like_any_other() {
    assert_eq!(
        ask("SELECT __topic, __partition, __offset, __key, __headers['source'], id * 2 FROM input LIMIT 1 OFFSET 1"),
        [r#"{"__topic":"orders","__partition":3,"__offset":1,"__key":"k1","source":"shop","id * 2":4}"#]
    );
}

#[test]
fn groups_have_aggregates() {
    assert_eq!(
        ask("SELECT shop, count(*), count(cents) AS n, sum(cents) AS total, min(id), max(at) AS last \
             FROM input GROUP BY shop ORDER BY shop"),
        [
            r#"{"shop":"a","count":2,"n":2,"total":150.5,"min":1,"last":"2026-01-01T11:00:00"}"#,
            r#"{"shop":"b","count":2,"n":1,"total":250,"min":2,"last":"2026-01-01T12:00:00"}"#,
            r#"{"shop":null,"count":2,"n":2,"total":14.0,"min":4,"last":"2026-01-01T12:00:00"}"#,
        ]
    );
}

#[test]
fn no_records_are_one_group_without_group_by_and_none_with() {
    assert_eq!(ask_of("SELECT count(*), sum(a) FROM input", &[]), [r#"{"count":0,"sum":null}"#]);
    assert_eq!(ask_of("SELECT a, count(*) FROM input GROUP BY a", &[]), [""; 0]);
}

#[test]
fn equal_numbers_are_one_group_and_one_distinct_value() {
    assert_eq!(ask("SELECT cents, count(*) FROM input WHERE cents < 10 GROUP BY cents"), [r#"{"cents":7,"count":2}"#]);
    assert_eq!(ask("SELECT count(DISTINCT cents) FROM input"), [r#"{"count":4}"#]);
    assert_eq!(ask("SELECT DISTINCT status FROM input"), [r#"{"status":"paid"}"#, r#"{"status":"new"}"#]);
}

#[test]
fn results_and_having_and_order_are_expressions_of_keys_and_aggregates() {
    assert_eq!(
        ask("SELECT date_trunc('hour', at::timestamp) AS hour, count(*) * 10 + 1 AS n FROM input \
             GROUP BY hour HAVING count(*) > 1 ORDER BY max(id) DESC"),
        [
            r#"{"hour":"2026-01-01T12:00:00","n":21}"#,
            r#"{"hour":"2026-01-01T11:00:00","n":21}"#,
            r#"{"hour":"2026-01-01T10:00:00","n":21}"#
        ]
    );
    assert_eq!(
        ask("SELECT upper(status) || '!' AS s, count(*) FROM input GROUP BY upper(status) ORDER BY 2, 1"),
        [r#"{"s":"NEW!","count":2}"#, r#"{"s":"PAID!","count":4}"#]
    );
}

#[test]
fn aggregates_are_those_of_postgresql() {
    assert_eq!(
        ask(
            "SELECT avg(id), bool_and(id > 0) AS every, bool_or(id > 5), string_agg(status, ', ') FROM input WHERE id < 4"
        ),
        [r#"{"avg":2.0000000000000000,"every":true,"bool_or":false,"string_agg":"paid, new, paid"}"#]
    );
    assert_eq!(
        ask("SELECT count(*) FILTER (WHERE status = 'new') AS fresh, array_agg(id) FROM input WHERE id > 4"),
        [r#"{"fresh":1,"array_agg":[5,6]}"#]
    );
    assert_eq!(
        ask("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) AS half, \
             percentile_disc(0.5) WITHIN GROUP (ORDER BY id) AS one, median(id), \
             round(stddev_pop(id)::numeric, 4) AS spread FROM input"),
        [r#"{"half":3.5,"one":3,"median":3.5,"spread":1.7078}"#]
    );
}

#[test]
fn nulls_come_last_unless_the_order_is_turned_round_or_it_is_said() {
    let shops = |order: &str| ask(&format!("SELECT DISTINCT shop FROM input ORDER BY shop {order}"));
    assert_eq!(shops("ASC"), [r#"{"shop":"a"}"#, r#"{"shop":"b"}"#, r#"{"shop":null}"#]);
    assert_eq!(shops("DESC"), [r#"{"shop":null}"#, r#"{"shop":"b"}"#, r#"{"shop":"a"}"#]);
    assert_eq!(shops("NULLS FIRST"), [r#"{"shop":null}"#, r#"{"shop":"a"}"#, r#"{"shop":"b"}"#]);
    assert_eq!(ask("SELECT id FROM input ORDER BY cents DESC NULLS LAST, id LIMIT 2"), [r#"{"id":2}"#, r#"{"id":1}"#]);
}

#[test]
fn elements_are_rows() {
    assert_eq!(
        ask("SELECT sum(line), count(DISTINCT id) AS orders FROM input, UNNEST(lines) AS line"),
        [r#"{"sum":6,"orders":2}"#]
    );
}

#[test]
fn what_cannot_be_asked_says_why() {
    assert!(
        refusal("SELECT status, count(*) FROM input").contains("status is neither in GROUP BY nor in an aggregate")
    );
    assert!(refusal("SELECT id FROM input WHERE count(*) > 1").contains("count is an aggregate"));
    assert!(refusal("SELECT * FROM input GROUP BY status").contains("* has no meaning"));
    assert!(refusal("SELECT id FROM input ORDER BY 2").contains("ORDER BY 2: there are 1 results"));
    assert!(refusal("INSERT INTO x SELECT 1 AS a FROM input").contains("not one SELECT"));
    assert!(refusal("SELECT sum(max(id)) FROM input").contains("max is an aggregate"));
    assert!(refusal("SELECT row_number() OVER () FROM input").contains("row_number"));
}

#[test]
fn a_record_that_is_no_object_is_told_apart_from_one_that_fails() {
    let mut query = TableQuery::compile("SELECT a + 1 AS b FROM input").expect("it compiles");
    let mut add = |value: &str| query.add(&Input { value: Some(value.as_bytes()), ..Input::default() }, &mut |_| {});
    assert!(matches!(add("no JSON"), Err(RowError::Unreadable(_))));
    assert!(matches!(add("[1]"), Err(RowError::Unreadable(_))));
    assert!(matches!(add(r#"{"a": "x"}"#), Err(RowError::Failed(_))));
    assert_eq!(add(r#"{"a": 1}"#), Ok(Flow::More));
}
