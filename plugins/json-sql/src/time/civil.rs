//! The Gregorian calendar, from the year 1 to the year 9999.

use super::{DAY, HOUR, MINUTE, SECOND};
use crate::Failure;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub year: i32,
    /// 1 to 12
    pub month: i32,
    /// 1 to 31
    pub day: i32,
}

/// A time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// Microseconds
    pub micros: i64,
}

const FIRST_DAY: i64 = -719_162; // 0001-01-01
const LAST_DAY: i64 = 2_932_896; // 9999-12-31

impl Civil {
    /// The day so many days after 1970-01-01.
    pub fn from_days(days: i64) -> Civil {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Civil { year: year as i32, month: month as i32, day: day as i32 }
    }

    /// Days after 1970-01-01.
    pub fn days(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = i64::from(if self.month > 2 { self.month - 3 } else { self.month + 9 });
        let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The day, if the calendar has it.
    pub fn new(year: i64, month: i64, day: i64) -> Option<Civil> {
        let in_range = (1..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
        let civil = Civil { year: year as i32, month: month as i32, day: day as i32 };
        (in_range && day <= i64::from(month_days(civil.year, civil.month))).then_some(civil)
    }

    /// 1 to 366
    pub fn day_of_year(self) -> i64 {
        self.days() - Civil { month: 1, day: 1, ..self }.days() + 1
    }

    /// Year and week by ISO 8601.
    pub fn iso_week(self) -> (i64, i64) {
        let days = self.days();
        let thursday = Civil::from_days(days - (iso_weekday(days) - 4));
        (i64::from(thursday.year), (thursday.day_of_year() - 1) / 7 + 1)
    }
}

/// Days of a month.
pub(crate) fn month_days(year: i32, month: i32) -> i32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Monday is 1, Sunday 7.
pub(crate) fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

impl Clock {
    /// Of so many microseconds after midnight.
    pub fn from_micros(micros: i64) -> Clock {
        Clock {
            hour: micros / HOUR,
            minute: micros % HOUR / MINUTE,
            second: micros % MINUTE / SECOND,
            micros: micros % SECOND,
        }
    }

    /// Microseconds after midnight.
    pub fn to_micros(self) -> i64 {
        self.hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.micros
    }
}

/// The day and the time of a timestamp.
pub(crate) fn split(timestamp: i64) -> (Civil, Clock) {
    (Civil::from_days(timestamp.div_euclid(DAY)), Clock::from_micros(timestamp.rem_euclid(DAY)))
}

/// A timestamp, if it lies in the years 1 to 9999.
pub(crate) fn checked_timestamp(micros: i128) -> Result<i64, Failure> {
    let days = micros.div_euclid(i128::from(DAY));
    if (i128::from(FIRST_DAY)..=i128::from(LAST_DAY)).contains(&days) {
        Ok(micros as i64)
    } else {
        Err("timestamp out of range: it lies outside of the years 1 to 9999".into())
    }
}

/// A date, if it lies in the years 1 to 9999.
pub(crate) fn checked_date(days: i128) -> Result<i32, Failure> {
    if (i128::from(FIRST_DAY)..=i128::from(LAST_DAY)).contains(&days) {
        Ok(days as i32)
    } else {
        Err("date out of range: it lies outside of the years 1 to 9999".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        assert_eq!(Civil { year: 1, month: 1, day: 1 }.days(), FIRST_DAY);
        assert_eq!(Civil { year: 9999, month: 12, day: 31 }.days(), LAST_DAY);
        let mut expected = Civil { year: 1, month: 1, day: 1 };
        for days in FIRST_DAY..=LAST_DAY {
            assert_eq!(Civil::from_days(days), expected);
            assert_eq!(expected.days(), days);
            expected.day += 1;
            if expected.day > month_days(expected.year, expected.month) {
                (expected.day, expected.month) = (1, expected.month + 1);
            }
            if expected.month > 12 {
                (expected.month, expected.year) = (1, expected.year + 1);
            }
        }
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        let week = |year, month, day| Civil { year, month, day }.iso_week();
        assert_eq!((week(2021, 1, 3), week(2021, 1, 4), week(2020, 12, 31)), ((2020, 53), (2021, 1), (2020, 53)));
        assert_eq!(iso_weekday(0), 4, "1970-01-01 was a Thursday");
    }
}
