//! Partitions of which the offset to read next is not in the log: retention has passed it, or the log was cut short.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::action::{Action, Actions};
use super::intake::Intake;
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::pause::PauseReason;
use super::question::{ASK_AGAIN, Question};
use crate::batch::Offset;
use crate::config::plan::OnLostOffset;
use crate::error::PipelineError;
use crate::kafka::{KafkaError, TopicPartition};

/// Asks what the log holds, and goes on as `on_lost_offset` says.
pub struct LostOffsets {
    pipeline: Arc<str>,
    on_lost_offset: OnLostOffset,
    // Partitions that it was asked of, or that are to be asked of again, by their generation.
    asked: BTreeMap<TopicPartition, (u64, State)>,
}

#[derive(Clone, Copy)]
enum State {
    Asked,
    AskAgain(Instant),
    Known(Offset, Offset),
}

impl LostOffsets {
    /// None is lost.
    pub fn new(pipeline: Arc<str>, on_lost_offset: OnLostOffset) -> LostOffsets {
        LostOffsets { pipeline, on_lost_offset, asked: BTreeMap::new() }
    }

    /// Goes on with each partition whose offset is out of range, once everything that was read of it is delivered.
    /// `may_reassign`: partitions may be given up and assigned again now.
    pub fn step(
        &mut self,
        now: Instant,
        may_reassign: bool,
        partitions: &mut OwnedPartitions,
        intake: &Intake,
        actions: &mut Actions,
    ) {
        let is_current = |at: &TopicPartition, generation: u64| {
            partitions.of(at).is_some_and(|p| p.lease().generation == generation && p.out_of_range().is_some())
        };
        self.asked.retain(|at, (generation, _)| is_current(at, *generation));
        let mut known = Vec::new();
        for partition in partitions.iter().filter(|partition| is_ready(partition, intake)) {
            let (at, generation) = (partition.at(), partition.lease().generation);
            match self.asked.get(at).map(|(_, state)| *state) {
                Some(State::Asked) => {}
                Some(State::AskAgain(again)) if now < again => {}
                Some(State::Known(low, high)) => known.push((partition.index(), low, high)),
                Some(State::AskAgain(_)) | None => {
                    self.asked.insert(at.clone(), (generation, State::Asked));
                    actions.push(Action::Ask(Question::Watermarks { at: at.clone(), generation }));
                }
            }
        }
        for (index, low, high) in known.into_iter().filter(|_| may_reassign) {
            self.go_on(index, low, high, partitions, actions);
        }
    }

    /// The answer to a question about a partition.
    pub fn on_watermarks(
        &mut self,
        at: &TopicPartition,
        generation: u64,
        watermarks: Result<(Offset, Offset), KafkaError>,
        now: Instant,
    ) {
        let Some((_, state)) = self.asked.get_mut(at).filter(|(asked, _)| *asked == generation) else { return };
        *state = match watermarks {
            Ok((low, high)) => State::Known(low, high),
            Err(error) => {
                tracing::warn!(
                    target: "source", pipeline = %self.pipeline, partition = %at,
                    "the offset to read next is out of range, and what the log holds is not known: {error}; asking again"
                );
                State::AskAgain(now + ASK_AGAIN)
            }
        };
    }

    fn go_on(
        &mut self,
        index: usize,
        low: Offset,
        high: Offset,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        let Some(partition) = partitions.get_mut(index) else { return };
        let at = partition.at().clone();
        self.asked.remove(&at);
        let wanted = match partition.next() {
            // Nothing was read yet and nothing is committed: there is no gap.
            None => return actions.push(Action::RestartFrom(vec![(index, Some(low))])),
            // It is there: only the fetch had stopped.
            Some(next) if low <= next && next <= high => {
                return actions.push(Action::RestartFrom(vec![(index, Some(next))]));
            }
            Some(next) => next,
        };
        let gap = gap(wanted, low, high);
        let to = match self.on_lost_offset {
            OnLostOffset::Stop => {
                let (wanted, low, high) = (wanted.0, low.0, high.0);
                return actions.push(Action::Fail(PipelineError::OffsetLost { at, wanted, low, high, gap }));
            }
            OnLostOffset::Earliest => low,
            OnLostOffset::Latest => high,
        };
        tracing::warn!(
            target: "source", pipeline = %self.pipeline, partition = %at, wanted = wanted.0, low = low.0, high = high.0,
            "the offset to read from is out of range, {gap}; going on from {to} as `on_lost_offset` says"
        );
        // The new offset may be lower.
        partition.forget_committed(to);
        actions.push(Action::RestartFrom(vec![(index, Some(to))]));
        actions.push(Action::RequestCommit);
    }

    /// When there is something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        let again = self.asked.values().filter_map(|(_, state)| match state {
            State::AskAgain(again) => Some(*again),
            State::Asked | State::Known(..) => None,
        });
        again.min()
    }
}

fn is_ready(partition: &OwnedPartition, intake: &Intake) -> bool {
    partition.out_of_range().is_some()
        && partition.is_delivered()
        && partition.is_idle()
        && !intake.gathers(partition.lease())
        && !partition.is_paused_for(PauseReason::Revoking)
        && !partition.is_void()
}

fn gap(wanted: Offset, low: Offset, high: Offset) -> String {
    if wanted < low {
        let gone = low.0 - wanted.0;
        return format!("and offsets {wanted} to {} ({gone} of them) were removed before they were read", low.0 - 1);
    }
    format!("and the log now ends at {high}: it was cut short or the topic was created again")
}
