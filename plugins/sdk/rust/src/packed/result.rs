//! The verdicts on a batch in packed form: written by the glue into buffers that are kept, read by tests.

use std::borrow::Cow;

use crate::packed::{INHERITED, NO_TIMESTAMP, NULL, RESULT_ENTRY, long_at, place, push_header, word_at};
use crate::{Bytes, Change, Emit, Headers, Verdict};

const KEEP: u8 = 0;
const DROP: u8 = 1;
const EMIT: u8 = 2;
const REJECT: u8 = 3;
const RETRY: u8 = 4;

/// Writes verdicts in the order of their records. Its memory stays for the next batch.
#[derive(Clone, Debug, Default)]
pub struct ResultWriter {
    verdicts: Vec<u8>,
    index: Vec<u8>,
    data: Vec<u8>,
}

impl ResultWriter {
    /// Forgets the last batch and makes room for one of `records`.
    pub fn start(&mut self, records: usize) {
        self.verdicts.clear();
        self.verdicts.reserve(records);
        self.index.clear();
        self.data.clear();
    }

    /// Appends the verdict on the next record.
    pub fn push(&mut self, verdict: &Verdict<'_>) {
        let code = match verdict {
            Verdict::Keep => KEEP,
            Verdict::Drop => DROP,
            Verdict::Emit(emit) => {
                self.emit(emit);
                EMIT
            }
            Verdict::EmitAll(emits) => {
                emits.iter().for_each(|emit| self.emit(emit));
                EMIT
            }
            Verdict::Reject(reason) => {
                self.reason(reason);
                REJECT
            }
            Verdict::Retry(reason) => {
                self.reason(reason);
                RETRY
            }
        };
        self.verdicts.push(code);
    }

    /// One byte for each record.
    pub fn verdicts(&self) -> &[u8] {
        &self.verdicts
    }

    /// The entries of emitted records and reasons.
    pub fn index(&self) -> &[u8] {
        &self.index
    }

    /// What the entries point to.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    fn emit(&mut self, emit: &Emit<'_>) {
        let output = emit.output.as_ref().map_or([0, NULL], |output| self.bytes(output.as_bytes()));
        let key = self.change(&emit.key);
        let value = self.change(&emit.value);
        let headers = match &emit.headers {
            None => [0, INHERITED],
            Some(headers) => {
                let at = place(&self.data);
                for (name, value) in headers {
                    push_header(&mut self.data, name, value.as_slice());
                }
                [at, headers.len() as u32]
            }
        };
        self.entry(output, key, value, headers, emit.timestamp.unwrap_or(NO_TIMESTAMP));
    }

    fn reason(&mut self, reason: &str) {
        let reason = self.bytes(reason.as_bytes());
        self.entry([0, NULL], [0, INHERITED], reason, [0, INHERITED], NO_TIMESTAMP);
    }

    /// Appends an entry for the record whose verdict comes next; each pair is an offset and a length or count.
    fn entry(&mut self, output: [u32; 2], key: [u32; 2], value: [u32; 2], headers: [u32; 2], timestamp: i64) {
        let mut entry = [0; RESULT_ENTRY];
        let record = self.verdicts.len() as u32;
        let words = [record, output[0], output[1], key[0], key[1], value[0], value[1], headers[0], headers[1], 0];
        for (place, word) in entry.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        entry[40..].copy_from_slice(&timestamp.to_le_bytes());
        self.index.extend_from_slice(&entry);
    }

    fn change(&mut self, change: &Change<'_>) -> [u32; 2] {
        match change {
            Change::Inherit => [0, INHERITED],
            Change::Null => [0, NULL],
            Change::Set(bytes) => self.bytes(bytes),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> [u32; 2] {
        let at = place(&self.data);
        self.data.extend_from_slice(bytes);
        [at, bytes.len() as u32]
    }
}

/// Why a result is none: what the host calls the class `answer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads the verdicts on a batch of `records`, checking everything that the interface promises. A single emitted
/// record is read as [`Verdict::Emit`], none or several as [`Verdict::EmitAll`].
pub fn read_result<'a>(
    records: usize,
    verdicts: &[u8],
    index: &'a [u8],
    data: &'a [u8],
) -> Result<Vec<Verdict<'a>>, Malformed> {
    if verdicts.len() != records {
        return Err(Malformed("there is not one verdict for each record"));
    }
    let (entries, rest) = index.as_chunks::<RESULT_ENTRY>();
    if !rest.is_empty() {
        return Err(Malformed("the index does not hold whole entries"));
    }
    let mut entries = entries;
    let mut read = Vec::with_capacity(records);
    for (record, verdict) in verdicts.iter().enumerate() {
        let count = entries.iter().take_while(|entry| word_at(*entry, 0) as usize == record).count();
        let (own, rest) = entries.split_at(count);
        entries = rest;
        read.push(read_verdict(*verdict, own, data)?);
    }
    if !entries.is_empty() {
        return Err(Malformed("an entry is out of order, or of a record that the batch does not have"));
    }
    Ok(read)
}

fn read_verdict<'a>(verdict: u8, own: &[[u8; RESULT_ENTRY]], data: &'a [u8]) -> Result<Verdict<'a>, Malformed> {
    match (verdict, own) {
        (KEEP, []) => Ok(Verdict::Keep),
        (DROP, []) => Ok(Verdict::Drop),
        (EMIT, [entry]) => Ok(Verdict::Emit(read_emit(entry, data)?)),
        (EMIT, entries) => {
            entries.iter().map(|entry| read_emit(entry, data)).collect::<Result<_, _>>().map(Verdict::EmitAll)
        }
        (REJECT, [entry]) => Ok(Verdict::Reject(text(word_at(entry, 20), word_at(entry, 24), data)?.into())),
        (RETRY, [entry]) => Ok(Verdict::Retry(text(word_at(entry, 20), word_at(entry, 24), data)?.into())),
        (KEEP | DROP, _) => Err(Malformed("a keep or drop has entries")),
        (REJECT | RETRY, _) => Err(Malformed("a reject or retry has not exactly one entry")),
        _ => Err(Malformed("a verdict is none of keep, drop, emit, reject and retry")),
    }
}

fn read_emit<'a>(entry: &[u8; RESULT_ENTRY], data: &'a [u8]) -> Result<Emit<'a>, Malformed> {
    let output = match word_at(entry, 8) {
        NULL => None,
        len => Some(Cow::from(text(word_at(entry, 4), len, data)?)),
    };
    let headers = match word_at(entry, 32) {
        INHERITED => None,
        count => Some(read_headers(word_at(entry, 28), count, data)?),
    };
    Ok(Emit {
        output,
        key: read_change(word_at(entry, 12), word_at(entry, 16), data)?,
        value: read_change(word_at(entry, 20), word_at(entry, 24), data)?,
        headers,
        timestamp: Some(long_at(entry, 40)).filter(|timestamp| *timestamp != NO_TIMESTAMP),
    })
}

fn read_headers(at: u32, count: u32, data: &[u8]) -> Result<Vec<(Cow<'_, str>, Bytes<'_>)>, Malformed> {
    let bytes = data.get(at as usize..).ok_or(Malformed("headers start past the end of data"))?;
    let mut headers = Headers::new(bytes, count);
    let mut read = Vec::new();
    while let Some(header) = headers.try_next() {
        let (name, value) = header.map_err(Malformed)?;
        read.push((name.into(), value.into()));
    }
    Ok(read)
}

fn read_change(at: u32, len: u32, data: &[u8]) -> Result<Change<'_>, Malformed> {
    match len {
        INHERITED => Ok(Change::Inherit),
        NULL => Ok(Change::Null),
        len => Ok(Change::Set(slice(at, len, data)?.into())),
    }
}

fn text(at: u32, len: u32, data: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(slice(at, len, data)?).map_err(|_| Malformed("an output's name or a reason is not UTF-8"))
}

fn slice(at: u32, len: u32, data: &[u8]) -> Result<&[u8], Malformed> {
    let (at, len) = (at as usize, len as usize);
    let end = at.checked_add(len).ok_or(Malformed("a field reaches past the end of data"))?;
    data.get(at..end).ok_or(Malformed("a field reaches past the end of data"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Bytes<'static>> {
        let some = proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
        prop_oneof![Just(Bytes::NULL), some]
    }

    fn change() -> impl Strategy<Value = Change<'static>> {
        prop_oneof![Just(Change::Inherit), bytes().prop_map(Change::from)]
    }

    fn emits() -> impl Strategy<Value = Emit<'static>> {
        let header = ("\\PC{0,8}".prop_map(Cow::from), bytes());
        let headers = proptest::option::of(proptest::collection::vec(header, 0..4));
        let output = proptest::option::of("[a-z]{0,8}".prop_map(Cow::from));
        (output, change(), change(), headers, proptest::option::of(-9..i64::MAX))
            .prop_map(|(output, key, value, headers, timestamp)| Emit { output, key, value, headers, timestamp })
    }

    fn verdicts() -> impl Strategy<Value = Verdict<'static>> {
        prop_oneof![
            Just(Verdict::Keep),
            Just(Verdict::Drop),
            emits().prop_map(Verdict::Emit),
            proptest::collection::vec(emits(), 2..4).prop_map(Verdict::EmitAll),
            Just(Verdict::EmitAll(Vec::new())),
            "\\PC{0,12}".prop_map(Verdict::reject),
            "\\PC{0,12}".prop_map(Verdict::retry),
        ]
    }

    fn write(verdicts: &[Verdict<'_>]) -> ResultWriter {
        let mut result = ResultWriter::default();
        result.start(verdicts.len());
        verdicts.iter().for_each(|verdict| result.push(verdict));
        result
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(verdicts in proptest::collection::vec(verdicts(), 0..8)) {
            let result = write(&verdicts);
            let read = read_result(verdicts.len(), result.verdicts(), result.index(), result.data());
            prop_assert_eq!(read, Ok(verdicts));
        }

        #[test]
        fn a_damaged_result_is_an_error_or_a_result_but_never_a_panic(
            verdicts in proptest::collection::vec(verdicts(), 1..4), at in any::<proptest::sample::Index>(), to in any::<u8>(),
        ) {
            let result = write(&verdicts);
            let mut index = result.index().to_vec();
            if !index.is_empty() {
                let at = at.index(index.len());
                index[at] = to;
            }
            read_result(verdicts.len(), result.verdicts(), &index, result.data()).ok();
        }
    }

    #[test]
    fn a_result_that_breaks_the_interface_is_refused() {
        let result = write(&[Verdict::Keep, emit().value("x").into()]);
        let (verdicts, index, data) = (result.verdicts(), result.index(), result.data());
        let refused = |records, verdicts: &[u8], index, data| {
            read_result(records, verdicts, index, data).expect_err("the result is wrong").0
        };
        assert_eq!(refused(3, verdicts, index, data), "there is not one verdict for each record");
        assert_eq!(refused(2, verdicts, &index[1..], data), "the index does not hold whole entries");
        assert_eq!(refused(2, verdicts, index, b""), "a field reaches past the end of data");
        assert_eq!(refused(2, &[0, 0], index, data), "a keep or drop has entries");
        assert_eq!(refused(2, &[0, 9], index, data), "a verdict is none of keep, drop, emit, reject and retry");
        assert_eq!(refused(2, &[3, 2], index, data), "a reject or retry has not exactly one entry");
        let stray = "an entry is out of order, or of a record that the batch does not have";
        assert_eq!(refused(1, &[2], index, data), stray);
    }

    #[test]
    fn memory_is_kept_from_batch_to_batch() {
        let mut result = write(&[emit().value("hello").into()]);
        let (index, data) = (result.index().as_ptr(), result.data().as_ptr());
        result.start(1);
        result.push(&emit().value("world").into());
        assert_eq!((result.index().as_ptr(), result.data().as_ptr()), (index, data));
    }
}
