//! The plugin as a stage sees it.

use super::*;
use sluicebox_plugin::testing::{Message, Started, start};

const JSON: &str =
    r#"{"order_id": "o-\u00e91", "n": 1.50, "address": {"country": "de"}, "at": 1767225600, "no": null}"#;

fn set(config: &str) -> Started<Set> {
    start(config, &["default", "audit"]).expect("the configuration is right")
}

fn refused(config: &str) -> String {
    start::<Set>(config, &["default", "audit"]).expect_err("the configuration is wrong")
}

#[test]
fn the_key_comes_from_a_field_or_is_fixed() {
    let mut field = set(r#"{"key": {"field": "order_id"}}"#);
    assert_eq!(field.run(Message::new(JSON).key("old")), emit().key("o-é1").into());
    let mut number = set(r#"{"key": {"field": "n"}}"#);
    assert_eq!(number.run(Message::new(JSON)), emit().key("1.50").into());
    let mut object = set(r#"{"key": {"field": "address"}}"#);
    assert_eq!(object.run(Message::new(JSON)), emit().key(r#"{"country": "de"}"#).into());
    let mut fixed = set(r#"{"key": {"value": "all"}}"#);
    assert_eq!(fixed.run(Message::new("no JSON")), emit().key("all").into());
}

#[test]
fn a_key_whose_field_is_null_or_missing_stays_becomes_null_or_rejects_the_record() {
    for field in ["no", "nowhere", "address.city"] {
        let key =
            |more: &str| set(&format!(r#"{{"key": {{"field": "{field}"{more}}}}}"#)).run(Message::new(JSON).key("old"));
        assert_eq!(key(""), emit().into(), "{field}: the key is inherited");
        assert_eq!(key(r#", "missing": "keep""#), emit().into(), "{field}");
        assert_eq!(key(r#", "missing": null"#), emit().key(Bytes::NULL).into(), "{field}");
        assert_eq!(key(r#", "missing": "null""#), emit().key(Bytes::NULL).into(), "{field}");
        let reason = format!("key: the field {field} is missing or null");
        assert_eq!(key(r#", "missing": "reject""#), Verdict::reject(reason), "{field}");
    }
}

#[test]
fn headers_whose_field_is_null_or_missing_stay_go_or_reject_the_record() {
    for field in ["no", "nowhere"] {
        let headers = |more: &str| {
            let config = format!(r#"{{"headers": {{"x": {{"field": "{field}"{more}}}, "y": {{"value": "v"}}}}}}"#);
            set(&config).run(Message::new(JSON).header("x", "a").header("y", "b").header("x", "c"))
        };
        let kept = emit().header("x", "a").header("x", "c").header("y", "v");
        assert_eq!(headers(""), kept.clone().into(), "{field}");
        assert_eq!(headers(r#", "missing": "keep""#), kept.into(), "{field}");
        assert_eq!(headers(r#", "missing": null"#), emit().header("y", "v").into(), "{field}");
        let reason = format!("header x: the field {field} is missing or null");
        assert_eq!(headers(r#", "missing": "reject""#), Verdict::reject(reason), "{field}");
    }
}

#[test]
fn headers_are_set_in_place_of_those_of_their_name() {
    let mut set = set(
        r#"{"headers": {"source": {"value": "shop"}, "region": {"field": "address.country"}, "old": null, "x": {"field": "no", "missing": "null"}}}"#,
    );
    let message = Message::new(JSON).header("source", "a").header("kept", "b").header("source", "c");
    let message = message.header("old", "d").header("x", "e");
    let expected = emit().header("kept", "b").header("region", "de").header("source", "shop");
    assert_eq!(set.run(message), expected.into());
}

#[test]
fn the_timestamp_comes_from_a_field() {
    let mut seconds = set(r#"{"timestamp": {"field": "at", "unit": "s"}}"#);
    assert_eq!(seconds.run(Message::new(JSON)), emit().timestamp(1_767_225_600_000).into());
    let mut text = set(r#"{"timestamp": {"field": "at", "unit": "rfc3339"}}"#);
    let message = Message::new(r#"{"at": "2026-01-01T00:00:00Z"}"#);
    assert_eq!(text.run(message), emit().timestamp(1_767_225_600_000).into());
    let reason = "timestamp: expected a time like \"2026-11-29T12:00:00Z\", found 1767225600";
    assert_eq!(text.run(Message::new(JSON)), Verdict::reject(reason));
}

#[test]
fn a_timestamp_whose_field_is_null_or_missing_stays_or_rejects_the_record() {
    for field in ["no", "nowhere"] {
        let timestamp = |more: &str| {
            set(&format!(r#"{{"timestamp": {{"field": "{field}", "unit": "ms"{more}}}}}"#)).run(Message::new(JSON))
        };
        assert_eq!(timestamp(""), emit().into(), "{field}: the timestamp is inherited");
        assert_eq!(timestamp(r#", "missing": "keep""#), emit().into(), "{field}");
        let reason = format!("timestamp: the field {field} is missing or null");
        assert_eq!(timestamp(r#", "missing": "reject""#), Verdict::reject(reason), "{field}");
    }
}

#[test]
fn a_tee_sends_a_second_record_as_it_is_set() {
    let mut tee = set(r#"{"key": {"value": "k"}, "tee": "audit"}"#);
    assert_eq!(tee.run(Message::new("x")), vec![emit().key("k"), emit().key("k").to("audit")].into());
    let mut alone = set(r#"{"tee": "audit"}"#);
    assert_eq!(alone.run(Message::tombstone()), vec![emit(), emit().to("audit")].into());
}

#[test]
fn a_record_without_a_value_keeps_what_would_come_from_a_field() {
    let mut both = set(
        r#"{"key": {"field": "a"}, "headers": {"h": {"field": "a"}, "i": {"value": "v"}}, "timestamp": {"field": "a", "unit": "s"}}"#,
    );
    let message = Message::tombstone().key("k").header("h", "old");
    let strict = r#"{"key": {"field": "a", "missing": "reject"}, "timestamp": {"field": "a", "unit": "s", "missing": "reject"}}"#;
    assert_eq!(set(strict).run(Message::tombstone().key("k")), emit().into(), "it has no fields that could be missing");
    assert_eq!(both.run(message), emit().header("h", "old").header("i", "v").into());
}

#[test]
fn what_is_not_json_is_rejected_where_a_field_is_read() {
    let reason = "not JSON: expected a value, found `x`, at byte 0";
    assert_eq!(set(r#"{"key": {"field": "a"}}"#).run(Message::new("x")), Verdict::reject(reason));
    assert_eq!(set(r#"{"timestamp": {"field": "a", "unit": "s"}}"#).run(Message::new("x")), Verdict::reject(reason));
}

#[test]
fn only_what_is_used_is_asked_for() {
    let needs = |config: &str| {
        let config = serde_json::from_str(config).expect("the configuration is JSON");
        let stage = Stage::new("s", vec!["default".into(), "audit".into()]);
        Set::init(config, &stage).expect("the configuration is right").needs()
    };
    assert_eq!(needs(r#"{"tee": "audit", "key": {"value": "k"}}"#), Fields::NONE);
    assert_eq!(needs(r#"{"key": {"field": "k"}}"#), Fields::VALUE);
    assert_eq!(needs(r#"{"headers": {"h": {"value": "x"}}}"#), Fields::HEADERS);
    assert_eq!(needs(r#"{"headers": {"h": {"field": "x"}}}"#), Fields::HEADERS.and(Fields::VALUE));
}

#[test]
fn a_wrong_configuration_is_named_by_its_key() {
    assert!(refused("{}").starts_with("config: nothing is set"));
    assert_eq!(refused(r#"{"key": {}}"#), "config.key: give `field` (of a JSON value) or `value`");
    assert_eq!(refused(r#"{"key": {"field": "a", "value": "b"}}"#), "config.key: give `field` or `value`, not both");
    let fixed = "config.key.missing: a `value` is never missing; it goes with `field`";
    assert_eq!(refused(r#"{"key": {"value": "b", "missing": "keep"}}"#), fixed);
    assert!(refused(r#"{"key": {"field": "a", "missing": "drop"}}"#).starts_with("config.key.missing: "));
    for null in ["null", "\"null\""] {
        let null = refused(&format!(r#"{{"timestamp": {{"field": "a", "unit": "s", "missing": {null}}}}}"#));
        assert!(null.starts_with("config.timestamp.missing: "), "{null}");
    }
    assert!(refused(r#"{"headers": {"h": {"field": "a..b"}}}"#).starts_with("config.headers.h.field: "));
    assert!(refused(r#"{"timestamp": {"field": "a", "unit": "h"}}"#).starts_with("config.timestamp.unit: "));
    assert!(refused(r#"{"tee": "audti"}"#).starts_with("config.tee: the pipeline has no output `audti`"));
}
