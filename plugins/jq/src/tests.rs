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
    assert!(reason("\"de\", \"fr\"", "1").starts_with("output: it has several results"));
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
    assert_eq!(jq(".").run(Message::new(json)), Verdict::Keep);
    assert_eq!(jq("[.[]]").run(Message::new(json)), emit().value(json).into());
}

#[test]
fn a_value_that_nothing_changes_is_kept_or_inherited() {
    assert_eq!(jq(".").run(Message::new(r#"{"a":1}"#)), Verdict::Keep);
    assert_eq!(jq(".").run(Message::new(r#"{"a": 1}"#)), emit().value(r#"{"a":1}"#).into());
    assert_eq!(jq("., .a").run(Message::new(r#"{"a":1}"#)), vec![emit(), emit().value("1")].into());
}

#[test]
fn keys_keep_their_order_and_the_last_of_two_counts() {
    let verdict = jq(".").run(Message::new(r#"{"z": 1, "a": 2, "z": 3}"#));
    assert_eq!(verdict, emit().value(r#"{"z":3,"a":2}"#).into());
}

#[test]
fn a_program_that_is_wrong_is_refused_with_the_place() {
    assert_eq!(
        refused(".a |\n  (.b"),
        "config.program: line 2, column 6: expected `)`, found the end\n    (.b\n       ^"
    );
    assert_eq!(
        refused("if . then 1"),
        "config.program: line 1, column 12: expected `elif`, `else` or `end`, found the end\n  if . then 1\n             ^"
    );
    assert_eq!(
        refused(".a |\n mapp(.b)"),
        "config.program: line 2, column 2: undefined filter `mapp/1`\n   mapp(.b)\n   ^\n  did you mean `map`?"
    );
    assert_eq!(
        refused("[.items[].n] | sum"),
        "config.program: line 1, column 16: undefined filter `sum/0`\n  [.items[].n] | sum\n                 ^\n  did you mean \
         `add`?"
    );
    let at = refused(". + $x");
    assert!(at.starts_with("config.program: line 1, column 5: undefined variable `$x`\n  . + $x\n      ^"), "{at}");
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
        let said = error.lines().next().unwrap_or_default();
        assert!(said.ends_with("is not available, as a plugin cannot reach outside"), "{program}: {error}");
        assert!(!error.contains("did you mean"), "{program}: {error}");
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
    assert_eq!(run(".a?//1", "5"), "1");
    assert_eq!(run("debug | sqrt", "4"), "2");
    assert_eq!(run("to_entries | map(.key)", r#"{"b": 1, "a": 2}"#), r#"["b","a"]"#);
}

fn configured(config: &str) -> Started<Jq> {
    start(config, &["default", "audit"]).expect("the configuration is right")
}

#[test]
fn a_program_sees_the_whole_record() {
    let mut jq = jq("[$key, $headers.source, $headers, $timestamp, $topic, $partition, $offset]");
    let message = Message::new("1").key("k").header("source", "old").header("source", "shop").timestamp(5).offset(7);
    let expected = r#"["k","shop",{"source":"shop"},5,"input",0,7]"#;
    assert_eq!(jq.run(message), emit().value(expected).into());
    let expected = r#"[null,null,{},null,"input",0,0]"#;
    assert_eq!(jq.run(Message::new("1")), emit().value(expected).into());
}

#[test]
fn bytes_that_are_not_utf8_reject_only_where_they_are_used() {
    let message = || Message::new("1").key(b"\xff").header("good", "x").header("bad", b"\xff");
    assert_eq!(jq("$headers.good").run(message()), emit().value("\"x\"").into());
    assert_eq!(rejected(jq("$key").run(message())), "$key is not UTF-8, and cannot be used as text");
    assert_eq!(rejected(jq("$headers.bad").run(message())), "the header bad is not UTF-8, and cannot be used as text");
    assert!(rejected(jq("$headers").run(message())).contains("the header bad"));
    assert_eq!(jq("if . == 2 then $key else 3 end").run(message()), emit().value("3").into());
}

#[test]
fn only_what_the_programs_name_is_asked_for() {
    let needs = |config: &str| {
        let config = serde_json::from_str(config).expect("the configuration is JSON");
        Jq::init(config, &Stage::new("s", vec!["default".into()])).expect("the configuration is right").needs()
    };
    assert_eq!(needs(r#"{"program": "."}"#), Fields::VALUE);
    assert_eq!(needs(r#"{"program": ".", "output": "$topic"}"#), Fields::VALUE.and(Fields::SOURCE));
    assert_eq!(
        needs(r#"{"program": "$key", "timestamp": "$timestamp"}"#),
        Fields::VALUE.and(Fields::KEY).and(Fields::TIMESTAMP)
    );
    assert_eq!(needs(r#"{"program": ".", "headers": "{a: 1}"}"#), Fields::VALUE.and(Fields::HEADERS));
    assert_eq!(needs(r#"{"program": "\"x\" as $key | $key"}"#), Fields::VALUE, "the variable is the program's own");
}

#[test]
fn key_headers_and_timestamp_are_set_for_each_result() {
    let mut jq = configured(
        r#"{"program": ".[]", "key": ".id", "timestamp": ".at | fromdate * 1000",
            "headers": "{source: \"shop\", n: .n, old: null}"}"#,
    );
    let json =
        r#"[{"id":"a","at":"2026-01-01T00:00:00Z","n":1.50},{"id":{"x":[1]},"at":"1970-01-01T00:00:01Z","n":null}]"#;
    let message = Message::new(json).header("old", "x").header("kept", "y");
    let one = emit()
        .value(r#"{"id":"a","at":"2026-01-01T00:00:00Z","n":1.50}"#)
        .key("a")
        .header("kept", "y")
        .header("source", "shop")
        .header("n", "1.50")
        .timestamp(1_767_225_600_000);
    let other = emit()
        .value(r#"{"id":{"x":[1]},"at":"1970-01-01T00:00:01Z","n":null}"#)
        .key(r#"{"x":[1]}"#)
        .header("kept", "y")
        .header("source", "shop")
        .timestamp(1000);
    assert_eq!(jq.run(message), vec![one, other].into());
}

#[test]
fn null_makes_a_null_key_and_no_result_inherits() {
    let mut jq = configured(
        r#"{"program": ".", "key": "if .a then null else empty end", "headers": "null", "timestamp": "empty"}"#,
    );
    let null = emit().value(r#"{"a":1}"#).key(sluicebox_plugin::Bytes::NULL);
    assert_eq!(jq.run(Message::new(r#"{"a":1}"#)), null.into());
    assert_eq!(jq.run(Message::new("{}")), emit().value("{}").into());
}

#[test]
fn what_cannot_be_set_is_rejected_by_its_name() {
    let reason = |config: &str| rejected(configured(config).run(Message::new(r#"{"a":[1]}"#)));
    assert_eq!(reason(r#"{"program": ".", "headers": ".a"}"#), "headers: expected an object or null, found [1]");
    assert_eq!(
        reason(r#"{"program": ".", "timestamp": ".a"}"#),
        "timestamp: expected milliseconds since 1970, or null, found [1]"
    );
    assert_eq!(reason(r#"{"program": ".", "key": "error(\"no\")"}"#), "key: no");
    let error = start::<Jq>(r#"{"program": ".", "headers": "{"}"#, &["default"]).err().expect("it does not compile");
    assert!(error.starts_with("config.headers: line 1, column 2: "), "{error}");
}

#[test]
fn a_regular_expression_that_is_constant_and_wrong_is_an_error_at_start() {
    for program in ["test(\"(\")", ".a |\n sub(\"[\"; \"\")", "gsub(\"a\"; \"b\"; \"q\")", "splits(\"a**+(\")"] {
        let error = refused(program);
        assert!(error.starts_with("config.program: line "), "{program}: {error}");
    }
    assert!(rejected(jq("test(.)").run(Message::new("\"(\""))).contains("not a valid regex"));
}

#[test]
fn regular_expressions_are_those_of_oniguruma() {
    let test = |pattern: &str, flags: &str, text: &str| {
        let program = format!("test({}; {})", serde_json::json!(pattern), serde_json::json!(flags));
        let message = Message::new(serde_json::json!(text).to_string());
        jq(&program).run(message) == emit().value("true").into()
    };
    assert!(test("^müller$", "i", "MÜLLER"));
    assert!(test("^\\w+$", "", "é"));
    assert!(test("\\p{L}\\p{^L}", "", "é1"));
    assert!(test("(?=a)b|(?<=x)y", "", "xy"));
    assert!(test("^a$", "", "a\n"));
    assert!(!test("^b", "", "a\nb"));
    assert!(test("a b # comment", "x", "ab"));
    assert!(test("^\\h+[[:alpha:]]{,2}$", "", "09é"));
    assert!(test("(a)\\1", "", "aa"));
    assert!(test("a{,b}", "", "a{,b}"));
}

#[test]
fn what_calls_itself_too_deeply_is_an_error_and_what_loops_is_not() {
    let run = |program: &str| match jq(program).run(Message::new("0")) {
        Verdict::Emit(emit) => emit.value,
        other => panic!("{program}: {other:?}"),
    };
    for program in [
        "def f: if . > 100000 then . else . + 1 | f end; f | . - 100001",
        "def f: . as $x | if $x > 100000 then . else $x + 1 | f end; f | . - 100001",
        "last(range(1000000)) | . - 999999",
        "until(. > 100000; . + 1) | . - 100001",
        "[limit(100000; repeat(1))] | length | . - 100000",
        "last(while(. < 100000; . + 1)) | . - 99999",
        "last(recurse(if . < 100000 then . + 1 else empty end)) | . - 100000",
        "reduce range(10000) as $i (0; [.]) | tojson | length | . - 20001",
    ] {
        assert_eq!(run(program), sluicebox_plugin::Change::Set(b"0"[..].into()), "{program}");
    }
    for program in ["def f: 1 + f; f", "def f(g): [g | f(g)]; f(.)", "def f: .[0] |= f; null | f"] {
        assert!(rejected(jq(program).run(Message::new("0"))).contains("levels deep"), "{program}");
    }
}
