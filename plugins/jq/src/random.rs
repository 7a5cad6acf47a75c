//! Programs and records by chance: whatever they are, the plugin answers.

use proptest::prelude::*;
use proptest::sample::select;
use sluicebox_plugin::testing::{Message, start};

use crate::Jq;

/// An expression that is put together from small ones, none of which goes on for ever by itself.
fn program() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        ".",
        ".a",
        ".b?",
        ".[0]",
        ".[-1:]",
        ".[]?",
        "..",
        "null",
        "true",
        "1",
        "-0.5",
        "1e300",
        "nan",
        "\"a\"",
        "\"é\\(.)\"",
        "[]",
        "{}",
        "[.]",
        "{a: .}",
        "empty",
        "error",
        "$key",
        "$headers",
        "keys?",
        "length?",
        "tojson",
        "fromjson?",
        "type",
        "tostring",
        "explode?",
        "sort?",
        "add?",
        "to_entries?",
        "@csv?",
        "@base64d?",
        "@uri",
        "todate?",
        "gmtime?",
        "fromdate?",
        "paths",
        "tostream",
        "reverse?",
        "flatten?",
        "ascii_downcase?",
        "floor?",
        "implode?",
        "transpose?",
        "trim?",
        "min?",
        "unique?",
        "splits(\"a\")?",
        "getpath([\"a\", 0])?",
        "input_line_number",
        "significand?",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators =
            select(vec!["|", ",", "+", "-", "*", "/", "%", "==", "<", ">=", "and", "or", "//", "=", "|=", "+=", "//="]);
        let functions = select(vec![
            "map(F)?",
            "select(F)",
            "[F]",
            "{(F | tostring): F}",
            "try F catch .",
            "first(F)",
            "last(F)",
            "limit(2; F)",
            "path(F)?",
            "del(F)?",
            "sort_by(F)?",
            "group_by(F)?",
            "with_entries(F)?",
            "walk(F)",
            "any(F; .)",
            "isempty(F)",
            "reduce F as $x (0; . + ($x | length? // 1))",
            "foreach F as [$x] (0; 1; $x)?",
            "F as $x | [$x, .]",
            "F as {a: $x} ?// [$x] ?// $x | $x",
            "if F then F else F end",
            "test(F)?",
            "sub(F; \"-\")?",
            "gsub(\"a*\"; F)?",
            "[match(F; \"g\")]?",
            "ltrimstr(F)?",
            "indices(F)?",
            "contains(F)?",
            "has(F)?",
            "setpath([F]; 1)?",
            "delpaths([[F]])?",
            "strftime(F)?",
            "strptime(F)?",
            "split(F)?",
            "join(F)?",
            "label $l | F, break $l",
            "def f: F; f",
            "def f(g): g | g; f(F)",
            "limit(3; recurse(F))?",
            "skip(1; F)",
            "F?",
            "-(F)?",
            "\"\\(F)\"",
            "pick(F)?",
            "bsearch(F)?",
            "@json \"\\(F)\"",
            "limit(3; range(0; 10; 4))",
            "splits(F)?",
            "ldexp(F; F)?",
        ]);
        prop_oneof![
            (inner.clone(), operators, inner.clone())
                .prop_map(|(one, operator, other)| format!("({one} {operator} {other})")),
            (functions, inner)
                .prop_map(|(function, inner)| format!("({})", function.replace('F', &format!("({inner})")))),
        ]
    })
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(vec![
            "null",
            "true",
            "false",
            "0",
            "-1.50",
            "1e400",
            "12345678901234567890",
            "\"\"",
            "\"aba\"",
            "\"\\u00e9\""
        ])
        .prop_map(str::to_owned),
        select(vec![
            "\"2026-01-01T00:00:00Z\"",
            "1767225600.5",
            "\"1\"",
            "{}",
            "[]",
            "\"\\ud800\"",
            "-0",
            "\"{\\\"a\\\":1}\""
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = select(vec!["a", "b", "a", "\\u0061", "key", "value", "name"]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(", "))),
            proptest::collection::vec((key, inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_program_answers_on_every_record(program in program(), json in json()) {
        let config = serde_json::json!({ "program": format!("limit(20; {program})") }).to_string();
        if let Ok(mut jq) = start::<Jq>(&config, &["default"]) {
            let first = jq.run(Message::new(json.clone()).key("k").header("h", "v")).into_owned();
            let second = jq.run(Message::new(json).key("k").header("h", "v")).into_owned();
            prop_assert_eq!(first, second, "a second run says the same");
        }
    }

    #[test]
    fn every_text_is_compiled_or_refused(text in "[ -~é\\n]{0,40}") {
        let config = serde_json::json!({ "program": text }).to_string();
        if let Err(error) = start::<Jq>(&config, &["default"]) {
            prop_assert!(error.starts_with("config.program: line "), "{}", error);
        }
    }

    #[test]
    fn what_is_written_is_json_and_is_read_again_as_it_is(json in json()) {
        let program = serde_json::json!({ "program": "[.] | .[0]" }).to_string();
        let mut jq = start::<Jq>(&program, &["default"]).expect("the program is right");
        let written = jq.run(Message::new(json)).into_owned();
        if let sluicebox_plugin::Verdict::Emit(emit) = &written
            && let sluicebox_plugin::Change::Set(text) = &emit.value
        {
            let again = jq.run(Message::new(text.to_vec())).into_owned();
            prop_assert!(again == written || again == sluicebox_plugin::Verdict::Keep);
        }
    }
}
