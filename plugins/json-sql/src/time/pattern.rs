//! Patterns of dates and times: PostgreSQL's (`YYYY-MM-DD HH24:MI:SS`) and Java's (`yyyy-MM-dd HH:mm:ss`).

use std::fmt::Write;

use super::DAY;
use super::civil::{iso_weekday, split};
use super::pattern_text::Read;
use crate::Failure;

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Literal(String),
    Year,
    IsoYear,
    Century,
    /// Its number, or a name with so many letters, in this case.
    Month,
    MonthName(Name),
    Quarter,
    IsoWeek,
    Week,
    Day,
    DayOfYear,
    /// 1 is Sunday.
    DayOfWeek,
    IsoDayOfWeek,
    DayName(Name),
    Hour24,
    Hour12,
    Minute,
    Second,
    /// So many digits of the fraction of a second.
    Fraction(usize),
    /// `AM` or `PM`; whether in capitals.
    HalfDay(bool),
    /// `+02:00`; whether with a colon, and whether `Z` stands for none.
    Offset {
        colon: bool,
        z: bool,
    },
    ZoneName,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Case {
    Upper,
    Title,
    Lower,
}

/// How a name is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Name {
    pub is_short: bool,
    case: Case,
    /// Filled with spaces to the longest name.
    pub is_padded: bool,
}

/// A part and the least number of digits that it is written with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub part: Part,
    pub width: usize,
}

/// A pattern that was read.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    items: Vec<Item>,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// PostgreSQL's words, the longer of two that begin alike first.
const WORDS: [(&str, Part, usize); 36] = [
    ("YYYY", Part::Year, 4),
    ("yyyy", Part::Year, 4),
    ("IYYY", Part::IsoYear, 4),
    ("YYY", Part::Year, 3),
    ("YY", Part::Year, 2),
    ("yy", Part::Year, 2),
    ("CC", Part::Century, 2),
    ("MONTH", Part::MonthName(Name { is_short: false, case: Case::Upper, is_padded: true }), 0),
    ("Month", Part::MonthName(Name { is_short: false, case: Case::Title, is_padded: true }), 0),
    ("month", Part::MonthName(Name { is_short: false, case: Case::Lower, is_padded: true }), 0),
    ("MON", Part::MonthName(Name { is_short: true, case: Case::Upper, is_padded: false }), 0),
    ("Mon", Part::MonthName(Name { is_short: true, case: Case::Title, is_padded: false }), 0),
    ("mon", Part::MonthName(Name { is_short: true, case: Case::Lower, is_padded: false }), 0),
    ("MM", Part::Month, 2),
    ("MI", Part::Minute, 2),
    ("MS", Part::Fraction(3), 0),
    ("DAY", Part::DayName(Name { is_short: false, case: Case::Upper, is_padded: true }), 0),
    ("Day", Part::DayName(Name { is_short: false, case: Case::Title, is_padded: true }), 0),
    ("day", Part::DayName(Name { is_short: false, case: Case::Lower, is_padded: true }), 0),
    ("DY", Part::DayName(Name { is_short: true, case: Case::Upper, is_padded: false }), 0),
    ("Dy", Part::DayName(Name { is_short: true, case: Case::Title, is_padded: false }), 0),
    ("dy", Part::DayName(Name { is_short: true, case: Case::Lower, is_padded: false }), 0),
    ("DDD", Part::DayOfYear, 3),
    ("DD", Part::Day, 2),
    ("ID", Part::IsoDayOfWeek, 1),
    ("IW", Part::IsoWeek, 2),
    ("WW", Part::Week, 2),
    ("D", Part::DayOfWeek, 1),
    ("HH24", Part::Hour24, 2),
    ("HH12", Part::Hour12, 2),
    ("HH", Part::Hour12, 2),
    ("SS", Part::Second, 2),
    ("US", Part::Fraction(6), 0),
    ("Q", Part::Quarter, 1),
    ("TZ", Part::ZoneName, 0),
    ("OF", Part::Offset { colon: true, z: false }, 0),
];
const HALVES: [&str; 4] = ["AM", "PM", "am", "pm"];

impl Pattern {
    /// Reads a pattern of PostgreSQL's `to_char` and `to_timestamp`.
    pub fn postgresql(text: &str) -> Result<Pattern, Failure> {
        let (mut items, mut rest, mut is_tight) = (Vec::new(), text, false);
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("FM") {
                (rest, is_tight) = (after, true);
                continue;
            }
            if let Some(after) = rest.strip_prefix('"') {
                let (literal, after) = after.split_once('"').unwrap_or((after, ""));
                items.push(Item { part: Part::Literal(literal.into()), width: 0 });
                rest = after;
                continue;
            }
            if let Some(half) = HALVES.iter().find(|half| rest.starts_with(**half)) {
                items.push(Item { part: Part::HalfDay(half.starts_with(char::is_uppercase)), width: 0 });
                rest = &rest[2..];
            } else if let Some((word, part, width)) = WORDS.iter().find(|(word, ..)| rest.starts_with(word)) {
                let part = match part {
                    Part::MonthName(name) if is_tight => Part::MonthName(Name { is_padded: false, ..*name }),
                    Part::DayName(name) if is_tight => Part::DayName(Name { is_padded: false, ..*name }),
                    part => part.clone(),
                };
                items.push(Item { part, width: if is_tight { 0 } else { *width } });
                rest = &rest[word.len()..];
            } else if first.is_ascii_alphabetic() && first != 'T' && first != 'Z' {
                let word: String = rest.chars().take_while(char::is_ascii_alphabetic).take(12).collect();
                return Err(format!("the pattern has {word:?}; text in it stands in double quotes").into());
            } else {
                items.push(Item { part: Part::Literal(first.into()), width: 0 });
                rest = &rest[first.len_utf8()..];
            }
            is_tight = false;
        }
        Ok(Pattern { items })
    }

    /// Reads a pattern of Java's `DateTimeFormatter`, which ksqlDB's functions take.
    pub fn java(text: &str) -> Result<Pattern, Failure> {
        let (mut items, mut rest) = (Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix('\'') {
                let (literal, after) = after.split_once('\'').unwrap_or((after, ""));
                let literal = if literal.is_empty() { "'" } else { literal };
                items.push(Item { part: Part::Literal(literal.into()), width: 0 });
                rest = after;
                continue;
            }
            let count = rest.chars().take_while(|other| *other == first).count();
            if !first.is_ascii_alphabetic() {
                if matches!(first, '[' | ']' | '{' | '}' | '#') {
                    return Err(format!("the pattern has `{first}`, which is not available").into());
                }
                items.push(Item { part: Part::Literal(first.into()), width: 0 });
                rest = &rest[first.len_utf8()..];
                continue;
            }
            let name = |full: usize| Name { is_short: count < full, case: Case::Title, is_padded: false };
            let part = match (first, count) {
                ('y' | 'u', _) => Part::Year,
                ('M' | 'L', 1 | 2) => Part::Month,
                ('M' | 'L', _) => Part::MonthName(name(4)),
                ('Q' | 'q', 1 | 2) => Part::Quarter,
                ('d', _) => Part::Day,
                ('D', _) => Part::DayOfYear,
                ('E', _) => Part::DayName(name(4)),
                ('e', 1) => Part::IsoDayOfWeek,
                ('H', _) => Part::Hour24,
                ('h', _) => Part::Hour12,
                ('m', _) => Part::Minute,
                ('s', _) => Part::Second,
                ('S', _) => Part::Fraction(count),
                ('a', _) => Part::HalfDay(true),
                ('X', 1..=3) => Part::Offset { colon: count == 3, z: true },
                ('x', 1..=3) => Part::Offset { colon: count == 3, z: false },
                ('Z', 1..=3) => Part::Offset { colon: false, z: false },
                ('z' | 'V', _) => Part::ZoneName,
                _ => {
                    let letters: String = rest.chars().take(count.min(8)).collect();
                    return Err(format!("the pattern has `{letters}`; text in it stands in single quotes").into());
                }
            };
            let width = if matches!(part, Part::Fraction(_)) { 0 } else { count };
            items.push(Item { part, width });
            rest = &rest[count..];
        }
        Ok(Pattern { items })
    }

    /// Writes a local time, `offset` microseconds east of UTC.
    pub fn format(&self, micros: i64, offset: i64, zone: &str) -> String {
        let ((day, clock), days) = (split(micros), micros.div_euclid(DAY));
        let mut out = String::new();
        for Item { part, width } in &self.items {
            let number = match part {
                Part::Literal(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::MonthName(name) => {
                    push_name(&mut out, MONTHS[day.month as usize - 1], *name);
                    continue;
                }
                Part::DayName(name) => {
                    push_name(&mut out, DAYS[iso_weekday(days) as usize - 1], *name);
                    continue;
                }
                Part::Fraction(digits) => {
                    let text = format!("{:06}000", clock.micros);
                    out.push_str(&text[..*digits.min(&text.len())]);
                    continue;
                }
                Part::HalfDay(is_upper) => {
                    out.push_str(HALVES[usize::from(clock.hour >= 12) + if *is_upper { 0 } else { 2 }]);
                    continue;
                }
                Part::Offset { colon, z } => {
                    push_offset(&mut out, offset, *colon, *z);
                    continue;
                }
                Part::ZoneName => {
                    out.push_str(zone);
                    continue;
                }
                Part::Year if *width == 2 => i64::from(day.year % 100),
                Part::Year if *width == 3 => i64::from(day.year % 1000),
                Part::Year => i64::from(day.year),
                Part::IsoYear => day.iso_week().0,
                Part::Century => i64::from((day.year + 99) / 100),
                Part::Month => i64::from(day.month),
                Part::Quarter => i64::from((day.month - 1) / 3 + 1),
                Part::IsoWeek => day.iso_week().1,
                Part::Week => (day.day_of_year() - 1) / 7 + 1,
                Part::Day => i64::from(day.day),
                Part::DayOfYear => day.day_of_year(),
                Part::DayOfWeek => iso_weekday(days) % 7 + 1,
                Part::IsoDayOfWeek => iso_weekday(days),
                Part::Hour24 => clock.hour,
                Part::Hour12 => (clock.hour + 11) % 12 + 1,
                Part::Minute => clock.minute,
                Part::Second => clock.second,
            };
            let _ = write!(out, "{number:0width$}");
        }
        out
    }

    /// Reads a local time and, where the text has one, the microseconds by which it lies east of UTC.
    pub fn parse(&self, text: &str) -> Result<(i64, Option<i64>), Failure> {
        let mut read = Read::new(text);
        for (at, item) in self.items.iter().enumerate() {
            let is_followed = self.items.get(at + 1).is_some_and(|next| !matches!(next.part, Part::Literal(_)));
            read.item(item, is_followed).ok_or_else(|| mismatch(text))?;
        }
        if !read.is_at_end() {
            return Err(mismatch(text));
        }
        read.finish().ok_or_else(|| mismatch(text))
    }
}

fn mismatch(text: &str) -> Failure {
    let text: String = text.chars().take(60).collect();
    format!("{text:?} does not fit the pattern").into()
}

fn push_name(out: &mut String, name: &str, how: Name) {
    let text = if how.is_short { &name[..3] } else { name };
    match how.case {
        Case::Upper => out.push_str(&text.to_ascii_uppercase()),
        Case::Title => out.push_str(text),
        Case::Lower => out.push_str(&text.to_ascii_lowercase()),
    }
    if how.is_padded && !how.is_short {
        (text.len()..9).for_each(|_| out.push(' '));
    }
}

fn push_offset(out: &mut String, offset: i64, colon: bool, z: bool) {
    if z && offset == 0 {
        out.push('Z');
        return;
    }
    let minutes = offset / super::MINUTE;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    let _ = write!(out, "{sign}{hours:02}{}{minutes:02}", if colon { ":" } else { "" });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-09 05:07:08.090123, a Monday
    const MOMENT: i64 = 1_773_032_828_090_123;

    #[test]
    fn both_kinds_of_patterns_are_written() {
        let pg = |pattern| Pattern::postgresql(pattern).expect("a pattern").format(MOMENT, 0, "UTC");
        assert_eq!(pg("YYYY-MM-DD HH24:MI:SS.US"), "2026-03-09 05:07:08.090123");
        assert_eq!(pg("FMMonth FMDD, YYYY \"at\" HH12 am, Dy"), "March 9, 2026 at 05 am, Mon");
        assert_eq!(pg("IYYY-IW-ID DDD Q MS TZ"), "2026-11-1 068 1 090 UTC");
        let java = |pattern| Pattern::java(pattern).expect("a pattern").format(MOMENT, 7_200_000_000, "Europe/Berlin");
        assert_eq!(java("yyyy-MM-dd'T'HH:mm:ss.SSSXXX"), "2026-03-09T05:07:08.090+02:00");
        assert_eq!(java("EEE, d MMM yy h:mm a ''VV''"), "Mon, 9 Mar 26 5:07 AM 'Europe/Berlin'");
        assert!(Pattern::java("yyyy[-MM]").is_err() && Pattern::java("bb").is_err());
        assert!(Pattern::postgresql("YYYY foo").is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        for pattern in ["yyyy-MM-dd HH:mm:ss.SSSSSS", "yyyyMMddHHmmssSSSSSS", "MMM d, yyyy h:mm:ss.SSSSSS a"] {
            let pattern = Pattern::java(pattern).expect("a pattern");
            assert_eq!(pattern.parse(&pattern.format(MOMENT, 0, "")), Ok((MOMENT, None)));
        }
        let pattern = Pattern::java("yyyy-MM-dd HH:mm:ss.SSSSSSXXX").expect("a pattern");
        assert_eq!(pattern.parse("2026-03-09 05:07:08.090123+01:00"), Ok((MOMENT, Some(3_600_000_000))));
        for text in ["", "2026-03-09", "2026-02-30 05:07:08.090123Z", "2026-03-09 25:07:08.090123Z", "é"] {
            assert!(pattern.parse(text).is_err(), "{text}");
        }
    }
}
