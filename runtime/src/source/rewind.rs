//! The way back after a transaction that was not committed: every partition that is void goes back to what the group
//! has committed, which is asked of the brokers, because whether the last transaction was committed may not be known.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::partitions::OwnedPartitions;
use super::pause::PauseReason;
use super::question::{ASK_AGAIN, Question};
use crate::batch::Offset;
use crate::kafka::{CommittedOf, KafkaError, TopicPartition};

/// The longest wait before partitions go back after one abort upon another.
const BACKOFF_MOST: Duration = Duration::from_secs(5);
/// The wait after the second abort without a commit between them. It doubles with each that follows.
const BACKOFF: Duration = Duration::from_millis(100);

/// One way back.
pub struct Rewind {
    pipeline: Arc<str>,
    // When to ask, or to ask again.
    due: Instant,
    ticket: u64,
    is_asked: bool,
    known: HashMap<TopicPartition, Option<Offset>>,
}

impl Rewind {
    /// Nothing is to go back.
    pub fn new(pipeline: Arc<str>, now: Instant) -> Rewind {
        Rewind { pipeline, due: now, ticket: 0, is_asked: false, known: HashMap::new() }
    }

    /// Partitions are to go back, after so many aborts without a commit between them.
    pub fn begin(&mut self, aborts: u32, now: Instant) {
        // An answer that comes late is for the way before.
        self.ticket += 1;
        self.is_asked = false;
        self.known.clear();
        self.due = match aborts {
            0 | 1 => now,
            _ => now + (BACKOFF * 2_u32.pow(aborts.min(8) - 2)).min(BACKOFF_MOST),
        };
    }

    /// Goes on. Returns whether everything is back. See
    /// [`Transactions::step`](super::transactions::Transactions::step).
    pub fn step(
        &mut self,
        now: Instant,
        may_reassign: bool,
        is_ending: bool,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) -> bool {
        if is_ending {
            // Nothing is read any more.
            let void: Vec<_> = partitions.iter().filter(|p| p.is_void()).map(|p| p.index()).collect();
            void.into_iter().for_each(|index| partitions.invalidate(index));
            return true;
        }
        if self.is_asked || now < self.due || !may_reassign {
            return false;
        }
        let is_to_go_back =
            |p: &&super::partitions::OwnedPartition| p.is_void() && !p.is_paused_for(PauseReason::Revoking);
        let void: Vec<_> = partitions.iter().filter(is_to_go_back).map(|p| (p.index(), p.at().clone())).collect();
        let unknown: Vec<_> =
            void.iter().map(|(_, at)| at).filter(|at| !self.known.contains_key(*at)).cloned().collect();
        if !unknown.is_empty() {
            self.ticket += 1;
            self.is_asked = true;
            actions.push(Action::Ask(Question::Committed { partitions: unknown, ticket: self.ticket }));
            return false;
        }
        let back: Vec<_> = void
            .into_iter()
            .filter_map(|(index, at)| {
                let committed = self.known.get(&at).copied()?;
                Some((index, partitions.get_mut(index)?.rewind_to(committed)))
            })
            .collect();
        self.known.clear();
        if !back.is_empty() {
            actions.push(Action::RestartFrom(back));
        }
        true
    }

    /// The answer to the question.
    pub fn on_committed(
        &mut self,
        committed: Result<Vec<(TopicPartition, CommittedOf)>, KafkaError>,
        ticket: u64,
        now: Instant,
    ) {
        if ticket != self.ticket || !self.is_asked {
            return;
        }
        self.is_asked = false;
        let each = committed.and_then(|all| {
            let offset = |(at, committed): (TopicPartition, CommittedOf)| Ok((at, committed?.map(|it| it.offset)));
            all.into_iter().map(offset).collect::<Result<Vec<_>, KafkaError>>()
        });
        match each {
            Ok(offsets) => self.known.extend(offsets),
            Err(error) => {
                tracing::warn!(
                    target: "transactions", pipeline = %self.pipeline,
                    "asking for committed offsets: {error}; asking again"
                );
                self.due = now + ASK_AGAIN;
            }
        }
    }

    /// When there is something to do next, whatever happens.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.is_asked).then_some(self.due)
    }
}
