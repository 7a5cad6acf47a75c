//! Texts that are read with a pattern.

use super::civil::{Civil, Clock};
use super::pattern::{DAYS, Item, MONTHS, Name, Part};
use super::{DAY, SECOND, zone};

/// What has been read of a text so far.
#[derive(Default)]
pub(super) struct Read<'t> {
    rest: &'t str,
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    offset: Option<i64>,
}

impl<'t> Read<'t> {
    /// The start of a text; what it does not say is as at the start of 1970.
    pub fn new(text: &'t str) -> Read<'t> {
        Read { rest: text, year: 1970, month: 1, day: 1, ..Read::default() }
    }

    /// Whether nothing but white space is left.
    pub fn is_at_end(&self) -> bool {
        self.rest.trim().is_empty()
    }

    /// Reads what an item stands for; `is_followed` by another one of digits or letters. None where it is not there.
    pub fn item(&mut self, item: &Item, is_followed: bool) -> Option<()> {
        let width = if is_followed && item.width > 0 { item.width } else { 9 };
        match &item.part {
            Part::Literal(text) => self.rest = self.rest.strip_prefix(text.as_str())?,
            Part::Year if item.width == 2 => {
                let year = self.number(2)?;
                self.year = if year < 70 { 2000 + year } else { 1900 + year };
            }
            Part::Year => self.year = self.number(if is_followed { 4 } else { 9 })?,
            Part::Month => self.month = self.number(width.min(2))?,
            Part::MonthName(name) => self.month = self.name(&MONTHS, *name)?,
            Part::DayName(name) => self.name(&DAYS, *name).map(|_| ())?,
            Part::Day => self.day = self.number(width.min(2))?,
            Part::DayOfYear => self.day_of_year = Some(self.number(3)?),
            Part::Hour24 => self.hour = self.number(2)?,
            Part::Hour12 => {
                self.hour = self.number(2)?;
                self.is_afternoon = self.is_afternoon.or(Some(false));
                (1..=12).contains(&self.hour).then_some(())?;
            }
            Part::Minute => self.minute = self.number(2)?,
            Part::Second => self.second = self.number(2)?,
            Part::Fraction(digits) => {
                let len = self.rest.bytes().take_while(u8::is_ascii_digit).count().min(*digits);
                let number = format!("{:0<6}", &self.rest[..len]);
                self.micros = number.get(..6)?.parse().ok().filter(|_| len > 0)?;
                self.rest = &self.rest[len..];
            }
            Part::HalfDay(_) => {
                let half = self.rest.get(..2)?.to_ascii_uppercase();
                self.is_afternoon = Some(match half.as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                self.rest = &self.rest[2..];
            }
            Part::Offset { .. } | Part::ZoneName => {
                if let Some(rest) = self.rest.strip_prefix('Z').or_else(|| self.rest.strip_prefix("UTC")) {
                    (self.rest, self.offset) = (rest, Some(0));
                    return Some(());
                }
                let is_part = |byte: &u8| matches!(byte, b'+' | b'-' | b':') || byte.is_ascii_digit();
                let len = self.rest.bytes().take_while(is_part).count();
                self.offset = Some(zone::offset(&self.rest[..len])?);
                self.rest = &self.rest[len..];
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self, max: usize) -> Option<i64> {
        let len = self.rest.bytes().take_while(u8::is_ascii_digit).count().min(max);
        let number = self.rest[..len].parse().ok()?;
        self.rest = &self.rest[len..];
        Some(number)
    }

    /// The place, from 1, of the name that comes next.
    fn name(&mut self, names: &[&str], how: Name) -> Option<i64> {
        let matches = |name: &&str| {
            let name = if how.is_short { &name[..3] } else { name };
            self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)).then_some(name.len())
        };
        let (at, len) = names.iter().enumerate().find_map(|(at, name)| matches(name).map(|len| (at, len)))?;
        self.rest = &self.rest[len..];
        if how.is_padded {
            self.rest = self.rest.trim_start_matches(' ');
        }
        Some(at as i64 + 1)
    }

    /// The local time in microseconds, and the offset from UTC where there is one. None where no calendar has it.
    pub fn finish(&self) -> Option<(i64, Option<i64>)> {
        let hour = match self.is_afternoon {
            Some(is_afternoon) => self.hour % 12 + if is_afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let (minute, second, micros) = (self.minute, self.second, self.micros);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = match self.day_of_year {
            Some(day @ 1..=366) => Civil::new(self.year, 1, 1)?.days() + day - 1,
            Some(_) => return None,
            None => Civil::new(self.year, self.month, self.day)?.days(),
        };
        let clock = Clock { hour, minute, second, micros };
        Some((days * DAY + clock.to_micros(), self.offset.map(|offset| offset / SECOND * SECOND)))
    }
}
