//! Steps over the parts of a text, each from the offset where a part starts to the one behind it. The offset goes
//! from step to step in a register: a cursor in memory would have each step wait for the one before.

use crate::Invalid;

/// Over white space.
#[inline]
pub(crate) fn space(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(0..=b' ') => spaces(bytes, at),
        _ => at,
    }
}

#[inline(never)]
fn spaces(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Over a string, from its opening quote on; whether there is an escape in it.
#[inline]
pub(crate) fn string(bytes: &[u8], at: usize) -> Result<(usize, bool), Invalid> {
    let stop = plain_until(bytes, at + 1);
    if bytes.get(stop) == Some(&b'"') { Ok((stop + 1, false)) } else { string_from(bytes, stop) }
}

/// Over what is left of a string, from something in it on that is not plain.
#[cold]
fn string_from(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Invalid> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, true)),
            Some(b'\\') => at = plain_until(bytes, escape(bytes, at)?),
            Some(_) => return Err(Invalid::new(bytes, at, "an escape in place of this control character")),
            None => return Err(Invalid::new(bytes, at, "`\"` at the end of a string")),
        }
    }
}

fn escape(bytes: &[u8], at: usize) -> Result<usize, Invalid> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let is_digit = |at: &usize| bytes.get(*at).is_some_and(u8::is_ascii_hexdigit);
            match (at + 2..at + 6).find(|at| !is_digit(at)) {
                Some(at) => Err(Invalid::new(bytes, at, "four hexadecimal digits after `\\u`")),
                None => Ok(at + 6),
            }
        }
        _ => Err(Invalid::new(bytes, at + 1, "one of `\"\\/bfnrtu` after a backslash")),
    }
}

/// Whether what stands between the quotes of a valid string has no escapes but those that a writer would make too.
#[cold]
pub(crate) fn is_tidy(string: &[u8]) -> bool {
    let mut at = 0;
    while at < string.len() {
        match (string[at], string.get(at + 1)) {
            (b'\\', Some(b'"' | b'\\' | b'n' | b'r' | b't')) => at += 2,
            (b'\\', _) => return false,
            _ => at += 1,
        }
    }
    true
}

/// Over a number, or over `true`, `false` or `null`, from its first byte on.
#[inline]
pub(crate) fn bare(bytes: &[u8], at: usize) -> Result<usize, Invalid> {
    match bytes.get(at) {
        Some(b'1'..=b'9') => {
            let end = digits_end(bytes, at + 1);
            match bytes.get(end) {
                Some(b'.' | b'e' | b'E') => fraction(bytes, end),
                _ => Ok(end),
            }
        }
        Some(b'-' | b'0') => number(bytes, at),
        Some(b't') => literal(bytes, at, b"true"),
        Some(b'f') => literal(bytes, at, b"false"),
        Some(b'n') => literal(bytes, at, b"null"),
        _ => Err(Invalid::new(bytes, at, "a value")),
    }
}

#[inline(never)]
fn number(bytes: &[u8], at: usize) -> Result<usize, Invalid> {
    let at = if bytes[at] == b'-' { at + 1 } else { at };
    match bytes.get(at) {
        Some(b'0') => fraction(bytes, at + 1), // no digit may follow; what does is refused as what follows a value
        _ => fraction(bytes, digits(bytes, at)?),
    }
}

/// Over what may follow the whole part of a number.
#[inline(never)]
fn fraction(bytes: &[u8], mut at: usize) -> Result<usize, Invalid> {
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = digits(bytes, at + 1 + sign)?;
    }
    Ok(at)
}

fn digits(bytes: &[u8], at: usize) -> Result<usize, Invalid> {
    let end = digits_end(bytes, at);
    if end == at { Err(Invalid::new(bytes, at, "a digit")) } else { Ok(end) }
}

#[inline]
fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

#[inline(never)]
fn literal(bytes: &[u8], at: usize, literal: &[u8]) -> Result<usize, Invalid> {
    if bytes[at..].starts_with(literal) { Ok(at + literal.len()) } else { Err(Invalid::new(bytes, at, "a value")) }
}

/// The first place from `at` on that holds a quote, a backslash or a control character, or the end.
#[inline]
pub(crate) fn plain_until(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => match special(chunk) {
            Some(offset) => at + offset,
            None => long_plain_until(bytes, at + BLOCK),
        },
        None => short_plain_until(bytes, at),
    }
}

#[inline(never)]
fn long_plain_until(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if let Some(offset) = special(chunk) {
            return at + offset;
        }
        at += BLOCK;
    }
    short_plain_until(bytes, at)
}

/// The same where less than a block is left.
#[inline(never)]
fn short_plain_until(bytes: &[u8], mut at: usize) -> usize {
    if let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if let Some(offset) = special_in(u64::from_le_bytes(*word)) {
            return at + offset;
        }
        at += 8;
    }
    if at >= bytes.len() {
        return at;
    }
    if let Some(word) = bytes.last_chunk() {
        // The last word of the text, without what lies before. Zeros come behind it, so there is something special.
        let left = u64::from_le_bytes(*word) >> (8 * (8 + at - bytes.len()));
        return special_in(left).map_or(bytes.len(), |offset| at + offset);
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

/// How many bytes are looked at at once: most strings end in the first block, and take no loop.
const BLOCK: usize = 16;

/// The first quote, backslash or control character of a block.
#[inline]
fn special(block: &[u8; BLOCK]) -> Option<usize> {
    let block = u128::from_le_bytes(*block);
    match (specials(block as u64), specials((block >> 64) as u64)) {
        (0, 0) => None,
        (0, high) => Some(8 + high.trailing_zeros() as usize / 8),
        (low, _) => Some(low.trailing_zeros() as usize / 8),
    }
}

/// The first quote, backslash or control character of a word.
#[inline]
fn special_in(word: u64) -> Option<usize> {
    let specials = specials(word);
    if specials == 0 { None } else { Some(specials.trailing_zeros() as usize / 8) }
}

/// A mask of the quotes, backslashes and control characters of a word. The lowest bit that is set is always a true one.
#[inline]
fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGH
}

/// Whether two texts are the same. They are short: a call of `memcmp`, which in WebAssembly goes byte by byte, takes
/// longer than to look at two words, which may overlap.
#[inline]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && match one.len() {
            0..4 => one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0,
            4..8 => (one.first_chunk::<4>(), one.last_chunk::<4>()) == (other.first_chunk(), other.last_chunk()),
            8..=16 => (one.first_chunk::<8>(), one.last_chunk::<8>()) == (other.first_chunk(), other.last_chunk()),
            _ => long_same(one, other),
        }
}

#[inline(never)]
fn long_same(one: &[u8], other: &[u8]) -> bool {
    one.as_chunks::<8>().0 == other.as_chunks().0 && one.last_chunk::<8>() == other.last_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_special_is_found_wherever_it_is() {
        for length in 0..70 {
            let mut bytes = vec![b'a'; length];
            for from in 0..=length {
                assert_eq!(plain_until(&bytes, from), length);
            }
            for at in 0..length {
                for special in [b'"', b'\\', 0, 0x1f] {
                    bytes[at] = special;
                    for from in 0..=length {
                        assert_eq!(plain_until(&bytes, from), if from <= at { at } else { length });
                    }
                }
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn texts_that_differ_anywhere_are_not_the_same() {
        for length in 0..70 {
            let (one, mut other) = (vec![b'a'; length], vec![b'a'; length]);
            assert!(same(&one, &other) && !same(&one, b"b"));
            for at in 0..length {
                other[at] = b'b';
                assert!(!same(&one, &other));
                other[at] = b'a';
            }
        }
    }
}
