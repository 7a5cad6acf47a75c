//! The plugin as a stage sees it.

use super::*;
use sluicebox_plugin::testing::{Message, Started, start};

fn try_jq(program: &str, output: Option<&str>) -> Result<Started<Jq>, String> {
    let text = |text: &str| {
        let mut json = Vec::new();
        json_scan::escape(text, &mut json);
        String::from_utf8(json).expect("JSON is text")
    };
    let output = output.map(|output| format!(", \"output\": {}", text(output))).unwrap_or_default();
    start(&format!("{{\"program\": {}{output}}}", text(program)), &["default", "de", "fr"])
}

fn jq(program: &str) -> Started<Jq> {
    try_jq(program, None).expect("the program is right")
}

fn refused(program: &str) -> String {
    try_jq(program, None).err().expect("the program is wrong")
}

fn rejected(verdict: Verdict<'_>) -> String {
    match verdict {
        Verdict::Reject(reason) => reason.into_owned(),
        other => panic!("the record is rejected, and not {other:?}"),
    }
}

#[test]
fn one_result_replaces_the_value() {
    let mut jq = jq("{id, total: (.items | map(.price) | add)}");
    let json = r#"{"items": [{"price": 1}, {"price": 2}], "id": "a\u00e9\n"}"#;
    assert_eq!(jq.run(Message::new(json)), emit().value("{\"id\":\"aé\\n\",\"total\":3}").into());
}

#[test]
fn no_result_drops_the_record() {
    assert_eq!(jq("select(.a)").run(Message::new(r#"{"a": false}"#)), Verdict::Drop);
}

#[test]
fn several_results_are_several_records() {
    let verdict = jq(".[]").run(Message::new("[1, [2], null]"));
    assert_eq!(verdict, vec![emit().value("1"), emit().value("[2]"), emit().value("null")].into());
}

#[test]
fn a_result_of_null_is_json_and_no_tombstone() {
    assert_eq!(jq(".a").run(Message::new("{}")), emit().value("null").into());
}

#[test]
fn a_tombstone_passes() {
    assert_eq!(jq("error").run(Message::tombstone()), Verdict::Keep);
}

#[test]
fn each_result_may_go_to_an_output_of_its_own() {
    let mut jq = try_jq(".[]", Some(".to")).expect("the programs are right");
    let verdict = jq.run(Message::new(r#"[{"to": "de"}, {"to": null}, {"to": "fr"}]"#));
    let expected = vec![
        emit().value(r#"{"to":"de"}"#).to("de"),
        emit().value(r#"{"to":null}"#),
        emit().value(r#"{"to":"fr"}"#).to("fr"),
    ];
    assert_eq!(verdict, expected.into());
    let mut jq = try_jq(".", Some("empty")).expect("the programs are right");
    assert_eq!(jq.run(Message::new("1")), emit().value("1").into(), "no name is as good as null");
}

#[test]
fn an_output_that_is_no_name_is_rejected() {
    let reason = |output: &str, json: &str| {
        rejected(try_jq(".", Some(output)).expect("the programs are right").run(Message::new(json)))
    };
    assert_eq!(reason(".to", r#"{"to": 5}"#), "output: expected a string or null, found 5");
    assert!(reason("\"de\", \"fr\"", "1").starts_with("output: it names several outputs"));
    assert_eq!(reason("error(\"no\")", "1"), "output: no");
}

#[test]
fn an_error_rejects_the_record_in_the_words_of_jq() {
    assert_eq!(rejected(jq("error(\"no total\")").run(Message::new("1"))), "no total");
    assert_eq!(rejected(jq("error({code: 5})").run(Message::new("1"))), "{\"code\":5}");
    assert_eq!(rejected(jq(".a").run(Message::new("1"))), "Cannot index number with \"a\"");
    assert_eq!(rejected(jq("1, error(\"late\")").run(Message::new("1"))), "late", "one error rejects it all");
}

#[test]
fn what_is_not_json_is_rejected_with_the_place() {
    let mut jq = jq(".");
    for (json, at) in [("NaN", 0), ("# x\n1", 0), ("{1: 2}", 1), ("b\"x\"", 0), ("1 2", 2), ("", 0)] {
        let reason = rejected(jq.run(Message::new(json)));
        assert!(reason.starts_with("not JSON: ") && reason.ends_with(&format!("at byte {at}")), "{json}: {reason}");
    }
    rejected(jq.run(Message::new("[".repeat(100_000))));
}

#[test]
fn a_number_that_json_cannot_hold_is_written_as_jq_writes_it() {
    let mut jq = jq("[nan, infinite, -infinite, (.x | tojson)]");
    let expected = "[null,1.7976931348623157e+308,-1.7976931348623157e+308,\"1.7976931348623157e+308\"]";
    assert_eq!(jq.run(Message::new(r#"{"x": 1e1000}"#)), emit().value(expected).into());
}

#[test]
fn numbers_that_are_computed_have_the_form_of_jq() {
    let json = r#"{"a": 1.50, "b": 1E5, "c": 2.0}"#;
    let expected = r#"{"a":1.5,"b":100000,"c":6,"d":"1.5"}"#;
    let program = ".a += 0 | .b *= 1 | .d = (.a | tostring) | .c *= 3";
    assert_eq!(jq(program).run(Message::new(json)), emit().value(expected).into());
}

#[test]
fn numbers_that_are_not_touched_stay_as_they_are_written() {
    let json = "[1.50,1E5,123456789012345678901234567890,0.1e-7,-3,9007199254740993]";
    assert_eq!(jq(".").run(Message::new(json)), emit().value(json).into());
}

#[test]
fn keys_keep_their_order_and_the_last_of_two_counts() {
    let verdict = jq(".").run(Message::new(r#"{"z": 1, "a": 2, "z": 3}"#));
    assert_eq!(verdict, emit().value(r#"{"z":3,"a":2}"#).into());
}

#[test]
fn a_program_that_is_wrong_is_refused_with_the_place() {
    assert_eq!(refused(".a |\n  (.b"), "config.program: line 2, column 6: expected `)`, found the end");
    assert_eq!(
        refused("if . then 1"),
        "config.program: line 1, column 12: expected `elif`, `else` or `end`, found the end"
    );
    assert_eq!(refused(".a |\n mapp(.b)"), "config.program: line 2, column 2: undefined filter `mapp/1`");
    assert_eq!(refused(". + $x"), "config.program: line 1, column 5: undefined variable `$x`");
    assert!(refused("import \"a\" as a; .").contains("modules are not available"));
    let error = try_jq(".", Some("(")).err().expect("the output is wrong");
    assert!(error.starts_with("config.output: line 1, column 2: "), "{error}");
}

#[test]
fn a_program_cannot_reach_outside() {
    let programs =
        ["now", "env", "$ENV", "halt", "halt_error(1)", "localtime", "input", "inputs", "strflocaltime(\"%c\")"];
    for program in programs {
        let error = refused(program);
        assert!(error.ends_with("is not available, as a plugin cannot reach outside"), "{program}: {error}");
    }
}

#[test]
fn the_standard_library_is_there() {
    let run = |program: &str, json: &str| match jq(program).run(Message::new(json)) {
        Verdict::Emit(emit) => match emit.value {
            sluicebox_plugin::Change::Set(value) => String::from_utf8_lossy(&value).into_owned(),
            other => panic!("the value is set, and not {other:?}"),
        },
        other => panic!("one record is emitted, and not {other:?}"),
    };
    assert_eq!(run("test(\"^a+$\")", "\"aaa\""), "true");
    assert_eq!(run("gsub(\"[0-9]\"; \"#\")", "\"a1b2\""), "\"a#b#\"");
    assert_eq!(run("todate", "0"), "\"1970-01-01T00:00:00Z\"");
    assert_eq!(run("@base64", "\"hi\""), "\"aGk=\"");
    assert_eq!(run("debug | sqrt", "4"), "2");
    assert_eq!(run("to_entries | map(.key)", r#"{"b": 1, "a": 2}"#), r#"["b","a"]"#);
}
