//! Decimal numbers: two's complement bytes in the data, and exact text.

/// How many digits a decimal number may have: reading and writing longer ones takes time that grows with their square.
pub(super) const MAX_DIGITS: u32 = 10_000;
/// The bytes that as many digits take, and one for the sign.
const MAX_BYTES: usize = 4_154;

/// Returns whether every number of so many digits fits into so many bytes.
pub(super) fn fits(precision: u32, size: usize) -> bool {
    let bits = (size.min(MAX_BYTES) * 8 - 1) as f64;
    f64::from(precision) <= (bits * std::f64::consts::LOG10_2).floor()
}

/// Appends the text, without quotes, of an unscaled number in two's complement, the highest byte first.
///
/// # Errors
/// The number has more digits than are supported.
pub(super) fn write(unscaled: &[u8], scale: u32, out: &mut Vec<u8>) -> Result<(), &'static str> {
    with_digits(unscaled, |is_negative, digits| write_plain(is_negative, digits, scale as usize, out))
}

/// Appends the text, without quotes, of a number that has its scale in the data: with an exponent where the text would
/// be long or the scale is negative, so that unscaled number and scale can both be told from the text.
///
/// # Errors
/// The number has more digits than are supported.
pub(super) fn write_big(unscaled: &[u8], scale: i32, out: &mut Vec<u8>) -> Result<(), &'static str> {
    with_digits(unscaled, |is_negative, digits| match usize::try_from(scale) {
        Ok(scale) if scale <= digits.len() + 20 => write_plain(is_negative, digits, scale, out),
        _ => {
            write_plain(is_negative, digits, 0, out);
            out.push(b'E');
            out.extend_from_slice(itoa::Buffer::new().format(-i64::from(scale)).as_bytes());
        }
    })
}

fn write_plain(is_negative: bool, digits: &[u8], scale: usize, out: &mut Vec<u8>) {
    if is_negative {
        out.push(b'-');
    }
    match digits.len().checked_sub(scale) {
        _ if scale == 0 => out.extend_from_slice(digits),
        Some(whole @ 1..) => {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + scale - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
    }
}

/// Calls with the sign and the digits of a number in two's complement.
fn with_digits(bytes: &[u8], use_them: impl FnOnce(bool, &[u8])) -> Result<(), &'static str> {
    let is_negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let fill = if is_negative { 0xff } else { 0 };
    if bytes.len() <= 16 {
        let mut whole = [fill; 16];
        whole[16 - bytes.len()..].copy_from_slice(bytes);
        let number = i128::from_be_bytes(whole);
        use_them(is_negative, itoa::Buffer::new().format(number.unsigned_abs()).as_bytes());
        return Ok(());
    }
    if bytes.len() > MAX_BYTES {
        return Err("a decimal number of more than 10000 digits");
    }
    let mut limbs = magnitude(bytes, is_negative);
    let mut reversed = Vec::new();
    while let Some(mut rest) = take_nine_digits(&mut limbs) {
        for _ in 0..9 {
            reversed.push(b'0' + (rest % 10) as u8);
            rest /= 10;
        }
    }
    while reversed.len() > 1 && reversed.last() == Some(&b'0') {
        reversed.pop();
    }
    if reversed.is_empty() {
        reversed.push(b'0');
    }
    reversed.reverse();
    use_them(is_negative, &reversed);
    Ok(())
}

/// The absolute value, in parts of 32 bits, the highest first.
fn magnitude(bytes: &[u8], is_negative: bool) -> Vec<u32> {
    let fill = if is_negative { 0xff } else { 0 };
    let mut whole = vec![fill; bytes.len().next_multiple_of(4) - bytes.len()];
    whole.extend_from_slice(bytes);
    let parts = whole.as_chunks::<4>().0;
    let mut limbs: Vec<u32> = parts.iter().map(|part| u32::from_be_bytes(*part)).collect();
    if is_negative {
        let mut carry = true;
        for limb in limbs.iter_mut().rev() {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
        if carry {
            limbs.insert(0, 1);
        }
    }
    limbs
}

/// Divides by 1,000,000,000 and returns the rest; none when nothing is left.
fn take_nine_digits(limbs: &mut Vec<u32>) -> Option<u32> {
    let leading = limbs.iter().take_while(|limb| **limb == 0).count();
    limbs.drain(..leading);
    if limbs.is_empty() {
        return None;
    }
    let mut rest: u64 = 0;
    for limb in limbs {
        let part = rest << 32 | u64::from(*limb);
        *limb = (part / 1_000_000_000) as u32;
        rest = part % 1_000_000_000;
    }
    Some(rest as u32)
}

/// A number as it is written: its digits, and where the point stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Written<'a> {
    /// Reads a number as JSON has them; zeros may stand in front.
    pub(super) fn parse(text: &'a str) -> Option<Written<'a>> {
        let bytes = text.as_bytes();
        let is_negative = bytes.first() == Some(&b'-');
        let (whole, rest) = digits(&bytes[usize::from(is_negative)..]);
        let (fraction, rest) = match rest.strip_prefix(b".") {
            Some(rest) => match digits(rest) {
                ([], _) => return None,
                found => found,
            },
            None => (&[][..], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', digits @ ..] => {
                let text = std::str::from_utf8(digits).ok()?;
                i64::from(text.parse::<i32>().ok()?)
            }
            _ => return None,
        };
        (!whole.is_empty()).then_some(Written { is_negative, whole, fraction, exponent })
    }

    /// The scale that the text has of itself.
    pub(super) fn scale(&self) -> Option<i32> {
        i32::try_from(self.fraction.len() as i64 - self.exponent).ok()
    }

    /// Says how many digits it has and how many of them stand behind the point, as far as they count.
    pub(super) fn describe(&self) -> String {
        let all = || self.whole.iter().chain(self.fraction);
        let trailing = all().rev().take_while(|digit| **digit == b'0').count() as i64;
        let leading = all().take_while(|digit| **digit == b'0').count() as i64;
        let given = (self.whole.len() + self.fraction.len()) as i64;
        let behind = (self.fraction.len() as i64 - self.exponent - trailing).max(0);
        let before = (self.whole.len() as i64 + self.exponent - leading).max(0);
        if leading == given {
            "0".to_owned()
        } else {
            format!("one of {before} digits before the point and {behind} behind it")
        }
    }

    /// The digits, without zeros in front, as a number with this scale; none where it would have more than `most`, or
    /// loses one that is not zero.
    fn scaled(&self, scale: i32, most: u32) -> Option<(impl Iterator<Item = u8> + Clone + 'a, usize)> {
        let given = self.whole.len() + self.fraction.len();
        // How many of the digits count: those before the place where the scale ends.
        let kept = self.whole.len() as i64 + self.exponent + i64::from(scale);
        let all = self.whole.iter().chain(self.fraction).copied();
        let cut = usize::try_from(kept).unwrap_or(0).min(given);
        if all.clone().skip(cut).any(|digit| digit != b'0') {
            return None;
        }
        let zeros = all.clone().take(cut).take_while(|digit| *digit == b'0').count();
        let significant = cut - zeros;
        let padding = if significant == 0 { 0 } else { usize::try_from(kept - cut as i64).ok()? };
        let count = significant + padding;
        (count <= most as usize)
            .then(|| (all.skip(zeros).take(significant).chain(std::iter::repeat_n(b'0', padding)), count))
    }

    /// Appends the number with this scale as the shortest two's complement, the highest byte first; `false` where it
    /// has more digits than `precision`, or more behind the point than the scale.
    pub(super) fn put(&self, scale: i32, precision: u32, out: &mut Vec<u8>) -> bool {
        let Some((digits, count)) = self.scaled(scale, precision.min(MAX_DIGITS)) else { return false };
        if count <= 38 {
            let number = digits.fold(0_i128, |number, digit| number * 10 + i128::from(digit - b'0'));
            let number = if self.is_negative { -number } else { number };
            put_shortest(&number.to_be_bytes(), out);
            return true;
        }
        // The lowest part comes first here.
        let mut limbs: Vec<u32> = Vec::new();
        for digit in digits {
            let mut carry = u64::from(digit - b'0');
            for limb in &mut limbs {
                let part = u64::from(*limb) * 10 + carry;
                *limb = part as u32;
                carry = part >> 32;
            }
            if carry > 0 {
                limbs.push(carry as u32);
            }
        }
        limbs.push(0);
        if self.is_negative {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
            }
        }
        let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        put_shortest(&bytes, out);
        true
    }

    /// The number, where it is whole and has 64 bits.
    pub(super) fn integer(&self) -> Option<i64> {
        let (digits, _) = self.scaled(0, 20)?;
        let number = digits.fold(0_i128, |number, digit| number * 10 + i128::from(digit - b'0'));
        i64::try_from(if self.is_negative { -number } else { number }).ok()
    }
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Appends a number in two's complement without the bytes in front that only repeat the sign.
fn put_shortest(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let [0, next, ..] | [0xff, next, ..] = rest {
        if (rest[0] ^ next) >= 0x80 {
            break;
        }
        rest = &rest[1..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(unscaled: &[u8], scale: u32) -> String {
        let mut out = Vec::new();
        write(unscaled, scale, &mut out).expect("it is short");
        String::from_utf8(out).expect("it is ASCII")
    }

    fn bytes(text: &str, scale: i32, precision: u32) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        Written::parse(text)?.put(scale, precision, &mut out).then_some(out)
    }

    #[test]
    fn decimals_are_exact_text() {
        assert_eq!(text(&[0x04, 0xce], 2), "12.30");
        assert_eq!(text(&[0xff], 2), "-0.01");
        assert_eq!(text(&[], 2), "0.00");
        assert_eq!(text(&[0], 0), "0");
        assert_eq!(text(&[0x80], 0), "-128");
        assert_eq!(text(&[0, 0, 0, 0x80], 3), "0.128");
        let mut lowest = vec![0x80];
        lowest.extend([0; 16]);
        assert_eq!(text(&lowest, 0), "-43556142965880123323311949751266331066368");
        assert_eq!(text(&[0xff; 40], 1), "-0.1");
        assert_eq!(text(&[0; 40], 1), "0.0");
    }

    #[test]
    fn big_decimals_keep_their_scale() {
        for (unscaled, scale, expected) in [
            (&[0x04, 0xce][..], 2, "12.30"),
            (&[0x04, 0xce], -2, "1230E2"),
            (&[0], 3, "0.000"),
            (&[0], -5, "0E5"),
            (&[1], i32::MAX, "1E-2147483647"),
            (&[0xff], i32::MIN + 1, "-1E2147483647"),
        ] {
            let mut out = Vec::new();
            write_big(unscaled, scale, &mut out).expect("it is short");
            let text = String::from_utf8(out).expect("it is ASCII");
            assert_eq!(text, expected);
            let written = Written::parse(&text).expect("it is a number");
            assert_eq!(written.scale(), Some(scale));
            let mut again = Vec::new();
            assert!(written.put(scale, MAX_DIGITS, &mut again));
            assert_eq!(again, unscaled);
        }
    }

    #[test]
    fn a_number_that_would_lose_digits_is_refused() {
        assert_eq!(bytes("12.3", 2, 4), Some(vec![0x04, 0xce]));
        assert_eq!(bytes("12.3000", 2, 4), Some(vec![0x04, 0xce]));
        assert_eq!(bytes("1.23e1", 2, 4), Some(vec![0x04, 0xce]));
        assert_eq!(bytes("0012.30", 2, 4), Some(vec![0x04, 0xce]));
        assert_eq!(bytes("12.301", 2, 9), None);
        assert_eq!(bytes("123.45", 2, 4), None);
        assert_eq!(bytes("1e2147483647", 2, 9), None);
        assert_eq!(bytes("0e2147483647", 2, 9), Some(vec![0]));
        assert_eq!(bytes("1e-2147483648", 2, 9), None);
        for text in ["", "-", ".5", "5.", "1e", "+1", "1 ", "0x1", "1e99999999999", "NaN"] {
            assert_eq!(bytes(text, 2, 9), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        let integer = |text| Written::parse(text).and_then(|written| written.integer());
        assert_eq!(integer("5.0"), Some(5));
        assert_eq!(integer("-1.5e3"), Some(-1500));
        assert_eq!(integer("9223372036854775807.000"), Some(i64::MAX));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer("0.5"), None);
        assert_eq!(integer("1e300"), None);
    }

    #[test]
    fn more_digits_than_are_supported_are_refused() {
        assert!(write(&[1; MAX_BYTES + 1], 0, &mut Vec::new()).is_err());
        let most = "9".repeat(MAX_DIGITS as usize);
        let unscaled = bytes(&most, 0, MAX_DIGITS).expect("it has as many digits as are supported");
        assert_eq!(text(&unscaled, 0), most);
        assert_eq!(bytes(&format!("1{most}"), 0, u32::MAX), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(unscaled in prop::collection::vec(any::<u8>(), 1..60), scale in 0..80_i32) {
            let written = text(&unscaled, scale as u32);
            let mut shortest = Vec::new();
            put_shortest(&unscaled, &mut shortest);
            prop_assert_eq!(bytes(&written, scale, MAX_DIGITS), Some(shortest));
        }
    }
}
