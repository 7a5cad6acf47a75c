//! What `--update` writes is read back as exactly what came.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::case::{Cases, WrittenCase};
use super::difference::differences;
use super::emit::expect_block;
use super::file::{KIND, PipelineTests};
use super::subject::{Came, CameLetter};
use crate::config::{self, Planner};
use crate::failure::Class;
use crate::record_text::DevRecord;

/// Bytes, text, odd text and JSON.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[ -~\u{80}-\u{a0}\u{2028}\u{feff}]{0,6}".prop_map(Into::into),
    ];
    let json = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..8),
        any::<String>().prop_map(String::into_bytes),
        "[ -~\n\r\t\u{85}]{0,12}".prop_map(String::into_bytes),
        json.prop_map(|json| json.to_string().into_bytes()),
        Just(b"${HOME} $${x}".to_vec()),
    ]
}

fn record() -> impl Strategy<Value = DevRecord> {
    let headers = prop::collection::vec((content(), prop::option::of(content())), 0..3);
    let field = || prop::option::of(content());
    (field(), field(), headers, prop::option::of(any::<i64>())).prop_map(|(key, value, headers, timestamp)| DevRecord {
        topic: None,
        dead_letter: false,
        key,
        value,
        headers,
        timestamp,
    })
}

fn came() -> impl Strategy<Value = Came> {
    let name =
        prop_oneof!["[a-zA-Z0-9._-]{1,6}", Just("null".to_owned()), Just("1".to_owned()), Just("true".to_owned())];
    let outputs = prop::collection::btree_map(name.clone(), prop::collection::vec(record(), 1..4), 0..3);
    let letter = (any::<String>(), record(), 0..Class::ALL.len()).prop_map(|(reason, record, class)| CameLetter {
        class: Class::ALL[class],
        reason,
        stage: "s".into(),
        record,
    });
    let metrics = prop::collection::btree_map(any::<String>(), 0..u64::MAX / 2, 0..3);
    let letters = prop::collection::vec(letter, 0..3);
    let error = prop::option::of(any::<String>());
    (outputs, letters, any::<u16>(), metrics, error).prop_map(|(outputs, letters, dropped, metrics, error)| Came {
        outputs,
        letters,
        dropped: dropped.into(),
        metrics,
        error,
    })
}

/// Reads a block back.
fn read_back(block: &[String], came: &Came) -> super::case::Expected {
    let lines: Vec<String> = block.iter().map(|line| format!("    {line}\n")).collect();
    let text = format!("cases:\n  - name: a\n{}", lines.concat());
    let source = config::source("t.test.yaml".as_ref(), &text);
    let tests: PipelineTests = config::parse(&source, &KIND).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let outputs: Vec<(Arc<str>, bool)> = came.outputs.keys().map(|name| (name.as_str().into(), true)).collect();
    let mut planner = Planner::new(&source, &|_| None);
    let case = &tests.cases[0].value;
    let written = WrittenCase { at: tests.cases[0].at, name: &case.name, records: &[], expect: case.expect.as_ref() };
    let case = Cases::new(&mut planner).read(&written, &outputs);
    planner.finish(case).unwrap_or_else(|error| panic!("{error}\n{text}")).0.expected.expect("there is one")
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_as_what_came(came in came(), has_keys: bool) {
        let block = expect_block(&came, has_keys, None);
        let expected = read_back(&block, &came);
        let found = differences(&expected, &came);
        prop_assert!(found.is_empty(), "{:?}\n{}", found, block.join("\n"));
        // And once more with all that is mentioned now.
        let again = expect_block(&came, has_keys, Some(&expected));
        let found = differences(&read_back(&again, &came), &came);
        prop_assert!(found.is_empty(), "{:?}\n{}", found, again.join("\n"));
    }
}

#[test]
fn a_key_that_has_become_null_is_mentioned_where_records_came_in_with_keys() {
    let records = vec![DevRecord::plain(b"{\"a\": 1}"), DevRecord::plain(b"text")];
    let came = Came { outputs: BTreeMap::from([("default".to_owned(), records)]), ..Default::default() };
    let block = expect_block(&came, true, None);
    let want = [
        "expect:",
        "  outputs:",
        "    default:",
        "      - key: null",
        "        value: { \"a\": 1 }",
        "      - key: null",
        "        value: 'text'",
    ];
    assert_eq!(block, want);
}

#[test]
fn json_is_written_as_a_mapping_and_text_as_text() {
    let records = vec![DevRecord::plain(b"{\"a\": [1, \"it's\"]}"), DevRecord::plain(b"it's"), DevRecord::default()];
    let came = Came { outputs: BTreeMap::from([("default".to_owned(), records)]), dropped: 2, ..Default::default() };
    let block = expect_block(&came, false, None);
    let want = [
        "expect:",
        "  outputs:",
        "    default:",
        "      - value: { \"a\": [1, \"it's\"] }",
        "      - 'it''s'",
        "      - value: null",
        "  dropped: 2",
    ];
    assert_eq!(block, want);
    assert_eq!(expect_block(&Came::default(), false, None), ["expect: {}"]);
}
