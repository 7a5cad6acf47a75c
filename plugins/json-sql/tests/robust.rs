//! No query and no record makes the crate panic: damaged queries on damaged records.
//!
//! `SQL_FUZZ_CASES` sets how many (5,000), `SQL_FUZZ_SEED` which.

#[path = "oracle/random.rs"]
mod random;

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use json_sql::{Input, Memory, Nulls, Query};

use random::Random;

const STATEMENTS: [&str; 16] = [
    "SELECT * FROM input WHERE a > 1 AND b IS NOT NULL OR NOT c",
    "SELECT * EXCEPT (a, b) REPLACE (upper(name) AS name), price * quantity AS total FROM input AS o WHERE o.id IN (1, 2, 'x')",
    "SELECT id, UNNEST(tags) AS tag, UNNEST(lines) AS line FROM input",
    "INSERT INTO out SELECT line.*, line.sku AS __key FROM input, UNNEST(lines) AS line WHERE line.n > 1; SELECT id FROM input",
    "SELECT a.b['c'][0].d AS x, tags[-1] AS y, (ARRAY[1, 2])[1:2] AS z FROM input",
    "SELECT CASE WHEN a = 1 THEN 'x' WHEN a BETWEEN 2 AND 3 THEN 'y' ELSE name END AS c, CASE a WHEN 1 THEN 2 END AS d FROM input",
    "SELECT __key || __topic AS k, __headers['h'] AS __headers['x'], __timestamp + 1 AS __timestamp FROM input",
    "SELECT CAST(at AS timestamptz) AT TIME ZONE 'Europe/Berlin' AS t, at::date + INTERVAL '1 month' AS u FROM input",
    "SELECT name LIKE 'A\\_%' ESCAPE '\\' AS l, name ~* '(a|b)+c?$' AS r, name SIMILAR TO '%(x|y)_' AS s FROM input",
    "SELECT substring(name FROM 2 FOR 3) AS a, trim(BOTH 'x' FROM name) AS b, position('a' IN name) AS c, overlay(name PLACING 'é' FROM 2) AS d FROM input",
    "SELECT customer -> 'city' ->> 0 AS a, text::jsonb #> '{a,1}' AS b, customer - 'id' || '{\"x\": 1}' AS c, customer @> '{}' AS d FROM input",
    "SELECT coalesce(missing, TRY_CAST(name AS int), 9223372036854775807 + id) AS a, -id ^ 2 AS b, 1e100::float8 * price AS c FROM input",
    "SELECT 'x' = ANY(tags) AS a, id IS DISTINCT FROM NULL AS b, (missing > 1) IS NOT TRUE AS c, greatest(id, price) AS d FROM input",
    "SELECT extract(epoch FROM at::timestamp) AS a, date_trunc('week', at::timestamp) AS b, to_char(at::timestamp, 'FMMonth DD HH12 am') AS c FROM input",
    "SELECT STRUCT(a := id, b := tags) AS s, regexp_replace(email, '^(.)[^@]*', '\\1***', 'g') AS e FROM input",
    "SELECT -- comment\n \"a b\" AS \"c d\", $$x$$ AS y, E'\\n' AS z, 0x1F AS h, DATE '2024-02-29' - 1 AS w /* end */ FROM input;",
];

const RECORDS: [&str; 8] = [
    r#"{"id": 7, "name": "Ada", "email": "ada@example.org", "price": 12.50, "quantity": 4, "ok": true, "missing": null, "tags": ["new", "sale"], "at": "2026-11-29T20:48:13Z", "customer": {"id": 1, "city": "Berlin"}, "text": "{\"a\": [1, 2]}"}"#,
    r#"{"a": {"b": {"c": [{"d": "é😀"}]}}, "b": 1e400, "c": -0.0, "name": "\ud83d\u0041\n", "lines": [{"sku": "x", "n": 2}, 5, null, [1]], "tags": []}"#,
    r#"{"id": -9223372036854775808, "price": 0.00000000000000000000000000000000000001, "quantity": 99999999999999999999999999999999999999, "name": "", "at": "0001-01-01"}"#,
    r#"{"id": "9999-12-31 24:00:00", "at": "9999-12-31 24:00:00", "name": "\u0000%_\\", "email": "@", "customer": [], "tags": {"a": 1}, "text": "[["}"#,
    "[1, 2]",
    "5",
    "null",
    r#"{"a": 1, "a": 2, "\u0061": 3, "": {"": ""}}"#,
];

/// Pieces that damage is made of.
const PIECES: [&str; 52] = [
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ".",
    "'",
    "\"",
    "*",
    "-",
    "::",
    "||",
    "->",
    "->>",
    "#>",
    "?",
    "@>",
    "=",
    "<",
    "~",
    "!",
    "NULL",
    "NOT",
    "AND",
    "SELECT",
    "FROM",
    "input",
    "WHERE",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "AS",
    "IN",
    "IS",
    "LIKE",
    "CAST",
    "INTERVAL '1 day'",
    "UNNEST(tags)",
    "9223372036854775807",
    "-1",
    "0",
    "1.5",
    "1e9",
    "'é😀'",
    "''",
    "''::date",
    "id",
    "name",
    "$1",
    "ARRAY[NULL]",
];

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// The examples of docs/sql.md as queries.
fn examples() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let examples =
        rows.filter_map(|line| line.split(" | ").nth(1)).map(|cell| cell.trim_matches('`').replace("\\|", "|"));
    examples.map(|example| format!("SELECT {example} AS r FROM input")).collect()
}

/// A text with a few pieces changed: at places between characters.
fn damaged(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..random.below(4) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut range = [places[random.below(places.len())], places[random.below(places.len())]];
        range.sort_unstable();
        let [start, end] = range;
        match random.below(5) {
            0 => {
                let end = places.iter().copied().find(|place| *place >= end.min(start + 6)).unwrap_or(end);
                text.replace_range(start..end, "");
            }
            1 => text.insert_str(start, &format!(" {} ", random.pick(&PIECES))),
            2 => {
                let part = text[start..end].to_owned();
                text.insert_str(places[random.below(places.len())], &part);
            }
            3 => text.truncate(end),
            _ => {
                let word = text[start..].find(|c: char| !c.is_alphanumeric()).map_or(text.len(), |len| start + len);
                text.replace_range(start..word, random.pick(&PIECES));
            }
        }
        if text.len() > 5000 {
            break;
        }
    }
    text
}

#[test]
fn damaged_queries_on_damaged_records_do_not_panic() {
    let (cases, seed) = (number("SQL_FUZZ_CASES", 5000), number("SQL_FUZZ_SEED", 1));
    let mut random = Random::new(seed);
    let mut queries = examples();
    queries.extend(STATEMENTS.iter().map(|query| (*query).to_owned()));
    let (mut compiled, mut ran) = (0u64, 0u64);
    for case in 0..cases {
        let picked = random.below(queries.len());
        let query = damaged(&queries[picked], &mut random);
        let record = random.pick(&RECORDS).to_owned();
        let record = if random.one_in(2) { record } else { damaged(&record, &mut random) };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let query = match Query::compile(&query, Nulls::Omit) {
                Ok(query) => query,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    return (0, 0);
                }
            };
            let mut memory = Memory::default();
            let headers = [("h", Some(&b"\xff"[..])), ("x", None)];
            let input = Input {
                value: Some(record.as_bytes()),
                key: Some(record.as_bytes()),
                timestamp: Some(i64::MAX),
                headers: &headers,
                ..Input::default()
            };
            let first = query.run(&input, &mut memory);
            // The memory of a run that failed is as good as new.
            let second = query.run(&input, &mut memory);
            assert_eq!(first, second, "the same record gives the same");
            for row in memory.rows() {
                if let Some(value) = memory.value(row) {
                    // What a column holds is copied as it stands, half of a surrogate pair too, which JSON allows.
                    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(value);
                    assert!(first.is_err() || is_json.is_ok(), "{}", String::from_utf8_lossy(value));
                }
            }
            (1, u64::from(first.is_ok()))
        }));
        match outcome {
            Ok((one, other)) => (compiled, ran) = (compiled + one, ran + other),
            Err(_) => panic!("seed {seed}, case {case}: {query}\non {record}"),
        }
    }
    println!("{cases} queries: {compiled} compiled, {ran} ran");
    // Damage that leaves nothing whole would test the parser alone.
    assert!(compiled * 20 > cases && ran * 40 > cases, "{compiled} of {cases} compiled, {ran} ran");
}
