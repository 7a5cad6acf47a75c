//! The view of a pipeline: how it stands, as an immutable snapshot that its loop publishes. Whoever shows or exports
//! something of a pipeline reads this, and never touches the loop.

mod pauses;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::rt;

pub use self::pauses::{OperatorPauses, PauseTarget};
use crate::counters::CountersSnapshot;
use crate::taps::Taps;

/// A pipeline at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineView {
    /// In which part of its life it is.
    pub phase: Phase,
    /// The partitions that are ours.
    pub partitions: Vec<PartitionView>,
    /// The workers, by number.
    pub workers: Vec<WorkerView>,
    /// What goes on with the transaction, under exactly_once.
    pub transaction: Option<TransactionView>,
    /// What an open circuit breaker waits for, in words; none: closed.
    pub breaker: Option<String>,
    /// The same without a plugin's words, for those who may not see records.
    pub breaker_unquoted: Option<String>,
    /// What a stage times out on, in words, while it does.
    pub timing_out: Option<String>,
    /// Which topics do not exist any more and are waited for, in words.
    pub waits_for_topics: Option<String>,
    /// Which topics of the input are not there, in words, while it is so.
    pub missing_input: Option<String>,
    /// The number of the stage whose circuit breaker is open.
    pub breaker_stage: Option<usize>,
    /// Whether a rebalance is under way.
    pub is_rebalancing: bool,
    /// Whether an operator has paused the pipeline.
    pub is_paused: bool,
    /// What was counted of records up to this moment.
    pub counts: CountersSnapshot,
    /// Records that are on their way, and do not wait for a retry. With these and those that wait, what was read adds
    /// up: input records = outcomes + in flight + waiting.
    pub in_flight: u64,
    /// Records that wait for a retry.
    pub waiting_for_retry: u64,
    /// Bytes that are enqueued at the producer and had no report yet.
    pub producer_queue_bytes: u64,
    /// Whether everything that was read is acknowledged and committed or about to be: nothing is on its way.
    pub is_idle: bool,
}

impl PipelineView {
    /// Returns the records between what is delivered and the partitions' high watermarks; none while one of them is not
    /// known.
    pub fn lag(&self) -> Option<u64> {
        let lags = self.partitions.iter().map(|partition| partition.lag);
        lags.collect::<Option<Vec<u64>>>().filter(|lags| !lags.is_empty()).map(|lags| lags.iter().sum())
    }

    /// Returns the largest lag of a partition in time, in seconds; none where a partition is behind and nobody knows
    /// for how long. `now` is in milliseconds since the epoch.
    pub fn lag_seconds(&self, now: i64) -> Option<f64> {
        let all = self.partitions.iter().map(|partition| partition.lag_seconds(now));
        let most = all.clone().flatten().fold(0.0, f64::max);
        (most > 0.0 || all.clone().all(|seconds| seconds.is_some())).then_some(most)
    }

    /// Returns the word for its phase in logs; an operator who has paused all of it shows there, too.
    pub fn phase_name(&self) -> &'static str {
        if self.phase == Phase::Running && self.is_paused { Phase::Paused.as_str() } else { self.phase.as_str() }
    }

    /// Returns what there is to say of how it stands, where there is something.
    pub fn said(&self) -> Option<&str> {
        self.breaker.as_deref().or_else(|| self.said_of_waits())
    }

    /// Returns the same without a plugin's words, for those who may not see records.
    pub fn said_unquoted(&self) -> Option<&str> {
        self.breaker_unquoted.as_deref().or_else(|| self.said_of_waits())
    }

    fn said_of_waits(&self) -> Option<&str> {
        let all = [&self.timing_out, &self.waits_for_topics, &self.missing_input];
        all.into_iter().find_map(|said| said.as_deref())
    }

    /// Returns how many partitions have records that wait for a retry.
    pub fn retrying(&self) -> usize {
        self.partitions.iter().filter(|partition| partition.is_retrying).count()
    }

    /// Returns whether anything differs that somebody may wait for: the phase, and how many partitions there are.
    fn differs_in_kind(&self, other: &PipelineView) -> bool {
        self.phase != other.phase || self.partitions.len() != other.partitions.len()
    }
}

/// A partition of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
    /// The worker that processes it.
    pub worker: usize,
    /// The offset of the record to read next; none: the beginning of the log.
    pub next: Option<i64>,
    /// What is delivered: everything below this offset.
    pub position: Option<i64>,
    /// What is committed.
    pub committed: Option<i64>,
    /// The end of the partition as the last fetch saw it, or, while it is not fetched, as its leader said it.
    pub high_watermark: Option<i64>,
    /// Records between what is delivered and the high watermark; none while that is not known.
    pub lag: Option<u64>,
    /// When the oldest record that is not committed was written, in milliseconds since the epoch; none where that is
    /// not known.
    pub oldest_uncommitted: Option<i64>,
    /// The offset at which it waits for an open transaction of another producer to end; none where it does not.
    pub blocked_by_transaction: Option<i64>,
    /// Whether records of it wait for a retry.
    pub is_retrying: bool,
    /// Why it is not fetched; empty: it is.
    pub paused_for: Vec<&'static str>,
}

impl PartitionView {
    /// Returns how old the oldest record is that is not committed, in seconds; 0 where there is none, none where that
    /// is not known. `now` is in milliseconds since the epoch.
    pub fn lag_seconds(&self, now: i64) -> Option<f64> {
        match (self.lag, self.oldest_uncommitted) {
            (Some(0), _) => Some(0.0),
            (_, Some(oldest)) => Some((now.saturating_sub(oldest)).max(0) as f64 / 1e3),
            (_, None) => None,
        }
    }

    /// Returns whether an operator has paused it.
    pub fn is_paused(&self) -> bool {
        self.paused_for.contains(&"operator")
    }
}

/// A worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerView {
    /// Batches that it has: in work, or waiting for it.
    pub batches: usize,
    /// Records that are gathered for its next batch.
    pub gathered: usize,
}

/// The transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionView {
    /// How far it has come.
    pub phase: &'static str,
    /// How long ago it began.
    pub age: Duration,
}

/// The parts of a pipeline's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It loads plugins, asks for topics, joins the group.
    #[default]
    Starting,
    /// It has its assignment.
    Running,
    /// A circuit breaker is open, or an operator has paused it.
    Paused,
    /// No more intake; what is in flight is delivered and committed.
    Draining,
    /// It ended as it was told.
    Stopped,
    /// It ended with an error.
    Failed,
    /// It ended with an error, and is started again after a while.
    Restarting,
}

impl Phase {
    /// Returns whether nothing more will happen.
    pub fn is_over(self) -> bool {
        matches!(self, Phase::Stopped | Phase::Failed)
    }

    /// Returns whether the pipeline does what it is there for: it has its assignment, which may be empty.
    pub fn is_ready(self) -> bool {
        matches!(self, Phase::Running | Phase::Paused)
    }

    /// The word for it in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::Draining => "draining",
            Phase::Stopped => "stopped",
            Phase::Failed => "failed",
            Phase::Restarting => "restarting",
        }
    }
}

/// Called when a view differs in kind from the one before.
pub type OnChange = Box<dyn Fn() + Send + Sync>;

/// Where a pipeline publishes its view.
#[derive(Default)]
pub struct ViewCell {
    view: Mutex<Arc<PipelineView>>,
    turned: Mutex<Option<Instant>>,
    on_change: Option<OnChange>,
    /// What an operator has paused. The loop obeys it, and it outlives the loop.
    pub pauses: OperatorPauses,
    taps: Taps,
}

impl ViewCell {
    /// A cell that tells of every change of phase, and of how many partitions there are.
    pub fn new(on_change: OnChange) -> ViewCell {
        ViewCell { on_change: Some(on_change), ..ViewCell::default() }
    }

    /// Returns the taps on the pipeline's stages.
    pub fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Returns the latest view.
    pub fn get(&self) -> Arc<PipelineView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The loop says that it turns. To publish a view says so, too.
    pub fn turn(&self) {
        *self.turned.lock().unwrap_or_else(PoisonError::into_inner) = Some(rt::now());
    }

    /// Returns when the loop last turned, as far as it has said so; none: it has never turned.
    pub fn last_turn(&self) -> Option<Instant> {
        *self.turned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a view.
    pub fn publish(&self, view: PipelineView) {
        self.turn();
        let view = Arc::new(view);
        let before = std::mem::replace(&mut *self.view.lock().unwrap_or_else(PoisonError::into_inner), view.clone());
        if let Some(on_change) = self.on_change.as_ref().filter(|_| view.differs_in_kind(&before)) {
            on_change();
        }
    }

    /// Publishes the latest view with another phase.
    pub fn set_phase(&self, phase: Phase) {
        self.publish(PipelineView { phase, ..(*self.get()).clone() });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn partition(lag: Option<u64>) -> PartitionView {
        PartitionView {
            topic: "in".into(),
            partition: 0,
            worker: 0,
            next: None,
            position: None,
            committed: None,
            high_watermark: None,
            lag,
            oldest_uncommitted: None,
            blocked_by_transaction: None,
            is_retrying: false,
            paused_for: Vec::new(),
        }
    }

    #[test]
    fn the_lag_of_all_partitions_is_known_only_when_each_is() {
        let view = |partitions| PipelineView { partitions, ..PipelineView::default() };
        assert_eq!(view(vec![]).lag(), None);
        assert_eq!(view(vec![partition(Some(3)), partition(Some(4))]).lag(), Some(7));
        assert_eq!(view(vec![partition(Some(3)), partition(None)]).lag(), None);
    }

    #[test]
    fn a_change_of_phase_is_told_once() {
        let told = Arc::new(AtomicUsize::new(0));
        let cell = {
            let told = told.clone();
            ViewCell::new(Box::new(move || _ = told.fetch_add(1, Ordering::Relaxed)))
        };
        cell.set_phase(Phase::Running);
        cell.set_phase(Phase::Running);
        assert_eq!((told.load(Ordering::Relaxed), cell.get().phase), (1, Phase::Running));
    }
}
