//! Measures when something new can be read from each partition of a topic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::kafka::{Kafka, partitions};

/// How often it looks: how exact a gap is.
const EVERY: Duration = Duration::from_millis(25);

/// How long one question may take: brokers that are away are not to make it blind for long when they come back.
const ASK: Duration = Duration::from_millis(500);

/// The moments at which a partition was seen to have grown.
type Moments = Vec<Vec<Instant>>;

/// A thread that looks at the ends of a topic's partitions, as far as committed transactions reach.
pub struct Flow {
    done: Arc<AtomicBool>,
    grown: Arc<Mutex<Moments>>,
    thread: Option<JoinHandle<()>>,
}

impl Flow {
    /// Begins to look at a topic.
    ///
    /// # Panics
    /// There is no such topic.
    pub fn watch(kafka: &Kafka, topic: &str) -> Flow {
        let mut config = kafka.config();
        config.set("reconnect.backoff.max.ms", "250");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let count = partitions(&consumer, topic).unwrap_or_else(|| panic!("there is no topic {topic}"));
        let done = Arc::new(AtomicBool::new(false));
        let grown = Arc::new(Mutex::new(vec![Vec::new(); usize::try_from(count).expect("a count")]));
        let (until, seen, topic) = (done.clone(), grown.clone(), topic.to_owned());
        let thread = thread::spawn(move || {
            // What was there at the first look has not just come.
            let mut ends = vec![i64::MAX; usize::try_from(count).expect("a count")];
            while !until.load(Ordering::Acquire) {
                for (partition, end) in (0..).zip(&mut ends) {
                    let Ok((_, now)) = consumer.fetch_watermarks(&topic, partition, ASK) else { continue };
                    let has_grown = now > *end;
                    *end = now;
                    if has_grown {
                        lock(&seen)[partition as usize].push(Instant::now());
                    }
                }
                thread::sleep(EVERY);
            }
        });
        Flow { done, grown, thread: Some(thread) }
    }

    /// When anything was first seen to come after `from`; none: nothing yet.
    pub fn first_after(&self, from: Instant) -> Option<Instant> {
        lock(&self.grown).iter().filter_map(|moments| moments.iter().find(|moment| **moment > from)).min().copied()
    }

    /// When something of a partition was first seen to come after `from`; none: nothing yet.
    pub fn first_of(&self, partition: i32, from: Instant) -> Option<Instant> {
        lock(&self.grown)[partition as usize].iter().find(|moment| **moment > from).copied()
    }

    /// The longest time between `from` and `to` in which nothing came of a partition.
    pub fn longest_gap(&self, partition: i32, from: Instant, to: Instant) -> Duration {
        let grown = lock(&self.grown);
        let within = grown[partition as usize].iter().filter(|moment| (from..to).contains(*moment));
        longest(from, within.copied().chain([to]))
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(moments: &Mutex<Moments>) -> MutexGuard<'_, Moments> {
    moments.lock().unwrap_or_else(PoisonError::into_inner)
}

fn longest(from: Instant, moments: impl Iterator<Item = Instant>) -> Duration {
    let mut last = from;
    let mut longest = Duration::ZERO;
    for moment in moments {
        longest = longest.max(moment - last);
        last = moment;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_counts_from_the_first_to_the_last_moment() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(longest(start, [at(100), at(150), at(400)].into_iter()), Duration::from_millis(250));
        assert_eq!(longest(start, [at(700), at(800)].into_iter()), Duration::from_millis(700));
    }
}
