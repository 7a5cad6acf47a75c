//! Damage: what is done to an input that was whole.

use std::ops::Range;

use fastrand::Rng;

/// Numbers at which readers tend to err.
const NUMBERS: [u32; 14] =
    [0, 1, 2, 7, 8, 48, 127, 255, 0x7fff_ffff, 0x8000_0000, u32::MAX - 2, u32::MAX - 1, u32::MAX, 0xffff_0000];

/// A number at which readers tend to err; often one close to `len`.
pub fn number(rng: &mut Rng, len: usize) -> u32 {
    let len = len as u32;
    match rng.u8(0..8) {
        0 => len,
        1 => len.wrapping_sub(rng.u32(1..9)),
        2 => len.wrapping_add(rng.u32(1..9)),
        3 => rng.u32(0..=len),
        4 => rng.u32(..),
        _ => NUMBERS[rng.usize(0..NUMBERS.len())],
    }
}

/// A range within `0..len`, mostly a short one.
pub fn range(rng: &mut Rng, len: usize) -> Range<usize> {
    let from = rng.usize(0..=len);
    let longest = if rng.u8(0..8) == 0 { len - from } else { (len - from).min(12) };
    from..from + rng.usize(0..=longest)
}

/// One change to bytes. `tokens`: pieces that mean something to the reader; `other`: another input, to take a part of.
pub fn bytes(rng: &mut Rng, bytes: &mut Vec<u8>, tokens: &[&str], other: &[u8]) {
    let len = bytes.len();
    let at = rng.usize(0..=len);
    match rng.u8(0..11) {
        0 if at < len => bytes[at] ^= 1 << rng.u8(0..8),
        1 if at < len => bytes[at] = rng.u8(..),
        2 => drop(bytes.splice(at..at, (0..rng.usize(1..5)).map(|_| rng.u8(..)).collect::<Vec<_>>())),
        3 => drop(bytes.drain(range(rng, len))),
        4 => {
            let copied = bytes[range(rng, len)].to_vec();
            bytes.splice(at..at, copied);
        }
        5 => drop(bytes.splice(range(rng, len), other[range(rng, other.len())].iter().copied())),
        6 => bytes.truncate(at),
        7 if at + 4 <= len => bytes[at..at + 4].copy_from_slice(&number(rng, len).to_le_bytes()),
        8 | 9 => drop(bytes.splice(at..at, token(rng, tokens).bytes())),
        _ => drop(bytes.splice(range(rng, len), token(rng, tokens).bytes())),
    }
}

/// One of the pieces; an empty one where there are none.
pub fn token<'t>(rng: &mut Rng, tokens: &[&'t str]) -> &'t str {
    rng.choice(tokens).copied().unwrap_or_default()
}
