//! docs/sql.md: each of its examples gives what it says, and each function is in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use json_sql::{Input, Memory, Nulls, Query};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The record that the examples run on: the first block of JSON.
fn record(page: &str) -> &str {
    let start = page.find("```json\n").expect("the page has a record") + "```json\n".len();
    let len = page[start..].find("```").expect("the block ends");
    &page[start..start + len]
}

/// The rows of tables with three columns: name, example, result. A bar in a cell has a backslash before it.
fn rows(page: &str) -> Vec<[String; 3]> {
    let row = |line: &str| {
        let cells: Vec<String> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace("\\|", "|")).collect();
        <[String; 3]>::try_from(cells).ok()
    };
    page.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

fn code(cell: &str) -> &str {
    cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or_else(|| panic!("{cell} is no code"))
}

fn evaluate(expression: &str, record: &str) -> Result<String, String> {
    let query = Query::compile(&format!("SELECT ({expression}) AS r FROM input"), Nulls::Keep);
    let query = query.map_err(|error| error.to_string())?;
    let mut memory = Memory::default();
    query.run(&Input { value: Some(record.as_bytes()), ..Input::default() }, &mut memory)?;
    let value = memory.value(&memory.rows()[0]).expect("a value is set");
    let text = String::from_utf8(value.to_vec()).expect("JSON is text");
    Ok(text.strip_prefix("{\"r\":").and_then(|text| text.strip_suffix('}')).expect("there is one field").to_owned())
}

#[test]
fn every_example_gives_what_it_says() {
    let page = page();
    let rows = rows(&page);
    assert!(rows.len() > 180, "there are {} examples", rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|[_, example, result]| {
            let found = evaluate(code(example), record(&page));
            let expected = Ok(code(result).to_owned());
            (found != expected).then(|| format!("{example}: {found:?}, not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_is_on_the_page() {
    let page = page();
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned).collect()
    };
    let named: BTreeSet<String> = rows(&page).iter().flat_map(|[names, ..]| words(&names.to_lowercase())).collect();
    let missing: Vec<_> = json_sql::function_names().filter(|name| !named.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/sql.md does not list {missing:?}");
}
