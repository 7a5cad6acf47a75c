//! Fingerprints of keys, to tell them apart without looking at all their bytes again.

/// A fingerprint of a text: equal texts have equal ones, and different texts almost never do.
#[inline]
pub fn fingerprint(text: &[u8]) -> u64 {
    let (mut state, last) = match text.len() {
        0..4 => (0, few(text)),
        4..8 => (mix(0, half(text)), half(&text[text.len() - 4..])),
        length => {
            let mut state = 0;
            let words = text[..length - 1].chunks_exact(8);
            for word in words {
                state = mix(state, whole(word));
            }
            (state, whole(&text[length - 8..]))
        }
    };
    state = mix(state, last);
    mix(state, text.len() as u64)
}

#[inline]
fn mix(state: u64, word: u64) -> u64 {
    let product = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}

/// A text of less than four bytes.
#[inline]
fn few(text: &[u8]) -> u64 {
    text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[inline]
fn half(text: &[u8]) -> u64 {
    text.first_chunk().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)))
}

#[inline]
fn whole(text: &[u8]) -> u64 {
    text.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn short_texts_have_fingerprints_of_their_own() {
        let texts = (0..=u16::MAX).map(|text| format!("{text:04x}"));
        let fingerprints: BTreeSet<u64> = texts.map(|text| fingerprint(text.as_bytes())).collect();
        assert_eq!(fingerprints.len(), 1 << 16);
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let mut texts = BTreeSet::new();
        for length in 0..40 {
            texts.insert("a".repeat(length).into_bytes());
            for at in 0..length {
                let mut text = vec![b'a'; length];
                text[at] = b'b';
                texts.insert(text);
            }
        }
        let fingerprints: BTreeSet<u64> = texts.iter().map(|text| fingerprint(text)).collect();
        assert_eq!(fingerprints.len(), texts.len());
    }
}
