//! docs/from-ksqldb.md: each statement gives what the page says.

use std::fs;
use std::path::Path;

use json_sql::{Input, Memory, Nulls, Query};

/// A section: a record, ksqlDB's statement, the one here, and what comes out.
struct Section<'p> {
    title: &'p str,
    blocks: [&'p str; 4],
}

fn sections(page: &str) -> Vec<Section<'_>> {
    let section = |text| {
        let (title, body): (&str, &str) = str::split_once(text, '\n')?;
        let block = |language: &str| {
            let (_, rest) = body.split_once(&format!("```{language}\n"))?;
            rest.split_once("\n```").map(|(block, _)| block)
        };
        Some(Section { title, blocks: [block("json")?, block("text")?, block("sql")?, block("jsonl")?] })
    };
    page.split("\n### ").skip(1).filter_map(section).collect()
}

fn run(query: &str, record: &str) -> Vec<String> {
    let query = Query::compile(query, Nulls::Keep).unwrap_or_else(|error| panic!("{error}"));
    let mut memory = Memory::default();
    let input = Input { value: Some(record.as_bytes()), ..Input::default() };
    query.run(&input, &mut memory).unwrap_or_else(|error| panic!("{error}"));
    let text =
        |value: Option<&[u8]>| value.map_or(record.to_owned(), |value| String::from_utf8_lossy(value).into_owned());
    memory.rows().iter().map(|row| text(memory.value(row))).collect()
}

#[test]
fn every_statement_gives_what_the_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-ksqldb.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sections = sections(&page);
    assert_eq!(sections.len(), page.matches("\n### ").count(), "every section has its four blocks");
    assert!(sections.len() > 10);
    for Section { title, blocks: [record, theirs, ours, expected] } in sections {
        assert_eq!(run(ours, record), expected.lines().collect::<Vec<_>>(), "{title}");
        let error = Query::compile(theirs, Nulls::Keep).expect_err("ksqlDB's own form is refused");
        assert!(error.to_string().contains('^'), "{title}: {error}");
    }
}
