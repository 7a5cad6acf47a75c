//! The Avro codec against fastavro: random records of random schemas, written by fastavro, go to JSON text and back,
//! and fastavro reads the same values again. The Python that has fastavro is `SLUICE_FASTAVRO_PYTHON`;
//! `SLUICE_FASTAVRO_RECORDS` says how many records, over a fiftieth as many schemas.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sluicebox::codec::avro::{Decoder, Encoder, Limits, Logical, Schema, UnknownFields};

fn hex(text: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

fn answer(question: &Value) -> Result<Value, String> {
    let schema = |name: &str| Schema::parse(&question[name].to_string(), &[]).map_err(|error| error.to_string());
    let (writer, reader) = (schema("schema")?, schema("reader")?);
    let data = hex(question["data"].as_str().expect("data is text"));
    let limits = Limits::default();
    let text = |reader: Option<&Schema>| {
        let decoder = Decoder::new(&writer, reader, Logical::Text, limits).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        decoder.decode(&data, &mut out).map_err(|error| error.to_string())?;
        String::from_utf8(out).map_err(|error| error.to_string())
    };
    let (json, as_reader) = (text(None)?, text(Some(&reader))?);
    let encoder = Encoder::new(&writer, UnknownFields::Error, limits).map_err(|error| error.to_string())?;
    let mut again = Vec::new();
    encoder.encode(json.as_bytes(), &mut again).map_err(|error| error.to_string())?;
    let again: String = again.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(json!({"json": json, "as_reader": as_reader, "data": again}))
}

#[test]
fn fastavro_reads_what_comes_back_as_what_it_wrote() {
    let python = std::env::var_os("SLUICE_FASTAVRO_PYTHON").unwrap_or_else(|| {
        panic!("SLUICE_FASTAVRO_PYTHON is not set: `cargo xtask test` sets it to a Python that has fastavro")
    });
    let records: usize = std::env::var("SLUICE_FASTAVRO_RECORDS").map_or(2_000, |text| text.parse().expect("a number"));
    let seed = std::env::var("SLUICE_FASTAVRO_SEED").unwrap_or_else(|_| "1".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fastavro/records.py");
    let mut child = Command::new(python)
        .arg(script)
        .args([(records / 50).to_string(), records.to_string(), seed])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut to = child.stdin.take().expect("it is piped");
    let mut summary = None;
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let question: Value = serde_json::from_str(&line.expect("a line")).expect("a line is JSON");
        if question.get("records").is_some() {
            summary = Some(question);
            break;
        }
        let answer = answer(&question).unwrap_or_else(|error| json!({ "error": error }));
        // Where the script has ended, its own message says why.
        if writeln!(to, "{answer}").is_err() {
            break;
        }
    }
    drop(to);
    let status = child.wait().expect("it ends");
    assert!(status.success(), "fastavro differs; what it says is above");
    let summary = summary.expect("a summary comes last");
    println!("{summary}");
    assert_eq!(summary["records"], records, "{summary}");
}
