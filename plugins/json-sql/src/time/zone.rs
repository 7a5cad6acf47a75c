//! Time zones: offsets from UTC.

use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::civil::{checked_timestamp, split};
use super::{HOUR, MINUTE, SECOND};
use crate::Failure;

/// A time zone: `UTC`, `Europe/Berlin`, `+02:00`.
pub(crate) fn find(name: &str) -> Result<TimeZone, Failure> {
    if let Some(offset) = offset(name) {
        let offset = Offset::from_seconds((offset / SECOND) as i32);
        return offset.map(TimeZone::fixed).map_err(|_| format!("no time zone {name:?}").into());
    }
    if name.eq_ignore_ascii_case("z") {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name)
        .map_err(|_| format!("no time zone {name:?}; name one like 'UTC', 'Europe/Berlin' or '+02:00'").into())
}

/// Reads `+02`, `+0200`, `-02:30`: microseconds east of UTC.
pub(crate) fn offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number = |text: &str, max: i64| {
        let fits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &i64| fits && *number <= max)
    };
    Some(sign * (number(hours, 15)? * HOUR + number(minutes, 59)? * MINUTE))
}

/// What clocks of a zone show at a moment.
pub(crate) fn to_local(moment: i64, zone: &TimeZone) -> Result<i64, Failure> {
    // The last hours of the year 9999 are beyond what jiff has a moment for; their offset is that of those before.
    let stamp = jiff::Timestamp::from_microsecond(moment).unwrap_or(match moment {
        ..0 => jiff::Timestamp::MIN,
        _ => jiff::Timestamp::MAX,
    });
    checked_timestamp(i128::from(moment) + i128::from(zone.to_offset(stamp).seconds()) * i128::from(SECOND))
}

/// The moment at which clocks of a zone show this. Of two such moments it is the second one; where there is none,
/// because clocks were put forward over it, they are taken not to have been.
pub(crate) fn to_moment(local: i64, zone: &TimeZone) -> Result<i64, Failure> {
    let (day, clock) = split(local);
    let civil = jiff::civil::DateTime::new(
        day.year as i16,
        day.month as i8,
        day.day as i8,
        clock.hour as i8,
        clock.minute as i8,
        clock.second as i8,
        0,
    )
    .map_err(|_| Failure::from("timestamp out of range"))?;
    let offset = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } => before,
        AmbiguousOffset::Fold { after, .. } => after,
    };
    checked_timestamp(i128::from(local) - i128::from(offset.seconds()) * i128::from(SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read() {
        assert_eq!(offset("+02"), Some(2 * HOUR));
        assert_eq!(offset("-0230"), Some(-2 * HOUR - 30 * MINUTE));
        assert_eq!(offset("+05:30"), Some(5 * HOUR + 30 * MINUTE));
        for text in ["", "+", "02", "+2:60", "+99", "+é", "+1:", "+012345"] {
            assert_eq!(offset(text), None, "{text}");
        }
    }
}
