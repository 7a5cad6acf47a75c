//! Reading a packed answer: every byte of it is checked before any of it is believed.

use std::sync::Arc;

use super::answer::{Answer, Change, HeadersChange, OutputName, Produced, Verdict};
use crate::batch::{Arena, Field, HeaderList, NO_TIMESTAMP, NULL};

/// Bytes of an index entry that comes back.
const ENTRY: usize = 48;
/// A length or count that means that the field is inherited.
const INHERIT: u32 = 0xffff_fffe;
/// Bytes of headers, names and reasons that are looked at beyond the size of the data. Entries may share bytes, so a
/// few megabytes of answer could otherwise ask for hours of checking.
const SHARED_TEXT: usize = 64 << 20;

/// A packed answer as it lies in the plugin's memory; `wit/sluicebox.wit` says what is in it.
#[derive(Clone, Copy, Debug)]
pub struct PackedResult<'a> {
    /// A byte for each record.
    pub verdicts: &'a [u8],
    /// The entries.
    pub index: &'a [u8],
    /// What the entries point into.
    pub data: &'a [u8],
}

/// Checks an answer on `records` records, appends its data to the arena and fills in `answer`.
///
/// # Errors
/// How the answer breaks the interface. The arena is then as it was; `answer` holds parts and is to be emptied.
pub fn unpack(
    result: PackedResult<'_>,
    records: usize,
    outputs: &[Arc<str>],
    arena: &mut Arena,
    answer: &mut Answer,
) -> Result<(), String> {
    read_verdicts(result.verdicts, records, &mut answer.verdicts)?;
    let mut data = Data::new(result.data, arena.len())?;
    read_index(result.index, outputs, &mut data, answer)?;
    if !answer.produced.is_empty() {
        arena.push(result.data);
    }
    Ok(())
}

fn read_verdicts(bytes: &[u8], records: usize, verdicts: &mut Vec<Verdict>) -> Result<(), String> {
    if bytes.len() != records {
        return Err(format!("{} verdicts on {records} records", bytes.len()));
    }
    let mut unknown = false;
    verdicts.extend(bytes.iter().map(|byte| match byte {
        0 => Verdict::Keep,
        1 => Verdict::Drop,
        2 => Verdict::Emit,
        3 => Verdict::Reject,
        4 => Verdict::Retry,
        _ => {
            unknown = true;
            Verdict::Drop
        }
    }));
    if unknown {
        let (record, byte) = bytes.iter().enumerate().find(|(_, byte)| **byte > 4).expect("one was seen");
        return Err(format!("record {record}: there is no verdict {byte}"));
    }
    Ok(())
}

fn read_index(index: &[u8], outputs: &[Arc<str>], data: &mut Data<'_>, answer: &mut Answer) -> Result<(), String> {
    let (entries, rest) = index.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(format!("the index has {} bytes, which is no multiple of {ENTRY}", index.len()));
    }
    let Answer { verdicts, produced } = answer;
    produced.reserve(entries.len());
    // All records before this one have the entries that they must have.
    let mut next = 0;
    for (number, entry) in entries.iter().enumerate() {
        let wrong = |what: &str| format!("entry {number} of the index: {what}");
        let record = word(entry, 0);
        let at = record as usize;
        let verdict = *verdicts.get(at).ok_or_else(|| wrong("there is no record with its number"))?;
        if at >= next {
            reasons_are_complete(&verdicts[next..at], next)?;
            next = at + 1;
        } else if at + 1 < next {
            return Err(wrong("it is not in the order of the records"));
        } else if verdict != Verdict::Emit {
            return Err(wrong("it is the second one of a record that was rejected or is to be retried"));
        }
        produced.push(match verdict {
            Verdict::Emit => data.produced(record, entry, outputs).map_err(wrong)?,
            Verdict::Reject | Verdict::Retry => data.reason(record, entry).map_err(wrong)?,
            Verdict::Keep | Verdict::Drop => return Err(wrong("its record is kept or dropped")),
        });
    }
    reasons_are_complete(&verdicts[next..], next)
}

/// Checks that no record without an entry needs one; `first` is the number of the first.
fn reasons_are_complete(verdicts: &[Verdict], first: usize) -> Result<(), String> {
    match verdicts.iter().position(|verdict| matches!(verdict, Verdict::Reject | Verdict::Retry)) {
        Some(position) => Err(format!("record {}: rejected or to be retried without a reason", first + position)),
        None => Ok(()),
    }
}

/// The answer's data, and where it will lie in the arena.
struct Data<'a> {
    bytes: &'a [u8],
    base: u32,
    text_left: usize,
}

type Checked<T> = Result<T, &'static str>;

const TOO_MUCH_TEXT: &str = "headers, names and reasons of the answer add up to too much";

impl<'a> Data<'a> {
    fn new(bytes: &'a [u8], arena: usize) -> Result<Data<'a>, String> {
        // Below the two lengths that have a meaning of their own, so that no checked length is one of them.
        let fits = arena.checked_add(bytes.len()).is_some_and(|end| end < INHERIT as usize);
        match u32::try_from(arena) {
            Ok(base) if fits => Ok(Data { bytes, base, text_left: bytes.len().saturating_add(SHARED_TEXT) }),
            _ => Err(format!("{} bytes of data do not fit into the batch", bytes.len())),
        }
    }

    #[inline]
    fn produced(&mut self, record: u32, entry: &[u8; ENTRY], outputs: &[Arc<str>]) -> Checked<Produced> {
        let timestamp = i64::from_le_bytes(*entry.last_chunk().expect("an entry ends in eight bytes"));
        Ok(Produced {
            record,
            output: self.output(word(entry, 4), word(entry, 8), outputs)?,
            key: self.change(word(entry, 12), word(entry, 16))?,
            value: self.change(word(entry, 20), word(entry, 24))?,
            headers: match word(entry, 32) {
                INHERIT => HeadersChange::Inherit,
                count => HeadersChange::Set(self.headers(word(entry, 28), count)?),
            },
            timestamp: (timestamp != NO_TIMESTAMP).then_some(timestamp),
        })
    }

    fn reason(&mut self, record: u32, entry: &[u8; ENTRY]) -> Checked<Produced> {
        let (reason, bytes) = self.field(word(entry, 20), word(entry, 24))?;
        self.text(bytes, "its reason is not UTF-8")?;
        Ok(Produced {
            record,
            output: OutputName::Next,
            key: Change::Inherit,
            value: Change::Set(reason),
            headers: HeadersChange::Inherit,
            timestamp: None,
        })
    }

    fn output(&mut self, at: u32, len: u32, outputs: &[Arc<str>]) -> Checked<OutputName> {
        if len == NULL {
            return Ok(OutputName::Next);
        }
        let (name, bytes) = self.field(at, len)?;
        if let Some(index) = outputs.iter().position(|output| output.as_bytes() == bytes) {
            return Ok(OutputName::Declared(index as u32));
        }
        self.text(bytes, "its output's name is not UTF-8")?;
        Ok(OutputName::Undeclared(name))
    }

    #[inline]
    fn change(&self, at: u32, len: u32) -> Checked<Change> {
        match len {
            NULL => Ok(Change::Set(Field::NULL)),
            INHERIT => Ok(Change::Inherit),
            _ => self.field(at, len).map(|(field, _)| Change::Set(field)),
        }
    }

    /// A field as it will lie in the arena, and its bytes.
    #[inline]
    fn field(&self, at: u32, len: u32) -> Checked<(Field, &'a [u8])> {
        let bytes = self.bytes.get(at as usize..).and_then(|bytes| bytes.get(..len as usize));
        let bytes = bytes.ok_or("a field of it lies outside the data")?;
        Ok((Field { at: self.base + at, len }, bytes))
    }

    /// Walks over headers and checks each.
    fn headers(&mut self, at: u32, count: u32) -> Checked<HeaderList> {
        const OUTSIDE: &str = "its headers lie outside the data";
        let all = self.bytes.get(at as usize..).ok_or(OUTSIDE)?;
        let mut rest = all;
        for _ in 0..count {
            let (name_len, after) = rest.split_first_chunk::<4>().ok_or(OUTSIDE)?;
            let (value_len, after) = after.split_first_chunk::<4>().ok_or(OUTSIDE)?;
            let (name, after) = after.split_at_checked(u32::from_le_bytes(*name_len) as usize).ok_or(OUTSIDE)?;
            std::str::from_utf8(name).map_err(|_| "the name of one of its headers is not UTF-8")?;
            let value_len = u32::from_le_bytes(*value_len);
            let value_len = if value_len == NULL { 0 } else { value_len as usize };
            (_, rest) = after.split_at_checked(value_len).ok_or(OUTSIDE)?;
        }
        let len = all.len() - rest.len();
        self.text_left = self.text_left.checked_sub(len).ok_or(TOO_MUCH_TEXT)?;
        Ok(HeaderList { at: self.base + at, len: len as u32, count, utf8: true })
    }

    /// Checks that bytes are UTF-8; else `otherwise`.
    fn text(&mut self, bytes: &[u8], otherwise: &'static str) -> Checked<()> {
        self.text_left = self.text_left.checked_sub(bytes.len()).ok_or(TOO_MUCH_TEXT)?;
        std::str::from_utf8(bytes).map(|_| ()).map_err(|_| otherwise)
    }
}

#[inline]
fn word(entry: &[u8; ENTRY], at: usize) -> u32 {
    u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
}

#[cfg(test)]
mod tests;
