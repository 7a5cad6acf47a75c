//! Why a text is not JSON.

/// Where a text stops being JSON, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The offset of the first byte that does not fit, from 0.
    pub at: usize,
    /// What would have fitted.
    pub expected: &'static str,
    /// The byte that does not fit; none at the end of the text.
    pub found: Option<u8>,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not JSON: expected {}, found ", self.expected)?;
        match self.found {
            None => write!(f, "the end, at byte {}", self.at),
            Some(byte @ b' '..=b'~') => write!(f, "`{}`, at byte {}", char::from(byte), self.at),
            Some(byte) => write!(f, "the byte 0x{byte:02x}, at byte {}", self.at),
        }
    }
}

impl std::error::Error for Invalid {}
