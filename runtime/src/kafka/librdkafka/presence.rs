//! Being seen: whoever does something that others should not do meanwhile is a member of a group of its own for as long
//! as it lasts, and others ask who is in that group. Nothing is read and nothing is committed there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::consumer::NativeConsumer;
use super::describe::members;
use super::reader::GROUP_PROPERTIES;
use crate::kafka::{ConsumerEvent, ErrorKind, GroupConsumer as _, KafkaError, Properties};
use crate::rt::Wakeup;

/// How long a process that was killed is still seen, in milliseconds.
const SESSION_TIMEOUT_MS: &str = "10000";
/// How long leaving the group, and the end of the client, may take.
const CLOSE: Duration = Duration::from_secs(2);
/// How often the membership is attended to, at least.
const ATTEND: Duration = Duration::from_secs(1);

/// A membership that others can see. Dropped, it ends.
pub struct Presence {
    has_ended: Arc<AtomicBool>,
    wakeup: Wakeup,
    thread: Option<JoinHandle<()>>,
}

impl Presence {
    /// Joins a group, by a topic that exists, on a thread of its own. Where that is not allowed nobody sees it, and the
    /// log says so.
    ///
    /// # Errors
    /// Properties that the client refuses; a thread that cannot be made.
    pub fn announce(
        pipeline: &Arc<str>,
        properties: &Properties,
        group: &str,
        topic: &str,
    ) -> Result<Presence, KafkaError> {
        let wakeup = Wakeup::default();
        let mut consumer = NativeConsumer::new(pipeline, &of_group(properties, group), 1, wakeup.clone())?;
        consumer.subscribe(&[topic.to_owned()])?;
        let has_ended: Arc<AtomicBool> = Arc::default();
        let (ended, woken, owner) = (has_ended.clone(), wakeup.clone(), pipeline.clone());
        let attend = move || {
            let mut is_said = false;
            while !ended.load(Ordering::Acquire) {
                attend(&mut consumer, &owner, &mut is_said);
                woken.wait_until(Some(Instant::now() + ATTEND));
            }
            Box::new(consumer).close(CLOSE);
        };
        let name = format!("{pipeline}/seen");
        let spawned = thread::Builder::new().name(name).spawn(attend);
        let thread = spawned.map_err(|error| KafkaError::new(ErrorKind::Other, format!("no thread: {error}")))?;
        Ok(Presence { has_ended, wakeup, thread: Some(thread) })
    }

    /// Returns how many members a group has.
    ///
    /// # Errors
    /// Properties that the client refuses; no answer within `timeout`; it may not be asked for.
    pub fn count(
        pipeline: &Arc<str>,
        properties: &Properties,
        group: &str,
        timeout: Duration,
    ) -> Result<usize, KafkaError> {
        let consumer = NativeConsumer::new(pipeline, &of_group(properties, group), 1, Wakeup::default())?;
        // SAFETY: the client lives.
        let count = unsafe { members(consumer.client().native(), group, timeout) };
        Box::new(consumer).close(CLOSE);
        count
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Release);
        self.wakeup.wake();
        // One that panicked has said so by its hook.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Answers rebalances, and takes no partition.
fn attend(consumer: &mut NativeConsumer, pipeline: &Arc<str>, is_said: &mut bool) {
    while let Some(event) = consumer.next_event() {
        let answered = match event {
            ConsumerEvent::Assigned(_) => consumer.assign(&[]),
            ConsumerEvent::Revoked { partitions, .. } => consumer.unassign(&partitions),
            ConsumerEvent::Failed(error) | ConsumerEvent::Fatal(error) => Err(error),
            ConsumerEvent::Committed(_) => Ok(()),
        };
        if let Err(error) = answered
            && error.kind == ErrorKind::Authorization
            && !std::mem::replace(is_said, true)
        {
            tracing::warn!(target: "kafka", %pipeline, "other processes do not see that this one is at work: {error}");
        }
    }
}

/// The properties of a member of this group.
fn of_group(properties: &Properties, group: &str) -> Properties {
    let mut properties = properties.clone();
    properties.retain(|name, _| !GROUP_PROPERTIES.contains(&name.as_str()));
    for (name, value) in [
        ("group.id", group),
        ("session.timeout.ms", SESSION_TIMEOUT_MS),
        ("heartbeat.interval.ms", "3000"),
        ("partition.assignment.strategy", "range"),
    ] {
        properties.insert(name.to_owned(), value.to_owned());
    }
    properties
}
