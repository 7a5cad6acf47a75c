//! Writes a result as JSON: compact, as jq does with `-c`.

use std::io::Write;

use jaq_json::{Num, Val};

/// Appends a value. What has no form in JSON (jq knows such values) is an error.
pub(crate) fn json(value: &Val, json: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Val::Null => json.extend_from_slice(b"null"),
        Val::Bool(true) => json.extend_from_slice(b"true"),
        Val::Bool(false) => json.extend_from_slice(b"false"),
        Val::Num(number) => return write_number(number, json),
        Val::TStr(text) => json_scan::escape(&String::from_utf8_lossy(text), json),
        Val::BStr(_) => return Err("the result has bytes in it, which JSON cannot hold; encode them".into()),
        Val::Arr(elements) => {
            json.push(b'[');
            for (n, element) in elements.iter().enumerate() {
                if n > 0 {
                    json.push(b',');
                }
                self::json(element, json)?;
            }
            json.push(b']');
        }
        Val::Obj(fields) => {
            json.push(b'{');
            for (n, (key, field)) in fields.iter().enumerate() {
                if n > 0 {
                    json.push(b',');
                }
                if !matches!(key, Val::TStr(_)) {
                    return Err(format!("the result has an object with the key {key}; JSON has only strings as keys"));
                }
                self::json(key, json)?;
                json.push(b':');
                self::json(field, json)?;
            }
            json.push(b'}');
        }
    }
    Ok(())
}

fn write_number(number: &Num, json: &mut Vec<u8>) -> Result<(), String> {
    match number {
        Num::Float(float) if !float.is_finite() => {
            Err(format!("the result has the number {number} in it, which JSON cannot hold"))
        }
        Num::Dec(text) => {
            json.extend_from_slice(text.as_bytes());
            Ok(())
        }
        Num::Int(_) | Num::BigInt(_) | Num::Float(_) => write!(json, "{number}").map_err(|error| error.to_string()),
    }
}
