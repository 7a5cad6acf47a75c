//! Times as text, as C's `strftime` writes them in the locale `C`.

use std::fmt::Write;

use super::calendar::Broken;

pub(super) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
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

/// A time in a format.
pub(super) fn format(time: &Broken, format: &str) -> String {
    let mut text = String::with_capacity(format.len() + 16);
    append(time, format, &mut text);
    text
}

fn append(time: &Broken, format: &str, text: &mut String) {
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let mut pad = None;
        let mut next = rest.next();
        while let Some(flag @ ('-' | '_' | '0' | '^' | 'E' | 'O' | '#')) = next {
            pad = Some(flag);
            next = rest.next();
        }
        match next {
            None => text.push('%'),
            Some(conversion) => append_one(time, conversion, pad, text),
        }
    }
}

fn append_one(time: &Broken, conversion: char, pad: Option<char>, text: &mut String) {
    let mut digits = |value: i64, width: usize, fill: char| match pad {
        Some('-') => number(text, value, 0, ' '),
        Some('_') => number(text, value, width, ' '),
        Some('0') => number(text, value, width, '0'),
        _ => number(text, value, width, fill),
    };
    let twelve = (time.hour + 11).rem_euclid(12) + 1;
    match conversion {
        'Y' => digits(time.year, 0, '0'),
        'C' => digits(time.year.div_euclid(100), 2, '0'),
        'y' => digits(time.year.rem_euclid(100), 2, '0'),
        'm' => digits(time.month + 1, 2, '0'),
        'd' => digits(time.day, 2, '0'),
        'e' => digits(time.day, 2, ' '),
        'H' => digits(time.hour, 2, '0'),
        'k' => digits(time.hour, 2, ' '),
        'I' => digits(twelve, 2, '0'),
        'l' => digits(twelve, 2, ' '),
        'M' => digits(time.minute, 2, '0'),
        'S' => digits(time.second as i64, 2, '0'),
        'j' => digits(time.yearday + 1, 3, '0'),
        'u' => digits(if time.weekday == 0 { 7 } else { time.weekday }, 0, '0'),
        'w' => digits(time.weekday, 0, '0'),
        'U' => digits((time.yearday + 7 - time.weekday) / 7, 2, '0'),
        'W' => digits((time.yearday + 7 - (time.weekday + 6) % 7) / 7, 2, '0'),
        'V' => digits(time.iso_week().1, 2, '0'),
        'G' => digits(time.iso_week().0, 0, '0'),
        'g' => digits(time.iso_week().0.rem_euclid(100), 2, '0'),
        's' => digits(time.seconds(), 0, '0'),
        _ => append_name(time, conversion, pad, text),
    }
}

fn append_name(time: &Broken, conversion: char, pad: Option<char>, text: &mut String) {
    let name =
        |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or("?");
    let start = text.len();
    match conversion {
        'A' => text.push_str(name(&WEEKDAYS, time.weekday)),
        'a' => text.push_str(short(name(&WEEKDAYS, time.weekday))),
        'B' => text.push_str(name(&MONTHS, time.month)),
        'b' | 'h' => text.push_str(short(name(&MONTHS, time.month))),
        'p' => text.push_str(if time.hour < 12 { "AM" } else { "PM" }),
        'P' => text.push_str(if time.hour < 12 { "am" } else { "pm" }),
        'Z' => text.push_str("UTC"),
        'z' => text.push_str("+0000"),
        'D' | 'x' => append(time, "%m/%d/%y", text),
        'F' => append(time, "%Y-%m-%d", text),
        'T' | 'X' => append(time, "%H:%M:%S", text),
        'R' => append(time, "%H:%M", text),
        'r' => append(time, "%I:%M:%S %p", text),
        'c' => append(time, "%a %b %e %H:%M:%S %Y", text),
        'n' => text.push('\n'),
        't' => text.push('\t'),
        '%' => text.push('%'),
        other => {
            text.push('%');
            text.push(other);
        }
    }
    if pad == Some('^') {
        text[start..].make_ascii_uppercase();
    }
}

fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

fn number(text: &mut String, value: i64, width: usize, fill: char) {
    if (0..100).contains(&value) && width == 2 && fill == '0' {
        text.push(char::from(b'0' + (value / 10) as u8));
        text.push(char::from(b'0' + (value % 10) as u8));
        return;
    }
    let _ = match fill {
        ' ' => write!(text, "{value:width$}"),
        _ => write!(text, "{value:0width$}"),
    };
}
