//! The rows that expressions are evaluated on: as a table, and as JSON records.

use crate::random::Random;

/// The columns and their types in PostgreSQL; in a record they are JSON of that kind.
pub const COLUMNS: [(&str, &str); 17] = [
    ("b1", "boolean"),
    ("b2", "boolean"),
    ("i1", "bigint"),
    ("i2", "bigint"),
    ("i3", "bigint"),
    ("n1", "numeric"),
    ("n2", "numeric"),
    ("t1", "text"),
    ("t2", "text"),
    ("t3", "text"),
    ("d1", "text"),
    ("d2", "text"),
    ("s1", "text"),
    ("s2", "text"),
    ("c1", "text"),
    ("v1", "text"),
    ("j1", "jsonb"),
];

const INTS: [&str; 18] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "10",
    "-13",
    "100",
    "365",
    "1024",
    "-99999",
    "2147483647",
    "-2147483648",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "4611686018427387904",
];
const NUMBERS: [&str; 18] = [
    "0.0",
    "1.0",
    "-1.0",
    "0.5",
    "1.50",
    "-2.5",
    "2.5",
    "0.005",
    "12.3456",
    "-0.000001",
    "99999999.99",
    "100.00",
    "3.14159265358979",
    "123456789012345.678",
    "-7.25",
    "0.1",
    "9999.9999",
    "1000000000000.0",
];
const TEXTS: [&str; 26] = [
    "",
    "a",
    "abc",
    "ABC",
    "Hello World",
    "hello",
    "foo bar baz",
    "é",
    "Ünïcödé",
    "😀 smile",
    " padded ",
    "12",
    "-5",
    "12.50",
    "1e3",
    "true",
    "no",
    "2024-02-29",
    "a_b%c",
    "100%",
    "a,b,,c",
    "x\\y",
    "it's",
    "\"quoted\"",
    "aaa",
    "line\nbreak",
];
const DATES: [&str; 12] = [
    "1970-01-01",
    "2024-02-29",
    "2023-12-31",
    "2000-01-01",
    "1999-12-31",
    "2026-11-29",
    "1582-10-15",
    "0001-01-01",
    "9999-12-31",
    "2021-01-03",
    "2020-12-31",
    "1900-02-28",
];
const STAMPS: [&str; 12] = [
    "1970-01-01 00:00:00",
    "2024-02-29 23:59:59.999999",
    "2026-11-29T20:48:13",
    "2000-01-01 00:00:00.5",
    "1999-12-31 12:30",
    "2024-03-31 02:30:00",
    "2024-10-27 02:30:00",
    "1965-06-15 01:02:03.000004",
    "2038-01-19 03:14:07",
    "2021-01-31 10:00:00",
    "1900-01-01 00:00:00",
    "2100-07-04 18:00:00.123456",
];
const TIMES: [&str; 6] = ["00:00:00", "12:34:56", "23:59:59.999999", "06:30", "01:02:03.5", "18:00:00"];
const SPANS: [&str; 14] = [
    "1 day",
    "-1 day",
    "1 month",
    "1 year 2 months 3 days",
    "04:05:06.7",
    "-00:00:01",
    "36 hours",
    "1 week",
    "90 minutes",
    "-3 months 10 days",
    "0 seconds",
    "1 mon -1 day 12:00:00",
    "15 milliseconds",
    "2 years",
];
const JSON: [&str; 12] = [
    r#"{"a": 1, "b": {"c": [1, 2, {"d": "x"}]}, "s": "text"}"#,
    r#"{"a": "x", "b": null, "n": 1.50}"#,
    r#"{"b": {"c": []}, "t": true}"#,
    r#"[1, "two", null, {"a": [3]}]"#,
    r#"{}"#,
    r#"[]"#,
    r#"{"a": {"a": {"a": 5}}, "é": "ü", "q": "a\"b"}"#,
    r#"{"list": ["x", "y", "z"], "a": -7}"#,
    r#"[[1, 2], [3]]"#,
    r#"{"a": [], "b": {}}"#,
    r#"{"s": "", "a": 1002}"#,
    r#"{"a": false, "b": "12"}"#,
];

/// A row: of each column what it holds as text, or nothing.
pub type Row = Vec<Option<String>>;

/// A random row. One in eight cells is NULL.
pub fn row(random: &mut Random) -> Row {
    COLUMNS
        .iter()
        .map(|(name, _)| {
            if random.one_in(8) {
                return None;
            }
            Some(match &name[..1] {
                "b" => random.pick(&["true", "false"]).to_owned(),
                "i" if random.one_in(3) => (random.below(200_000) as i64 - 100_000).to_string(),
                "i" => random.pick(&INTS).to_owned(),
                "n" if random.one_in(3) => {
                    format!("{}.{:03}", random.below(20_000) as i64 - 10_000, random.below(1000))
                }
                "n" => random.pick(&NUMBERS).to_owned(),
                "t" => random.pick(&TEXTS).to_owned(),
                "d" => random.pick(&DATES).to_owned(),
                "s" => random.pick(&STAMPS).to_owned(),
                "c" => random.pick(&TIMES).to_owned(),
                "v" => random.pick(&SPANS).to_owned(),
                _ => random.pick(&JSON).to_owned(),
            })
        })
        .collect()
}

/// A row as a record's value.
pub fn record(row: &Row) -> String {
    let field = |((name, kind), cell): (&(&str, &str), &Option<String>)| {
        let value = match cell {
            None => "null".to_owned(),
            Some(text) if *kind == "text" => serde_json::to_string(text).expect("a text is JSON"),
            Some(text) => text.clone(),
        };
        format!("\"{name}\": {value}")
    };
    format!("{{{}}}", COLUMNS.iter().zip(row).map(field).collect::<Vec<_>>().join(", "))
}

/// The table with these rows, as a script.
pub fn table(rows: &[Row]) -> String {
    let columns: Vec<_> = COLUMNS.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    let mut script = format!(
        "DROP TABLE IF EXISTS facts;\nCREATE TABLE facts (id int PRIMARY KEY, {});\nCOPY facts FROM STDIN;\n",
        columns.join(", ")
    );
    for (id, row) in rows.iter().enumerate() {
        let cells: Vec<_> = row.iter().map(|cell| cell.as_deref().map_or("\\N".into(), copied)).collect();
        script.push_str(&format!("{id}\t{}\n", cells.join("\t")));
    }
    script + "\\.\nANALYZE facts;\n"
}

/// A text as COPY reads it.
pub fn copied(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

/// A text as COPY writes it.
pub fn uncopied(text: &str) -> String {
    let (mut out, mut characters) = (String::new(), text.chars());
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
