//! Dates, times and timestamps: the numbers of the data, and RFC 3339 text.

/// What a number of the data says about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Days since 1970-01-01.
    Date,
    /// Since midnight.
    Time(Unit),
    /// Since 1970-01-01T00:00:00Z.
    Timestamp(Unit),
    /// Since 1970-01-01T00:00:00, of a clock on some wall.
    LocalTimestamp(Unit),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    /// How many make a second.
    fn per_second(self) -> i64 {
        match self {
            Unit::Millis => 1_000,
            Unit::Micros => 1_000_000,
            Unit::Nanos => 1_000_000_000,
        }
    }

    fn digits(self) -> usize {
        match self {
            Unit::Millis => 3,
            Unit::Micros => 6,
            Unit::Nanos => 9,
        }
    }
}

const DAY: i64 = 86_400;
/// The first and the last day that have a text, in days since 1970-01-01.
const FIRST_DAY: i64 = days(0, 1, 1);
const LAST_DAY: i64 = days(9999, 12, 31);

impl Moment {
    /// What an error calls its text.
    pub(super) fn title(self) -> &'static str {
        match self {
            Moment::Date => "a date as in \"2026-11-29\"",
            Moment::Time(_) => "a time as in \"10:15:30.123\"",
            Moment::Timestamp(_) => "a timestamp as in \"2026-11-29T10:15:30.123Z\"",
            Moment::LocalTimestamp(_) => "a timestamp without zone as in \"2026-11-29T10:15:30.123\"",
        }
    }

    /// Writes its text, in quotes; a number that has none is written as it is.
    pub(super) fn write(self, number: i64, out: &mut Vec<u8>) {
        if !self.write_text(number, out) {
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
    }

    /// Writes its text, if it has one; returns whether it has.
    fn write_text(self, number: i64, out: &mut Vec<u8>) -> bool {
        // The longest is "9999-12-31T23:59:59.999999999Z".
        let mut text = [b'"'; 32];
        let end = match self {
            Moment::Date => match date(number) {
                Some(date) => put_date(date, &mut text, 1),
                None => return false,
            },
            Moment::Time(unit) => {
                if !(0..DAY * unit.per_second()).contains(&number) {
                    return false;
                }
                put_time(number, unit, &mut text, 1)
            }
            Moment::Timestamp(unit) | Moment::LocalTimestamp(unit) => {
                let day = DAY * unit.per_second();
                let Some(date) = date(number.div_euclid(day)) else { return false };
                let at = put_date(date, &mut text, 1);
                text[at] = b'T';
                let at = put_time(number.rem_euclid(day), unit, &mut text, at + 1);
                if matches!(self, Moment::Timestamp(_)) {
                    text[at] = b'Z';
                    at + 1
                } else {
                    at
                }
            }
        };
        text[end] = b'"';
        out.extend_from_slice(&text[..=end]);
        true
    }

    /// The number that a text stands for; none where it is no such text, or says more than the number can.
    pub(super) fn parse(self, text: &str) -> Option<i64> {
        let mut text = Text { bytes: text.as_bytes(), at: 0 };
        let number = match self {
            Moment::Date => text.date()?,
            Moment::Time(unit) => text.time(unit)?,
            Moment::Timestamp(unit) | Moment::LocalTimestamp(unit) => {
                let days = text.date()?;
                if !matches!(text.next()?, b'T' | b't' | b' ') {
                    return None;
                }
                let time = text.time(unit)?;
                let offset = if matches!(self, Moment::Timestamp(_)) { text.offset()? } else { 0 };
                let number = i128::from(days * DAY - offset) * i128::from(unit.per_second()) + i128::from(time);
                i64::try_from(number).ok()?
            }
        };
        (text.at == text.bytes.len()).then_some(number)
    }
}

struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Text<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        (self.next()? == expected).then_some(())
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let mut number = 0;
        for _ in 0..count {
            let byte = self.next().filter(u8::is_ascii_digit)?;
            number = number * 10 + i64::from(byte - b'0');
        }
        Some(number)
    }

    fn date(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        self.take(b'-')?;
        let month = self.digits(2)?;
        self.take(b'-')?;
        let day = self.digits(2)?;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=last).contains(&day).then(|| days(year, month, day))
    }

    /// A time of the day. Digits beyond the unit have to be zeros, so that nothing is lost.
    fn time(&mut self, unit: Unit) -> Option<i64> {
        let hours = self.digits(2)?;
        self.take(b':')?;
        let minutes = self.digits(2)?;
        self.take(b':')?;
        let seconds = self.digits(2)?;
        if hours > 23 || minutes > 59 || seconds > 59 {
            return None;
        }
        let mut fraction = 0;
        let mut weight = unit.per_second();
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            let start = self.at;
            while let Some(byte) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()) {
                weight /= 10;
                if weight == 0 && *byte != b'0' {
                    return None;
                }
                fraction += weight * i64::from(byte - b'0');
                self.at += 1;
            }
            if self.at == start {
                return None;
            }
        }
        Some((hours * 3600 + minutes * 60 + seconds) * unit.per_second() + fraction)
    }

    /// The seconds that a zone is ahead.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.next()? {
            b'Z' | b'z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.digits(2)?;
        self.take(b':')?;
        let minutes = self.digits(2)?;
        (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// The days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that a leap day is
/// the last of its year, in eras of 400 years.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Year, month and day, where the year has a text.
fn date(days: i64) -> Option<(u32, u32, u32)> {
    if !(FIRST_DAY..=LAST_DAY).contains(&days) {
        return None;
    }
    // The year 0 begins in the era before, by years from March.
    let days = u32::try_from(days + 719_468 + 146_097).ok()?;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    Some((era * 400 + year_of_era + u32::from(month <= 2) - 400, month, day))
}

fn put_two(number: u32, text: &mut [u8; 32], at: usize) {
    let digit = |number: u32| b"0123456789"[number as usize % 10];
    text[at] = digit(number / 10);
    text[at + 1] = digit(number);
}

fn put_date((year, month, day): (u32, u32, u32), text: &mut [u8; 32], at: usize) -> usize {
    put_two(year / 100, text, at);
    put_two(year % 100, text, at + 2);
    text[at + 4] = b'-';
    put_two(month, text, at + 5);
    text[at + 7] = b'-';
    put_two(day, text, at + 8);
    at + 10
}

/// Writes a time of the day with all digits of its unit.
fn put_time(number: i64, unit: Unit, text: &mut [u8; 32], at: usize) -> usize {
    let seconds = (number / unit.per_second()) as u32;
    let mut fraction = (number % unit.per_second()) as u32;
    put_two(seconds / 3600, text, at);
    text[at + 2] = b':';
    put_two(seconds / 60 % 60, text, at + 3);
    text[at + 5] = b':';
    put_two(seconds % 60, text, at + 6);
    text[at + 8] = b'.';
    let end = at + 9 + unit.digits();
    for place in (at + 9..end).rev() {
        text[place] = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(moment: Moment, number: i64) -> String {
        let mut out = Vec::new();
        moment.write(number, &mut out);
        String::from_utf8(out).expect("it is ASCII")
    }

    #[test]
    fn moments_are_written_with_all_digits() {
        assert_eq!(text(Moment::Date, 0), "\"1970-01-01\"");
        assert_eq!(text(Moment::Date, 20_786), "\"2026-11-29\"");
        assert_eq!(text(Moment::Time(Unit::Millis), 36_930_120), "\"10:15:30.120\"");
        assert_eq!(text(Moment::Time(Unit::Micros), 86_399_999_999), "\"23:59:59.999999\"");
        assert_eq!(text(Moment::Timestamp(Unit::Millis), -1), "\"1969-12-31T23:59:59.999Z\"");
        assert_eq!(text(Moment::Timestamp(Unit::Nanos), i64::MAX), "\"2262-04-11T23:47:16.854775807Z\"");
        assert_eq!(text(Moment::LocalTimestamp(Unit::Micros), 0), "\"1970-01-01T00:00:00.000000\"");
    }

    #[test]
    fn what_has_no_text_stays_a_number() {
        assert_eq!(text(Moment::Date, FIRST_DAY), "\"0000-01-01\"");
        assert_eq!(text(Moment::Date, FIRST_DAY - 1), (FIRST_DAY - 1).to_string());
        assert_eq!(text(Moment::Date, LAST_DAY), "\"9999-12-31\"");
        assert_eq!(text(Moment::Date, LAST_DAY + 1), (LAST_DAY + 1).to_string());
        assert_eq!(text(Moment::Time(Unit::Millis), -1), "-1");
        assert_eq!(text(Moment::Time(Unit::Millis), 86_400_000), "86400000");
        assert_eq!(text(Moment::Timestamp(Unit::Millis), i64::MIN), i64::MIN.to_string());
    }

    #[test]
    fn texts_that_say_something_else_are_refused() {
        let timestamp = Moment::Timestamp(Unit::Millis);
        assert_eq!(timestamp.parse("2026-11-29T10:15:30+02:00"), timestamp.parse("2026-11-29T08:15:30.000Z"));
        assert_eq!(timestamp.parse("2026-11-29T10:15:30.1230Z"), timestamp.parse("2026-11-29T10:15:30.123Z"));
        for text in ["", "2026-11-29", "2026-11-29T10:15:30", "2026-11-29T10:15:30.1234Z", "2026-02-29T10:15:30Z"] {
            assert_eq!(timestamp.parse(text), None, "{text}");
        }
        assert_eq!(Moment::LocalTimestamp(Unit::Millis).parse("2026-11-29T10:15:30Z"), None);
        assert_eq!(Moment::Timestamp(Unit::Nanos).parse("2300-01-01T00:00:00Z"), None);
        for text in ["2026-13-01", "2026-00-01", "2026-04-31", "2026-1-1", "20261129", "2026-11-29Z"] {
            assert_eq!(Moment::Date.parse(text), None, "{text}");
        }
        for text in ["24:00:00", "10:60:00", "10:00:60", "10:00", "10:00:00."] {
            assert_eq!(Moment::Time(Unit::Millis).parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_that_has_a_text_is_read_again() {
        let mut last = String::new();
        for day in FIRST_DAY..=LAST_DAY {
            let written = text(Moment::Date, day);
            assert!(written > last, "{written} comes after {last}");
            assert_eq!(Moment::Date.parse(written.trim_matches('"')), Some(day));
            last = written;
        }
    }

    proptest! {
        #[test]
        fn every_timestamp_is_read_again(number in any::<i64>(), shift in 0..32) {
            for unit in [Unit::Millis, Unit::Micros, Unit::Nanos] {
                for moment in [Moment::Time(unit), Moment::Timestamp(unit), Moment::LocalTimestamp(unit)] {
                    let number = number >> shift;
                    let written = text(moment, number);
                    let read = match written.strip_prefix('"') {
                        Some(text) => moment.parse(text.trim_end_matches('"')),
                        None => written.parse().ok(),
                    };
                    prop_assert_eq!(read, Some(number));
                }
            }
        }
    }
}
