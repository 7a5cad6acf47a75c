//! Values as bytes that are equal where the values are.

use crate::failure::Failure;
use crate::value::Value;
use crate::write;

/// Appends a value: two are equal for GROUP BY and DISTINCT exactly where their bytes are.
pub(crate) fn push(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
    let (tag, start) = match value {
        Value::Int(_) | Value::Decimal(_) | Value::Float(_) => (b'n', out.len()),
        Value::Null => (b'0', out.len()),
        Value::Bool(_) => (b'b', out.len()),
        Value::Json(_) => (b'j', out.len()),
        Value::Array(_) => (b'a', out.len()),
        Value::Date(_) | Value::Timestamp(_) | Value::Timestamptz(_) => (b't', out.len()),
        Value::Time(_) => (b'h', out.len()),
        Value::Interval(_) => (b'i', out.len()),
        Value::Bytes(_) => (b'x', out.len()),
        Value::Text(_) => (b's', out.len()),
    };
    out.push(tag);
    match value {
        Value::Int(_) | Value::Decimal(_) => number(&value.decimal()?.to_string(), out),
        // A double that is whole, or short, is equal to the decimal that is written like it.
        Value::Float(float) => number(&float.to_string(), out),
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Date(days) => out.extend_from_slice(&(i64::from(*days) * 86_400_000_000).to_be_bytes()),
        Value::Timestamp(micros) | Value::Timestamptz(micros) => out.extend_from_slice(&micros.to_be_bytes()),
        Value::Array(items) => items.iter().try_for_each(|item| push(item, out))?,
        other => write::json(other, out)?,
    }
    // The length behind it keeps neighbours apart.
    let len = (out.len() - start) as u64;
    out.extend_from_slice(&len.to_be_bytes());
    Ok(())
}

/// A number without the zeros at the end of its fraction.
fn number(text: &str, out: &mut Vec<u8>) {
    let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    out.extend_from_slice(if plain == "-0" { b"0" } else { plain.as_bytes() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decimal;

    fn bytes(value: &Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        push(value, &mut out).expect("it is written");
        out
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        let decimal = |text: &str| Value::Decimal(Decimal::parse(text).expect("a number").expect("a number"));
        assert_eq!(bytes(&Value::Int(12)), bytes(&decimal("12.00")));
        assert_eq!(bytes(&Value::Float(1.5)), bytes(&decimal("1.50")));
        assert_eq!(bytes(&Value::Float(-0.0)), bytes(&Value::Int(0)));
        assert_ne!(bytes(&Value::Int(12)), bytes(&Value::Text("12")));
    }

    #[test]
    fn neighbours_do_not_run_together() {
        let pair = |one: &str, other: &str| [bytes(&Value::Text(one)), bytes(&Value::Text(other))].concat();
        assert_ne!(pair("ab", "c"), pair("a", "bc"));
        assert_ne!(bytes(&Value::Null), bytes(&Value::Text("")));
    }
}
