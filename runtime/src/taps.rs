//! Taps: live copies of what a stage makes of records, for whoever wants to see them. While nobody does, a worker looks
//! at one number for each batch; while somebody does, it copies records as far as there is room, and never waits.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::batch::Offset;
use crate::failure::Class;
use crate::kafka::TopicPartition;
use crate::record_text::DevRecord;
use crate::rt;

/// Records that wait for whoever taps.
const WAITING: usize = 64;
/// Bytes that these may have together.
const WAITING_BYTES: usize = 4 << 20;
/// Records a second that a tap copies at the most.
const RATE: u32 = 200;
/// Taps of one pipeline at one time.
const MOST_TAPS: usize = 16;

/// What a stage has made of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct TappedRecord {
    /// The partition that it came from.
    pub at: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
    /// The record as the stage got it.
    pub before: DevRecord,
    /// What the stage said.
    pub verdict: TappedVerdict,
    /// How long the stage took for each record of the batch, on average.
    pub time: Duration,
}

/// What a stage said of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum TappedVerdict {
    /// It goes on as it came.
    Keep,
    /// It ends here.
    Drop,
    /// These go on in its place, or leave for the output of this number.
    Emit(Vec<(DevRecord, Option<u32>)>),
    /// It failed: class and reason.
    Failed(Class, String),
}

impl TappedRecord {
    /// Returns its bytes, roughly.
    pub fn size(&self) -> usize {
        let after = match &self.verdict {
            TappedVerdict::Emit(emitted) => emitted.iter().map(|(record, _)| record.size()).sum(),
            TappedVerdict::Keep | TappedVerdict::Drop | TappedVerdict::Failed(..) => 0,
        };
        self.before.size() + after
    }
}

/// The taps of one pipeline.
#[derive(Debug, Default)]
pub struct Taps {
    // How many there are, so that a worker has one number to look at.
    count: AtomicUsize,
    taps: Mutex<Vec<Arc<OpenTap>>>,
}

/// A tap as workers see it.
#[derive(Debug)]
pub struct OpenTap {
    stage: String,
    // The share of records that is copied, of 2^32.
    share: u64,
    seen: AtomicU64,
    until: Instant,
    rate: Mutex<Rate>,
    records: Sender<TappedRecord>,
    bytes: AtomicUsize,
    shed: AtomicU64,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Rate {
    left: u32,
    second: Instant,
}

/// A tap as whoever reads it has it. Closes when it is dropped.
#[derive(Debug)]
pub struct Tap {
    open: Arc<OpenTap>,
    records: Receiver<TappedRecord>,
}

impl Taps {
    /// Opens a tap on a stage: copies this share of its records (above 0, at most 1) until a moment. None: there are
    /// too many already.
    pub fn open(&self, stage: &str, sample: f64, until: Instant) -> Option<Tap> {
        let mut taps = self.taps();
        taps.retain(|tap| !tap.is_over());
        if taps.len() >= MOST_TAPS {
            return None;
        }
        let (sender, receiver) = channel(WAITING);
        let open = Arc::new(OpenTap {
            stage: stage.to_owned(),
            share: (sample.clamp(0.0, 1.0) * (1_u64 << 32) as f64) as u64,
            seen: AtomicU64::new(0),
            until,
            rate: Mutex::new(Rate { left: RATE, second: rt::now() }),
            records: sender,
            bytes: AtomicUsize::new(0),
            shed: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        taps.push(open.clone());
        self.count.store(taps.len(), Ordering::Release);
        Some(Tap { open, records: receiver })
    }

    /// Returns whether anybody taps.
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Returns the taps on a stage. Those that are over are forgotten.
    pub fn of_stage(&self, stage: &str) -> Vec<Arc<OpenTap>> {
        let mut taps = self.taps();
        taps.retain(|tap| !tap.is_over());
        self.count.store(taps.len(), Ordering::Release);
        taps.iter().filter(|tap| tap.stage == stage).cloned().collect()
    }

    fn taps(&self) -> MutexGuard<'_, Vec<Arc<OpenTap>>> {
        self.taps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenTap {
    fn is_over(&self) -> bool {
        self.closed.load(Ordering::Acquire) || rt::now() >= self.until
    }

    /// Returns whether the next record is one of the sample and there is room for it. One without room counts as shed.
    pub fn wants(&self) -> bool {
        // A good hash of the record's number: any share is spread evenly.
        let mut hash = self.seen.fetch_add(1, Ordering::Relaxed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        if (hash >> 32) >= self.share {
            return false;
        }
        let has_room = self.records.capacity() > 0
            && self.bytes.load(Ordering::Relaxed) < WAITING_BYTES
            && self.rate.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !has_room {
            self.shed.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// Hands a record to whoever taps; where there is no room it counts as shed.
    pub fn offer(&self, record: TappedRecord) {
        let size = record.size();
        self.bytes.fetch_add(size, Ordering::Relaxed);
        if self.records.try_send(record).is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            self.shed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Rate {
    fn take(&mut self) -> bool {
        let now = rt::now();
        if now - self.second >= Duration::from_secs(1) {
            (self.left, self.second) = (RATE, now);
        }
        let has = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has
    }
}

impl Tap {
    /// Waits for the next record.
    pub async fn next(&mut self) -> Option<TappedRecord> {
        let record = self.records.recv().await?;
        self.open.bytes.fetch_sub(record.size(), Ordering::Relaxed);
        Some(record)
    }

    /// Returns the next record, if there is one.
    pub fn try_next(&mut self) -> Option<TappedRecord> {
        let record = self.records.try_recv().ok()?;
        self.open.bytes.fetch_sub(record.size(), Ordering::Relaxed);
        Some(record)
    }

    /// Returns how many records of the sample were left out since this was asked last.
    pub fn take_shed(&self) -> u64 {
        self.open.shed.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.open.closed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TappedRecord {
        TappedRecord {
            at: TopicPartition::new("in", 0),
            offset: Offset(0),
            before: DevRecord::plain(b"value"),
            verdict: TappedVerdict::Keep,
            time: Duration::ZERO,
        }
    }

    fn in_a_minute() -> Instant {
        rt::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_reader_that_does_not_read_costs_records_and_no_time() {
        let taps = Taps::default();
        let mut tap = taps.open("stage", 1.0, in_a_minute()).expect("a tap");
        let open = taps.of_stage("stage").remove(0);
        for _ in 0..100 {
            if open.wants() {
                open.offer(record());
            }
        }
        assert_eq!(tap.take_shed(), 36, "64 have room");
        let mut read = 0;
        while tap.try_next().is_some() {
            read += 1;
        }
        assert_eq!((read, tap.take_shed()), (64, 0));
        assert!(open.wants(), "there is room again");
    }

    #[test]
    fn large_records_are_bounded_by_their_bytes() {
        let taps = Taps::default();
        let mut tap = taps.open("stage", 1.0, in_a_minute()).expect("a tap");
        let open = taps.of_stage("stage").remove(0);
        let mut offered = 0;
        while open.wants() {
            open.offer(TappedRecord { before: DevRecord::plain(&vec![0; 1 << 20]), ..record() });
            offered += 1;
        }
        assert_eq!(offered, 4);
        assert!(tap.try_next().is_some() && open.wants());
    }

    #[test]
    fn a_sample_is_the_share_that_is_asked_for() {
        let taps = Taps::default();
        let _tap = taps.open("stage", 0.1, in_a_minute()).expect("a tap");
        let open = taps.of_stage("stage").remove(0);
        let wanted = (0..1000).filter(|_| open.wants()).count();
        assert!((60..140).contains(&wanted), "{wanted}");
    }

    #[test]
    fn a_tap_is_gone_when_it_is_dropped_or_its_time_is_over() {
        let taps = Taps::default();
        assert!(!taps.any());
        let tap = taps.open("stage", 1.0, in_a_minute()).expect("a tap");
        assert!(taps.any() && taps.of_stage("other").is_empty());
        drop(tap);
        assert!(taps.of_stage("stage").is_empty() && !taps.any());
        let _late = taps.open("stage", 1.0, rt::now()).expect("a tap");
        assert!(taps.of_stage("stage").is_empty() && !taps.any());
        let many: Vec<_> = (0..MOST_TAPS).map(|_| taps.open("stage", 1.0, in_a_minute())).collect();
        assert!(many.iter().all(Option::is_some) && taps.open("stage", 1.0, in_a_minute()).is_none());
    }
}
