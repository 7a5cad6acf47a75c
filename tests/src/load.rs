//! Feeds a topic while a test does something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::feeder::Feeder;
use crate::kafka::Kafka;
use crate::workload::Workload;

/// Between two bursts.
const PACE: Duration = Duration::from_millis(10);

/// A thread that feeds records at a steady rate until it is stopped. What brokers cannot take now waits in it.
pub struct Load {
    done: Arc<AtomicBool>,
    fed: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins with the record with the number `first`, with about `rate` records in a second.
    pub fn start(kafka: &Kafka, topic: &str, workload: Workload, first: usize, rate: usize) -> Load {
        // It is to be back before the program is.
        let feeder = Feeder::new(kafka, &[("reconnect.backoff.max.ms", "500"), ("message.timeout.ms", "0")]);
        let (done, fed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(first)));
        let (until, count, topic) = (done.clone(), fed.clone(), topic.to_owned());
        let thread = thread::spawn(move || {
            let started = Instant::now();
            while !until.load(Ordering::Acquire) {
                let due = first + (started.elapsed().as_secs_f64() * rate as f64) as usize;
                for number in count.load(Ordering::Relaxed)..due {
                    feeder.send(&topic, None, &workload.record(number));
                }
                count.fetch_max(due, Ordering::Relaxed);
                thread::sleep(PACE);
            }
            feeder.flush();
        });
        Load { done, fed, thread: Some(thread) }
    }

    /// Stops, and waits until everything is acknowledged. Answers the number of the next record.
    ///
    /// # Panics
    /// Not everything was acknowledged.
    pub fn stop(mut self) -> usize {
        self.done.store(true, Ordering::Release);
        self.thread.take().expect("it is stopped once").join().expect("the load is acknowledged");
        self.fed.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
