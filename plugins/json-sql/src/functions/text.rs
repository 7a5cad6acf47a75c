//! Text.

use super::{Function, MANY, Run, Scope, lenient, strict};
use crate::Failure;
use crate::cast::to_text;
use crate::failure::Answer;
use crate::value::{Kind, Value};

const TEXT: Option<Kind> = Some(Kind::Text);
const INT: Option<Kind> = Some(Kind::Int);

const UPPER: Run = |scope, args| map(scope, args, char::to_uppercase);
const LOWER: Run = |scope, args| map(scope, args, char::to_lowercase);
const LENGTH: Run = |_, args| match args[0] {
    Value::Bytes(bytes) => Ok(Value::Int(bytes.len() as i64)),
    ref other => other.text().map(|text| Value::Int(text.chars().count() as i64)),
};
const POSITION: Run = |_, args| Ok(Value::Int(position(args[0].text()?, args[1].text()?)));
const LPAD: Run = |scope, args| pad(scope, args, true);
const RPAD: Run = |scope, args| pad(scope, args, false);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("upper", (1, 1), TEXT, UPPER),
    strict("ucase", (1, 1), TEXT, UPPER),
    strict("lower", (1, 1), TEXT, LOWER),
    strict("lcase", (1, 1), TEXT, LOWER),
    strict("initcap", (1, 1), TEXT, initcap),
    strict("length", (1, 1), INT, LENGTH),
    strict("char_length", (1, 1), INT, LENGTH),
    strict("character_length", (1, 1), INT, LENGTH),
    strict("len", (1, 1), INT, LENGTH),
    strict("octet_length", (1, 1), INT, |_, args| octets(args).map(|octets| Value::Int(octets as i64))),
    strict("bit_length", (1, 1), INT, |_, args| octets(args).map(|octets| Value::Int(octets as i64 * 8))),
    strict("reverse", (1, 1), TEXT, |scope, args| scope.arena.text(&args[0].text()?.chars().rev().collect::<String>())),
    strict("repeat", (2, 2), TEXT, repeat),
    strict("left", (2, 2), TEXT, |_, args| left_or_right(args, true)),
    strict("right", (2, 2), TEXT, |_, args| left_or_right(args, false)),
    strict("substr", (2, 3), TEXT, substring),
    strict("substring", (2, 3), TEXT, substring),
    strict("strpos", (2, 2), INT, POSITION),
    strict("instr", (2, 4), INT, instr),
    strict("replace", (3, 3), TEXT, replace),
    strict("translate", (3, 3), TEXT, translate),
    strict("lpad", (2, 3), TEXT, LPAD),
    strict("rpad", (2, 3), TEXT, RPAD),
    strict("ltrim", (1, 2), TEXT, |_, args| trim(args, true, false)),
    strict("rtrim", (1, 2), TEXT, |_, args| trim(args, false, true)),
    strict("btrim", (1, 2), TEXT, |_, args| trim(args, true, true)),
    strict("trim", (1, 2), TEXT, |_, args| trim(args, true, true)),
    strict("ascii", (1, 1), INT, |_, args| {
        Ok(Value::Int(args[0].text()?.chars().next().map_or(0, |first| i64::from(u32::from(first)))))
    }),
    strict("chr", (1, 1), TEXT, chr),
    strict("starts_with", (2, 2), Some(Kind::Bool), |_, args| {
        Ok(Value::Bool(args[0].text()?.starts_with(args[1].text()?)))
    }),
    strict("to_hex", (1, 1), TEXT, |scope, args| scope.arena.text(&format!("{:x}", args[0].int()?))),
    strict("overlay", (3, 4), TEXT, overlay),
    lenient("concat", (1, MANY), TEXT, |scope, args| join(scope, "", args)),
    lenient("concat_ws", (2, MANY), TEXT, |scope, args| match args[0].text_or_null()? {
        Some(between) => join(scope, between, &args[1..]),
        None => Ok(Value::Null),
    }),
    strict("quote_literal", (1, 1), TEXT, |scope, args| {
        let text = args[0].text()?;
        let quoted = text.replace('\'', "''").replace('\\', "\\\\");
        scope.arena.concat(&[if text.contains('\\') { "E'" } else { "'" }, &quoted, "'"])
    }),
];

/// Each character changed by itself, and left where it becomes several.
fn map<'a, I: Iterator<Item = char>>(scope: &Scope<'a>, args: &[Value<'a>], change: fn(char) -> I) -> Answer<'a> {
    let text = args[0].text()?;
    let changed: String = text
        .chars()
        .map(|character| {
            let mut characters = change(character);
            characters.next().filter(|_| characters.next().is_none()).unwrap_or(character)
        })
        .collect();
    scope.arena.text(&changed)
}

fn initcap<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let mut is_inside = false;
    let mut out = String::new();
    for character in args[0].text()?.chars() {
        if is_inside {
            out.extend(character.to_lowercase())
        } else {
            out.extend(character.to_uppercase())
        }
        is_inside = character.is_alphanumeric();
    }
    scope.arena.text(&out)
}

fn octets(args: &[Value<'_>]) -> Result<usize, Failure> {
    match args[0] {
        Value::Bytes(bytes) => Ok(bytes.len()),
        ref other => other.text().map(str::len),
    }
}

fn repeat<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, count) = (args[0].text()?, args[1].int32()?.max(0) as usize);
    scope.arena.check(text.len().saturating_mul(count))?;
    scope.arena.text(&text.repeat(if text.is_empty() { 0 } else { count }))
}

/// The byte at which the character of a number begins, or the end.
fn byte_at(text: &str, character: usize) -> usize {
    if text.is_ascii() {
        return character.min(text.len());
    }
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

fn left_or_right<'a>(args: &[Value<'a>], left: bool) -> Answer<'a> {
    let (text, count) = (args[0].text()?, args[1].int32()?);
    let len = || text.chars().count() as i64;
    // How many characters come before the cut.
    let before = match (left, count >= 0) {
        (true, true) => count,
        (true, false) => len() + count,
        (false, true) => len() - count,
        (false, false) => -count,
    };
    let (head, tail) = text.split_at(byte_at(text, before.max(0) as usize));
    Ok(Value::Text(if left { head } else { tail }))
}

fn substring<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    if let Value::Text(_) = args[1] {
        return super::regex::substring(scope, args);
    }
    let start = args[1].int32()?;
    let end = match args.get(2) {
        None => i64::MAX,
        Some(count) => match count.int32()? {
            ..0 => return Err("negative substring length not allowed".into()),
            count => start + count,
        },
    };
    if let Value::Bytes(bytes) = args[0] {
        let len = bytes.len() as i64;
        let from = (start - 1).clamp(0, len);
        return Ok(Value::Bytes(&bytes[from as usize..(end - 1).clamp(from, len) as usize]));
    }
    let text = args[0].text()?;
    let from = byte_at(text, (start - 1).max(0) as usize);
    let count = (end - start.max(1)).max(0) as usize;
    let rest = &text[from..];
    Ok(Value::Text(&rest[..byte_at(rest, count)]))
}

/// The place of a part, from 1, or 0.
fn position(text: &str, part: &str) -> i64 {
    text.find(part).map_or(0, |at| text[..at].chars().count() as i64 + 1)
}

/// ksqlDB's: from a position on, which may count from the end, the n-th occurrence.
fn instr<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, part) = (args[0].text()?, args[1].text()?);
    let (start, occurrence) = (int_or(args, 2, 1)?, int_or(args, 3, 1)?);
    if start == 0 || occurrence < 1 || part.is_empty() {
        return Ok(Value::Int(0));
    }
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let is_at = |at: &usize| text[places[*at]..].starts_with(part);
    let skip = (occurrence - 1) as usize;
    let found = if start > 0 {
        ((start - 1).min(places.len() as i64) as usize..places.len()).filter(is_at).nth(skip)
    } else {
        let last = places.len() as i64 + start;
        if last < 0 { None } else { (0..=last as usize).rev().filter(is_at).nth(skip) }
    };
    Ok(Value::Int(found.map_or(0, |at| at as i64 + 1)))
}

fn int_or(args: &[Value<'_>], at: usize, default: i64) -> Result<i64, Failure> {
    args.get(at).map_or(Ok(default), Value::int32)
}

fn replace<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, from, to) = (args[0].text()?, args[1].text()?, args[2].text()?);
    if from.is_empty() {
        return Ok(args[0]);
    }
    let count = text.matches(from).count();
    if count == 0 {
        return Ok(args[0]);
    }
    scope.arena.check(text.len().saturating_add(count.saturating_mul(to.len())))?;
    scope.arena.text(&text.replace(from, to))
}

fn translate<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, from, to) = (args[0].text()?, args[1].text()?, args[2].text()?);
    let changed = |character| match from.chars().position(|other| other == character) {
        Some(at) => to.chars().nth(at),
        None => Some(character),
    };
    scope.arena.text(&text.chars().filter_map(changed).collect::<String>())
}

fn pad<'a>(scope: &Scope<'a>, args: &[Value<'a>], left: bool) -> Answer<'a> {
    let (text, len) = (args[0].text()?, args[1].int32()?.max(0) as usize);
    let fill = args.get(2).map_or(Ok(" "), Value::text)?;
    let cut = &text[..byte_at(text, len)];
    let missing = len - cut.chars().count();
    if missing == 0 || fill.is_empty() {
        return Ok(Value::Text(cut));
    }
    scope.arena.check(cut.len().saturating_add(missing.saturating_mul(4)))?;
    let fill: String = fill.chars().cycle().take(missing).collect();
    scope.arena.concat(&if left { [fill.as_str(), cut] } else { [cut, fill.as_str()] })
}

fn trim<'a>(args: &[Value<'a>], left: bool, right: bool) -> Answer<'a> {
    let mut text = args[0].text()?;
    let set = args.get(1).map_or(Ok(" "), Value::text)?;
    let is_in = |character| set.contains(character);
    if left {
        text = text.trim_start_matches(is_in);
    }
    if right {
        text = text.trim_end_matches(is_in);
    }
    Ok(Value::Text(text))
}

fn chr<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let number = args[0].int32()?;
    let character = u32::try_from(number).ok().filter(|number| *number > 0).and_then(char::from_u32);
    match character {
        Some(character) => scope.arena.text(character.encode_utf8(&mut [0; 4])),
        None => Err(format!("no character has the number {number}").into()),
    }
}

fn overlay<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, new, start) = (args[0].text()?, args[1].text()?, args[2].int32()?);
    let count = args.get(3).map_or(Ok(new.chars().count() as i64), Value::int32)?;
    if start <= 0 {
        return Err("negative substring length not allowed".into());
    }
    let end = start + count;
    let head = &text[..byte_at(text, (start - 1) as usize)];
    let tail = &text[byte_at(text, (end - 1).max(0) as usize)..];
    scope.arena.concat(&[head, new, tail])
}

/// The values that are not NULL as text, one after the other.
pub(super) fn join<'a>(scope: &Scope<'a>, between: &str, args: &[Value<'a>]) -> Answer<'a> {
    let mut parts: Vec<&str> = Vec::new();
    for arg in args.iter().filter(|arg| !arg.is_null()) {
        // A truth value is one letter here, as in PostgreSQL.
        let text = match arg {
            Value::Bool(true) => "t",
            Value::Bool(false) => "f",
            other => to_text(other, None, scope.arena)?.text()?,
        };
        if !parts.is_empty() {
            parts.push(between);
        }
        parts.push(text);
    }
    scope.arena.concat(&parts)
}
