//! Whole numbers, as JSON may write them.

use json_scan::Value;

/// The largest whole number that every reader of JSON holds exactly: 2^53 - 1.
const MAX: i64 = (1 << 53) - 1;

/// The value of a number that is whole and not too large, also where it is written as `3.0` or `3e0`.
pub fn whole(value: Value<'_>) -> Option<i64> {
    let text = value.raw();
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    let number = match text.parse::<i64>() {
        Ok(number) => number,
        Err(_) => {
            let number: f64 = text.parse().ok()?;
            if number.trunc() != number || number.abs() > MAX as f64 {
                return None;
            }
            number as i64
        }
    };
    (-MAX..=MAX).contains(&number).then_some(number)
}

/// The product of two such numbers, where it is one itself.
pub fn product(one: i64, other: i64) -> Option<i64> {
    one.checked_mul(other).filter(|product| (-MAX..=MAX).contains(product))
}
