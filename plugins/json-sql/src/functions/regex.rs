//! Regular expressions.

use regex_lite::{Captures, Regex, RegexBuilder};

use super::like::{like, similar};
use super::{Function, Scope, strict};
use crate::Failure;
use crate::failure::Answer;
use crate::value::{Kind, Value};

const BOOL: Option<Kind> = Some(Kind::Bool);
const TEXT: Option<Kind> = Some(Kind::Text);
const INT: Option<Kind> = Some(Kind::Int);
const ARRAY: Option<Kind> = Some(Kind::Array);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("like", (2, 3), BOOL, |_, args| is_like(args, false)),
    strict("ilike", (2, 3), BOOL, |_, args| is_like(args, true)),
    strict("similar to", (2, 3), BOOL, |scope, args| {
        let pattern = similar(args[1].text()?, escape(args)?)?;
        scope.cache.regex(&pattern, false).and_then(|regex| Ok(Value::Bool(regex.is_match(args[0].text()?))))
    }),
    strict("~", (2, 2), BOOL, |scope, args| is_match(scope, args, "")),
    strict("~*", (2, 2), BOOL, |scope, args| is_match(scope, args, "i")),
    strict("regexp_like", (2, 3), BOOL, |scope, args| is_match(scope, args, args.get(2).map_or(Ok(""), Value::text)?)),
    strict("regexp_replace", (3, 4), TEXT, replace),
    strict("regexp_match", (2, 3), ARRAY, find),
    strict("regexp_count", (2, 4), INT, |scope, args| {
        let text = from_start(args, 2)?;
        let regex = flagged(scope, args, 1, 3)?;
        Ok(Value::Int(regex.find_iter(text).count() as i64))
    }),
    strict("regexp_substr", (2, 2), TEXT, |scope, args| {
        let text = args[0].text()?;
        let found = scope.cache.regex(&translated(args[1].text()?), false)?.find(text).map(|found| found.range());
        Ok(found.map_or(Value::Null, |range| Value::Text(&text[range])))
    }),
    strict("regexp_split_to_array", (2, 3), ARRAY, split),
    strict("regexp_extract", (2, 3), TEXT, extract),
    strict("regexp_extract_all", (2, 3), ARRAY, extract_all),
];

/// Compiles what [`translated`] has made.
pub(crate) fn compile(pattern: &str, ignore_case: bool) -> Result<Regex, Failure> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .dot_matches_new_line(true)
        .nest_limit(50)
        .build()
        .map_err(|error| format!("invalid regular expression: {error}").into())
}

/// A pattern of PostgreSQL's, with the few escapes that differ.
pub(crate) fn translated(pattern: &str) -> String {
    let (mut out, mut characters) = (String::new(), pattern.chars());
    while let Some(character) = characters.next() {
        out.push(character);
        if character != '\\' {
            continue;
        }
        match characters.next() {
            Some('y') => out.push('b'),
            Some('Y') => out.push('B'),
            Some('m') => out.push_str("b{start}"),
            Some('M') => out.push_str("b{end}"),
            Some('Z') => out.push('z'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

fn escape(args: &[Value<'_>]) -> Result<Option<char>, Failure> {
    let Some(escape) = args.get(2) else { return Ok(Some('\\')) };
    let mut characters = escape.text()?.chars();
    let escape = characters.next();
    if characters.next().is_some() { Err("the escape is one character or none".into()) } else { Ok(escape) }
}

fn is_like<'a>(args: &[Value<'a>], ignore_case: bool) -> Answer<'a> {
    like(args[0].text()?, args[1].text()?, escape(args)?, ignore_case).map(Value::Bool)
}

/// Whether the flags say so of case; `g` is for whoever takes it.
fn flags(flags: &str, allowed: &str) -> Result<bool, Failure> {
    match flags.chars().find(|flag| !allowed.contains(*flag)) {
        Some(flag) => Err(format!("no flag `{flag}`; there are {allowed}").into()),
        None => Ok(flags.rfind('i') > flags.rfind('c')),
    }
}

fn flagged<'a>(
    scope: &Scope<'a>,
    args: &[Value<'a>],
    pattern: usize,
    at: usize,
) -> Result<std::rc::Rc<Regex>, Failure> {
    let ignore_case = flags(args.get(at).map_or(Ok(""), Value::text)?, "ic")?;
    scope.cache.regex(&translated(args[pattern].text()?), ignore_case)
}

fn is_match<'a>(scope: &Scope<'a>, args: &[Value<'a>], given: &str) -> Answer<'a> {
    let regex = scope.cache.regex(&translated(args[1].text()?), flags(given, "ic")?)?;
    Ok(Value::Bool(regex.is_match(args[0].text()?)))
}

/// A text from the character on that an argument names.
fn from_start<'a>(args: &[Value<'a>], at: usize) -> Result<&'a str, Failure> {
    let (text, start) = (args[0].text()?, args.get(at).map_or(Ok(1), Value::int32)?);
    let skip = usize::try_from(start - 1).map_err(|_| Failure::from("a start is greater than zero"))?;
    Ok(text.char_indices().nth(skip).map_or("", |(at, _)| &text[at..]))
}

fn replace<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, with) = (args[0].text()?, args[2].text()?);
    let given = args.get(3).map_or(Ok(""), Value::text)?;
    let regex = scope.cache.regex(&translated(args[1].text()?), flags(given, "gic")?)?;
    let (mut out, mut end) = (String::new(), 0);
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        push_replacement(&mut out, with, &captures);
        scope.arena.check(out.len())?;
        end = whole.end();
        if !given.contains('g') {
            break;
        }
    }
    out.push_str(&text[end..]);
    scope.arena.text(&out)
}

/// `\1` is a group, `\&` the whole match, `\\` a backslash.
fn push_replacement(out: &mut String, with: &str, captures: &Captures<'_>) {
    let mut characters = with.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        let mut rest = characters.clone();
        let group = match rest.next() {
            Some('&') => 0,
            Some(digit @ '0'..='9') => digit as usize - '0' as usize,
            Some('\\') => {
                out.push('\\');
                characters = rest;
                continue;
            }
            _ => {
                out.push('\\');
                continue;
            }
        };
        characters = rest;
        out.push_str(captures.get(group).map_or("", |found| found.as_str()));
    }
}

/// What the groups of the first match hold, or the match itself where there are none.
fn find<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let text = args[0].text()?;
    let regex = flagged(scope, args, 1, 2)?;
    let Some(captures) = regex.captures(text) else { return Ok(Value::Null) };
    let first = usize::from(captures.len() > 1);
    let items: Vec<_> = (first..captures.len())
        .map(|group| captures.get(group).map_or(Value::Null, |found| Value::Text(&text[found.range()])))
        .collect();
    scope.arena.array(&items)
}

/// `substring(text from pattern)`
pub(super) fn substring<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    if args.len() == 3 {
        return Err("substring with a pattern takes two arguments".into());
    }
    match find(scope, args)? {
        Value::Array([first, ..]) => Ok(*first),
        _ => Ok(Value::Null),
    }
}

fn split<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let text = args[0].text()?;
    let regex = flagged(scope, args, 1, 2)?;
    let (mut items, mut end) = (Vec::new(), 0);
    for found in regex.find_iter(text) {
        // An empty match at the start, at the end or right behind another parts nothing.
        if found.is_empty() && (found.start() == end || found.start() == text.len()) {
            continue;
        }
        items.push(Value::Text(&text[end..found.start()]));
        scope.arena.check(size_of_val(items.as_slice()))?;
        end = found.end();
    }
    items.push(Value::Text(&text[end..]));
    scope.arena.array(&items)
}

/// ksqlDB's: pattern first, then the text, then the group.
fn extract<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, group) = (args[1].text()?, group(args)?);
    let captures = scope.cache.regex(args[0].text()?, false)?;
    let found = captures.captures(text).and_then(|captures| captures.get(group));
    Ok(found.map_or(Value::Null, |found| Value::Text(&text[found.range()])))
}

fn extract_all<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, group) = (args[1].text()?, group(args)?);
    let regex = scope.cache.regex(args[0].text()?, false)?;
    let found = regex.captures_iter(text).filter_map(|captures| captures.get(group));
    let items: Vec<_> = found.map(|found| Value::Text(&text[found.range()])).collect();
    scope.arena.array(&items)
}

fn group(args: &[Value<'_>]) -> Result<usize, Failure> {
    let group = args.get(2).map_or(Ok(0), Value::int32)?;
    usize::try_from(group).map_err(|_| "a group is not negative".into())
}
