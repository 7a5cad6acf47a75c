//! The table in docs/languages.md of what is missing in each language: every row is built into a plugin, and run.
//!
//! The plugins are built where the environment is meant for other builds, which must not matter.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluicebox_tests::repository;

use super::environment::{Hostile, in_hostile_environment};
use super::{header, run_in};

/// What the table calls a record that costs its instance.
const TRAP: &str = "trap";
const NO_BUILD: &str = "does not build";

/// Code of the table, and what it comes to.
struct Row {
    code: String,
    result: String,
}

fn rows(language: &str) -> Vec<Row> {
    let text = fs::read_to_string(repository().join("docs/languages.md")).unwrap();
    let (_, section) = text.split_once("## Missing features").unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix(&format!("| {language} | ")));
    let rows: Vec<Row> = lines.map(row).collect();
    assert!(rows.len() >= 3, "{language} has hardly any rows");
    rows
}

fn row(line: &str) -> Row {
    // A bar in a cell has a backslash before it.
    let line = line.replace("\\|", "\u{0}");
    let cells: Vec<String> = line.split(" | ").map(|cell| cell.trim_matches('`').replace('\u{0}', "|")).collect();
    Row { code: cells[0].clone(), result: cells[1].clone() }
}

/// Builds a plugin whose source handles each row by its number, and compares the results.
fn check(language: &str, name: &str, file: &str, source: impl Fn(&[Row]) -> String) {
    let rows = rows(language);
    let hostile = Hostile::new();
    let project = hostile.project(name);
    fs::write(project.join(file), source(&rows)).unwrap();
    let built = in_hostile_environment(&project, &["plugin", "build"]);
    assert_eq!(built.code, Some(0), "{language}: {}", built.err);
    for (number, (row, (class, result))) in rows.iter().zip(results(&project, rows.len())).enumerate() {
        let came = if class == TRAP { TRAP } else { result.as_str() };
        assert!(came.starts_with(&row.result), "{language}: {number}: `{}` came to {came}: {result}", row.code);
    }
}

/// Of the record with each number: the class of its dead letter, or nothing, and the value or the reason.
fn results(project: &Path, count: usize) -> Vec<(String, String)> {
    let built = component(project);
    let pipeline = json!({
        "name": "missing",
        "kafka": { "bootstrap.servers": "127.0.0.1:1" },
        "input": { "topics": ["in"] },
        // The first import of a part of Python's library compiles it.
        "stages": [{ "name": "stage", "plugin": built, "limits": { "time": "60s" } }],
        "outputs": { "default": { "topic": "out" } },
        "dlq": { "topic": "dlq" },
        "breaker": "off",
    });
    fs::write(project.join("missing.yaml"), pipeline.to_string()).unwrap();
    let records =
        (0..count).map(|number| format!("{}\n", json!({ "key": number.to_string(), "value": number.to_string() })));
    fs::write(project.join("missing.jsonl"), records.collect::<String>()).unwrap();
    let arguments = ["dev", "missing.yaml", "--records", "missing.jsonl", "--records-format", "record"];
    let answer = run_in(project, &arguments);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let mut results = vec![(String::new(), String::new()); count];
    for line in answer.out.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let number: usize = record["key"].as_str().unwrap().parse().unwrap();
        results[number] = match header(&record, "sluice.error.class") {
            Some(class) => (class.to_owned(), header(&record, "sluice.error.reason").unwrap().to_owned()),
            None => (String::new(), record["value"].as_str().unwrap().to_owned()),
        };
    }
    results
}

/// The component that a project has built.
fn component(project: &Path) -> PathBuf {
    let files = fs::read_dir(project.join("build")).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|file| file.extension().is_some_and(|is| is == "wasm")).unwrap()
}

/// A line for each row, made of its number and its code.
fn cases(rows: &[Row], case: impl Fn(usize, &str) -> String) -> String {
    rows.iter().enumerate().map(|(number, row)| case(number, &row.code) + "\n").collect()
}

#[test]
fn javascript_lacks_what_the_table_says_and_has_unicode() {
    check("JavaScript", "js", "src/plugin.js", |rows| {
        let cases =
            cases(rows, |_, code| format!("  () => {{ try {{ return {code}; }} catch (error) {{ return error; }} }},"));
        format!(
            r#"import {{ definePlugin, emit }} from 'sluicebox-plugin';
const word = /^\p{{L}}+$/u, upper = new RegExp('^\\p{{Lu}}$', 'iu'), greek = /^[\p{{Script=Greek}}--[α-γ]]+$/v;
const unicode = [word.test('Müller'), word.test('a1'), upper.test('ä'), greek.test('δ'), greek.test('α')];
if (`${{unicode}}` !== 'true,false,true,true,false') throw new Error(`property escapes: ${{unicode}}`);
if ('e\u0301'.normalize('NFC') !== '\u00e9' || '\ufb01'.normalize('NFKD') !== 'fi') throw new Error('normalize');
const cases = [
{cases}];
export default definePlugin({{
  needs: ['value'],
  init: () => (record) => emit({{ value: String(cases[Number(record.text())]()) }}),
}});
"#
        )
    });
}

#[test]
fn javascript_that_uses_what_is_missing_does_not_build_and_is_named() {
    let hostile = Hostile::new();
    let source = r"import { definePlugin, emit } from 'sluicebox-plugin';
export default definePlugin({
  needs: ['value'],
  init: () => (record) => {
    const amount = new Intl.NumberFormat('de').format(1);
    const pattern = new RegExp(`${amount}\\p{L}`, 'u');
    return emit({ value: pattern.source + (1234.5).toLocaleString('de') });
  },
});
";
    let project = hostile.project("js");
    fs::write(project.join("src/plugin.js"), source).unwrap();
    let built = in_hostile_environment(&project, &["plugin", "build"]);
    assert_eq!(built.code, Some(1), "{}", built.err);
    for line in [
        "error: src/plugin.js:5: Intl is not available in a plugin",
        "error: src/plugin.js:6: \\p{...} in a pattern that is put together at run time",
        "warning: src/plugin.js:7: in a plugin toLocaleString knows no languages",
        "making the component: failed after",
    ] {
        assert!(built.err.contains(line), "{line}\n{}", built.err);
    }
}

/// Encodings of Windows itself, and of a module that is not there.
const NO_ENCODINGS: &str = r#"{"mbcs", "oem", "bz2_codec"}"#;

#[test]
fn python_lacks_what_the_table_says_and_has_its_library() {
    check("Python", "python", "plugin.py", |rows| {
        let codes: Vec<&str> = rows.iter().map(|row| row.code.as_str()).collect();
        let codes = serde_json::to_string(&codes).unwrap();
        format!(
            r#"from sluicebox_plugin import Emit, Fields, Plugin, Record, Verdict

CODES = {codes}

class Missing(Plugin):
    """Runs the code with the number that the value is."""

    needs = Fields.VALUE

    def process(self, record: Record) -> Verdict:
        import codecs, encodings.aliases, gzip, hmac, statistics, zoneinfo

        for name in set(encodings.aliases.aliases.values()) - {NO_ENCODINGS}:
            codecs.lookup(name)
        assert (b"\xe9".decode("cp1251"), b"\xa4".decode("iso-8859-15")) == ("\u0439", "\u20ac")
        assert "\u4e2d".encode("gbk") == b"\xd6\xd0" and "b\xfccher".encode("idna") == b"xn--bcher-kva"
        assert str(zoneinfo.ZoneInfo("Europe/Berlin").utcoffset(__import__("datetime").datetime(2026, 7, 1))) == "2:00:00"
        assert len(zoneinfo.available_timezones()) > 400
        assert (statistics.median([1, 2, 3]), gzip.decompress(gzip.compress(b"x"))) == (2, b"x")
        assert hmac.new(b"k", b"m", "sha256").hexdigest().startswith("b60090e3")
        *first, last = CODES[int(record.value or b"")].split("; ")
        names: dict[str, object] = {{}}
        try:
            exec("\n".join(first), names)
            return Emit(value=str(eval(last, names) if not last.startswith("import ") else exec(last, names)))
        except Exception as error:
            return Emit(value=f"{{type(error).__name__}}: {{error}}")
"#
        )
    });
}

#[test]
fn a_python_import_that_is_not_there_is_named_by_the_build() {
    let hostile = Hostile::new();
    let source = "from sluicebox_plugin import KEEP, Fields, Plugin, Record, Verdict\n\n\nclass Missing(Plugin):\n    \
                  needs = Fields.VALUE\n\n    def process(self, record: Record) -> Verdict:\n        import nosuchmodule\n        \
                  return KEEP\n";
    let project = hostile.project("python");
    fs::write(project.join("plugin.py"), source).unwrap();
    let built = in_hostile_environment(&project, &["plugin", "build"]);
    assert_eq!(built.code, Some(1), "{}", built.err);
    let line = "plugin.py:8: import nosuchmodule: No module named 'nosuchmodule' (install the package";
    assert!(built.err.contains(line), "{}", built.err);
}

#[test]
fn go_lacks_what_the_table_says() {
    check("Go", "go", "plugin.go", |rows| {
        let cases = cases(rows, |number, code| format!("\tcase \"{number}\":\n\t\treturn fmt.Sprint({code})"));
        format!(
            r#"package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"

	"sluicebox/plugin"
)

func result(number string) string {{
	switch number {{
{cases}	}}
	return "no such row"
}}

type Config struct{{}}

func start(config Config, stage *plugin.Stage) (plugin.Process, error) {{
	return func(record plugin.Record) (plugin.Verdict, error) {{
		return plugin.Emit().Value([]byte(result(string(record.Value())))), nil
	}}, nil
}}

func init() {{
	plugin.Export(plugin.About{{Name: "missing", Version: "0.1.0", Needs: plugin.Value}}, start)
}}

func main() {{}}
"#
        )
    });
}

#[test]
fn rust_lacks_what_the_table_says() {
    check("Rust", "rust", "src/lib.rs", |rows| {
        let cases = cases(rows, |number, code| format!("        \"{number}\" => format!(\"{{:?}}\", {code}),"));
        format!(
            r#"use sluicebox_plugin::{{Error, Fields, Plugin, Record, Stage, Verdict, emit}};

#[derive(serde::Deserialize)]
struct Config {{}}

struct Missing;

impl Plugin for Missing {{
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(_config: Config, _stage: &Stage) -> Result<Self, Error> {{
        Ok(Missing)
    }}

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {{
        Ok(emit().value(result(std::str::from_utf8(record.value().unwrap())?)).into())
    }}
}}

fn result(number: &str) -> String {{
    match number {{
{cases}        _ => "no such row".to_owned(),
    }}
}}

sluicebox_plugin::export!(Missing);
"#
        )
    });
}

#[test]
fn c_lacks_what_the_table_says() {
    check("C", "c", "plugin.c", |rows| {
        let cases = cases(rows, |number, code| format!("    case {number}: return (long)({code});"));
        format!(
            r#"#define SLUICEBOX_IMPLEMENTATION
#include "sluicebox.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long result(int number) {{
    switch (number) {{
{cases}    }}
    return -1;
}}

static sb_buffer text;

static const char *init(const sb_stage *stage) {{
    (void)stage;
    return NULL;
}}

static sb_verdict process(const sb_record *record) {{
    char written[32];
    snprintf(written, sizeof written, "%ld", result(sb_value(record).at[0] - '0'));
    sb_clear(&text);
    sb_append(&text, sb_text(written));
    return sb_emit(&(sb_out){{.value = sb_set(sb_held(&text))}});
}}

SLUICEBOX_PLUGIN("missing", "0.1.0", SB_VALUE, init, process);
"#
        )
    });
}

#[test]
fn assemblyscript_does_not_build_what_the_table_says() {
    let rows = rows("AssemblyScript");
    assert!(rows.iter().all(|row| row.result == NO_BUILD));
    for row in rows {
        let hostile = Hostile::new();
        let project = hostile.project("assemblyscript");
        let source = project.join("assembly/index.ts");
        let template = fs::read_to_string(&source).unwrap();
        let first = "const value = record.value;";
        let changed = template.replace(first, &format!("{};\n    {first}", row.code));
        assert_ne!(changed, template, "the template is another one");
        fs::write(source, changed).unwrap();
        let built = in_hostile_environment(&project, &["plugin", "build"]);
        assert_eq!(built.code, Some(1), "`{}`: {}", row.code, built.err);
        let says_why = ["ERROR ", "FAILURE "].iter().any(|word| built.err.contains(word));
        assert!(says_why && built.err.contains("compiling: failed after"), "`{}`: {}", row.code, built.err);
    }
}
