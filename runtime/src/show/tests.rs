//! Tests of masks.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::{PlanOptions, load_text};

/// A mask of these paths, as a pipeline file would have them.
fn mask(paths: &[&str], off: bool) -> Mask {
    let show = json!({ "mask": paths, "off": off });
    let text = format!(
        "name: p\nkafka: {{ bootstrap.servers: nowhere:1 }}\ninput: {{ topics: [in] }}\n\
         outputs: {{ default: {{ topic: out }} }}\nshow: {show}\n"
    );
    let (plan, _) = load_text("p.yaml".as_ref(), &text, &|_| None, &PlanOptions::default()).expect("a pipeline");
    Mask::new(&plan.show)
}

fn shown(mask: &Mask, record: &DevRecord) -> DevRecord {
    let mut hidden = Hidden::default();
    mask.collect(record, &mut hidden);
    mask.record(record, &hidden)
}

fn value(mask: &Mask, value: &str) -> String {
    let value = shown(mask, &DevRecord::plain(value.as_bytes())).value.expect("it has a value");
    String::from_utf8(value).expect("text")
}

#[test]
fn fields_are_masked_and_every_other_byte_stays_as_it_is() {
    let mask = mask(&["value.customer.email", r"value.a\.b"], false);
    let json = r#"{ "id" : 1.50, "customer": [{"email":"ann@example.com" , "n\u0061me":"A"}, {"em\u0061il":{"x":[1]}}], "a.b":true }"#;
    let masked =
        r#"{ "id" : 1.50, "customer": [{"email":"***" , "n\u0061me":"A"}, {"em\u0061il":"***"}], "a.b":"***" }"#;
    assert_eq!(value(&mask, json), masked);
}

#[test]
fn a_name_that_comes_twice_is_masked_twice_and_null_stays() {
    let mask = mask(&["value.email"], false);
    assert_eq!(
        value(&mask, r#"{"email":"one@a","email":null,"email":"two@b"}"#),
        r#"{"email":"***","email":null,"email":"***"}"#
    );
}

#[test]
fn what_cannot_be_parsed_is_shown_as_its_length_and_hash() {
    let mask = mask(&["value.email"], false);
    let deep = "[".repeat(500) + &"]".repeat(500);
    for broken in ["email=ann@example.com", r#"{"email":"ann@example.com""#, deep.as_str(), "\u{0}"] {
        let shown = value(&mask, broken);
        assert!(shown.starts_with(&format!("({} bytes, hash ", broken.len())), "{shown}");
        assert_eq!(shown, value(&mask, broken), "the same bytes have the same hash");
    }
    assert_ne!(value(&mask, "a1"), value(&mask, "a2"));
}

#[test]
fn a_part_that_no_path_leads_into_is_shown_as_it_is() {
    let mask = mask(&["value.email", "headers.token"], false);
    let record = DevRecord {
        key: Some(b"order-17 \xff".to_vec()),
        headers: vec![(b"trace".to_vec(), Some(b"t-1".to_vec())), (b"Token".to_vec(), Some(b"s3cret".to_vec()))],
        ..DevRecord::default()
    };
    let shown = shown(&mask, &record);
    assert_eq!(shown.key, record.key);
    assert_eq!(shown.value, None, "null is no secret");
    assert_eq!(shown.headers[0], record.headers[0]);
    assert_eq!(shown.headers[1].1.as_deref(), Some(&b"***"[..]));
}

#[test]
fn what_is_hidden_is_hidden_where_a_stage_has_put_it() {
    let mask = mask(&["value.customer.email"], false);
    let before = DevRecord::plain(br#"{"customer":{"email":"Ann@Example.com"}}"#);
    let mut hidden = Hidden::default();
    mask.collect(&before, &mut hidden);
    let after = DevRecord {
        key: Some(b"ann@example.com".to_vec()),
        value: Some(br#"{"to":"<ann@example.com>","n":1}"#.to_vec()),
        headers: vec![(b"mail".to_vec(), Some(b"mailto:ANN@EXAMPLE.COM".to_vec()))],
        ..DevRecord::default()
    };
    let shown = mask.record(&after, &hidden);
    assert_eq!(shown.key.as_deref(), Some(&b"***"[..]));
    assert_eq!(shown.value.as_deref(), Some(&br#"{"to":"***","n":1}"#[..]));
    assert_eq!(shown.headers[0].1.as_deref(), Some(&b"mailto:***"[..]));
    let reason = hidden.scrub("field `customer.email`: \"ann@exam is no address of 12 letters");
    assert!(!reason.contains("ann") && !reason.contains("exam"), "{reason}");
    assert!(reason.ends_with("is no address of 12 letters"), "{reason}");
}

#[test]
fn off_shows_lengths_and_hashes_alone() {
    let mask = mask(&[], true);
    let record = DevRecord {
        key: Some(b"secret-key".to_vec()),
        value: Some(br#"{"a":"secret-value"}"#.to_vec()),
        headers: vec![(b"h".to_vec(), Some(b"secret-header".to_vec())), (b"n".to_vec(), None)],
        ..DevRecord::default()
    };
    let text = ShownRecord::new(&shown(&mask, &record), None);
    let text = serde_json::to_string(&text).expect("JSON");
    assert!(!text.contains("secret") && text.contains("(10 bytes, hash "), "{text}");
}

/// JSON with fields `email` and others at any depth; strings that begin with `hide` stand below an `email` alone.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<i32>().prop_map(|n| json!(n)),
        "show[a-z0-9\\\\\"é]{0,8}".prop_map(|text| json!(text))
    ];
    let tree = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[a-c]{1}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    let secret = "hide[a-z0-9\\\\\"é]{4,12}".prop_map(|text| json!(text));
    (tree, secret)
        .prop_map(|(tree, secret)| json!({ "a": tree, "customer": [{ "email": secret, "b": 1 }], "c": "show" }))
}

proptest! {
    #[test]
    fn nothing_hidden_is_in_what_is_shown_and_the_rest_is_the_same(json in any_json(), pretty in any::<bool>()) {
        let mask = mask(&["value.customer.email"], false);
        let text = if pretty { format!("{json:#}") } else { json.to_string() };
        let shown = value(&mask, &text);
        prop_assert!(!shown.contains("hide"), "{shown}");
        let mut expected = json;
        expected["customer"][0]["email"] = json!("***");
        prop_assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), expected);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), reason in ".{0,40}") {
        let mask = mask(&["value.a", "headers.h"], false);
        let record = DevRecord {
            key: Some(bytes.clone()),
            value: Some(bytes.clone()),
            headers: vec![(b"h".to_vec(), Some(bytes))],
            ..DevRecord::default()
        };
        let mut hidden = Hidden::default();
        mask.collect(&record, &mut hidden);
        let _ = (mask.record(&record, &hidden), hidden.scrub(&reason));
    }

    #[test]
    fn a_shown_record_is_read_back(
        key in prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
        value in prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
        header in prop::collection::vec(any::<u8>(), 0..9),
        timestamp in prop::option::of(any::<i64>()),
    ) {
        let headers = vec![(header.clone(), Some(header.clone())), (header, None)];
        let record = DevRecord { key, value, headers, timestamp, ..DevRecord::default() };
        let json = serde_json::to_string(&ShownRecord::new(&record, None)).expect("JSON");
        let read: ShownRecord = serde_json::from_str(&json).expect("the same JSON");
        prop_assert_eq!(read.to_record(), Ok(record));
    }
}
