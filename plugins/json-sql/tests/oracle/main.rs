//! Random expressions are evaluated by this crate and by PostgreSQL, and must give the same: the same text, NULL for
//! NULL, an error for an error. What may differ is listed in docs/sql.md, and recognised here.
//!
//! `SQL_ORACLE_CASES` sets how many (20,000), `SQL_ORACLE_SEED` which.

mod expressions;
mod facts;
mod random;
mod server;
mod statements;
mod structured;

use std::env;
use std::fmt::Write as _;

use json_sql::{Input, Memory, Nulls, Query};

use facts::Row;
use random::Random;
use serde_json::Value;
use server::Server;

/// Expressions that are sent at once.
const BATCH: usize = 5000;
/// Rows of a batch.
const ROWS: usize = 40;

/// What an expression gives.
#[derive(Debug, PartialEq)]
enum Outcome {
    Text(String),
    Null,
    Error(String),
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

#[test]
fn expressions_give_what_postgresql_gives() {
    let (cases, seed) = (number("SQL_ORACLE_CASES", 20_000) as usize, number("SQL_ORACLE_SEED", 1));
    let server = Server::start("expressions");
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    while tally.cases < cases {
        let rows: Vec<Row> = (0..ROWS).map(|_| facts::row(&mut random)).collect();
        let count = BATCH.min(cases - tally.cases);
        let jobs: Vec<(usize, String)> =
            (0..count).map(|_| (random.below(ROWS), expressions::expression(&mut random))).collect();
        let theirs = ask(&server, &rows, &jobs);
        assert_eq!(theirs.len(), jobs.len(), "PostgreSQL answers every expression");
        for ((row, expression), theirs) in jobs.iter().zip(theirs) {
            let record = facts::record(&rows[*row]);
            tally.judge(expression, &record, evaluate(expression, &record), theirs);
        }
        assert!(tally.differences.len() < 40, "{}", tally.report(seed));
    }
    println!("{}", tally.summary());
    assert!(tally.differences.is_empty(), "{}", tally.report(seed));
    // A generator of nothing but errors and NULLs would prove nothing.
    assert!(tally.texts * 2 > tally.cases, "{}", tally.summary());
}

#[test]
fn statements_that_people_write_give_what_postgresql_gives() {
    let mut script = statements::TABLE.to_owned();
    for record in statements::RECORDS {
        let quoted = record.replace('\'', "''");
        let _ = writeln!(script, "INSERT INTO input SELECT * FROM jsonb_populate_record(NULL::input, '{quoted}');");
    }
    script.push_str("\\pset format unaligned\n\\pset tuples_only on\n");
    for statement in statements::STATEMENTS {
        let _ = writeln!(
            script,
            "SELECT coalesce(jsonb_agg(row_to_json(q) ORDER BY q.order_id), '[]') FROM ({statement}) AS q;"
        );
    }
    let output = Server::start("statements").script(&script);
    let theirs: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("JSON comes back")).collect();
    assert_eq!(theirs.len(), statements::STATEMENTS.len());
    for (statement, theirs) in statements::STATEMENTS.iter().zip(&theirs) {
        let query = Query::compile(statement, Nulls::Keep).unwrap_or_else(|error| panic!("{error}"));
        let (mut memory, mut ours) = (Memory::default(), Vec::new());
        for record in statements::RECORDS {
            let input = Input { value: Some(record.as_bytes()), ..Input::default() };
            query.run(&input, &mut memory).unwrap_or_else(|error| panic!("{statement}: {error}"));
            let value = |row| memory.value(row).expect("a value is set");
            ours.extend(
                memory.rows().iter().map(|row| serde_json::from_slice::<Value>(value(row)).expect("JSON is written")),
            );
        }
        let ours = Value::from(ours);
        assert!(ours.as_array().is_some_and(|rows| !rows.is_empty()), "{statement} selects something");
        assert!(alike(&ours, theirs), "{statement}\n  is {ours}\n  and {theirs} in PostgreSQL");
    }
}

fn ask(server: &Server, rows: &[Row], jobs: &[(usize, String)]) -> Vec<Outcome> {
    let mut script = facts::table(rows);
    script.push_str("TRUNCATE jobs;\nCOPY jobs FROM STDIN;\n");
    for (id, (row, expression)) in jobs.iter().enumerate() {
        let _ = writeln!(script, "{id}\t{row}\t{}", facts::copied(expression));
    }
    script.push_str("\\.\nCOPY (SELECT ask(expression, row_id) FROM jobs ORDER BY id) TO STDOUT;\n");
    let read = |line: &str| match line.split_at(1) {
        ("=", text) => Outcome::Text(facts::uncopied(text)),
        ("!", error) => Outcome::Error(error.to_owned()),
        _ => Outcome::Null,
    };
    server.script(&script).lines().map(read).collect()
}

/// What this crate gives, as text.
fn evaluate(expression: &str, record: &str) -> Outcome {
    let query = format!("SELECT CAST(({expression}) AS text) AS r FROM input");
    let query = match Query::compile(&query, Nulls::Keep) {
        Ok(query) => query,
        Err(error) => return Outcome::Error(format!("compile: {error}")),
    };
    let mut memory = Memory::default();
    let input = Input { value: Some(record.as_bytes()), ..Input::default() };
    match query.run(&input, &mut memory) {
        Err(error) => Outcome::Error(error),
        Ok(()) => {
            let value = memory.value(&memory.rows()[0]).expect("a value is set");
            let value: Value = serde_json::from_slice(value).expect("JSON is written");
            value["r"].as_str().map_or(Outcome::Null, |text| Outcome::Text(text.to_owned()))
        }
    }
}

#[derive(Default)]
struct Tally {
    cases: usize,
    texts: usize,
    nulls: usize,
    errors: usize,
    listed: usize,
    differences: Vec<String>,
}

impl Tally {
    fn judge(&mut self, expression: &str, record: &str, ours: Outcome, theirs: Outcome) {
        self.cases += 1;
        match (&ours, &theirs) {
            (Outcome::Error(error), Outcome::Error(_)) if !error.starts_with("compile: ") => self.errors += 1,
            // Both find at once that a text in quotes is no value of the type it takes.
            (Outcome::Error(error), Outcome::Error(_)) if error.contains("invalid input") => self.errors += 1,
            (Outcome::Null, Outcome::Null) => self.nulls += 1,
            (Outcome::Text(one), Outcome::Text(other)) if same(one, other) => self.texts += 1,
            (Outcome::Text(one), Outcome::Text(other)) if same_double(one, other) => self.listed += 1,
            (Outcome::Error(error), _) if is_listed(error) => self.listed += 1,
            _ => self
                .differences
                .push(format!("{expression}\n  on {record}\n  is {ours:?} here, and in PostgreSQL {theirs:?}")),
        }
    }

    fn summary(&self) -> String {
        let Tally { cases, texts, nulls, errors, listed, differences } = self;
        format!(
            "{cases} expressions: {texts} texts, {nulls} NULLs and {errors} errors alike, {listed} listed differences, \
             {} others",
            differences.len()
        )
    }

    fn report(&self, seed: u64) -> String {
        let shown = self.differences.iter().take(40).cloned().collect::<Vec<_>>().join("\n\n");
        format!("{}\nseed {seed}\n\n{shown}", self.summary())
    }
}

/// Whether two texts are the same, or the same JSON: PostgreSQL writes it with spaces and in an order of its own.
fn same(one: &str, other: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other
        || one.starts_with(['{', '[']) && json(one).zip(json(other)).is_some_and(|(one, other)| alike(&one, &other))
}

/// Whether two values say the same: 1e2 is 100.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| alike(one, other)))
        }
        _ => one == other,
    }
}

/// Whether both are the same double: where several texts read back as it, PostgreSQL may take another, and at the edge
/// between two doubles a longer one.
fn same_double(one: &str, other: &str) -> bool {
    let is_long = |text: &str| text.bytes().filter(u8::is_ascii_digit).count() >= 15;
    is_long(other) && one.parse::<f64>().ok().is_some_and(|one| other.parse() == Ok(one))
}

/// Limits that docs/sql.md lists: decimals of 38 digits, the years 1 to 9999.
fn is_listed(error: &str) -> bool {
    error.contains("more than 38 digits") || error.contains("the years 1 to 9999")
}
