//! What is done with regular expressions.

use std::rc::Rc;

use super::{Env, Exit, Flow, Machine};
use crate::functions::regex::{Flags, Found, Regex};
use crate::functions::strings::part;
use crate::plan::{Match, MatchMode};
use crate::value::{List, Object, Value, hash};

impl<'p> Machine<'p> {
    /// Those with at most one result.
    pub(super) fn one_match(&self, of: &'p Match, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        if of.mode == MatchMode::Test
            && let Some(regex) = &of.regex
        {
            return self.test(regex, &input);
        }
        let mut result = Err(Exit::Empty);
        self.matches(of, env, input, &mut |value| {
            result = Ok(value);
            Ok(())
        })?;
        result
    }

    fn test(&self, regex: &Regex, input: &Value) -> Result<Value, Exit> {
        regex.is_match(self.subject(input)?).map(Value::Bool).map_err(Exit::error)
    }

    fn subject<'v>(&'v self, input: &'v Value) -> Result<&'v str, Exit> {
        self.source
            .str(input)
            .ok_or_else(|| Exit::error(format!("{} cannot be matched, as it is not a string", self.shown(input))))
    }

    /// Hands each result to `out`, for each pattern and all flags.
    pub(super) fn matches(
        &self,
        of: &'p Match,
        env: &Env<'p>,
        input: Value,
        out: &mut dyn FnMut(Value) -> Flow,
    ) -> Flow {
        if let Some(regex) = &of.regex {
            return self.apply(of, regex, env, &input, out);
        }
        self.many(&of.pattern, env, input.clone(), &mut |pattern: Value| {
            self.many(&of.flags, env, input.clone(), &mut |flags: Value| {
                let regex = self.regex(of.mode, &pattern, &flags)?;
                self.apply(of, &regex, env, &input, out)
            })
        })
    }

    /// The regular expression that is made of values: of a string, or of an array with the flags in it.
    fn regex(&self, mode: MatchMode, pattern: &Value, flags: &Value) -> Result<Rc<Regex>, Exit> {
        let refused =
            |value: &Value| Exit::error(format!("{} cannot be matched, as it is not a string", self.shown(value)));
        let elements = match self.source.array(pattern.clone()) {
            Some(elements) if matches!(mode, MatchMode::Test | MatchMode::Match | MatchMode::Capture) => elements,
            _ => Rc::new(List::new(vec![pattern.clone(), flags.clone()])),
        };
        let pattern = elements.first().ok_or_else(|| refused(pattern))?;
        let flags = elements.get(1).unwrap_or(flags);
        let text = self.source.str(pattern).ok_or_else(|| refused(pattern))?;
        let flags = match flags {
            Value::Null => "",
            flags => self.source.str(flags).ok_or_else(|| refused(flags))?,
        };
        let flags = Flags::parse(flags, false).map_err(Exit::error)?;
        self.regexes.borrow_mut().get(text, flags).map_err(Exit::error)
    }

    fn apply(
        &self,
        of: &'p Match,
        regex: &Regex,
        env: &Env<'p>,
        input: &Value,
        out: &mut dyn FnMut(Value) -> Flow,
    ) -> Flow {
        let text = self.subject(input)?;
        match of.mode {
            MatchMode::Test => out(self.test(regex, input)?),
            MatchMode::Match => {
                self.found(regex, text, |found, offsets| out(described(regex, input, text, &found, offsets)))
            }
            MatchMode::Capture => self.found(regex, text, |found, _| out(captured(regex, input, text, &found))),
            MatchMode::Scan => self.found(regex, text, |found, _| out(scanned(input, text, &found))),
            MatchMode::Split => {
                let mut parts = Vec::new();
                self.parts(regex, input, text, &mut |value| {
                    parts.push(value);
                    Ok(())
                })?;
                out(Value::array(parts))
            }
            MatchMode::Splits => self.parts(regex, input, text, out),
            MatchMode::Sub => self.substitute(of, regex, env, input, text, out),
        }
    }

    /// Hands the matches to `take`, with what counts the characters before them.
    fn found(&self, regex: &Regex, text: &str, mut take: impl FnMut(Found, &mut Offsets<'_>) -> Flow) -> Flow {
        let mut offsets = Offsets { text, bytes: 0, characters: 0, ascii: text.is_ascii() };
        let mut flow = Ok(());
        let searched = regex.each(text, |found| {
            flow = take(found, &mut offsets);
            if flow.is_err() { Err(String::new()) } else { Ok(()) }
        });
        flow?;
        searched.map_err(Exit::error)
    }

    /// What lies between the matches.
    fn parts(&self, regex: &Regex, input: &Value, text: &str, out: &mut dyn FnMut(Value) -> Flow) -> Flow {
        let mut from = 0;
        self.found(regex, text, |found, _| {
            let start = from;
            from = found.end;
            out(part(input, text, start, found.start))
        })?;
        out(part(input, text, from, text.len()))
    }

    /// The text with replacements for the matches: the first results for each, then the second ones and so on.
    fn substitute(
        &self,
        of: &'p Match,
        regex: &Regex,
        env: &Env<'p>,
        input: &Value,
        text: &str,
        out: &mut dyn FnMut(Value) -> Flow,
    ) -> Flow {
        let Some(replacement) = &of.replacement else { return Ok(()) };
        let mut results: Vec<String> = Vec::new();
        let mut from = 0;
        self.found(regex, text, |found, _| {
            let between = &text[from..found.start];
            from = found.end;
            let mut at = 0;
            let groups = captured(regex, input, text, &found);
            self.many(replacement, env, groups, &mut |value: Value| {
                if at == results.len() {
                    results.push(String::new());
                }
                results[at].push_str(between);
                match self.source.str(&value) {
                    Some(new) => results[at].push_str(new),
                    None if matches!(value, Value::Null) => {}
                    None => return Err(self.not_added(&Value::string(between), &value)),
                }
                at += 1;
                Ok(())
            })
        })?;
        if results.is_empty() {
            return out(input.clone());
        }
        for mut result in results {
            result.push_str(&text[from..]);
            out(Value::text(result))?;
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn not_added(&self, left: &Value, right: &Value) -> Exit {
        self.refused(left, right, "added")
    }
}

/// Counts characters, from the last place that was asked for on.
struct Offsets<'t> {
    text: &'t str,
    bytes: usize,
    characters: usize,
    ascii: bool,
}

impl Offsets<'_> {
    fn characters(&mut self, at: usize) -> f64 {
        if self.ascii {
            return at as f64;
        }
        if at < self.bytes {
            return self.text[..at].chars().count() as f64;
        }
        self.characters += self.text[self.bytes..at].chars().count();
        self.bytes = at;
        self.characters as f64
    }
}

/// A match as `match` tells of it.
fn described(regex: &Regex, input: &Value, text: &str, found: &Found, offsets: &mut Offsets<'_>) -> Value {
    let start = offsets.characters(found.start);
    let mut object = span(input, text, (found.start, found.end), start);
    let group = |(at, group): (usize, &Option<(usize, usize)>)| {
        let mut object = match group {
            Some((from, to)) => span(input, text, (*from, *to), offsets.characters(*from)),
            None => {
                let mut object = Object::with_capacity(4);
                object.push(Value::string("offset"), hash("offset"), Value::Number(-1.0));
                object.push(Value::string("string"), hash("string"), Value::Null);
                object.push(Value::string("length"), hash("length"), Value::Number(0.0));
                object
            }
        };
        let name = regex.names.get(at).and_then(Option::as_deref).map_or(Value::Null, Value::string);
        object.push(Value::string("name"), hash("name"), name);
        Value::object(object)
    };
    let groups = found.groups.iter().enumerate().map(group).collect();
    object.push(Value::string("captures"), hash("captures"), Value::array(groups));
    Value::object(object)
}

fn span(input: &Value, text: &str, (from, to): (usize, usize), offset: f64) -> Object {
    let mut object = Object::with_capacity(4);
    object.push(Value::string("offset"), hash("offset"), Value::Number(offset));
    let length = text[from..to].chars().count();
    object.push(Value::string("length"), hash("length"), Value::Number(length as f64));
    object.push(Value::string("string"), hash("string"), part(input, text, from, to));
    object
}

/// The named groups of a match.
fn captured(regex: &Regex, input: &Value, text: &str, found: &Found) -> Value {
    let mut object = Object::default();
    for (name, group) in regex.names.iter().zip(&found.groups) {
        let Some(name) = name else { continue };
        let value = group.map_or(Value::Null, |(from, to)| part(input, text, from, to));
        object.push(Value::string(name), hash(name), value);
    }
    Value::object(object)
}

/// The match, or its groups where the pattern has some.
fn scanned(input: &Value, text: &str, found: &Found) -> Value {
    if found.groups.is_empty() {
        return part(input, text, found.start, found.end);
    }
    let group = |group: &Option<(usize, usize)>| group.map_or(Value::Null, |(from, to)| part(input, text, from, to));
    Value::array(found.groups.iter().map(group).collect())
}
