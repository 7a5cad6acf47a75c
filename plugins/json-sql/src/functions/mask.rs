//! Hiding what is not for others: ksqlDB's functions, and one for e-mail addresses.

use super::{Function, Scope, lenient, strict};
use crate::Failure;
use crate::failure::Answer;
use crate::value::{Kind, Value};

const TEXT: Option<Kind> = Some(Kind::Text);

pub(super) const FUNCTIONS: &[Function] = &[
    lenient("mask", (1, 5), TEXT, |scope, args| mask(scope, args, 1, |_, _, _| true)),
    lenient("mask_left", (2, 6), TEXT, |scope, args| mask(scope, args, 2, |at, _, count| at < count)),
    lenient("mask_right", (2, 6), TEXT, |scope, args| mask(scope, args, 2, |at, len, count| at + count >= len)),
    lenient("mask_keep_left", (2, 6), TEXT, |scope, args| mask(scope, args, 2, |at, _, count| at >= count)),
    lenient("mask_keep_right", (2, 6), TEXT, |scope, args| mask(scope, args, 2, |at, len, count| at + count < len)),
    strict("mask_email", (1, 1), TEXT, |scope, args| {
        let email = args[0].text()?;
        // They are short: this takes less than a search that begins with words.
        let Some(at) = email.bytes().rposition(|byte| byte == b'@') else { return Ok(Value::Text("***")) };
        let (local, domain) = (&email[..at], &email[at + 1..]);
        let mut characters = local.char_indices();
        // The letter of an address of one letter would be all of it.
        let first = characters.next().and_then(|_| characters.next()).map_or("", |(end, _)| &local[..end]);
        scope.arena.concat(&[first, "***@", domain])
    }),
];

/// Replaces the characters at which `hides` (place, length, count) holds: capitals, small letters, digits and others
/// each by what the last arguments say; NULL leaves them. `first` is where those arguments begin.
fn mask<'a>(scope: &Scope<'a>, args: &[Value<'a>], first: usize, hides: fn(usize, usize, usize) -> bool) -> Answer<'a> {
    let Some(text) = args[0].text_or_null()? else { return Ok(Value::Null) };
    let count = match args.get(1).filter(|_| first == 2) {
        Some(count) => {
            usize::try_from(count.int32()?).map_err(|_| Failure::from("a count of characters is not negative"))?
        }
        None => 0,
    };
    let mut masks = [Some('X'), Some('x'), Some('n'), Some('-')];
    for (mask, arg) in masks.iter_mut().zip(&args[first..]) {
        *mask = arg.text_or_null()?.and_then(|text| text.chars().next());
    }
    let len = text.chars().count();
    let hidden = |(at, character): (usize, char)| {
        let class = match character {
            _ if !hides(at, len, count) => return character,
            _ if character.is_uppercase() => 0,
            _ if character.is_lowercase() => 1,
            _ if character.is_numeric() => 2,
            _ => 3,
        };
        masks[class].unwrap_or(character)
    };
    scope.arena.text(&text.chars().enumerate().map(hidden).collect::<String>())
}
