//! The Gregorian calendar, without time zones.

/// A time that is taken apart as jq does it: months from 0, seconds with a fraction, the day of the week from Sunday.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Broken {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: f64,
    pub weekday: i64,
    pub yearday: i64,
}

const DAY: i64 = 86_400;

/// Days from 1970 to the first day of a month, which may be any number of months from January of the year.
fn days_to_month(year: i64, month: i64) -> i64 {
    let year = year + month.div_euclid(12);
    let month = month.rem_euclid(12);
    // Years from March on, so that the leap day is the last one.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + (153 * month + 2) / 5 - 719_468
}

impl Broken {
    /// The time so many seconds after 1970; none where the year does not fit.
    pub fn of(seconds: f64) -> Option<Broken> {
        if !seconds.is_finite() || seconds.abs() > 1e15 {
            return None;
        }
        let whole = seconds.floor();
        let (days, rest) = ((whole as i64).div_euclid(DAY), (whole as i64).rem_euclid(DAY));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 2 } else { month - 10 };
        let year = era * 400 + year_of_era + i64::from(month < 2);
        Some(Broken {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: (rest % 60) as f64 + (seconds - whole),
            weekday: (days + 4).rem_euclid(7),
            yearday: days - days_to_month(year, 0),
        })
    }

    /// Seconds since 1970, without the fraction. Months, days, hours, minutes and seconds may be any numbers.
    pub fn seconds(&self) -> i64 {
        let days = days_to_month(self.year, self.month) + self.day - 1;
        days * DAY + self.hour * 3600 + self.minute * 60 + self.second as i64
    }

    /// The same with the day of the week and of the year that belong to the date.
    pub fn with_days(mut self) -> Broken {
        let days = days_to_month(self.year, self.month) + self.day - 1;
        self.weekday = (days + 4).rem_euclid(7);
        self.yearday = days - days_to_month(self.year, 0);
        self
    }

    /// The year and week of ISO 8601.
    pub fn iso_week(&self) -> (i64, i64) {
        let from_monday = (self.weekday + 6) % 7;
        let week = (self.yearday - from_monday + 10) / 7;
        if week < 1 {
            return (self.year - 1, weeks(self.year - 1));
        }
        if week > weeks(self.year) { (self.year + 1, 1) } else { (self.year, week) }
    }
}

/// How many weeks of ISO 8601 a year has.
fn weeks(year: i64) -> i64 {
    let weekday = (days_to_month(year, 0) + 4).rem_euclid(7);
    let is_leap = days_to_month(year + 1, 0) - days_to_month(year, 0) == 366;
    if weekday == 4 || (is_leap && weekday == 3) { 53 } else { 52 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_taken_apart_as_jq_does() {
        let broken = Broken::of(1_425_599_621.678).expect("the year fits");
        assert_eq!((broken.year, broken.month, broken.day), (2015, 2, 5));
        assert_eq!((broken.hour, broken.minute, broken.weekday, broken.yearday), (23, 53, 4, 63));
        assert_eq!(Broken::of(-1.0).map(|broken| (broken.year, broken.yearday)), Some((1969, 364)));
        assert_eq!(Broken::of(f64::NAN), None);
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        let week = |year, month, day| Broken { year, month, day, ..Broken::default() }.with_days().iso_week();
        assert_eq!(week(2021, 0, 3), (2020, 53));
        assert_eq!(week(2018, 11, 31), (2019, 1));
        assert_eq!(week(2026, 10, 29), (2026, 48));
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_put_together(seconds in -60_000_000_000_i64..200_000_000_000) {
            let broken = Broken::of(seconds as f64).expect("the year fits");
            prop_assert_eq!(broken.seconds(), seconds);
            prop_assert_eq!(broken.with_days(), broken);
        }
    }
}
