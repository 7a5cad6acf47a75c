//! Numbers: doubles, read and written as jq does.

use std::io::Write;

/// Powers of ten that doubles hold exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads a number of JSON; one too large becomes the largest double when it is written.
pub(crate) fn parse(text: &str) -> f64 {
    short(text.as_bytes()).unwrap_or_else(|| text.parse().unwrap_or(f64::NAN))
}

/// A number of at most 15 digits without an exponent: one exact division makes it.
fn short(bytes: &[u8]) -> Option<f64> {
    let (negative, digits) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, bytes),
    };
    if digits.len() > 16 {
        return None;
    }
    let (mut mantissa, mut decimals, mut count) = (0_u64, None, 0);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                count += 1;
            }
            b'.' if decimals.is_none() => decimals = Some(at),
            _ => return None,
        }
    }
    if count > 15 {
        return None;
    }
    let scale = decimals.map_or(0, |at| digits.len() - at - 1);
    let number = mantissa as f64 / POWERS[scale];
    Some(if negative { -number } else { number })
}

/// Appends a number in the shortest form that reads as the same double: with an exponent where it is very small or
/// large. Not a number is null, infinity the largest double.
pub(crate) fn write(number: f64, text: &mut Vec<u8>) {
    if number.is_nan() {
        text.extend_from_slice(b"null");
    } else if number.is_infinite() {
        write(f64::MAX.copysign(number), text);
    } else if number.trunc() == number && number.abs() < 1e15 && (number != 0.0 || number.is_sign_positive()) {
        write_int(number as i64, text);
    } else {
        write_digits(number, text);
    }
}

/// Appends a whole number.
pub(crate) fn write_int(number: i64, text: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        text.push(b'-');
    }
    text.extend_from_slice(&digits[at..]);
}

fn write_digits(number: f64, text: &mut Vec<u8>) {
    if let Some((whole, cents, places)) = decimal(number) {
        if number < 0.0 {
            text.push(b'-');
        }
        write_int(whole, text);
        text.push(b'.');
        let start = text.len();
        let mut rest = cents;
        for _ in 0..places {
            text.push(b'0' + (rest % 10) as u8);
            rest /= 10;
        }
        text[start..].reverse();
        return;
    }
    let mut buffer = [0; 40];
    let mut rest = &mut buffer[..];
    let _ = write!(rest, "{number:e}");
    let length = 40 - rest.len();
    let written = &buffer[..length];
    let (negative, written) = written.strip_prefix(b"-").map_or((false, written), |rest| (true, rest));
    let split = written.iter().position(|byte| *byte == b'e').unwrap_or(written.len());
    let exponent: i32 = std::str::from_utf8(&written[split + 1..]).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut digits = [0; 32];
    let mut count = 0;
    for byte in written[..split].iter().filter(|byte| **byte != b'.') {
        digits[count] = *byte;
        count += 1;
    }
    if negative {
        text.push(b'-');
    }
    place_point(&digits[..count], exponent + 1, text);
}

/// A number with few decimals, which money has: its whole part, its decimals as a whole number, and how many.
fn decimal(number: f64) -> Option<(i64, u64, usize)> {
    let size = number.abs();
    if !(1e-3..1e9).contains(&size) {
        return None;
    }
    for (places, power) in POWERS.iter().enumerate().take(5).skip(1) {
        let scaled = (size * power).round();
        if scaled / power == size {
            let (scaled, power) = (scaled as u64, *power as u64);
            return Some(((scaled / power) as i64, scaled % power, places));
        }
    }
    None
}

/// Writes digits with the point before the digit at `point`.
fn place_point(digits: &[u8], point: i32, text: &mut Vec<u8>) {
    let count = digits.len() as i32;
    if point <= -4 || point > count + 15 {
        text.push(digits[0]);
        if count > 1 {
            text.push(b'.');
            text.extend_from_slice(&digits[1..]);
        }
        let exponent = point - 1;
        text.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            text.push(b'0');
        }
        write_int(i64::from(exponent.abs()), text);
    } else if point <= 0 {
        text.extend_from_slice(b"0.");
        text.extend(std::iter::repeat_n(b'0', point.unsigned_abs() as usize));
        text.extend_from_slice(digits);
    } else if point >= count {
        text.extend_from_slice(digits);
        text.extend(std::iter::repeat_n(b'0', (point - count) as usize));
    } else {
        text.extend_from_slice(&digits[..point as usize]);
        text.push(b'.');
        text.extend_from_slice(&digits[point as usize..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: f64) -> String {
        let mut text = Vec::new();
        write(number, &mut text);
        String::from_utf8(text).expect("digits are text")
    }

    #[test]
    fn numbers_have_the_form_of_jq() {
        for (number, text) in [
            (6.0, "6"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e15, "1000000000000000"),
            (1e17, "1e+17"),
            (123e15, "123000000000000000"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (12_345_678_901_234_567e15, "12345678901234567000000000000000"),
            (12_345_678_901_234_567e16, "1.2345678901234567e+32"),
            (f64::NAN, "null"),
            (f64::INFINITY, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-1.7976931348623157e+308"),
            (12.05, "12.05"),
        ] {
            assert_eq!(written(number), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same_number(number in any::<f64>()) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(parse(&written(number)).to_bits(), number.to_bits());
        }

        #[test]
        fn decimals_are_written_in_their_shortest_form(cents in -10_000_000_i64..10_000_000, places in 0..6_u32) {
            let number = cents as f64 / f64::from(10_u32.pow(places));
            let shortest = if number == 0.0 { "0".to_owned() } else { format!("{number}") };
            prop_assert!(written(number) == shortest || number.abs() < 1e-4);
            prop_assert_eq!(parse(&format!("{number}")), number);
        }
    }
}
