//! MessagePack to JSON text and back. Binary data is base64 text, a timestamp is RFC 3339 text.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Number, Value};

/// How deep lists and maps may lie in one another.
const DEEPEST: usize = 128;
/// The largest JSON text, in bytes.
const LARGEST: usize = 16 << 20;

/// Appends the JSON text of one value, which takes all of the bytes.
///
/// # Errors
/// They are no such value, hold what JSON has no form for, or become too large.
pub fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let mut reader = Reader { rest: bytes, whole: bytes.len(), limit: out.len().saturating_add(LARGEST) };
    reader.value(out, 0)?;
    match reader.rest.len() {
        0 => Ok(()),
        left => Err(format!("{left} bytes follow the value")),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    whole: usize,
    limit: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let at = self.whole - self.rest.len();
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| format!("it ends too early, in the value at byte {at}"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a number of so many bytes, without a sign.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, String> {
        self.number(bytes).map(|length| length as usize)
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("lists and maps lie more than {DEEPEST} deep"));
        }
        if out.len() > self.limit {
            return Err(format!("its JSON text takes more than {LARGEST} bytes"));
        }
        match self.take(1)?[0] {
            byte @ 0x00..=0x7f => print(out, byte),
            byte @ 0x80..=0x8f => self.map(usize::from(byte & 0x0f), out, depth),
            byte @ 0x90..=0x9f => self.list(usize::from(byte & 0x0f), out, depth),
            byte @ 0xa0..=0xbf => self.text(usize::from(byte & 0x1f), out),
            0xc0 => raw(out, "null"),
            0xc2 => raw(out, "false"),
            0xc3 => raw(out, "true"),
            byte @ 0xc4..=0xc6 => {
                let length = self.length(1 << (byte - 0xc4))?;
                let bytes = BASE64_STANDARD.encode(self.take(length)?);
                print(out, bytes)
            }
            byte @ 0xc7..=0xc9 => {
                let length = self.length(1 << (byte - 0xc7))?;
                self.extension(length, out)
            }
            0xca => self.number(4).and_then(|bits| float(out, f64::from(f32::from_bits(bits as u32)))),
            0xcb => self.number(8).and_then(|bits| float(out, f64::from_bits(bits))),
            byte @ 0xcc..=0xcf => self.number(1 << (byte - 0xcc)).and_then(|number| print(out, number)),
            byte @ 0xd0..=0xd3 => {
                let bytes = 1 << (byte - 0xd0);
                let unused = 64 - 8 * bytes;
                self.number(bytes).and_then(|number| print(out, ((number << unused) as i64) >> unused))
            }
            byte @ 0xd4..=0xd8 => self.extension(1 << (byte - 0xd4), out),
            byte @ 0xd9..=0xdb => {
                let length = self.length(1 << (byte - 0xd9))?;
                self.text(length, out)
            }
            byte @ (0xdc | 0xdd) => {
                let count = self.length(if byte == 0xdc { 2 } else { 4 })?;
                self.list(count, out, depth)
            }
            byte @ (0xde | 0xdf) => {
                let count = self.length(if byte == 0xde { 2 } else { 4 })?;
                self.map(count, out, depth)
            }
            byte @ 0xe0..=0xff => print(out, byte as i8),
            0xc1 => Err("byte 0xc1 begins no value".to_owned()),
        }
    }

    fn text(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), String> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "a string is not UTF-8")?;
        print(out, text)
    }

    fn list(&mut self, count: usize, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        out.push(b'[');
        for number in 0..count {
            if number > 0 {
                out.push(b',');
            }
            self.value(out, depth + 1).map_err(|why| inside(&format!("[{number}]"), why))?;
        }
        out.push(b']');
        Ok(())
    }

    fn map(&mut self, count: usize, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        out.push(b'{');
        for number in 0..count {
            if number > 0 {
                out.push(b',');
            }
            let begin = out.len();
            self.value(out, depth + 1)?;
            match out[begin] {
                b'"' => {}
                // A number becomes a name as JSON's other languages write it.
                b'0'..=b'9' | b'-' => {
                    out.insert(begin, b'"');
                    out.push(b'"');
                }
                _ => return Err("a key of a map is neither a string nor a number".to_owned()),
            }
            let key = String::from_utf8_lossy(&out[begin + 1..out.len() - 1]).into_owned();
            out.push(b':');
            self.value(out, depth + 1).map_err(|why| inside(&key, why))?;
        }
        out.push(b'}');
        Ok(())
    }

    fn extension(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), String> {
        let kind = self.take(1)?[0] as i8;
        let (seconds, nanos) = match (kind, length) {
            (-1, 4) => (self.number(4)? as i64, 0),
            (-1, 8) => {
                let both = self.number(8)?;
                ((both & ((1 << 34) - 1)) as i64, both >> 34)
            }
            (-1, 12) => {
                let nanos = self.number(4)?;
                (self.number(8)? as i64, nanos)
            }
            _ => return Err(format!("an extension of type {kind} has no form in JSON")),
        };
        let nanos = i32::try_from(nanos).map_err(|_| "a timestamp is out of bounds")?;
        let at = jiff::Timestamp::new(seconds, nanos).map_err(|_| "a timestamp is out of bounds")?;
        print(out, at.to_string())
    }
}

fn inside(step: &str, why: String) -> String {
    let separator = if why.starts_with('[') { "" } else { ": " };
    format!("{step}{separator}{why}")
}

fn raw(out: &mut Vec<u8>, text: &str) -> Result<(), String> {
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn print(out: &mut Vec<u8>, value: impl serde::Serialize) -> Result<(), String> {
    serde_json::to_writer(out, &value).map_err(|error| error.to_string())
}

fn float(out: &mut Vec<u8>, value: f64) -> Result<(), String> {
    match value {
        value if value.is_nan() => raw(out, "\"NaN\""),
        f64::INFINITY => raw(out, "\"Infinity\""),
        f64::NEG_INFINITY => raw(out, "\"-Infinity\""),
        value => print(out, value),
    }
}

/// Appends the value of JSON text. Text stays text, and numbers take the shortest form that holds them.
///
/// # Errors
/// It is no JSON.
pub fn encode(json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| format!("not JSON: {error}"))?;
    write(&value, out);
    Ok(())
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(list) => {
            write_length(list.len(), [(0x90, 16), (0xdc, 1 << 16), (0xdd, usize::MAX)], out);
            list.iter().for_each(|item| write(item, out));
        }
        Value::Object(entries) => {
            write_length(entries.len(), [(0x80, 16), (0xde, 1 << 16), (0xdf, usize::MAX)], out);
            for (key, value) in entries {
                write_text(key, out);
                write(value, out);
            }
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    if (32..256).contains(&text.len()) {
        out.extend_from_slice(&[0xd9, text.len() as u8]);
    } else {
        write_length(text.len(), [(0xa0, 32), (0xda, 1 << 16), (0xdb, usize::MAX)], out);
    }
    out.extend_from_slice(text.as_bytes());
}

/// Writes a length: within the first byte, or in two or four bytes behind it; each form up to its bound.
fn write_length(length: usize, [tiny, short, long]: [(u8, usize); 3], out: &mut Vec<u8>) {
    if length < tiny.1 {
        out.push(tiny.0 | length as u8);
    } else if length < short.1 {
        out.push(short.0);
        out.extend_from_slice(&(length as u16).to_be_bytes());
    } else {
        out.push(long.0);
        out.extend_from_slice(&(length as u32).to_be_bytes());
    }
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(bytes);
    };
    if let Some(number) = number.as_u64() {
        match number {
            0..=0x7f => tagged(number as u8, &[]),
            0x80..=0xff => tagged(0xcc, &[number as u8]),
            0x100..=0xffff => tagged(0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => tagged(0xce, &(number as u32).to_be_bytes()),
            _ => tagged(0xcf, &number.to_be_bytes()),
        }
    } else if let Some(number) = number.as_i64() {
        match number {
            -32..=-1 => tagged(number as u8, &[]),
            -0x80..=-33 => tagged(0xd0, &[number as u8]),
            -0x8000..=-0x81 => tagged(0xd1, &(number as i16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => tagged(0xd2, &(number as i32).to_be_bytes()),
            _ => tagged(0xd3, &number.to_be_bytes()),
        }
    } else {
        tagged(0xcb, &number.as_f64().unwrap_or_default().to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8]) -> Result<String, String> {
        let mut out = Vec::new();
        decode(bytes, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn json_goes_there_and_back() {
        let long = format!("\"{}\"", "x".repeat(300));
        let list = format!("[{}]", vec!["1"; 70_000].join(","));
        for json in ["null", "[true,false]", "{\"a\":{\"b\":[1,-1,\"\"]}}", "18446744073709551615", "1.5", &long, &list]
        {
            let mut bytes = Vec::new();
            encode(json.as_bytes(), &mut bytes).unwrap();
            assert_eq!(decoded(&bytes).unwrap(), *json);
        }
        for number in
            [0, 127, 128, 255, 256, 65_535, 65_536, -1, -32, -33, -128, -129, -32_768, -32_769, i64::MIN, i64::MAX]
        {
            let mut bytes = Vec::new();
            encode(number.to_string().as_bytes(), &mut bytes).unwrap();
            assert_eq!(decoded(&bytes).unwrap(), number.to_string());
        }
    }

    #[test]
    fn what_json_has_no_form_for_becomes_text_or_is_refused() {
        assert_eq!(decoded(&[0xc4, 2, 0, 1]).unwrap(), "\"AAE=\"");
        assert_eq!(decoded(&[0xd6, 0xff, 0, 0, 0, 1]).unwrap(), "\"1970-01-01T00:00:01Z\"");
        assert_eq!(decoded(&[0xca, 0x7f, 0xc0, 0, 0]).unwrap(), "\"NaN\"");
        assert_eq!(decoded(&[0x81, 5, 6]).unwrap(), "{\"5\":6}");
        assert!(decoded(&[0xd4, 7, 0]).unwrap_err().contains("type 7"));
        assert!(decoded(&[0x81, 0xc0, 0]).is_err() && decoded(&[0xc1]).is_err() && decoded(&[1, 2]).is_err());
        assert!(decoded(&[0x81, 0xa1, b'a', 0x91, 0xa1, 0xff]).unwrap_err().starts_with("a[0]: "));
    }

    #[test]
    fn damaged_bytes_take_no_more_than_they_are_allowed() {
        assert!(decoded(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(decoded(&vec![0x91; 100_000]).unwrap_err().contains("deep"));
        assert!(decoded(&[0xdb, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_json_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(json) = decoded(&bytes) {
                prop_assert!(serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
            }
        }
    }
}
