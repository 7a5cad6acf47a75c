//! Numbers as Avro's binary form has them.

/// Appends a `long`, or an `int`.
#[inline]
pub(super) fn put_long(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads a `long` from the front of `bytes`, and how many bytes it takes; none where it is cut or beyond 64 bits.
#[inline]
pub(super) fn long(bytes: &[u8]) -> Option<(i64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((unfold(u64::from(first)), 1));
    }
    let mut number = u64::from(first & 0x7f);
    for (at, byte) in bytes.iter().enumerate().take(10).skip(1) {
        let low = u64::from(byte & 0x7f);
        if at == 9 && *byte > 1 {
            return None;
        }
        number |= low << (7 * at);
        if *byte < 0x80 {
            return Some((unfold(number), at + 1));
        }
    }
    None
}

fn unfold(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Turns the one byte at `at`, which was kept free for it, into a `long`.
pub(super) fn insert_long(number: i64, at: usize, out: &mut Vec<u8>) {
    let end = out.len();
    put_long(number, out);
    let mut written = [0; 10];
    let size = out.len() - end;
    written[..size].copy_from_slice(&out[end..]);
    out.truncate(end);
    if size > 1 {
        out.resize(end + size - 1, 0);
        out.copy_within(at + 1..end, at + size);
    }
    out[at..at + size].copy_from_slice(&written[..size]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_that_is_cut_or_too_long_is_none() {
        assert_eq!(long(&[]), None);
        assert_eq!(long(&[0x80]), None);
        assert_eq!(long(&[0xff; 9]), None);
        assert_eq!(long(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), None);
        assert_eq!(long(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Some((i64::MIN, 10)));
        assert_eq!(long(&[0x80; 20]), None);
    }

    proptest! {
        #[test]
        fn longs_are_read_as_they_are_written(number in any::<i64>(), shift in 0..64) {
            let number = number >> shift;
            let mut out = Vec::new();
            put_long(number, &mut out);
            let size = out.len();
            out.push(0xff);
            prop_assert_eq!(long(&out), Some((number, size)));
        }

        #[test]
        fn a_count_takes_the_place_that_was_kept(count in any::<i64>(), shift in 0..64, rest in 0..200usize) {
            let mut out = vec![7, 0];
            out.extend(std::iter::repeat_n(9, rest));
            insert_long(count >> shift, 1, &mut out);
            let mut expected = vec![7];
            put_long(count >> shift, &mut expected);
            expected.extend(std::iter::repeat_n(9, rest));
            prop_assert_eq!(out, expected);
        }
    }
}
