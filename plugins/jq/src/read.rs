//! Reads a record's value: JSON and nothing else (jaq's own reader takes more, to any depth), with one copy of the
//! text that all strings without escapes share.

use bytes::Bytes;
use jaq_json::{Map, Num, Val};
use json_scan::{Invalid, Kind, Scanner};

/// Reads a text.
pub(crate) fn json(json: &[u8]) -> Result<Val, Invalid> {
    let text = Bytes::copy_from_slice(json);
    let mut scanner = Scanner::new(&text)?;
    let value = read_value(&mut scanner, &text)?;
    scanner.end()?;
    Ok(value)
}

fn read_value(scanner: &mut Scanner<'_>, text: &Bytes) -> Result<Val, Invalid> {
    match scanner.peek() {
        Some(b'{') => {
            let mut more = scanner.open(b'}')?;
            let room = if more { 16 } else { 0 }; // growing an index step by step costs more than empty places
            let mut fields = Map::with_capacity_and_hasher(room, Default::default());
            while more {
                let key = string(&scanner.key()?.text(), text);
                let value = read_value(scanner, text)?;
                fields.insert(key, value);
                more = scanner.more(b'}')?;
            }
            Ok(Val::obj(fields))
        }
        Some(b'[') => {
            let mut elements = Vec::new();
            let mut more = scanner.open(b']')?;
            while more {
                elements.push(read_value(scanner, text)?);
                more = scanner.more(b']')?;
            }
            Ok(Val::Arr(elements.into()))
        }
        _ => {
            let value = scanner.value()?;
            Ok(match value.kind() {
                Kind::Null => Val::Null,
                Kind::Bool => Val::Bool(value.raw() == "true"),
                Kind::Number => Val::Num(number(value.raw())),
                Kind::String | Kind::Array | Kind::Object => string(&value.string().unwrap_or_default(), text),
            })
        }
    }
}

/// A string that shares the text's memory where it lies in it, as it does unless it is written with escapes.
fn string(string: &str, text: &Bytes) -> Val {
    let inside = text.as_ptr_range().contains(&string.as_ptr());
    Val::utf8_str(if inside { text.slice_ref(string.as_bytes()) } else { Bytes::copy_from_slice(string.as_bytes()) })
}

/// Whole numbers are read, however large; others stay as they are written until the program computes with them.
fn number(raw: &str) -> Num {
    let whole = if raw.contains(['.', 'e', 'E']) { None } else { Num::from_str_radix(raw, 10) };
    whole.unwrap_or_else(|| Num::Dec(raw.to_owned().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_read_as_jaq_reads_it() {
        for text in [
            r#" {"a" : [1, -0, 2.50, 1e3, 123456789012345678901234567890, -9223372036854775809] , "b": {} } "#,
            r#"["", "x", "\u00e9\n\"", "é", {"\u0061": null, "a": [true, false]}]"#,
            "3",
        ] {
            let ours = json(text.as_bytes()).expect("the text is JSON");
            let jaqs = jaq_json::read::parse_single(text.as_bytes()).expect("the text is JSON");
            assert_eq!(ours.to_string(), jaqs.to_string());
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_jaq_reads_it(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?") {
            let jaqs = jaq_json::read::parse_single_num(text.as_bytes()).expect("the text is a number");
            prop_assert_eq!(number(&text).to_string(), jaqs.to_string());
        }
    }
}
