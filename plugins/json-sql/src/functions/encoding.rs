//! Bytes as text and back.

use super::{Function, Scope, strict};
use crate::Failure;
use crate::failure::Answer;
use crate::value::{Kind, Value};

const TEXT: Option<Kind> = Some(Kind::Text);
const BYTES: Option<Kind> = Some(Kind::Bytes);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("encode", (2, 2), TEXT, encode),
    strict("decode", (2, 2), BYTES, |scope, args| {
        let bytes = decoded(args[0].text()?, args[1].text()?)?;
        scope.arena.bytes(&bytes).map(Value::Bytes)
    }),
    strict("to_bytes", (2, 2), BYTES, |scope, args| {
        let bytes = decoded(args[0].text()?, args[1].text()?)?;
        scope.arena.bytes(&bytes).map(Value::Bytes)
    }),
    strict("from_bytes", (2, 2), TEXT, encode),
    strict("convert_from", (2, 2), TEXT, |scope, args| match args[0] {
        Value::Bytes(bytes) if is_utf8(args[1].text()?) => utf8(bytes).and_then(|text| scope.arena.text(text)),
        Value::Bytes(_) => Err("there is only the encoding UTF8".into()),
        ref other => Err(Failure::kind("bytea", other)),
    }),
    strict("convert_to", (2, 2), BYTES, |_, args| {
        let text = args[0].text()?;
        if is_utf8(args[1].text()?) {
            Ok(Value::Bytes(text.as_bytes()))
        } else {
            Err("there is only the encoding UTF8".into())
        }
    }),
    strict("url_encode_param", (1, 1), TEXT, |scope, args| {
        let mut out = String::new();
        for byte in args[0].text()?.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out.push(char::from(byte)),
                b' ' => out.push('+'),
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
        scope.arena.text(&out)
    }),
    strict("url_decode_param", (1, 1), TEXT, |scope, args| {
        let bytes = url_decoded(args[0].text()?)?;
        scope.arena.text(utf8(&bytes)?)
    }),
];

fn is_utf8(name: &str) -> bool {
    name.eq_ignore_ascii_case("utf8") || name.eq_ignore_ascii_case("utf-8")
}

fn utf8(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| "the bytes are not UTF-8".into())
}

fn encode<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let bytes = match args[0] {
        Value::Bytes(bytes) => bytes,
        ref other => return Err(Failure::kind("bytea", other)),
    };
    scope.arena.check(bytes.len().saturating_mul(4))?;
    let text = match args[1].text()?.to_ascii_lowercase().as_str() {
        "hex" => to_hex(bytes),
        "base64" => to_base64(bytes, true),
        "escape" => to_escaped(bytes),
        "utf8" | "utf-8" | "ascii" => utf8(bytes)?.to_owned(),
        other => return Err(unknown(other)),
    };
    scope.arena.text(&text)
}

fn decoded(text: &str, encoding: &str) -> Result<Vec<u8>, Failure> {
    match encoding.to_ascii_lowercase().as_str() {
        "hex" => from_hex(text),
        "base64" => from_base64(text),
        "escape" => from_escaped(text),
        "utf8" | "utf-8" | "ascii" => Ok(text.as_bytes().to_vec()),
        other => Err(unknown(other)),
    }
}

fn unknown(encoding: &str) -> Failure {
    let encoding: String = encoding.chars().take(40).collect();
    format!("no encoding {encoding:?}; there are hex, base64, escape and utf8").into()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |text, byte| {
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        text + digit(byte >> 4).encode_utf8(&mut [0; 4]) + digit(byte & 15).encode_utf8(&mut [0; 4])
    })
}

pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|character| !matches!(character, ' ' | '\n' | '\t' | '\r'))
        .map(|character| character.to_digit(16).ok_or_else(|| Failure::from("invalid hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    if digits.len() % 2 == 1 {
        return Err("invalid hexadecimal data: odd number of digits".into());
    }
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With a line break after 76 characters, as PostgreSQL writes it.
fn to_base64(bytes: &[u8], breaks: bool) -> String {
    let mut out = String::new();
    for (at, chunk) in bytes.chunks(3).enumerate() {
        if breaks && at > 0 && at % 19 == 0 {
            out.push('\n');
        }
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = word >> (18 - 6 * digit) & 63;
            out.push(if digit <= chunk.len() { char::from(BASE64[value as usize]) } else { '=' });
        }
    }
    out
}

fn from_base64(text: &str) -> Result<Vec<u8>, Failure> {
    let (mut out, mut word, mut count, mut padding) = (Vec::new(), 0u32, 0, 0);
    for byte in text.bytes().filter(|byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r')) {
        let value = match BASE64.iter().position(|digit| *digit == byte) {
            Some(value) if padding == 0 => value as u32,
            None if byte == b'=' && count >= 2 => {
                padding += 1;
                0
            }
            _ => return Err("invalid base64".into()),
        };
        (word, count) = (word << 6 | value, count + 1);
        if count == 4 {
            let bytes = word.to_be_bytes();
            out.extend_from_slice(&bytes[1..4 - padding.min(2)]);
            if padding > 2 {
                return Err("invalid base64".into());
            }
            (word, count) = (0, 0);
        }
    }
    if count == 0 { Ok(out) } else { Err("invalid base64: it ends too early".into()) }
}

/// Zeros and what is not ASCII as `\nnn` in base 8, backslashes doubled.
fn to_escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
            other => out.push(char::from(*other)),
        }
    }
    out
}

pub(crate) fn from_escaped(text: &str) -> Result<Vec<u8>, Failure> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1..)) {
            (b'\\', Some([b'\\', ..])) => {
                out.push(b'\\');
                at += 2;
            }
            (b'\\', Some([a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..])) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                at += 4;
            }
            (b'\\', _) => return Err("invalid input for bytea: a backslash alone".into()),
            (other, _) => {
                out.push(*other);
                at += 1;
            }
        }
    }
    Ok(out)
}

fn url_decoded(text: &str) -> Result<Vec<u8>, Failure> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = text.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.push(digits.ok_or_else(|| Failure::from("a percent sign is not followed by two digits"))?);
                at += 2;
            }
            other => out.push(*other),
        }
    }
    Ok(out)
}
