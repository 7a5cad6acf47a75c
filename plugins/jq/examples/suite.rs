//! Runs jq's own test cases on the plugin: `suite README FILE...`. Cases that do not agree have to stand in the
//! README's table, and only those.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;
use sluicebox_plugin::testing::{Message, start};
use sluicebox_plugin::{Change, Emit, Verdict};

/// A case of jq's: a program, its input, and the results, or a program that must not compile.
struct Case {
    line: usize,
    program: String,
    /// None: the program must not compile.
    input: Option<String>,
    expected: Vec<String>,
}

/// A case that does not agree, by its file and program.
type Row = (String, String);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((readme, files)) = arguments.split_first() else {
        eprintln!("error: usage: suite README FILE...");
        return ExitCode::from(2);
    };
    match run(readme, files) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the README tells of every case that does not agree, and of no other.
fn run(readme: &str, files: &[String]) -> Result<bool, String> {
    let read = |file: &str| fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"));
    let listed = rows(&read(readme)?);
    let (mut differs, mut names) = (BTreeSet::new(), BTreeSet::new());
    for file in files {
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cases = cases(&read(file)?);
        let mut agreed = 0;
        for case in &cases {
            match judge(case) {
                Ok(()) => agreed += 1,
                Err(why) => {
                    let row = (name.clone(), case.program.trim().to_owned());
                    if !listed.contains(&row) {
                        println!("{name}:{}: {}\n    {why}", case.line, case.program.trim());
                    }
                    differs.insert(row);
                }
            }
        }
        println!("{name}: {agreed} of {} cases agree", cases.len());
        names.insert(name);
    }
    let missing = differs.difference(&listed).count();
    if missing > 0 {
        println!("{missing} cases do not agree and have no row in {readme}");
    }
    let stale: Vec<&Row> = listed.difference(&differs).filter(|(file, _)| names.contains(file)).collect();
    for (file, program) in &stale {
        println!("{readme} has a row for a case of {file} that agrees, or is not there: {program}");
    }
    Ok(missing == 0 && stale.is_empty())
}

/// The rows of the README's table: `| file.test | \`program\` | why |`.
fn rows(readme: &str) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for line in readme.lines().filter(|line| line.starts_with("| ") && line.contains(".test | ")) {
        let line = line.replace("\\|", "\0");
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [file, program, _] = cells[..] {
            let program = program.trim_start_matches('`').trim_end_matches('`').replace('\0', "|");
            rows.insert((file.to_owned(), program.trim().to_owned()));
        }
    }
    rows
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut lines = text.lines().enumerate().filter(|(_, line)| !is_comment(line)).peekable();
    while let Some((at, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let block: Vec<&str> =
            std::iter::from_fn(|| lines.next_if(|(_, line)| !line.trim().is_empty())).map(|(_, line)| line).collect();
        if line.starts_with("%%FAIL") {
            let program = block.first().copied().unwrap_or_default().to_owned();
            cases.push(Case { line: at + 2, program, input: None, expected: Vec::new() });
            continue;
        }
        let Some((input, expected)) = block.split_first() else { continue };
        let expected = expected.iter().map(|line| (*line).to_owned()).collect();
        cases.push(Case { line: at + 1, program: line.to_owned(), input: Some((*input).to_owned()), expected });
    }
    cases
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Whether the plugin does what a case says; else what it does.
fn judge(case: &Case) -> Result<(), String> {
    let config = serde_json::json!({ "program": case.program }).to_string();
    let started = start::<jq::Jq>(&config, &["default"]);
    let Some(input) = &case.input else {
        return match started {
            Ok(_) => Err("it compiles, and should not".into()),
            Err(_) => Ok(()),
        };
    };
    let mut jq = started.map_err(|error| format!("it does not compile: {error}"))?;
    let input = input.strip_prefix('\u{feff}').unwrap_or(input);
    let results = match jq.run(Message::new(input)) {
        Verdict::Drop => Vec::new(),
        Verdict::Emit(emit) => vec![text(emit)?],
        Verdict::EmitAll(emits) => emits.into_iter().map(text).collect::<Result<_, _>>()?,
        Verdict::Reject(reason) => return Err(format!("it is rejected: {reason}")),
        other => return Err(format!("the verdict is {other:?}")),
    };
    let agrees = results.len() == case.expected.len()
        && results.iter().zip(&case.expected).all(|(result, expected)| same(result, expected));
    if !agrees {
        return Err(format!("found {}; expected {}", results.join(" "), case.expected.join(" ")));
    }
    match results.iter().flat_map(|result| numbers(result)).find(|number| !has_form(number, input)) {
        Some(number) => Err(format!("the number {number} is not written as jq writes it")),
        None => Ok(()),
    }
}

fn text(emit: Emit<'_>) -> Result<String, String> {
    match emit.value {
        Change::Set(value) => String::from_utf8(value.into_owned()).map_err(|error| error.to_string()),
        other => Err(format!("the value is {other:?}")),
    }
}

/// Whether two texts say the same, numbers being doubles.
fn same(result: &str, expected: &str) -> bool {
    // What jq's cases have and JSON has not.
    let expected = expected.replace("nan", "null").replace("NaN", "null");
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (read(result), read(&expected)) {
        (Some(one), Some(other)) => equal(&one, &other),
        _ => result == expected,
    }
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => one == other,
    }
}

/// The numbers in a text, outside of its strings.
fn numbers(json: &str) -> Vec<String> {
    let mut outside = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            other if !in_string => outside.push(other),
            _ => {}
        }
        if in_string {
            outside.push(' ');
        }
    }
    let words = outside.split(|character: char| "[]{}:, ".contains(character));
    words
        .filter(|word| word.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// Whether a number has the form that jq 1.8 gives it, or the one that it has in the input.
fn has_form(number: &str, input: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let trimmed = !mantissa.contains('.') || !mantissa.ends_with('0');
    let digits = mantissa.trim_matches(|character: char| "-0.".contains(character)).replace('.', "");
    input.contains(number) || (trimmed && !number.contains('E') && digits.len() <= 17)
}
