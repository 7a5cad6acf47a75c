//! The value at one path.

use crate::scanner::Scanner;
use crate::{Invalid, Path, Value};

/// The value at a path; none where a key is missing, or what should hold it is no object. Arrays are not
/// searched. Of a key that occurs twice in one object the last one counts.
pub fn find<'a>(json: &'a [u8], path: &Path) -> Result<Option<Value<'a>>, Invalid> {
    let mut scanner = Scanner::new(json)?;
    let mut found = None;
    find_below(&mut scanner, path.keys(), &mut found)?;
    scanner.end()?;
    Ok(found)
}

/// Checks that a text is JSON.
pub fn validate(json: &[u8]) -> Result<(), Invalid> {
    let mut scanner = Scanner::new(json)?;
    scanner.skip()?;
    scanner.end()
}

fn find_below<'a>(scanner: &mut Scanner<'a>, keys: &[String], found: &mut Option<Value<'a>>) -> Result<(), Invalid> {
    let Some((wanted, below)) = keys.split_first() else {
        *found = Some(scanner.value()?);
        return Ok(());
    };
    if scanner.peek() != Some(b'{') {
        return scanner.skip();
    }
    let mut more = scanner.open(b'}')?;
    while more {
        if scanner.key()?.is(wanted) {
            *found = None; // an earlier key of this name, with all below it, counts no more
            find_below(scanner, below, found)?;
        } else {
            scanner.skip()?;
        }
        more = scanner.more(b'}')?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn found(json: &str, path: &str) -> Option<String> {
        let path = Path::parse(path).expect("the path is right");
        find(json.as_bytes(), &path).expect("the text is JSON").map(|value| value.raw().to_owned())
    }

    /// Whether serde_json accepts a text. It does not look at the UTF-8 of what it skips, so that comes first.
    fn serde_accepts(json: &[u8]) -> bool {
        std::str::from_utf8(json).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
    }

    /// Text that is almost JSON.
    fn almost_json() -> impl Strategy<Value = String> {
        let token = prop_oneof![
            "[\\[\\]{}:,]",
            "[ \\t\\r\\n]",
            "\"[a-c]{0,9}\"",
            "-?[0-9.eE+-]{1,5}",
            "true|false|null",
            Just(r#""\u00e9\n""#.to_owned()),
            Just(r#""\x""#.to_owned()),
            Just("\"\\".to_owned()),
            Just("\"\u{1}\"".to_owned()),
        ];
        proptest::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
    }

    /// JSON with white space in it, deeper than trees of tokens get by chance.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            let key = prop_oneof!["[ab]", "\\PC{0,3}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..5).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_text_is_judged_as_serde_json_does(json in almost_json()) {
            prop_assert_eq!(validate(json.as_bytes()).is_ok(), serde_accepts(json.as_bytes()), "{:?}", json);
        }

        #[test]
        fn damaged_json_is_judged_as_serde_json_does(
            json in json(), pretty in any::<bool>(), at in any::<proptest::sample::Index>(), to in any::<u8>(),
        ) {
            let text = if pretty { serde_json::to_vec_pretty(&json) } else { serde_json::to_vec(&json) };
            let mut text = text.expect("a tree can be written");
            prop_assert_eq!(validate(&text), Ok(()));
            let at = at.index(text.len());
            text[at] = to;
            prop_assert_eq!(validate(&text).is_ok(), serde_accepts(&text));
        }

        #[test]
        fn any_bytes_are_judged_as_serde_json_does(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            prop_assert_eq!(validate(&bytes).is_ok(), serde_accepts(&bytes));
        }

        #[test]
        fn a_path_finds_what_serde_json_finds(json in json()) {
            let text = json.to_string();
            let expected = json.get("a").and_then(|a| a.get("b")).filter(|_| json["a"].is_object());
            prop_assert_eq!(found(&text, "a.b"), expected.map(serde_json::Value::to_string));
        }
    }

    #[test]
    fn a_value_is_found_as_it_is_written() {
        assert_eq!(found(r#" { "a" : { "b" : 1.50 , "c" : [ 1 ] } } "#, "a.b").as_deref(), Some("1.50"));
        assert_eq!(found(r#" { "a" : { "c" : [ 1 ] } } "#, "a.c").as_deref(), Some("[ 1 ]"));
        assert_eq!(found(r#"{"\u0061": 1}"#, "a").as_deref(), Some("1"));
        assert_eq!(found(r#"{"a.b": 1}"#, r"a\.b").as_deref(), Some("1"));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for json in ["{}", "[]", "1", r#"{"a": 1}"#, r#"{"a": [{"b": 1}]}"#, r#"{"b": {"a": 1}}"#] {
            assert_eq!(found(json, "a.b"), None, "{json}");
        }
    }

    #[test]
    fn of_a_key_that_occurs_twice_the_last_counts() {
        assert_eq!(found(r#"{"a": 1, "a": 2}"#, "a").as_deref(), Some("2"));
        assert_eq!(found(r#"{"a": {"b": 1}, "a": {}}"#, "a.b"), None);
        assert_eq!(found(r#"{"a": {"b": 1}, "a": 2}"#, "a.b"), None);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(validate(nested(128).as_bytes()), Ok(()));
        let error = validate(nested(129).as_bytes()).expect_err("this is too deep");
        assert_eq!(error.at(), 128);
        let objects = format!("{}1{}", "{\"a\":[".repeat(64), "]}".repeat(64));
        assert_eq!(validate(objects.as_bytes()), Ok(()));
        assert_eq!(found(&objects, "a.b"), None);
    }

    #[test]
    fn an_error_says_where_and_what() {
        let error = |json: &[u8]| validate(json).expect_err("this is not JSON").to_string();
        assert_eq!(error(b""), "not JSON: expected a value, found the end, at byte 0");
        assert_eq!(error(br#"{"a" 1}"#), "not JSON: expected `:`, found `1`, at byte 5");
        assert_eq!(error(b"[1 2]"), "not JSON: expected `,` or `]`, found `2`, at byte 3");
        assert_eq!(error(b"\"\xff\""), "not JSON: expected UTF-8, found the byte 0xff, at byte 1");
        assert_eq!(error(b"01"), "not JSON: expected the end, found `1`, at byte 1");
        assert_eq!(error(b"\xef\xbb\xbf1"), "not JSON: expected a value, found the byte 0xef, at byte 0");
    }
}
