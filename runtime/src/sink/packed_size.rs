//! About how large bytes are once a client has compressed them.

/// How many places are remembered.
const PLACES: usize = 1 << 12;
/// How far back a repetition may lie.
const WINDOW: usize = 1 << 16;
/// The shortest repetition that saves anything.
const SHORTEST: usize = 4;
/// What a repetition takes.
const REPETITION: usize = 3;
/// After so many bytes without a repetition every other one is tried, after twice as many every third, and so on.
const PATIENCE: usize = 64;

/// Returns about how many bytes LZ4 makes of these. Other codecs make less of the same, but what is larger by this
/// measure is larger by theirs, as far as one number can say that.
pub fn packed_size(bytes: &[u8]) -> usize {
    let mut places = [0_u32; PLACES];
    let (mut size, mut at, mut misses) = (0, 0, 0);
    while let Some(word) = bytes.get(at..at + SHORTEST) {
        let hash = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(2_654_435_761) >> 20;
        let before = std::mem::replace(&mut places[hash as usize], at as u32) as usize;
        if before < at && at - before < WINDOW && bytes[before..before + SHORTEST] == *word {
            let same = bytes[before..].iter().zip(&bytes[at..]).take_while(|(one, other)| one == other).count();
            size += REPETITION + same / 255;
            (at, misses) = (at + same, 0);
        } else {
            let step = 1 + misses / PATIENCE;
            size += step;
            (at, misses) = (at + step, misses + 1);
        }
    }
    // The last bytes are no repetition.
    (size + bytes.len().saturating_sub(at)).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn what_repeats_is_small_and_noise_stays_as_large_as_it_is() {
        assert_eq!((packed_size(b""), packed_size(b"abc"), packed_size(b"abcd")), (0, 3, 4));
        assert!(packed_size(&vec![b'x'; 100_000]) < 1_000);
        let noise = noise(100_000, 1);
        assert!((98_000..=100_000).contains(&packed_size(&noise)), "{}", packed_size(&noise));
        let lines: String = (0..2_000).map(|n| format!("{{\"number\":{n},\"status\":\"shipped\"}}\n")).collect();
        assert!(
            packed_size(lines.as_bytes()) < lines.len() / 2,
            "{} of {}",
            packed_size(lines.as_bytes()),
            lines.len()
        );
    }

    #[test]
    fn a_longer_piece_of_noise_is_larger() {
        let sizes: Vec<usize> = (1..20).map(|n| packed_size(&noise(n * 1_000, n as u64))).collect();
        assert!(sizes.is_sorted(), "{sizes:?}");
    }
}
