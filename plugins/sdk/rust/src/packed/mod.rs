//! The packed form of a batch and of the verdicts on it, as `wit/sluicebox.wit` lays it down: for the glue, and
//! for tests that check the host against it.

mod batch;
mod result;

pub use batch::{BatchReader, BatchWriter};
pub use result::{Malformed, ResultWriter, read_result};

/// Bytes of an entry in the index of a batch.
pub const INPUT_ENTRY: usize = 56;
/// Bytes of an entry in the index of a result.
pub const RESULT_ENTRY: usize = 48;
/// A length that means null.
pub const NULL: u32 = u32::MAX;
/// A length or count that means inherited.
pub const INHERITED: u32 = u32::MAX - 1;
/// A timestamp that means none in a batch, and inherited in a result.
pub const NO_TIMESTAMP: i64 = i64::MIN;

/// The little-endian word at a place of an entry.
pub(crate) fn word_at(entry: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
}

/// The little-endian double word at a place of an entry.
pub(crate) fn long_at(entry: &[u8], at: usize) -> i64 {
    i64::from(word_at(entry, at)) | i64::from(word_at(entry, at + 4)) << 32
}

/// Appends one header in its encoded form.
fn push_header(data: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    data.extend_from_slice(&(name.len() as u32).to_le_bytes());
    data.extend_from_slice(&value.map_or(NULL, |value| value.len() as u32).to_le_bytes());
    data.extend_from_slice(name.as_bytes());
    data.extend_from_slice(value.unwrap_or_default());
}

/// Where the next bytes of an arena will lie.
///
/// # Panics
/// Past 4 GiB, which a plugin's memory limit rules out.
fn place(data: &[u8]) -> u32 {
    u32::try_from(data.len()).expect("packed data stays under 4 GiB")
}
