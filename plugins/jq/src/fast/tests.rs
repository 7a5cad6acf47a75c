//! The fast way says what jaq says, or nothing.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value as Json;

use super::*;
use crate::program::Program;
use crate::{read, write};

/// What a program makes of a text: its results, or nothing where it does not say.
type Results = Option<Vec<String>>;

fn run_fast(fast: &mut Fast, text: &str) -> Results {
    let (mut json, mut spans) = (Vec::new(), Vec::new());
    let json = fast.run(text.as_bytes(), &mut json, |answer| spans.push(answer.span)).then_some(json)?;
    let result = |span: &Range<usize>| String::from_utf8(json[span.clone()].to_vec()).expect("JSON is text");
    Some(spans.iter().map(result).collect())
}

/// What jaq makes of it; nothing where there is an error.
fn run_slow(program: &Program, text: &str) -> Results {
    let input = read::json(text.as_bytes()).ok()?;
    let result = |result: Result<_, String>| {
        let mut json = Vec::new();
        write::json(&result.ok()?, &mut json).ok()?;
        String::from_utf8(json).ok()
    };
    program.run(input).map(result).collect()
}

/// Programs as people write them, which have to be fast on records as people send them.
const PROGRAMS: [&str; 36] = [
    ".",
    ".total_cents = .quantity * .price_cents | del(.internal_note)",
    "select(.status == \"shipped\")",
    "select(.status == \"shipped\" or .status == \"delivered\")",
    "select(.quantity > 1 and (.price_cents >= 10 | not) | not)",
    "select(.status != \"new\" and .customer.vip)",
    "del(.internal_note, .customer.email)",
    "del(.customer)",
    ".customer.email = null",
    ".customer.email |= \"***\"",
    ".status |= ascii_upcase",
    ".quantity += 1",
    ".missing += 1",
    ".price_cents /= 100",
    ".quantity *= 2 | .quantity -= 1 | .quantity %= 7",
    ".status //= \"new\" | .region //= \"eu\"",
    "{order_id, status}",
    "{id: .order_id, total: (.quantity * .price_cents), \"who\": .customer.name, nested: {a: 1, b: {c: .status}}}",
    ". + {total: (.quantity * .price_cents), source: \"shop\"}",
    ".customer",
    ".customer.name // \"nobody\"",
    "select(.customer.email | endswith(\"@b.org\") and startswith(\"a\"))",
    ".[\"status\"]",
    ".a.b.c",
    ".lines[0].sku",
    ".lines[-1].sku?",
    ".lines | length",
    "(.weight * 2) + 0.5",
    "if .quantity > 5 then .size = \"large\" elif .quantity > 1 then .size = \"medium\" else .size = \"small\" end",
    "if .customer.vip then .priority = 1 end",
    "\"\\(.order_id): \\(.status) x\\(.quantity)\"",
    ".customer |= (.name |= ascii_downcase | del(.email))",
    ".key = .customer.name + \"/\" + .order_id",
    ".lines[] | select(.qty > 1) | {sku, qty}",
    "select(has(\"status\") and (.tags | type == \"array\"))",
    ".number = (.code | tonumber) | .text = (.quantity | tostring)",
];

const ORDER: &str = r#"{"order_id":"o-1","status":"shipped","quantity":3,"price_cents":1250,"weight":2.50,"code":"17","customer":{"name":"Adé \"A\"","email":"a\u00e9@b.org","vip":true},"tags":["a",{"b":null}],"lines":[{"sku":"x","qty":1},{"sku":"y","qty":2}],"internal_note":"no\nte"}"#;

#[test]
fn ordinary_programs_are_fast() {
    let json: Json = serde_json::from_str(ORDER).expect("the order is JSON");
    let spaced = ORDER.replace("\":", "\": ").replace(',', ", ");
    let pretty = serde_json::to_string_pretty(&json).expect("the order can be written");
    for program in PROGRAMS {
        let mut fast = Fast::new(program, None).unwrap_or_else(|| panic!("there is a plan for {program}"));
        let compiled = Program::compile(program).expect("the program is right");
        for text in [ORDER, &spaced, &pretty] {
            let results = run_fast(&mut fast, text).unwrap_or_else(|| panic!("{program} is fast on {text}"));
            assert_eq!(Some(results), run_slow(&compiled, text), "{program} on {text}");
        }
    }
}

#[test]
fn the_output_is_named_without_a_tree_too() {
    let mut fast =
        Fast::new(".lines[]", Some("if .qty > 1 then \"many-\" + .sku else null end")).expect("there is a plan");
    let (mut json, mut outputs) = (Vec::new(), Vec::new());
    let is_sure = fast.run(ORDER.as_bytes(), &mut json, |answer| outputs.push(answer.output.map(str::to_owned)));
    assert!(is_sure);
    assert_eq!(outputs, [None, Some("many-y".to_owned())]);
}

#[test]
fn only_fields_that_lie_side_by_side_are_copied_at_once() {
    let program = "(.b += (. + {c: .a, new: .a}))";
    let mut fast = Fast::new(program, None).expect("there is a plan");
    let results = run_fast(&mut fast, r#"{"d":3,"b":{"a":"\u00e9"}}"#);
    assert_eq!(results, Some(vec![r#"{"d":3,"b":{"a":"é","d":3,"b":{"a":"é"},"c":null,"new":null}}"#.to_owned()]));
}

/// JSON as others write it: with white space, with keys twice, with escapes and numbers of every form.
fn text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        select(vec!["null", "true", "false", "0", "-0", "-0.0", "3", "-17", "1.50", "1E3", "1e400", "0.1e-7"]),
        select(vec!["9007199254740993", "9223372036854775807", "-9223372036854775808", "123456789012345678901"]),
        select(vec!["2147483647", "4294967296", "1000000000000000000", "-999999999999999999", "00", "nul", "\"\\x\""]),
        select(vec![
            "\"\"",
            "\"x\"",
            "\"X y\"",
            "\"é\"",
            "\"12\"",
            "\"-0\"",
            "\"1.5\"",
            "\"\u{7f}\"",
            "\"ab\"",
            "\"a\""
        ]),
        select(vec![
            "\"\\u00e9\\n\"",
            "\"\\/\\b\"",
            "\"\\ud83d\"",
            "\"\\ud83d\\ude00\"",
            "\"\\\"\\\\\"",
            "\"\\u0041\\u0001\""
        ]),
    ];
    let scalar = scalar.prop_map(str::to_owned);
    scalar.prop_recursive(4, 24, 5, |inner| {
        let space = || prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
        let key = prop_oneof![
            40 => select(vec!["a", "b", "c", "d", "e", "longer_key", "key", "ключ", "x y"]),
            1 => Just("\\u0061"),
        ];
        let field = (space(), key, space(), space(), inner.clone(), space());
        let field = field.prop_map(|(before, key, after, between, value, end)| {
            (key, format!("{before}\"{key}\"{after}:{between}{value}{end}"))
        });
        let fields = (proptest::collection::vec(field, 0..7), prop::bool::weighted(0.1));
        let object = fields.prop_map(|(fields, twice)| {
            let is_first = |n: usize| twice || !fields[..n].iter().any(|(key, _)| *key == fields[n].0);
            let fields = fields.iter().enumerate().filter(|(n, _)| is_first(*n)).map(|(_, (_, field))| field.clone());
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        });
        let array = proptest::collection::vec((space(), inner, space()), 0..4).prop_map(|elements| {
            let elements = elements.into_iter().map(|(before, value, after)| format!("{before}{value}{after}"));
            format!("[{}]", elements.collect::<Vec<_>>().join(","))
        });
        prop_oneof![4 => object, 1 => array]
    })
}

fn path() -> impl Strategy<Value = String> {
    let part = select(vec![".a", ".b", ".c", ".d", ".longer_key", ".missing", ".[\"x y\"]", ".\"ключ\""]);
    proptest::collection::vec(part, 1..3).prop_map(|parts| parts.concat())
}

/// Programs that a plan can be made of, most of them, and others.
fn program() -> impl Strategy<Value = String> {
    let literal = select(vec![
        "1",
        "0",
        "-3",
        "2.5",
        "-0.0",
        "1e3",
        "9223372036854775807",
        "4294967296",
        "\"a\"",
        "\"x\\ny\"",
        "\"\"",
        "null",
        "true",
        "false",
        "{}",
        "[]",
        ".",
        "empty",
        "-0",
        "99999999999999999999",
        "1.50",
        "error",
    ]);
    let read =
        (path(), select(vec!["", "", "", "?", "[0]", "[-1]", "[1]?", "[]"])).prop_map(|(path, more)| path + more);
    let leaf = prop_oneof![2 => read, 1 => literal.prop_map(str::to_owned)];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let binary =
            select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or", "//", "|", "+", ","]);
        let update = select(vec!["=", "|=", "+=", "-=", "*=", "/=", "%=", "//="]);
        let unary = select(vec![
            "not",
            "length",
            "tostring",
            "tonumber",
            "type",
            "ascii_downcase",
            "ascii_upcase",
            "has(\"a\")",
            "has(\"b\")",
            "select(.a)",
            "startswith(\"x\")",
            "endswith(\"\")",
            "startswith(\"é\")",
            "del(.a)",
            "tojson",
            "keys",
            "floor",
        ]);
        let one = inner.clone();
        prop_oneof![
            (one.clone(), binary, one.clone()).prop_map(|(left, op, right)| format!("({left} {op} {right})")),
            (path(), update.clone(), one.clone()).prop_map(|(path, op, right)| format!("({path} {op} {right})")),
            (path(), path(), update, one.clone()).prop_map(|(a, b, op, right)| format!("(({a}, {b}) {op} {right})")),
            (path(), path()).prop_map(|(a, b)| format!("del({a}, {b})")),
            path().prop_map(|a| format!("del({a})")),
            (one.clone(), unary).prop_map(|(left, function)| format!("({left} | {function})")),
            one.clone().prop_map(|condition| format!("select({condition})")),
            (one.clone(), one.clone(), one.clone()).prop_map(|(a, b, c)| format!("if {a} then {b} else {c} end")),
            (one.clone(), one.clone()).prop_map(|(a, b)| format!("if {a} then {b} end")),
            (one.clone(), one.clone()).prop_map(|(a, b)| format!("{{a, new: {a}, \"b\": {b}}}")),
            (one.clone(), one.clone()).prop_map(|(a, b)| format!("(. + {{c: {a}, new: {b}}})")),
            (one.clone(), one.clone()).prop_map(|(a, b)| format!("\"x\\({a})\\n\\({b})\"")),
            (one.clone(), one).prop_map(|(a, b)| format!("({a}[]? | {b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Twenty texts for each program, as compiling one takes long.
    #[test]
    fn what_is_said_is_what_jaq_says(program in program(), texts in proptest::collection::vec(text(), 20)) {
        let Some(mut fast) = Fast::new(&program, None) else { return Ok(()) };
        let compiled = Program::compile(&program).expect("the program is right");
        for text in texts {
            if let Some(results) = run_fast(&mut fast, &text) {
                prop_assert_eq!(Some(results), run_slow(&compiled, &text), "{} on {}", program, text);
            }
        }
    }
}
