//! A partition's log: records and transaction markers by offset, with holes; who may read up to where.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Names and values of headers, in order; a value of none is null.
pub type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What a producer writes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Message {
    /// The key; none is null.
    pub key: Option<Vec<u8>>,
    /// The value; none is null.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Headers,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}

/// What stands at an offset.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A record; of a transaction's where a producer is named.
    Record {
        /// The record.
        message: Arc<Message>,
        /// The transactional producer.
        producer: Option<u64>,
    },
    /// The end of a transaction.
    Marker {
        /// The transactional producer.
        producer: u64,
        /// Whether it was committed.
        commit: bool,
    },
}

/// A fetched record.
#[derive(Clone, Debug)]
pub struct Read {
    /// Its offset.
    pub offset: i64,
    /// The record.
    pub message: Arc<Message>,
}

/// What a fetch brings.
#[derive(Clone, Debug, Default)]
pub struct Fetch {
    /// The records.
    pub records: Vec<Read>,
    /// The offset to fetch from next.
    pub next: i64,
    /// The end of what may be read now.
    pub end: i64,
    /// The high watermark.
    pub high: i64,
}

/// The log does not hold an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// One partition.
#[derive(Clone, Debug, Default)]
pub struct Log {
    start: i64,
    end: i64,
    entries: BTreeMap<i64, Entry>,
    // Transactions that are open here: the producer, and where its first record is.
    open: BTreeMap<u64, i64>,
    // Aborted ones: the producer, its first record and its marker.
    aborted: Vec<(u64, i64, i64)>,
    // The last batch that each producer has written here, to know one that comes again, and where it begins.
    batches: BTreeMap<u64, (u64, i64)>,
}

impl Log {
    /// The first offset.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The offset that comes next.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The offset behind the last one that a reader of committed records may read: the first open transaction's.
    pub fn stable_end(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.end)
    }

    /// The end for readers of either kind.
    pub fn end_for(&self, committed: bool) -> i64 {
        if committed { self.stable_end() } else { self.end }
    }

    /// Writes a record, and returns its offset. `producer` is that of a transaction.
    pub fn append(&mut self, message: Arc<Message>, producer: Option<u64>) -> i64 {
        let offset = self.end;
        if let Some(producer) = producer {
            self.open.entry(producer).or_insert(offset);
        }
        self.entries.insert(offset, Entry::Record { message, producer });
        self.end += 1;
        offset
    }

    /// Writes a batch of an idempotent producer, once: where the same comes again nothing is written. Returns the
    /// offset of its first record.
    pub fn append_batch(&mut self, producer: u64, number: u64, messages: &[Arc<Message>], transactional: bool) -> i64 {
        if let Some((last, first)) = self.batches.get(&producer)
            && *last >= number
        {
            return *first;
        }
        let first = self.end;
        for message in messages {
            self.append(message.clone(), transactional.then_some(producer));
        }
        self.batches.insert(producer, (number, first));
        first
    }

    /// Writes the end of a transaction, where the producer has one open here.
    pub fn end_transaction(&mut self, producer: u64, commit: bool) {
        let Some(first) = self.open.remove(&producer) else { return };
        let marker = self.end;
        self.entries.insert(marker, Entry::Marker { producer, commit });
        self.end += 1;
        if !commit {
            self.aborted.push((producer, first, marker));
        }
    }

    /// Leaves offsets out, as compaction does.
    pub fn skip(&mut self, offsets: i64) {
        self.end += offsets;
    }

    /// Removes what is before an offset, as retention does.
    pub fn remove_before(&mut self, offset: i64) {
        self.start = self.start.max(offset.min(self.end));
        self.entries = self.entries.split_off(&self.start);
    }

    /// Removes what is at and behind an offset, as an unclean leader election does.
    pub fn truncate(&mut self, offset: i64) {
        let offset = offset.max(self.start);
        self.entries.split_off(&offset);
        self.end = self.end.min(offset);
        self.open.retain(|_, first| *first < offset);
        // A transaction stays aborted whose marker is cut off: the coordinator writes it again.
        self.aborted.retain(|(_, first, _)| *first < offset);
        // What a producer tries again that was cut off is written again.
        self.batches.retain(|_, (_, first)| *first < offset);
    }

    fn is_aborted(&self, producer: u64, offset: i64) -> bool {
        self.aborted.iter().any(|(by, first, marker)| *by == producer && (*first..*marker).contains(&offset))
    }

    /// Reads up to `most` records from an offset on.
    ///
    /// # Errors
    /// The log does not hold the offset.
    pub fn fetch(&self, from: i64, most: usize, committed: bool) -> Result<Fetch, OutOfRange> {
        if from < self.start || from > self.end {
            return Err(OutOfRange);
        }
        let end = self.end_for(committed);
        let mut fetch = Fetch { records: Vec::new(), next: from, end, high: self.end };
        for (offset, entry) in self.entries.range(from..end.max(from)) {
            if fetch.records.len() == most {
                return Ok(fetch);
            }
            fetch.next = offset + 1;
            if let Entry::Record { message, producer } = entry
                && !(committed && producer.is_some_and(|producer| self.is_aborted(producer, *offset)))
            {
                fetch.records.push(Read { offset: *offset, message: message.clone() });
            }
        }
        // Offsets that were left out at the end are passed over too.
        fetch.next = fetch.next.max(end);
        Ok(fetch)
    }

    /// What became of the record at an offset; none where there is none.
    pub fn fate(&self, offset: i64) -> Option<Fate> {
        match self.entries.get(&offset)? {
            Entry::Record { producer, .. } => Some(match producer {
                Some(producer) if self.is_aborted(*producer, offset) => Fate::Aborted,
                Some(producer) if self.open.get(producer).is_some_and(|first| *first <= offset) => {
                    Fate::Open(*producer)
                }
                Some(_) | None => Fate::Committed,
            }),
            Entry::Marker { .. } => None,
        }
    }

    /// The records from an offset on up to another, in order.
    pub fn records(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, &Arc<Message>)> {
        self.entries.range(from..to.max(from)).filter_map(|(offset, entry)| match entry {
            Entry::Record { message, .. } => Some((*offset, message)),
            Entry::Marker { .. } => None,
        })
    }
}

/// What became of a record's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is committed, or the record was in none.
    Committed,
    /// It was aborted.
    Aborted,
    /// It is open still: of this producer.
    Open(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Arc<Message> {
        Arc::new(Message { value: Some(text.as_bytes().to_vec()), ..Message::default() })
    }

    fn values(fetch: &Fetch) -> Vec<String> {
        let text =
            |read: &Read| String::from_utf8_lossy(read.message.value.as_deref().unwrap_or_default()).into_owned();
        fetch.records.iter().map(text).collect()
    }

    #[test]
    fn a_batch_that_comes_again_is_written_once() {
        let mut log = Log::default();
        assert_eq!(log.append_batch(7, 1, &[message("a"), message("b")], false), 0);
        assert_eq!(log.append_batch(7, 1, &[message("a"), message("b")], false), 0);
        assert_eq!(log.append_batch(7, 2, &[message("c")], false), 2);
        assert_eq!(values(&log.fetch(0, 10, false).unwrap()), ["a", "b", "c"]);
    }

    #[test]
    fn an_open_transaction_holds_readers_up_and_an_aborted_one_is_invisible() {
        let mut log = Log::default();
        log.append(message("before"), None);
        log.append_batch(7, 1, &[message("open")], true);
        log.append(message("behind"), None);
        assert_eq!(log.stable_end(), 1);
        assert_eq!(values(&log.fetch(0, 10, true).unwrap()), ["before"]);
        assert_eq!(values(&log.fetch(0, 10, false).unwrap()), ["before", "open", "behind"]);
        log.end_transaction(7, false);
        let fetch = log.fetch(0, 10, true).unwrap();
        assert_eq!(values(&fetch), ["before", "behind"]);
        // The marker takes an offset.
        assert_eq!(fetch.next, 4);
        log.append_batch(7, 2, &[message("kept")], true);
        log.end_transaction(7, true);
        assert_eq!(values(&log.fetch(0, 10, true).unwrap()), ["before", "behind", "kept"]);
    }

    #[test]
    fn retention_and_truncation_leave_offsets_out_of_range() {
        let mut log = Log::default();
        (0..10).for_each(|_| _ = log.append(message("x"), None));
        log.remove_before(4);
        assert_eq!(log.fetch(3, 1, false).unwrap_err(), OutOfRange);
        assert_eq!(log.fetch(4, 10, false).unwrap().records.len(), 6);
        log.truncate(6);
        assert_eq!(log.fetch(7, 1, false).unwrap_err(), OutOfRange);
        assert_eq!((log.start(), log.end()), (4, 6));
    }

    #[test]
    fn what_compaction_removed_is_passed_over() {
        let mut log = Log::default();
        log.append(message("a"), None);
        log.skip(3);
        log.append(message("b"), None);
        log.skip(2);
        let fetch = log.fetch(1, 10, true).unwrap();
        assert_eq!((fetch.records.len(), fetch.records[0].offset, fetch.next), (1, 4, 7));
    }
}
