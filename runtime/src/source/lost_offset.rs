//! Partitions of which the offset to read next is not in the log: retention has passed it, or the log was cut short.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::intake::Intake;
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::pause::PauseReason;
use super::question::{ASK_AGAIN, Question};
use crate::batch::Offset;
use crate::config::plan::OnLostOffset;
use crate::error::PipelineError;
use crate::kafka::{ErrorKind, KafkaError, TopicPartition};

/// When it is asked again of a partition that does not exist: its topic may have been created again with fewer of them,
/// and the group not have noticed.
const GONE_AGAIN: Duration = Duration::from_secs(10);

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
            if partition.is_gone() {
                if self.on_lost_offset == OnLostOffset::Stop {
                    actions.push(Action::Fail(gone(partition)));
                }
                continue;
            }
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
                    target: "source", pipeline = %self.pipeline, topic = %at.topic, partition = at.partition.0,
                    "the offset to read next is out of range, and what the log holds is not known: {error}; asking again"
                );
                State::AskAgain(now + if error.kind == ErrorKind::UnknownTopic { GONE_AGAIN } else { ASK_AGAIN })
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
        if partition.is_back() {
            // As any partition that a topic has grown by.
            partition.forget_committed(low);
            actions.push(Action::RestartFrom(vec![(index, Some(low))]));
            return actions.push(Action::RequestCommit);
        }
        let is_recreated = partition.is_recreated();
        let wanted = match partition.next() {
            // Whatever it was, the topic that it was read of is gone.
            next if is_recreated => next.unwrap_or(low),
            // Nothing was read yet and nothing is committed: there is no gap.
            None => return actions.push(Action::RestartFrom(vec![(index, Some(low))])),
            // It is there: only the fetch had stopped.
            Some(next) if low <= next && next <= high => {
                return actions.push(Action::RestartFrom(vec![(index, Some(next))]));
            }
            Some(next) => next,
        };
        let gap = if is_recreated { recreated(high) } else { gap(wanted, low, high) };
        let to = match self.on_lost_offset {
            OnLostOffset::Stop => {
                let (wanted, low, high) = (wanted.0, low.0, high.0);
                return actions.push(Action::Fail(PipelineError::OffsetLost { at, wanted, low, high, gap }));
            }
            OnLostOffset::Earliest => low,
            OnLostOffset::Latest => high,
        };
        tracing::warn!(
            target: "source", pipeline = %self.pipeline, topic = %at.topic, partition = at.partition.0, wanted = wanted.0, low = low.0, high = high.0,
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

fn gone(partition: &OwnedPartition) -> PipelineError {
    let gap = "and the partition does not exist: the topic was deleted and created again with fewer of them".to_owned();
    let wanted = partition.next().map_or(0, |next| next.0);
    PipelineError::OffsetLost { at: partition.at().clone(), wanted, low: 0, high: 0, gap }
}

fn recreated(high: Offset) -> String {
    format!("and of another topic of this name, which was deleted and created again; it ends at {high} now")
}

fn gap(wanted: Offset, low: Offset, high: Offset) -> String {
    if wanted < low {
        let gone = low.0 - wanted.0;
        return format!("and offsets {wanted} to {} ({gone} of them) were removed before they were read", low.0 - 1);
    }
    format!("and the log now ends at {high}: it was cut short or the topic was created again")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, deliver, dispatch, intake, owned, words};
    use super::*;
    use crate::kafka::ErrorKind;
    use crate::rt;

    /// Partition 0 is read up to offset 10, and says that this is out of range.
    fn out_of_range(delivered: bool) -> OwnedPartitions {
        let mut partitions = owned(2, 1);
        dispatch(&mut partitions, 0, 0, 10);
        if delivered {
            deliver(&mut partitions, 0, 0, 10);
        }
        partitions.of_mut(&at(0)).unwrap().set_out_of_range("gone".to_owned());
        partitions
    }

    fn answer(policy: OnLostOffset, low: i64, high: i64) -> Vec<String> {
        let (mut partitions, now, mut actions) = (out_of_range(true), rt::now(), Actions::new());
        let (intake, _workers) = intake(1);
        let mut lost = LostOffsets::new("p".into(), policy);
        lost.step(now, true, &mut partitions, &intake, &mut actions);
        assert_eq!(words(&mut actions), ["ask"]);
        let generation = partitions.of(&at(0)).unwrap().lease().generation;
        lost.on_watermarks(&at(0), generation, Ok((Offset(low), Offset(high))), now);
        lost.step(now, false, &mut partitions, &intake, &mut actions);
        assert!(actions.is_empty(), "a rebalance is under way");
        lost.step(now, true, &mut partitions, &intake, &mut actions);
        words(&mut actions)
    }

    #[test]
    fn nothing_is_asked_before_what_was_read_is_delivered() {
        let (mut partitions, mut actions) = (out_of_range(false), Actions::new());
        let mut lost = LostOffsets::new("p".into(), OnLostOffset::Stop);
        lost.step(rt::now(), true, &mut partitions, &intake(1).0, &mut actions);
        assert!(actions.is_empty());
    }

    #[test]
    fn a_partition_that_is_gone_is_not_asked_for_all_the_time() {
        let (mut partitions, now, (intake, _workers)) = (out_of_range(true), rt::now(), intake(1));
        let mut lost = LostOffsets::new("p".into(), OnLostOffset::Stop);
        let mut asks = |lost: &mut LostOffsets, now| {
            let mut actions = Actions::new();
            lost.step(now, true, &mut partitions, &intake, &mut actions);
            !words(&mut actions).is_empty()
        };
        assert!(asks(&mut lost, now));
        let generation = lost.asked[&at(0)].0;
        lost.on_watermarks(&at(0), generation, Err(KafkaError::new(ErrorKind::UnknownTopic, "gone")), now);
        assert!(!asks(&mut lost, now + ASK_AGAIN));
        assert!(asks(&mut lost, now + GONE_AGAIN));
        lost.on_watermarks(&at(0), generation, Err(KafkaError::timed_out("it")), now);
        assert!(asks(&mut lost, now + ASK_AGAIN));
    }

    #[test]
    fn an_offset_that_is_there_after_all_is_read_on_from() {
        assert_eq!(answer(OnLostOffset::Stop, 0, 20), ["restart 0@10"]);
    }

    #[test]
    fn a_gap_is_named_or_passed_as_the_pipeline_says() {
        let stop = answer(OnLostOffset::Stop, 15, 20);
        assert!(stop[0].starts_with("fail in/0: offset 10"), "{stop:?}");
        assert_eq!(answer(OnLostOffset::Earliest, 15, 20), ["restart 0@15", "request commit"]);
        assert_eq!(answer(OnLostOffset::Latest, 15, 20), ["restart 0@20", "request commit"]);
        assert_eq!(answer(OnLostOffset::Earliest, 0, 4), ["restart 0@0", "request commit"]);
    }

    #[test]
    fn offsets_of_a_topic_that_was_created_again_say_nothing() {
        let go_on = |policy| {
            let (mut partitions, now, mut actions) = (owned(1, 1), rt::now(), Actions::new());
            let (intake, _workers) = intake(1);
            dispatch(&mut partitions, 0, 0, 10);
            let partition = partitions.of_mut(&at(0)).unwrap();
            partition.set_recreated("c:two");
            assert!(!partition.accept(Offset(10)), "it is not of what was read");
            assert_eq!(partition.request_commit(), None, "an offset would be taken for one of the new topic");
            let mut lost = LostOffsets::new("p".into(), policy);
            lost.step(now, true, &mut partitions, &intake, &mut actions);
            assert!(actions.is_empty(), "what was read is not delivered");
            deliver(&mut partitions, 0, 0, 10);
            lost.step(now, true, &mut partitions, &intake, &mut actions);
            let generation = partitions.of(&at(0)).unwrap().lease().generation;
            lost.on_watermarks(&at(0), generation, Ok((Offset(0), Offset(1000))), now);
            actions.clear();
            lost.step(now, true, &mut partitions, &intake, &mut actions);
            words(&mut actions)
        };
        assert!(go_on(OnLostOffset::Stop)[0].contains("deleted and created again"));
        assert_eq!(go_on(OnLostOffset::Earliest), ["restart 0@0", "request commit"]);
        assert_eq!(go_on(OnLostOffset::Latest), ["restart 0@1000", "request commit"]);
    }

    #[test]
    fn a_partition_that_does_not_exist_any_more_is_not_asked_of_and_ends_the_pipeline_only_where_it_is_to_stop() {
        let go_on = |policy, is_back: bool| {
            let (mut partitions, now, mut actions, (intake, _workers)) =
                (owned(1, 1), rt::now(), Actions::new(), intake(1));
            dispatch(&mut partitions, 0, 0, 10);
            partitions.of_mut(&at(0)).unwrap().set_gone();
            let mut lost = LostOffsets::new("p".into(), policy);
            lost.step(now, true, &mut partitions, &intake, &mut actions);
            assert!(actions.is_empty(), "what was read is not delivered");
            deliver(&mut partitions, 0, 0, 10);
            lost.step(now, true, &mut partitions, &intake, &mut actions);
            if is_back {
                partitions.of_mut(&at(0)).unwrap().set_back();
                lost.step(now, true, &mut partitions, &intake, &mut actions);
                assert_eq!(words(&mut actions), ["ask"]);
                let generation = partitions.of(&at(0)).unwrap().lease().generation;
                lost.on_watermarks(&at(0), generation, Ok((Offset(0), Offset(1000))), now);
                lost.step(now, true, &mut partitions, &intake, &mut actions);
            }
            words(&mut actions)
        };
        let stopped = go_on(OnLostOffset::Stop, false);
        assert!(stopped[0].starts_with("fail in/0: offset 10") && stopped[0].contains("fewer of them"), "{stopped:?}");
        assert!(go_on(OnLostOffset::Latest, false).is_empty());
        assert_eq!(go_on(OnLostOffset::Latest, true), ["restart 0@0", "request commit"], "as when a topic grows");
    }

    #[test]
    fn a_leader_that_is_away_is_asked_again_and_keeps_no_other_waiting() {
        let (mut partitions, now, mut actions) = (out_of_range(true), rt::now(), Actions::new());
        let (intake, _workers) = intake(1);
        partitions.of_mut(&at(1)).unwrap().set_out_of_range("gone".to_owned());
        let mut lost = LostOffsets::new("p".into(), OnLostOffset::Earliest);
        lost.step(now, true, &mut partitions, &intake, &mut actions);
        assert_eq!(words(&mut actions), ["ask", "ask"], "each partition is asked of");
        let generation = |number| partitions.of(&at(number)).unwrap().lease().generation;
        let (first, second) = (generation(0), generation(1));
        lost.on_watermarks(&at(0), first, Err(KafkaError::new(ErrorKind::Unavailable, "away")), now);
        lost.on_watermarks(&at(1), second, Ok((Offset(3), Offset(9))), now);
        lost.step(now, true, &mut partitions, &intake, &mut actions);
        assert_eq!(words(&mut actions), ["restart 1@3", "request commit"]);
        partitions.renew(1, Some(Offset(3)));
        assert_eq!(lost.deadline(), Some(now + ASK_AGAIN));
        lost.step(now + ASK_AGAIN, true, &mut partitions, &intake, &mut actions);
        assert_eq!(words(&mut actions), ["ask"]);
    }
}
