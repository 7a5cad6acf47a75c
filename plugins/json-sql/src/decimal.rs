//! Exact decimal numbers: PostgreSQL's `numeric` with up to 38 digits.

use std::cmp::Ordering;

use crate::Failure;
use crate::wide;

/// The most digits that a decimal has.
const MAX_DIGITS: u32 = 38;
const LIMIT: u128 = 10u128.pow(MAX_DIGITS);
/// The most digits behind the point.
const MAX_SCALE: u32 = 200;
/// A quotient has at least so many significant digits.
const MIN_SIGNIFICANT: i32 = 16;

/// A number `digits / 10^scale`. It is written with all digits of its scale: `1.50` is not `1.5`, but equal to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decimal {
    /// The digits in two halves, so that the type needs no more alignment than a word.
    high: i64,
    low: u64,
    scale: u8,
}

impl Decimal {
    /// The number `digits / 10^scale`; an error where it has more than 38 digits.
    pub(crate) fn new(digits: i128, scale: u32) -> Result<Decimal, Failure> {
        if digits.unsigned_abs() >= LIMIT || scale > MAX_SCALE {
            return Err(too_long());
        }
        Ok(Decimal { high: (digits >> 64) as i64, low: digits as u64, scale: scale as u8 })
    }

    pub(crate) fn from_int(int: i64) -> Decimal {
        Decimal { high: if int < 0 { -1 } else { 0 }, low: int as u64, scale: 0 }
    }

    #[inline]
    pub(crate) fn digits(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }

    #[inline]
    pub(crate) fn scale(self) -> u32 {
        u32::from(self.scale)
    }

    /// Reads `12.30`, `-1e5` and the like; none where the text is no number, an error where it has too many digits.
    pub(crate) fn parse(text: &str) -> Result<Option<Decimal>, Failure> {
        let (negative, rest) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => {
                let digits = rest[at + 1..].strip_prefix('+').unwrap_or(&rest[at + 1..]);
                if digits.is_empty() || digits.contains('+') || rest[at + 1..].starts_with("+-") {
                    return Ok(None);
                }
                match digits.parse::<i32>() {
                    Ok(exponent) => (&rest[..at], exponent),
                    Err(_) if digits.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) => {
                        return Err(too_long());
                    }
                    Err(_) => return Ok(None),
                }
            }
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: u128 = 0;
        if whole.len() + fraction.len() == 0 {
            return Ok(None);
        }
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return Ok(None);
            }
            digits =
                digits.checked_mul(10).and_then(|d| d.checked_add(u128::from(byte - b'0'))).ok_or_else(too_long)?;
        }
        let mut scale = i64::from(fraction.len() as u32) - i64::from(exponent);
        if scale < 0 {
            let factor = u32::try_from(-scale).ok().and_then(|zeros| 10u128.checked_pow(zeros));
            digits = match factor.and_then(|factor| digits.checked_mul(factor)) {
                Some(digits) => digits,
                None if digits == 0 => 0,
                None => return Err(too_long()),
            };
            scale = 0;
        }
        let signed = i128::try_from(digits).map_err(|_| too_long())?;
        let scale = u32::try_from(scale).map_err(|_| too_long())?;
        Decimal::new(if negative { -signed } else { signed }, scale).map(Some)
    }

    /// The nearest `f64`.
    pub(crate) fn to_f64(self) -> f64 {
        let digits = self.digits();
        if digits.unsigned_abs() < 1 << 53 && self.scale <= 22 {
            return digits as f64 / 10f64.powi(i32::from(self.scale));
        }
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// A float with its first 15 significant digits, as PostgreSQL takes it over.
    pub(crate) fn from_f64(float: f64) -> Result<Decimal, Failure> {
        if !float.is_finite() {
            return Err("numeric cannot hold NaN or infinity".into());
        }
        let text = format!("{float:.14e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        Decimal::parse(&format!("{mantissa}e{exponent}"))?.ok_or_else(too_long)
    }

    /// The number with so many digits behind the point; where it loses some, half is rounded away from zero.
    pub(crate) fn round(self, scale: i32) -> Result<Decimal, Failure> {
        self.rescale(scale, true)
    }

    /// The number with so many digits behind the point; where it has more, they are cut off.
    pub(crate) fn trunc(self, scale: i32) -> Result<Decimal, Failure> {
        self.rescale(scale, false)
    }

    fn rescale(self, scale: i32, round: bool) -> Result<Decimal, Failure> {
        let lost = i32::from(self.scale) - scale;
        let digits = self.digits();
        if lost <= 0 {
            let scale = scale.unsigned_abs().min(MAX_SCALE);
            return Decimal::new(self.with_scale(scale)?, scale);
        }
        let kept = match 10i128.checked_pow(lost as u32) {
            Some(unit) => {
                let (quotient, rest) = (digits / unit, digits % unit);
                let up = round && rest.unsigned_abs() >= unit.unsigned_abs() - rest.unsigned_abs();
                if up { quotient + digits.signum() } else { quotient }
            }
            None => 0,
        };
        if scale >= 0 {
            return Decimal::new(kept, scale as u32);
        }
        let unit = 10i128.checked_pow(scale.unsigned_abs());
        match unit.and_then(|unit| kept.checked_mul(unit)) {
            Some(digits) => Decimal::new(digits, 0),
            None if kept == 0 => Decimal::new(0, 0),
            None => Err(too_long()),
        }
    }

    /// The digits that it has at a scale that is not smaller than its own.
    fn with_scale(self, scale: u32) -> Result<i128, Failure> {
        let digits = self.digits();
        if digits == 0 {
            return Ok(0);
        }
        let factor = 10i128.checked_pow(scale - self.scale()).ok_or_else(too_long)?;
        digits.checked_mul(factor).ok_or_else(too_long)
    }

    fn aligned(self, other: Decimal) -> Result<(i128, i128, u32), Failure> {
        let scale = self.scale().max(other.scale());
        Ok((self.with_scale(scale)?, other.with_scale(scale)?, scale))
    }

    pub(crate) fn add(self, other: Decimal) -> Result<Decimal, Failure> {
        let (one, other, scale) = self.aligned(other)?;
        Decimal::new(one.checked_add(other).ok_or_else(too_long)?, scale)
    }

    pub(crate) fn negate(self) -> Decimal {
        let digits = -self.digits();
        Decimal { high: (digits >> 64) as i64, low: digits as u64, scale: self.scale }
    }

    pub(crate) fn sub(self, other: Decimal) -> Result<Decimal, Failure> {
        self.add(other.negate())
    }

    pub(crate) fn mul(self, other: Decimal) -> Result<Decimal, Failure> {
        let digits = self.digits().checked_mul(other.digits()).ok_or_else(too_long)?;
        Decimal::new(digits, self.scale() + other.scale())
    }

    /// The quotient, with as many digits as PostgreSQL gives it.
    pub(crate) fn div(self, other: Decimal) -> Result<Decimal, Failure> {
        if other.digits() == 0 {
            return Err("division by zero".into());
        }
        let ((weight, first), (other_weight, other_first)) = (self.weight(), other.weight());
        let weight = weight - other_weight - i32::from(first <= other_first);
        let scale = (MIN_SIGNIFICANT - weight * 4).max(self.scale() as i32).max(other.scale() as i32).max(0);
        let scale = scale.unsigned_abs().min(MAX_SCALE);
        let (one, divisor) = (self.digits(), other.digits());
        // one / 10^a divided by divisor / 10^b, at the scale: one * 10^(scale + b - a) / divisor
        let shift = (scale + other.scale()).saturating_sub(self.scale());
        let (quotient, rest) =
            wide::scaled_div(one.unsigned_abs(), shift, divisor.unsigned_abs()).ok_or_else(too_long)?;
        let rounded = quotient + u128::from(rest >= divisor.unsigned_abs() - rest);
        let signed = i128::try_from(rounded).map_err(|_| too_long())?;
        Decimal::new(if (one < 0) == (divisor < 0) { signed } else { -signed }, scale)
    }

    pub(crate) fn rem(self, other: Decimal) -> Result<Decimal, Failure> {
        if other.digits() == 0 {
            return Err("division by zero".into());
        }
        let (one, other, scale) = self.aligned(other)?;
        Decimal::new(one % other, scale)
    }

    /// Of the number in base 10,000, the place of its first digit, and that digit.
    fn weight(self) -> (i32, i32) {
        let digits = self.digits().unsigned_abs();
        if digits == 0 {
            return (0, 0);
        }
        let place = digits.ilog10() as i32 - i32::from(self.scale);
        let weight = place.div_euclid(4);
        let keep = digits.ilog10() as i32 - (place - weight * 4); // digits behind the first group
        let first = if keep >= 0 {
            10u128.checked_pow(keep.unsigned_abs()).map_or(0, |unit| digits / unit)
        } else {
            digits * 10u128.pow(keep.unsigned_abs())
        };
        (weight, first as i32)
    }

    pub(crate) fn is_negative(self) -> bool {
        self.high < 0
    }

    pub(crate) fn floor(self) -> Result<Decimal, Failure> {
        let cut = self.trunc(0)?;
        if self.is_negative() && cut.cmp(self) != Ordering::Equal { cut.sub(Decimal::from_int(1)) } else { Ok(cut) }
    }

    pub(crate) fn ceil(self) -> Result<Decimal, Failure> {
        self.negate().floor().map(Decimal::negate)
    }

    /// The nearest whole number, half away from zero; none where it has no place in 64 bits.
    pub(crate) fn to_int(self) -> Option<i64> {
        self.round(0).ok().and_then(|whole| whole.digits().try_into().ok())
    }

    pub(crate) fn cmp(self, other: Decimal) -> Ordering {
        let (one, two) = (self.digits(), other.digits());
        if self.scale == other.scale || one.signum() != two.signum() {
            return one.cmp(&two);
        }
        match self.aligned(other) {
            Ok((one, other, _)) => one.cmp(&other),
            // The one that cannot be written at the other's scale is the larger one.
            Err(_) if (self.scale < other.scale) == (one > 0) => Ordering::Greater,
            Err(_) => Ordering::Less,
        }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (digits, scale) = (self.digits(), self.scale as usize);
        if digits < 0 {
            f.write_str("-")?;
        }
        let text = digits.unsigned_abs().to_string();
        if scale == 0 {
            return f.write_str(&text);
        }
        if text.len() > scale {
            let (whole, fraction) = text.split_at(text.len() - scale);
            return write!(f, "{whole}.{fraction}");
        }
        write!(f, "0.{text:0>scale$}")
    }
}

fn too_long() -> Failure {
    "numeric out of range: it takes more than 38 digits".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).expect("it is short").expect("it is a number")
    }

    #[test]
    fn numbers_keep_their_scale() {
        for (text, written) in [
            ("12.30", "12.30"),
            ("-0.05", "-0.05"),
            ("1e5", "100000"),
            ("1.5e-3", "0.0015"),
            ("1.50e1", "15.0"),
            (".5", "0.5"),
        ] {
            assert_eq!(decimal(text).to_string(), written);
        }
        for text in ["", ".", "1.2.3", "e5", "1e", "--1", "1e+-5", "0x10", " 1"] {
            assert!(Decimal::parse(text).is_ok_and(|read| read.is_none()), "{text}");
        }
        assert!(Decimal::parse(&"9".repeat(39)).is_err());
        assert!(Decimal::parse("1e99999999999").is_err());
    }

    #[test]
    fn quotients_have_the_digits_that_postgresql_gives_them() {
        let quotient = |one, other| decimal(one).div(decimal(other)).expect("it is short").to_string();
        assert_eq!(quotient("1", "3"), "0.33333333333333333333");
        assert_eq!(quotient("10", "4"), "2.5000000000000000");
        assert_eq!(quotient("-2", "3"), "-0.66666666666666666667");
        assert_eq!(quotient("123456789", "0.001"), "123456789000.00000000");
        assert!(decimal("1").div(decimal("0.00")).is_err());
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let round = |text, scale| decimal(text).round(scale).expect("it is short").to_string();
        assert_eq!((round("2.5", 0), round("-2.5", 0), round("1.005", 2)), ("3".into(), "-3".into(), "1.01".into()));
        assert_eq!((round("1250", -2), round("49", -2), round("1.5", 3)), ("1300".into(), "0".into(), "1.500".into()));
    }
}
