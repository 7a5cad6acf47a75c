//! Where the records of one partition are between being read and coming to their end: gathered for a batch, or in spans
//! that are on their way. Each is counted once, so that what was read can be held against what became of it.

use std::collections::VecDeque;
use std::time::Instant;

use crate::batch::Offset;

/// A span that is on its way, or delivered and not committed.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    first: Offset,
    end: Offset,
    // 0 once it has come to its end.
    records: u64,
    since: Instant,
    // When its first record was written, in milliseconds since the epoch.
    timestamp: Option<i64>,
}

/// Records that were read and are not handed on.
#[derive(Clone, Copy, Debug, Default)]
struct Gathered {
    records: u64,
    bytes: u64,
    since: Option<Instant>,
    timestamp: Option<i64>,
    // How much of it the counters know.
    told: (u64, u64),
}

/// The records of one partition.
#[derive(Debug, Default)]
pub struct Flights {
    gathered: Gathered,
    spans: VecDeque<Flight>,
    on_way: u64,
}

impl Flights {
    /// A record was read, and is gathered for a batch.
    pub fn read(&mut self, bytes: usize, timestamp: Option<i64>, now: Instant) {
        let gathered = &mut self.gathered;
        if gathered.records == 0 {
            (gathered.since, gathered.timestamp) = (Some(now), timestamp);
        }
        gathered.records += 1;
        gathered.bytes += bytes as u64;
    }

    /// Returns how many records and bytes were read since it was last asked.
    pub fn take_read(&mut self) -> (u64, u64) {
        let Gathered { records, bytes, told, .. } = &mut self.gathered;
        let new = (*records - told.0, *bytes - told.1);
        *told = (*records, *bytes);
        new
    }

    /// What is gathered is handed on as a span.
    pub fn begin(&mut self, first: Offset, end: Offset, now: Instant) {
        let Gathered { records, since, timestamp, .. } = std::mem::take(&mut self.gathered);
        self.on_way += records;
        self.spans.push_back(Flight { first, end, records, since: since.unwrap_or(now), timestamp });
    }

    /// The span that begins there has come to its end, good or bad. Returns how many records it had, and since when;
    /// none where it has come to its end before.
    pub fn end(&mut self, first: Offset) -> Option<(u64, Instant)> {
        let index = self.spans.binary_search_by_key(&first, |span| span.first).ok()?;
        let span = &mut self.spans[index];
        let records = std::mem::take(&mut span.records);
        self.on_way -= records;
        (records > 0).then_some((records, span.since))
    }

    /// Everything below this offset is committed: it is no longer waited for.
    pub fn committed(&mut self, offset: Offset) {
        while self.spans.front().is_some_and(|span| span.records == 0 && span.end <= offset) {
            self.spans.pop_front();
        }
    }

    /// Forgets what is gathered. Returns how many records that were; they are read again.
    pub fn discard_gathered(&mut self) -> u64 {
        std::mem::take(&mut self.gathered).records
    }

    /// Forgets everything. Returns how many records were on their way; they are read again.
    pub fn discard(&mut self) -> u64 {
        self.spans.clear();
        self.discard_gathered() + std::mem::take(&mut self.on_way)
    }

    /// Returns how many records are on their way.
    pub fn count(&self) -> u64 {
        self.gathered.records + self.on_way
    }

    /// Returns when the oldest record from this offset on was written, in milliseconds since the epoch, where it was
    /// read and says so. Of a span in the middle of which the offset lies it is the time of its first record.
    pub fn oldest(&self, from: Option<Offset>) -> Option<i64> {
        let is_open = |span: &&Flight| from.is_none_or(|from| span.end > from);
        match self.spans.iter().find(is_open) {
            Some(span) => span.timestamp,
            None => self.gathered.timestamp.filter(|_| self.gathered.records > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    #[test]
    fn a_record_is_counted_from_when_it_is_read_until_its_span_ends() {
        let (mut flights, now) = (Flights::default(), rt::now());
        for timestamp in 0..3 {
            flights.read(10, Some(timestamp), now);
        }
        assert_eq!((flights.count(), flights.take_read(), flights.take_read()), (3, (3, 30), (0, 0)));
        flights.begin(Offset(0), Offset(3), now);
        flights.read(1, Some(9), now);
        assert_eq!((flights.count(), flights.take_read()), (4, (1, 1)));
        assert_eq!(flights.end(Offset(0)).map(|(records, _)| records), Some(3));
        assert!(flights.end(Offset(0)).is_none(), "it ends once");
        assert_eq!(flights.oldest(Some(Offset(2))), Some(0));
        assert_eq!(flights.oldest(Some(Offset(3))), Some(9));
        flights.committed(Offset(3));
        assert!(flights.spans.is_empty());
        assert_eq!((flights.discard(), flights.count()), (1, 0));
    }

    #[test]
    fn what_is_given_up_is_returned_once() {
        let (mut flights, now) = (Flights::default(), rt::now());
        flights.read(1, None, now);
        flights.begin(Offset(5), Offset(6), now);
        flights.read(1, None, now);
        assert_eq!((flights.discard(), flights.discard()), (2, 0));
        assert!(flights.end(Offset(5)).is_none());
    }
}
