//! Why a text is not JSON.

/// Where a text stops being JSON, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(Box<Place>); // one word, so that a result with it is returned in registers

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    at: usize,
    expected: &'static str,
    found: Option<u8>,
}

impl Invalid {
    /// What would have fitted at a place in a text.
    #[cold]
    pub(crate) fn new(text: &[u8], at: usize, expected: &'static str) -> Invalid {
        Invalid(Box::new(Place { at, expected, found: text.get(at).copied() }))
    }

    /// The offset of the first byte that does not fit, from 0.
    pub fn at(&self) -> usize {
        self.0.at
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { at, expected, found } = &*self.0;
        write!(f, "not JSON: expected {expected}, found ")?;
        match found {
            None => write!(f, "the end, at byte {at}"),
            Some(byte @ b' '..=b'~') => write!(f, "`{}`, at byte {at}", char::from(*byte)),
            Some(byte) => write!(f, "the byte 0x{byte:02x}, at byte {at}"),
        }
    }
}

impl std::error::Error for Invalid {}
