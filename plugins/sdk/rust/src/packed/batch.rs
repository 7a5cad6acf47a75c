//! A batch in packed form: read by the glue, written by tests.

use crate::message::Message;
use crate::packed::{INPUT_ENTRY, NO_TIMESTAMP, NULL, place, push_header};
use crate::{Fields, Record};

/// Reads the records of a batch, in order.
#[derive(Clone, Debug)]
pub struct BatchReader<'a> {
    entries: std::slice::Iter<'a, [u8; INPUT_ENTRY]>,
    data: &'a [u8],
}

impl<'a> BatchReader<'a> {
    /// The batch with this index and data. The host's word is taken for what they hold: a field out of bounds is
    /// a panic when it is read.
    ///
    /// # Panics
    /// Where the index is not a whole number of entries.
    pub fn new(index: &'a [u8], data: &'a [u8]) -> BatchReader<'a> {
        let (entries, rest) = index.as_chunks();
        assert!(rest.is_empty(), "the index of a batch holds whole entries");
        BatchReader { entries: entries.iter(), data }
    }
}

impl<'a> Iterator for BatchReader<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.entries.next().map(|entry| Record::new(entry, self.data))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for BatchReader<'_> {}

/// Writes a batch, as the host does.
#[derive(Clone, Debug, Default)]
pub struct BatchWriter {
    index: Vec<u8>,
    data: Vec<u8>,
}

impl BatchWriter {
    /// Appends a record with those of its fields that a plugin needs.
    pub fn push(&mut self, message: &Message, needs: Fields) {
        let asked = |field, bytes: &Option<Vec<u8>>| bytes.clone().filter(|_| needs.contains(field));
        let key = self.bytes(asked(Fields::KEY, &message.key).as_deref());
        let value = self.bytes(asked(Fields::VALUE, &message.value).as_deref());
        let headers = place(&self.data);
        let asked_headers: &[_] = if needs.contains(Fields::HEADERS) { &message.headers } else { &[] };
        for (name, value) in asked_headers {
            push_header(&mut self.data, name, value.as_deref());
        }
        let timestamp = message.timestamp.filter(|_| needs.contains(Fields::TIMESTAMP)).unwrap_or(NO_TIMESTAMP);
        let (topic, partition, offset) = if needs.contains(Fields::SOURCE) {
            (self.bytes(Some(message.topic.as_bytes())), message.partition, message.offset)
        } else {
            ([0, NULL], -1, -1)
        };
        for word in [key[0], key[1], value[0], value[1], headers, asked_headers.len() as u32] {
            self.index.extend_from_slice(&word.to_le_bytes());
        }
        self.index.extend_from_slice(&timestamp.to_le_bytes());
        self.index.extend_from_slice(&offset.to_le_bytes());
        self.index.extend_from_slice(&partition.to_le_bytes());
        for word in [topic[0], topic[1], 0] {
            self.index.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// The index.
    pub fn index(&self) -> &[u8] {
        &self.index
    }

    /// The data.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Appends bytes: their offset and length.
    fn bytes(&mut self, bytes: Option<&[u8]>) -> [u32; 2] {
        let Some(bytes) = bytes else { return [0, NULL] };
        let at = place(&self.data);
        self.data.extend_from_slice(bytes);
        [at, bytes.len() as u32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20))
    }

    fn messages() -> impl Strategy<Value = Message> {
        let headers = proptest::collection::vec(("\\PC{0,8}", bytes()), 0..4);
        let source = ("[a-z]{1,8}", 0..9i32, 0..i64::MAX);
        (bytes(), bytes(), headers, proptest::option::of(-9..i64::MAX), source).prop_map(
            |(key, value, headers, timestamp, (topic, partition, offset))| Message {
                key,
                value,
                headers,
                timestamp,
                topic,
                partition,
                offset,
            },
        )
    }

    fn read_back(record: &Record<'_>) -> Message {
        let Source { topic, partition, offset } = record.source().expect("the source was asked for");
        Message {
            key: record.key().map(Vec::from),
            value: record.value().map(Vec::from),
            headers: record.headers().map(|(name, value)| (name.into(), value.map(Vec::from))).collect(),
            timestamp: record.timestamp(),
            topic: topic.into(),
            partition,
            offset,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(messages in proptest::collection::vec(messages(), 0..6)) {
            let mut batch = BatchWriter::default();
            messages.iter().for_each(|message| batch.push(message, Fields::ALL));
            let read: Vec<_> = BatchReader::new(batch.index(), batch.data()).map(|record| read_back(&record)).collect();
            prop_assert_eq!(read, messages);
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_there() {
        let mut batch = BatchWriter::default();
        batch.push(&Message::new("v").key("k").header("h", "x").timestamp(1), Fields::NONE);
        let record = BatchReader::new(batch.index(), batch.data()).next().expect("there is a record");
        assert_eq!((record.key(), record.value(), record.timestamp(), record.source()), (None, None, None, None));
        assert_eq!(record.headers().count(), 0);
        assert!(batch.data().is_empty(), "nothing is sent that was not asked for");
    }

    #[test]
    fn the_last_header_of_a_name_counts() {
        let mut batch = BatchWriter::default();
        batch.push(&Message::new("v").header("h", "first").header("h", "last").header("i", "x"), Fields::HEADERS);
        let record = BatchReader::new(batch.index(), batch.data()).next().expect("there is a record");
        assert_eq!(record.header("h"), Some(&b"last"[..]));
        assert_eq!(record.header("j"), None);
    }
}
