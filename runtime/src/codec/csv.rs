//! CSV (RFC 4180): one record to a JSON object of strings, and back. Columns are given, or stand in a first line.

use serde_json::{Map, Value};

/// Appends the JSON object of a record. Without columns its first line names them.
///
/// # Errors
/// It is not one record, has other fields than columns, or is not UTF-8.
pub fn decode(columns: Option<&[String]>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    let mut lines = records(text)?.into_iter();
    let header =
        if columns.is_none() { Some(lines.next().ok_or("it is empty; expected a line of names")?) } else { None };
    let names = columns.or(header.as_deref()).unwrap_or_default();
    let fields = lines.next().ok_or("expected a line of values, found none")?;
    if lines.next().is_some() {
        return Err("expected one line of values, found more".to_owned());
    }
    if fields.len() != names.len() {
        return Err(format!("expected {} fields, found {}", names.len(), fields.len()));
    }
    let mut object = Map::new();
    for (name, field) in names.iter().zip(fields) {
        if object.insert(name.clone(), Value::String(field)).is_some() {
            return Err(format!("the column \"{name}\" is there twice"));
        }
    }
    serde_json::to_writer(out, &object).map_err(|error| error.to_string())
}

/// Appends the record of a JSON object. Without columns a line of its names comes first. Null is empty; numbers and
/// booleans are as JSON has them, lists and objects are JSON text.
///
/// # Errors
/// It is no object, or has a field that is no column and is not null.
pub fn encode(columns: Option<&[String]>, json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let object: Map<String, Value> =
        serde_json::from_slice(json).map_err(|error| format!("expected a JSON object: {error}"))?;
    if let Some(columns) = columns {
        let is_foreign = |(name, value): &(&String, &Value)| !columns.contains(name) && !value.is_null();
        if let Some((name, _)) = object.iter().find(is_foreign) {
            return Err(format!("{name}: expected one of the columns, found another field"));
        }
        return line(columns.iter().map(|name| object.get(name).map_or_else(String::new, text)), out);
    }
    line(object.keys().cloned(), out)?;
    out.extend_from_slice(b"\r\n");
    line(object.values().map(text), out)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn line(fields: impl Iterator<Item = String>, out: &mut Vec<u8>) -> Result<(), String> {
    let begin = out.len();
    for (number, field) in fields.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        if field.contains(['"', ',', '\r', '\n']) {
            out.push(b'"');
            out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(field.as_bytes());
        }
    }
    // A line of one empty field would be no line.
    if out.len() == begin {
        out.extend_from_slice(b"\"\"");
    }
    Ok(())
}

/// Returns the fields of each line. The last line may end without a line break.
fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut records, mut fields) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                let field = &rest[..end];
                (
                    if rest[end..].starts_with('\n') { field.trim_end_matches('\r') } else { field }.to_owned(),
                    &rest[end..],
                )
            }
        };
        fields.push(field);
        let after = after.strip_prefix("\r\n").map_or(after, |_| &after[1..]);
        match after.chars().next() {
            Some(',') => {
                rest = &after[1..];
                if rest.is_empty() {
                    fields.push(String::new());
                }
            }
            Some('\n') => {
                rest = &after[1..];
                records.push(std::mem::take(&mut fields));
            }
            None => rest = "",
            Some(other) => {
                return Err(format!("expected a comma or the end of the line behind a quote, found {other:?}"));
            }
        }
    }
    if !fields.is_empty() {
        records.push(fields);
    }
    Ok(records)
}

/// Returns a field up to its closing quote, and what follows that.
fn unquoted(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or("a quote is opened and not closed")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(columns: Option<&[String]>, text: &str) -> Result<String, String> {
        let mut out = Vec::new();
        decode(columns, text.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    fn encoded(columns: Option<&[String]>, json: &str) -> Result<String, String> {
        let mut out = Vec::new();
        encode(columns, json.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn records_with_names_or_columns_go_there_and_back() {
        let columns = ["a".to_owned(), "b".to_owned()];
        for (text, json) in [
            ("1,x", r#"{"a":"1","b":"x"}"#),
            ("\"a \"\"b\"\", c\",\"two\r\nlines\"", r#"{"a":"a \"b\", c","b":"two\r\nlines"}"#),
            (",", r#"{"a":"","b":""}"#),
        ] {
            assert_eq!(decoded(Some(&columns), text).unwrap(), json);
            assert_eq!(encoded(Some(&columns), json).unwrap(), text);
            let named = format!("a,b\r\n{text}");
            assert_eq!(decoded(None, &named).unwrap(), json);
            assert_eq!(encoded(None, json).unwrap(), named);
        }
        assert_eq!(decoded(Some(&columns), "1,x\n").unwrap(), r#"{"a":"1","b":"x"}"#);
        assert_eq!(encoded(Some(&columns), r#"{"b":{"c":[1,null]},"x":null}"#).unwrap(), ",\"{\"\"c\"\":[1,null]}\"");
    }

    #[test]
    fn what_is_not_one_record_is_refused() {
        let columns = ["a".to_owned(), "b".to_owned()];
        for text in ["", "1", "1,2,3", "1,2\n3,4", "\"1,2", "\"1\"x,2"] {
            assert!(decoded(Some(&columns), text).is_err(), "{text:?}");
        }
        for text in ["", "a,b", "a,a\n1,2"] {
            assert!(decoded(None, text).is_err(), "{text:?}");
        }
        assert!(encoded(Some(&columns), r#"{"c":1}"#).unwrap_err().starts_with("c: "));
        assert!(encoded(None, "[1]").is_err());
    }
}
