//! Times from text, as C's `strptime` reads them in the locale `C`.

use super::calendar::Broken;
use super::strftime::{MONTHS, WEEKDAYS};

/// What is known of a time while it is read.
struct Reading<'t> {
    rest: &'t str,
    time: Broken,
    century: Option<i64>,
    afternoon: Option<bool>,
    /// What says the date: a day of the month, or a day of the year.
    has_month_day: bool,
    has_yearday: bool,
    /// Seconds since 1970, which say all.
    seconds: Option<i64>,
}

/// Reads a text in a format, all of it.
pub(super) fn parse(text: &str, format: &str) -> Option<Broken> {
    let time = Broken { year: 1900, ..Broken::default() };
    let mut reading = Reading {
        rest: text,
        time,
        century: None,
        afternoon: None,
        has_month_day: false,
        has_yearday: false,
        seconds: None,
    };
    reading.follow(format)?;
    if !reading.rest.is_empty() {
        return None;
    }
    reading.finish()
}

impl Reading<'_> {
    fn follow(&mut self, format: &str) -> Option<()> {
        let mut format = format.chars();
        while let Some(character) = format.next() {
            match character {
                '%' => {
                    let mut conversion = format.next()?;
                    while matches!(conversion, '-' | '_' | '0' | '^' | '#' | 'E' | 'O') {
                        conversion = format.next()?;
                    }
                    self.convert(conversion)?;
                }
                space if space.is_ascii_whitespace() => self.space(),
                other => self.rest = self.rest.strip_prefix(other)?,
            }
        }
        Some(())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches(|character: char| character.is_ascii_whitespace());
    }

    fn convert(&mut self, conversion: char) -> Option<()> {
        match conversion {
            'Y' => {
                let negative = self.rest.starts_with('-');
                self.rest = self.rest.strip_prefix(['-', '+']).unwrap_or(self.rest);
                let year = self.number(0, 9999, 4)?;
                self.time.year = if negative { -year } else { year };
                self.century = None;
            }
            'C' => self.century = Some(self.number(0, 99, 2)?),
            'y' => {
                let year = self.number(0, 99, 2)?;
                self.time.year = if year < 69 { 2000 + year } else { 1900 + year };
            }
            'm' => self.time.month = self.number(1, 12, 2)? - 1,
            'd' | 'e' => {
                self.time.day = self.number(1, 31, 2)?;
                self.has_month_day = true;
            }
            'H' | 'k' => {
                self.time.hour = self.number(0, 23, 2)?;
                self.afternoon = None;
            }
            'I' | 'l' => self.time.hour = self.number(1, 12, 2)? % 12,
            'M' => self.time.minute = self.number(0, 59, 2)?,
            'S' => self.time.second = self.number(0, 61, 2)? as f64,
            'j' => {
                self.time.yearday = self.number(1, 366, 3)? - 1;
                self.has_yearday = true;
            }
            'u' => self.time.weekday = self.number(1, 7, 1)? % 7,
            'w' => self.time.weekday = self.number(0, 6, 1)?,
            'U' | 'W' | 'V' => _ = self.number(0, 53, 2)?,
            'G' => _ = self.number(0, 9999, 4)?,
            'g' => _ = self.number(0, 99, 2)?,
            's' => self.seconds = Some(self.number(0, i64::MAX, 18)?),
            'A' | 'a' => self.time.weekday = self.name(&WEEKDAYS)?,
            'B' | 'b' | 'h' => self.time.month = self.name(&MONTHS)?,
            'p' | 'P' => {
                let is_afternoon = starts_with(self.rest, "pm");
                if !is_afternoon && !starts_with(self.rest, "am") {
                    return None;
                }
                self.rest = &self.rest[2..];
                self.afternoon = Some(is_afternoon);
            }
            'Z' => self.zone_name(),
            'z' => self.zone()?,
            'D' | 'x' => self.follow("%m/%d/%y")?,
            'F' => self.follow("%Y-%m-%d")?,
            'T' | 'X' => self.follow("%H:%M:%S")?,
            'R' => self.follow("%H:%M")?,
            'r' => self.follow("%I:%M:%S %p")?,
            'c' => self.follow("%a %b %e %H:%M:%S %Y")?,
            'n' | 't' => self.space(),
            '%' => self.rest = self.rest.strip_prefix('%')?,
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self, least: i64, most: i64, width: usize) -> Option<i64> {
        self.space();
        let digits = self.rest.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let number = self.rest[..digits].parse().ok().filter(|number| (least..=most).contains(number))?;
        self.rest = &self.rest[digits..];
        Some(number)
    }

    /// The place of a name, which may be cut to its first three letters.
    fn name(&mut self, names: &[&str]) -> Option<i64> {
        let found = names.iter().position(|name| starts_with(self.rest, &name[..3]))?;
        let whole = starts_with(self.rest, names[found]);
        self.rest = &self.rest[if whole { names[found].len() } else { 3 }..];
        Some(found as i64)
    }

    fn zone_name(&mut self) {
        self.rest = self.rest.trim_start_matches(|character: char| character.is_ascii_alphabetic());
    }

    /// An offset from UTC, which jq reads and does not use.
    fn zone(&mut self) -> Option<()> {
        self.space();
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(());
        }
        self.rest = self.rest.strip_prefix(['+', '-'])?;
        self.number(0, 99, 2)?;
        self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
        if self.rest.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
            self.number(0, 59, 2)?;
        }
        Some(())
    }

    fn finish(mut self) -> Option<Broken> {
        if let Some(seconds) = self.seconds {
            return Broken::of(seconds as f64);
        }
        if let Some(century) = self.century {
            self.time.year = century * 100 + self.time.year.rem_euclid(100);
        }
        if self.afternoon == Some(true) {
            self.time.hour += 12;
        }
        if self.has_yearday && !self.has_month_day {
            let first = Broken { month: 0, day: 1 + self.time.yearday, ..self.time };
            let date = Broken::of(first.seconds() as f64)?;
            (self.time.month, self.time.day) = (date.month, date.day);
        }
        Some(self.time.with_days())
    }
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}
