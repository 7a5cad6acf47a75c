//! Checks that a text is UTF-8, which most JSON shows by being ASCII.

use crate::Invalid;

/// The text, if it is UTF-8. In WebAssembly the standard library looks at eight bytes at once; this looks at 32.
pub fn text(json: &[u8]) -> Result<&str, Invalid> {
    if is_ascii(json) {
        // SAFETY: all of it is ASCII, which is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(json) });
    }
    std::str::from_utf8(json).map_err(|error| Invalid::new(json, error.valid_up_to(), "UTF-8"))
}

fn is_ascii(bytes: &[u8]) -> bool {
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        let words = block.as_chunks::<8>().0;
        let all = words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
        if all & 0x8080_8080_8080_8080 != 0 {
            return false;
        }
    }
    let (words, rest) = blocks.remainder().as_chunks::<8>();
    let all = words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
    all & 0x8080_8080_8080_8080 == 0 && rest.iter().fold(0, |all, byte| all | byte) < 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_is_not_utf8_is_found_wherever_it_is() {
        for length in 0..100 {
            let mut bytes = vec![b'a'; length];
            assert!(text(&bytes).is_ok());
            for at in 0..length {
                bytes[at] = 0x80;
                assert_eq!(text(&bytes).map_err(|invalid| invalid.at()), Err(at));
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn other_utf8_is_let_through() {
        assert_eq!(text("é😀".as_bytes()), Ok("é😀"));
    }
}
