//! Watches what a group commits while it works, for the checker to hold against what was delivered at that time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{Kafka, partitions};
use crate::workload::Place;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(100);

/// How long one question may take: brokers that are away must not hold up the end of a test.
const ASK: Duration = Duration::from_secs(2);

/// What was seen at one moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was complete.
    pub at: Instant,
    /// The committed offset of each partition of the input.
    pub committed: Vec<Option<i64>>,
    /// The end of each partition of what is written, asked for AFTER the committed offsets were known: so what was
    /// delivered before the commit lies below it.
    pub ends: BTreeMap<Place, Vec<i64>>,
}

/// A thread that takes samples. Moments at which brokers do not answer have none.
pub struct CommitWatch {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Sample>>>,
}

impl CommitWatch {
    /// Begins to watch a group's offsets in its input, and the topics that it writes to.
    pub fn start(kafka: &Kafka, group: &str, input: &str, topics: BTreeMap<Place, String>) -> CommitWatch {
        let mut config = kafka.config();
        // The ends are those of the log, whatever transactions are open; and an offset counts as committed as soon as
        // anybody could go on from it.
        config.set("group.id", group).set("enable.auto.commit", "false").set("isolation.level", "read_uncommitted");
        config.set("reconnect.backoff.max.ms", "500");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let done = Arc::new(AtomicBool::new(false));
        let (until, input) = (done.clone(), input.to_owned());
        let thread = thread::spawn(move || watch(&consumer, &input, &topics, &until));
        CommitWatch { done, thread: Some(thread) }
    }

    /// Ends the watch, and answers what it saw, in order.
    ///
    /// # Panics
    /// The watch could not go on.
    pub fn finish(mut self) -> Vec<Sample> {
        self.done.store(true, Ordering::Release);
        self.thread.take().expect("it is finished once").join().expect("the watch goes on to its end")
    }
}

impl Drop for CommitWatch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(consumer: &BaseConsumer, input: &str, topics: &BTreeMap<Place, String>, done: &AtomicBool) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut counts = BTreeMap::new();
    while !done.load(Ordering::Acquire) {
        for topic in topics.values().map(String::as_str).chain([input]) {
            if let (false, Some(count)) = (counts.contains_key(topic), partitions(consumer, topic)) {
                counts.insert(topic.to_owned(), count);
            }
        }
        samples.extend(sample(consumer, input, topics, &counts));
        thread::sleep(EVERY);
    }
    samples
}

/// One sample; none where the brokers do not answer. A topic that is not there yet has no ends.
fn sample(
    consumer: &BaseConsumer,
    input: &str,
    topics: &BTreeMap<Place, String>,
    counts: &BTreeMap<String, i32>,
) -> Option<Sample> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(input, 0, counts.get(input)? - 1);
    let committed = consumer.committed_offsets(list, ASK).ok()?;
    let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
    let committed = committed.elements().iter().map(|element| offset(element.offset())).collect();
    let mut ends = BTreeMap::new();
    for (place, topic) in topics {
        let Some(count) = counts.get(topic) else { continue };
        let end = |partition| Some(consumer.fetch_watermarks(topic, partition, ASK).ok()?.1);
        ends.insert(*place, (0..*count).map(end).collect::<Option<Vec<_>>>()?);
    }
    Some(Sample { at: Instant::now(), committed, ends })
}

/// The most that was written in the `interval` before any moment from `from` to `to`, by the samples of a run. Where no
/// sample was taken at a moment, the ones around it count: rather too much than too little.
pub fn most_written(samples: &[Sample], interval: Duration, from: Instant, to: Instant) -> usize {
    let written = |sample: &Sample| sample.ends.values().flatten().sum::<i64>();
    let first = samples.partition_point(|sample| sample.at < from);
    let last = samples.partition_point(|sample| sample.at < to);
    let ends = samples.iter().enumerate().take(last + 1).skip(first);
    let before = |(number, end): (usize, &Sample)| {
        // The moment may lie anywhere since the sample before: brokers that are away leave a gap.
        let moment = samples[number.saturating_sub(1)].at;
        let begin = samples.partition_point(|sample| sample.at + interval <= moment).saturating_sub(1);
        written(end) - written(&samples[begin])
    };
    usize::try_from(ends.map(before).max().unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_a_moment_is_found() {
        let start = Instant::now();
        let sample = |(ms, end): (u64, i64)| Sample {
            at: start + Duration::from_millis(ms),
            committed: Vec::new(),
            ends: [(Place::Output, vec![end, end])].into(),
        };
        let samples: Vec<_> =
            [(0, 0), (500, 10), (1_000, 20), (1_500, 120), (2_000, 200), (4_000, 210)].map(sample).into();
        let second = Duration::from_secs(1);
        let most = |from, to| {
            most_written(&samples, second, start + Duration::from_millis(from), start + Duration::from_millis(to))
        };
        assert_eq!(most(1_000, 1_000), 40, "from the first sample on");
        assert_eq!(most(1_400, 1_400), 240, "by the sample that comes next, and from a second before the last");
        assert_eq!(most(0, 4_000), 380, "in the busiest second");
        assert_eq!(most(3_900, 9_000), 380, "a gap may hide when it was written");
    }
}
