//! Encodes values without parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use json_scan::Quoted;

use super::super::calendar::Moment;
use super::super::decimal::{self, Written};
use super::super::error::Fault;
use super::super::schema::DecimalForm;
use super::super::wire;
use super::run::{Run, invalid};

impl<'a> Run<'a> {
    pub(super) fn null(&mut self) -> Result<(), Fault> {
        self.expect(b'n', "null")?;
        self.scan.skip().map_err(invalid)
    }

    pub(super) fn boolean(&mut self) -> Result<(), Fault> {
        let value = match self.scan.peek() {
            Some(b't') => 1,
            Some(b'f') => 0,
            _ => return Err(self.mismatch("a boolean")),
        };
        self.scan.skip().map_err(invalid)?;
        self.out.push(value);
        Ok(())
    }

    pub(super) fn int(&mut self) -> Result<(), Fault> {
        let number = self.integer("an int")?;
        if i32::try_from(number).is_err() {
            return Err(Fault::new("expected an int, found a number of more than 32 bits"));
        }
        wire::put_long(number, self.out);
        Ok(())
    }

    pub(super) fn long(&mut self) -> Result<(), Fault> {
        let number = self.integer("a long")?;
        wire::put_long(number, self.out);
        Ok(())
    }

    /// A whole number, however it is written: `5.0` is one.
    fn integer(&mut self, expected: &str) -> Result<i64, Fault> {
        let text = self.number(expected)?;
        if let Some(number) = short_integer(text) {
            return Ok(number);
        }
        let number = Written::parse(text).and_then(|written| written.integer());
        number.ok_or_else(|| {
            Fault::new(format!("expected {expected}, found a fraction or a number of more than 64 bits"))
        })
    }

    /// The text of a number.
    fn number(&mut self, expected: &str) -> Result<&'a str, Fault> {
        match self.scan.peek() {
            Some(b'-' | b'0'..=b'9') => Ok(self.scan.value().map_err(invalid)?.raw()),
            _ => Err(self.mismatch(expected)),
        }
    }

    pub(super) fn moment(&mut self, moment: Moment, is_int: bool) -> Result<(), Fault> {
        if self.scan.peek() != Some(b'"') {
            let expected = format!("{} or a number", moment.title());
            let number = self.integer(&expected)?;
            if is_int && i32::try_from(number).is_err() {
                return Err(Fault::new(format!("expected {expected}, found a number of more than 32 bits")));
            }
            wire::put_long(number, self.out);
            return Ok(());
        }
        let number = self.with_text(|text, _| Ok(moment.parse(text)))?;
        let number = number.ok_or_else(|| Fault::new(format!("expected {}, found other text", moment.title())))?;
        wire::put_long(number, self.out);
        Ok(())
    }

    pub(super) fn double(&mut self) -> Result<(), Fault> {
        let number = if self.scan.peek() == Some(b'"') {
            self.not_finite("a double")?
        } else {
            let text = self.number("a double")?;
            let number: f64 = text.parse().unwrap_or(f64::INFINITY);
            if number.is_infinite() {
                return Err(Fault::new("expected a double, found a number beyond its range"));
            }
            number
        };
        self.out.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    pub(super) fn float(&mut self) -> Result<(), Fault> {
        let number = if self.scan.peek() == Some(b'"') {
            self.not_finite("a float")? as f32
        } else {
            let text = self.number("a float")?;
            let number: f32 = text.parse().unwrap_or(f32::INFINITY);
            if number.is_infinite() {
                return Err(Fault::new("expected a float, found a number beyond its range"));
            }
            number
        };
        self.out.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    #[cold]
    fn not_finite(&mut self, expected: &str) -> Result<f64, Fault> {
        let number = self.with_text(|text, _| {
            Ok(match text {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            })
        })?;
        number.ok_or_else(|| {
            Fault::new(format!("expected {expected}, found text other than NaN, Infinity and -Infinity"))
        })
    }

    pub(super) fn text(&mut self) -> Result<(), Fault> {
        self.expect(b'"', "text")?;
        let text = self.scan.string().map_err(invalid)?;
        self.put_text(&text);
        Ok(())
    }

    /// Writes a string.
    pub(super) fn put_text(&mut self, text: &Quoted<'_>) {
        let plain = match text.plain() {
            Some(plain) => plain,
            None => {
                self.scratch.text.clear();
                text.append_to(&mut self.scratch.text);
                self.scratch.text.as_bytes()
            }
        };
        wire::put_long(plain.len() as i64, self.out);
        self.out.extend_from_slice(plain);
    }

    /// Reads a string, which comes next, and calls with what it says and the output.
    fn with_text<T>(&mut self, read: impl FnOnce(&str, &mut Vec<u8>) -> Result<T, Fault>) -> Result<T, Fault> {
        let text = self.scan.string().map_err(invalid)?;
        match text.plain().and_then(|plain| std::str::from_utf8(plain).ok()) {
            Some(plain) => read(plain, self.out),
            None => {
                self.scratch.text.clear();
                text.append_to(&mut self.scratch.text);
                read(&self.scratch.text, self.out)
            }
        }
    }

    pub(super) fn bytes(&mut self) -> Result<(), Fault> {
        self.expect(b'"', "base64 text")?;
        self.with_text(|text, out| {
            let size = decoded_size(text);
            wire::put_long(size as i64, out);
            put_base64(text, size, out)
        })
    }

    pub(super) fn fixed(&mut self, size: usize) -> Result<(), Fault> {
        self.expect(b'"', "base64 text")?;
        self.with_text(|text, out| {
            if decoded_size(text) != size {
                return Err(Fault::new(format!("expected base64 text of {size} bytes, found text of another size")));
            }
            put_base64(text, size, out)
        })
    }

    pub(super) fn uuid_text(&mut self) -> Result<(), Fault> {
        self.expect(b'"', "a UUID")?;
        self.with_text(|text, out| {
            uuid(text)?;
            wire::put_long(text.len() as i64, out);
            out.extend_from_slice(text.as_bytes());
            Ok(())
        })
    }

    pub(super) fn uuid(&mut self) -> Result<(), Fault> {
        self.expect(b'"', "a UUID")?;
        self.with_text(|text, out| {
            out.extend_from_slice(&uuid(text)?);
            Ok(())
        })
    }

    /// A decimal: as `bytes`, or as a fixed of this size.
    pub(super) fn decimal(&mut self, form: DecimalForm, size: Option<usize>) -> Result<(), Fault> {
        let DecimalForm { precision, scale } = form;
        let expected = || format!("a decimal number of at most {precision} digits, {scale} of them behind the point");
        let start = self.out.len();
        if size.is_none() {
            self.out.push(0);
        }
        let put = |text: &str, out: &mut Vec<u8>| {
            let found = match Written::parse(text) {
                Some(written) if written.put(scale as i32, precision, out) => return Ok(()),
                Some(written) => written.describe(),
                None => "other text".to_owned(),
            };
            Err(Fault::new(format!("expected {}, found {found}", expected())))
        };
        match self.scan.peek() {
            Some(b'"') => self.with_text(put)?,
            Some(b'-' | b'0'..=b'9') => {
                let text = self.scan.value().map_err(invalid)?.raw();
                put(text, self.out)?;
            }
            _ => return Err(self.mismatch(&expected())),
        }
        match size {
            None => wire::insert_long((self.out.len() - start - 1) as i64, start, self.out),
            Some(size) => extend_sign(start, size, self.out),
        }
        Ok(())
    }

    pub(super) fn big_decimal(&mut self) -> Result<(), Fault> {
        let put = |text: &str, out: &mut Vec<u8>| {
            let parts = Written::parse(text).and_then(|written| Some((written, written.scale()?)));
            let Some((written, scale)) = parts else { return Ok(false) };
            let start = out.len();
            out.push(0);
            out.push(0);
            if !written.put(scale, decimal::MAX_DIGITS, out) {
                return Ok(false);
            }
            wire::insert_long((out.len() - start - 2) as i64, start + 1, out);
            wire::put_long(i64::from(scale), out);
            wire::insert_long((out.len() - start - 1) as i64, start, out);
            Ok(true)
        };
        let fits = match self.scan.peek() {
            Some(b'"') => self.with_text(put)?,
            Some(b'-' | b'0'..=b'9') => {
                let text = self.scan.value().map_err(invalid)?.raw();
                put(text, self.out)?
            }
            _ => return Err(self.mismatch("a decimal number")),
        };
        if fits { Ok(()) } else { Err(Fault::new("expected a decimal number, found another text or too many digits")) }
    }

    pub(super) fn duration(&mut self) -> Result<(), Fault> {
        const PARTS: [&str; 3] = ["months", "days", "millis"];
        let expected = "an object of months, days and millis";
        self.expect(b'{', expected)?;
        let mut parts = [None; 3];
        let mut more = self.enter(b'}')?;
        while more {
            let key = self.scan.key().map_err(invalid)?;
            let Some(part) = PARTS.iter().position(|part| key.is(part)) else {
                return Err(Fault::new(format!("expected {expected}, found another field")).in_field(&key.text()));
            };
            let number = self.integer("a number from 0 to 4294967295").map_err(|fault| fault.in_field(PARTS[part]))?;
            let Ok(number) = u32::try_from(number) else {
                let text = "expected a number from 0 to 4294967295, found another";
                return Err(Fault::new(text).in_field(PARTS[part]));
            };
            if parts[part].replace(number).is_some() {
                return Err(Fault::new("expected the field once, found it again").in_field(PARTS[part]));
            }
            more = self.scan.more(b'}').map_err(invalid)?;
        }
        for (name, part) in PARTS.iter().zip(parts) {
            let part = part.ok_or_else(|| Fault::new("expected a value, found none").in_field(name))?;
            self.out.extend_from_slice(&part.to_le_bytes());
        }
        self.leave();
        Ok(())
    }

    pub(super) fn symbol(&mut self, of: usize) -> Result<(), Fault> {
        let of = &self.encoder.plan.enums[of];
        if self.scan.peek() != Some(b'"') {
            return Err(self.mismatch(&format!("a symbol of {}", of.title)));
        }
        let index = self.with_text(|text, _| Ok(of.symbols.get(text).copied()))?;
        let index =
            index.ok_or_else(|| Fault::new(format!("expected a symbol of {}, found another text", of.title)))?;
        wire::put_long(index as i64, self.out);
        Ok(())
    }
}

/// A whole number of at most 18 digits that is written as nothing but digits.
#[inline]
fn short_integer(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 18 {
        return None;
    }
    let mut number = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if is_negative { -number } else { number })
}

/// How many bytes base64 text stands for, if it is such.
fn decoded_size(text: &str) -> usize {
    let padding = text.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn put_base64(text: &str, size: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let start = out.len();
    out.resize(start + size, 0);
    match BASE64.decode_slice(text, &mut out[start..]) {
        Ok(written) if written == size => Ok(()),
        _ => Err(Fault::new("expected base64 text, found other text")),
    }
}

/// The bytes of a UUID: five groups of hexadecimal digits with hyphens between them.
fn uuid(text: &str) -> Result<[u8; 16], Fault> {
    let wrong = || Fault::new("expected a UUID as in \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\", found other text");
    let text = text.as_bytes();
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    if text.len() != 36 || (0..36).any(|at| is_hyphen(at) != (text[at] == b'-')) {
        return Err(wrong());
    }
    let mut bytes = [0; 16];
    for (index, at) in (0..36).filter(|at| !is_hyphen(*at)).enumerate() {
        let digit = char::from(text[at]).to_digit(16).ok_or_else(wrong)?;
        bytes[index / 2] = bytes[index / 2] << 4 | digit as u8;
    }
    Ok(bytes)
}

/// Makes the number in two's complement that lies from `start` to the end as long as `size`, which it is not longer
/// than.
fn extend_sign(start: usize, size: usize, out: &mut Vec<u8>) {
    let own = out.len() - start;
    let fill = if out[start] >= 0x80 { 0xff } else { 0 };
    out.resize(start + size, fill);
    out.copy_within(start..start + own, start + size - own);
    out[start..start + size - own].fill(fill);
}
