//! What a pipeline file says of formats and of the registry.

use std::fs;
use std::path::Path;

use super::{FOLDER, env};
use crate::config::plan::{Format, IdIn, Logical, Login, OutputSchema, Plan, SubjectName, UnknownFields};
use crate::config::{Errors, PlanOptions, Warning, load_text, print};

const FULL: &str = r#"
name: p
kafka: { bootstrap.servers: localhost }
schema_registry:
  url: [http://a:8081, "https://b/apis/ccompat/v7/"]
  username: bob
  password: hunter2
  ca: ca.pem
  certificate: client.pem
  key: client.key
input:
  topics: [orders]
  key: { format: json_schema, validate: true }
  value: { format: avro, logical: raw, reader: order.avsc }
outputs:
  default:
    topic: clean
    key: { format: json_schema, schema: input, id_in: header }
    value: { format: avro, schema: { file: order.avsc }, subject_name: record_name, register: true, unknown_fields: drop }
  newest: { topic: newest, value: { format: avro, subject: mine } }
  third: { topic: third, value: { format: protobuf, schema: { version: 3 }, message: shop.Order } }
  by_id: { topic: by_id, value: { format: avro, schema: { id: 17 } } }
  lines: { topic: lines, value: { format: csv, columns: [a, b] } }
  packed: { topic: packed, value: { format: msgpack }, key: { format: text } }
dlq: { topic: dlq }
"#;

fn planned(text: &str) -> Result<(Plan, Vec<Warning>), Errors> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.avsc"), "\"int\"").unwrap();
    let options = PlanOptions { offline: true, ..PlanOptions::default() };
    load_text(&folder.path().join("p.yaml"), text, &env, &options)
}

fn bad(text: &str) -> String {
    planned(text).unwrap_err().to_string()
}

/// A pipeline with these lines beside what each has.
fn with(lines: &str) -> String {
    format!("name: p\nkafka: {{ bootstrap.servers: localhost }}\n{lines}\n")
}

#[test]
fn everything_that_a_file_says_of_formats_is_in_the_plan() {
    let (plan, warnings) = planned(FULL).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(warnings, []);
    let registry = plan.schema_registry.as_ref().unwrap();
    assert_eq!(registry.urls, ["http://a:8081", "https://b/apis/ccompat/v7"]);
    assert!(registry.login == Some(Login::Basic("bob".to_owned(), "hunter2".to_owned())));
    assert!(registry.ca.as_ref().is_some_and(|path| path.ends_with("ca.pem")) && registry.certificate.is_some());
    assert!(!format!("{registry:?}").contains("hunter2"));
    let (key, value) = (plan.input.formats.key.as_ref().unwrap(), plan.input.formats.value.as_ref().unwrap());
    assert!(key.format == Format::JsonSchema && key.validate);
    assert!(value.format == Format::Avro && value.logical == Logical::Raw);
    assert_eq!(value.reader.as_ref().unwrap().text, "\"int\"");
    let formats: Vec<_> = plan.outputs.iter().map(|output| &output.formats).collect();
    let of = |number: usize| formats[number].value.as_ref().unwrap();
    let first = formats[0].key.as_ref().unwrap();
    assert_eq!((&first.schema, first.id_in), (&OutputSchema::Input, Some(IdIn::Header)));
    assert!(matches!(&of(0).schema, OutputSchema::File(file) if file.text == "\"int\""));
    assert_eq!((of(0).subject_name, of(0).register, of(0).id_in), (SubjectName::RecordName, true, Some(IdIn::Prefix)));
    assert_eq!(of(0).unknown_fields, UnknownFields::Drop);
    assert_eq!((&of(1).schema, of(1).subject.as_deref()), (&OutputSchema::Latest, Some("mine")));
    assert_eq!((&of(2).schema, of(2).message.as_deref()), (&OutputSchema::Version(3), Some("shop.Order")));
    assert_eq!(of(3).schema, OutputSchema::Id(17));
    assert_eq!((of(4).columns.as_ref().unwrap().len(), of(4).id_in), (2, None));
    assert_eq!((of(5).format, formats[5].key.as_ref().unwrap().format), (Format::Msgpack, Format::Text));
}

#[test]
fn what_is_printed_means_the_same_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.avsc"), "\"int\"").unwrap();
    let options = PlanOptions { offline: true, ..PlanOptions::default() };
    let load = |text: &str| load_text(&folder.path().join("p.yaml"), text, &env, &options).map(|(plan, _)| plan);
    let text = FULL.replace("hunter2", "${SECRET_VALUE}");
    let plan = load(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let printed = print(&plan);
    assert!(!printed.contains("hunter2") && printed.contains("${SECRET_VALUE}"), "{printed}");
    assert!(load(&printed).unwrap_or_else(|errors| panic!("{errors}\n{printed}")) == plan, "{printed}");
    assert!(!print(&load(FULL).unwrap()).contains("hunter2"));
}

#[test]
fn the_content_of_a_schema_file_is_part_of_what_a_plan_means() {
    let folder = tempfile::tempdir().unwrap();
    let load = |schema: &str| {
        fs::write(folder.path().join("order.avsc"), schema).unwrap();
        let options = PlanOptions { offline: true, ..PlanOptions::default() };
        load_text(&folder.path().join("p.yaml"), FULL, &env, &options).unwrap().0
    };
    assert!(load("\"int\"") == load("\"int\""));
    assert!(load("\"int\"") != load("\"long\""));
}

#[test]
fn a_format_needs_a_dead_letter_topic_and_a_registry_or_a_file() {
    let input =
        "input: { topics: [a], value: { format: avro } }\noutputs: { default: { topic: b, value: { format: bytes } } }";
    let errors = bad(&with(input));
    assert!(errors.contains("avro needs a registry, and there is none"), "{errors}");
    assert!(errors.contains("a record that does not fit goes to the DLQ, and there is none"), "{errors}");
    let file = input.replace("format: avro", "format: avro, schema: { file: order.avsc }");
    assert!(planned(&with(&format!("{file}\ndlq: {{ topic: d }}"))).is_ok());
}

#[test]
fn where_there_are_formats_batches_are_smaller() {
    let text = "input: { topics: [a], value: { format: text } }\noutputs: { default: { topic: b, value: { format: text } } }\n\
                dlq: { topic: d }\nbatch: { max_bytes: 64MiB }";
    let errors = bad(&with(text));
    assert!(errors.contains("batch.max_bytes") && errors.contains("32MiB"), "{errors}");
    assert!(planned(&with(&text.replace("64MiB", "32MiB"))).is_ok());
    assert!(planned(&with(&text.replace(", value: { format: text }", ""))).is_ok());
}

#[test]
fn an_output_without_a_format_after_a_decoded_input_is_a_warning() {
    let text =
        with("input: { topics: [a], value: { format: text } }\noutputs: { default: { topic: b } }\ndlq: { topic: d }");
    let warnings = planned(&text).unwrap().1;
    assert_eq!(warnings.len(), 1);
    let said = warnings[0].to_string();
    assert!(said.contains("outputs.default: its values are JSON text"), "{said}");
    assert!(planned(&text.replace("topic: b }", "topic: b, value: { format: bytes } }")).unwrap().1.is_empty());
}

#[test]
fn credentials_in_an_address_are_refused_and_not_shown() {
    let text = FULL.replace("http://a:8081", "http://bob:hunter2@a:8081").replace("password: hunter2", "password: x");
    let errors = bad(&text);
    assert!(errors.contains("credentials do not belong into a URL") && !errors.contains("hunter2"), "{errors}");
}

#[test]
fn what_does_not_go_together_is_said() {
    for (was, is, said) in [
        ("format: avro, logical: raw", "format: avri, logical: raw", "did you mean \"avro\"?"),
        ("{ format: avro, subject: mine }", "{ format: avro, subject: mine, subject_name: topic_name }", "not both"),
        (
            "{ format: avro, subject: mine }",
            "{ format: avro, subject_name: record_name }",
            "name of the record is not known",
        ),
        ("schema: { id: 17 }", "schema: { id: 17, version: 2 }", "exactly one of version, id and file"),
        ("schema: { id: 17 }", "schema: { ids: 17 }", "did you mean \"id\"?"),
        ("schema: { id: 17 }", "schema: newest", "it may be latest, input"),
        ("schema: { id: 17 }", "register: true", "there is no schema to register"),
        ("columns: [a, b]", "columns: [a, a]", "\"a\" is here twice"),
        ("format: msgpack", "format: msgpack, id_in: prefix", "format msgpack has no such setting"),
        ("key: { format: text }", "key: { format: text, schema: input }", "format text has no such setting"),
        ("format: csv", "format: csv, schema: input", "it belongs to avro"),
        ("  key: client.key\n", "", "a certificate needs its private `key`"),
        ("  username: bob\n", "", "a password needs a `username`"),
        ("  password: hunter2\n", "  password: hunter2\n  token: t\n", "either a token or username and password"),
        ("http://a:8081", "a:8081", "is no address of a registry"),
        ("reader: order.avsc", "reader: missing.avsc", "cannot be read"),
    ] {
        assert!(FULL.contains(was), "{was}");
        let errors = bad(&FULL.replace(was, is));
        assert!(errors.contains(said), "{is}: {errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}

#[test]
fn the_file_of_a_schema_is_relative_to_the_pipeline_file() {
    assert!(Path::new(FOLDER).is_dir());
    let errors = bad(&with(
        "input: { topics: [a], value: { format: avro, schema: { file: sub/x.avsc } } }\noutputs: { default: { drop: true } }\ndlq: { topic: d }",
    ));
    assert!(errors.contains("p.yaml:3:") && errors.contains("sub/x.avsc"), "{errors}");
}
