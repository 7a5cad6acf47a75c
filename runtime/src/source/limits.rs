//! What the topics that are written to refuse, while the pipeline runs: it is read again from time to time, and when a
//! broker has refused a record, which is then tried once more, and dead-lettered where it would be refused again.

mod reader;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::reader::LimitReader;
use super::action::{Action, Actions};
use super::going_back::ready;
use super::intake::Intake;
use super::partitions::OwnedPartitions;
use super::pause::PauseReason;
use super::question::{ASK_AGAIN, Question};
use super::react::undeliverable;
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::kafka::{ErrorKind, KafkaError, TopicPartition};
use crate::sink::receipt::{FinalRecord, Span};

/// How often limits are read where nothing is refused.
const REFRESH: Duration = Duration::from_secs(300);
/// Why a transaction is aborted whose producer has properties that topics no longer allow.
pub const OUTDATED: &str = "what a topic takes has changed";

/// Decides when limits are read, and what becomes of records that were refused.
pub struct Limits {
    pipeline: Arc<str>,
    // An abort brings partitions back then, and nothing is paused here.
    has_transactions: bool,
    state: State,
    // The first refusal of each partition that is not dealt with.
    refused: BTreeMap<TopicPartition, Refusal>,
    // From where partitions were tried again though their topics refuse what they did before.
    tried: BTreeMap<TopicPartition, Offset>,
}

enum State {
    AskAt(Instant),
    Asked,
}

struct Refusal {
    span: Span,
    error: KafkaError,
    // Where it is known which record it was, and that has nothing to fall back on.
    record: Option<FinalRecord>,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    // Nobody was asked since.
    New,
    Asked,
    // It is tried again when nothing of its partition is on its way.
    GoesBack,
}

impl Limits {
    /// Limits were read just now.
    pub fn new(pipeline: Arc<str>, has_transactions: bool, now: Instant) -> Limits {
        let state = State::AskAt(now + REFRESH);
        Limits { pipeline, has_transactions, state, refused: BTreeMap::new(), tried: BTreeMap::new() }
    }

    /// A broker has refused a record of a span. Nothing behind it is written; its partition is paused until it is known
    /// what the topics refuse now.
    pub fn on_refused(
        &mut self,
        span: &Span,
        error: KafkaError,
        record: Option<FinalRecord>,
        now: Instant,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        if partitions.of_lease(&span.lease).is_none() && !self.has_transactions {
            return;
        }
        let at = &span.lease.at;
        tracing::info!(
            target: "source", pipeline = %self.pipeline, topic = %at.topic, partition = at.partition.0,
            offset = span.first.0,
            "a broker has refused a record of a batch: {}; reading again what its topic takes", error.text
        );
        if !self.has_transactions {
            let is_its = |p: &super::partitions::OwnedPartition| p.index() == span.lease.index;
            let (pause, _) = partitions.set_paused(PauseReason::Rewinding, true, is_its);
            actions.push(Action::Pause(pause));
        }
        let refusal = Refusal { span: span.clone(), error, record, progress: Progress::New };
        self.refused.entry(span.lease.at.clone()).or_insert(refusal);
        if let State::AskAt(at) = &mut self.state {
            *at = now.min(*at);
        }
    }

    /// Asks where that is due, and tries partitions again. `may_reassign`: partitions may be given up and assigned
    /// again now.
    pub fn step(
        &mut self,
        now: Instant,
        may_reassign: bool,
        partitions: &mut OwnedPartitions,
        intake: &Intake,
        actions: &mut Actions,
    ) {
        if !self.has_transactions {
            // Whoever has the partition next tries it again in any case.
            self.refused.retain(|_, refusal| partitions.of_lease(&refusal.span.lease).is_some());
        }
        if matches!(self.state, State::AskAt(at) if now >= at) {
            self.state = State::Asked;
            let new = || self.refused.values().filter(|refusal| refusal.progress == Progress::New);
            let kinds = new().filter(|refusal| refusal.record.is_none()).map(|refusal| refusal.error.kind);
            // A size may have to be guessed.
            let refused = kinds.max_by_key(|kind| *kind == ErrorKind::TooLarge);
            let alone = new().filter_map(|refusal| refusal.record).map(|record| record.size).min();
            for refusal in self.refused.values_mut().filter(|refusal| refusal.progress == Progress::New) {
                refusal.progress = Progress::Asked;
            }
            actions.push(Action::Ask(Question::Limits { refused, alone }));
        }
        if !may_reassign {
            return;
        }
        let mut back = Vec::new();
        self.refused.retain(|_, refusal| {
            let goes_back = refusal.progress == Progress::GoesBack;
            let ready = if goes_back { ready(&refusal.span.lease, partitions, intake) } else { None };
            back.extend(ready);
            ready.is_none()
        });
        if !back.is_empty() {
            actions.push(Action::RestartFrom(back));
        }
    }

    /// The sink has taken over what topics refuse now: whether a record that was refused may fare better, or why that
    /// is not known. `is_outdated`: the producer has to be replaced for that, which an abort does. `for_good` says why
    /// a record with nothing to fall back on is refused the next time too, where it is.
    pub fn on_answer(
        &mut self,
        changed: Result<bool, KafkaError>,
        is_outdated: bool,
        for_good: impl Fn(&FinalRecord) -> Option<String>,
        now: Instant,
        actions: &mut Actions,
    ) {
        let asked = self.refused.values_mut().filter(|refusal| refusal.progress == Progress::Asked);
        let changed = match changed {
            Ok(changed) => changed,
            Err(error) => {
                asked.for_each(|refusal| refusal.progress = Progress::New);
                tracing::warn!(
                    target: "source", pipeline = %self.pipeline, "what topics refuse is not known: {error}; asking again"
                );
                self.state = State::AskAt(now + ASK_AGAIN);
                return;
            }
        };
        // What was tried before was tried under other limits, whoever has asked for these.
        if changed {
            self.tried.clear();
        }
        let mut any = false;
        for refusal in asked {
            any = true;
            let Span { lease, first, .. } = &refusal.span;
            // The limits may have been the same all the while, and the record have waited too long for its topic: what
            // is refused a second time, though it is known what the topic takes, would be refused for ever.
            let is_its_own = refusal.error.kind != ErrorKind::InvalidBatch;
            let is_again = !changed && is_its_own && self.tried.get(&lease.at).is_some_and(|tried| first <= tried);
            if let Some(cause) = refusal.record.as_ref().and_then(&for_good) {
                let (from, offset) = (lease.at.clone(), first.0);
                actions.push(Action::Fail(PipelineError::Undeliverable { from, offset, cause }));
            } else if is_again {
                actions.push(Action::Fail(undeliverable(&refusal.span, refusal.error.clone())));
            }
            if !changed && is_its_own {
                self.tried.insert(lease.at.clone(), *first);
            }
            refusal.progress = Progress::GoesBack;
        }
        if any && self.has_transactions {
            // The abort that a refusal is brings them back.
            self.refused.retain(|_, refusal| refusal.progress != Progress::GoesBack);
            if is_outdated {
                actions.push(Action::Abort(OUTDATED.to_owned()));
            }
        }
        let is_next_known = self.refused.values().all(|refusal| refusal.progress != Progress::New);
        self.state = State::AskAt(if is_next_known { now + REFRESH } else { now });
    }

    /// When there is something to do next, whatever happens.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::AskAt(at) if !self.refused.is_empty() => Some(at),
            // From time to time is soon enough when something else wakes the loop: an idle pipeline keeps no thread for
            // it.
            State::AskAt(_) | State::Asked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, deliver, dispatch, intake, owned, words};
    use super::*;
    use crate::failure::Class;
    use crate::rt;
    use crate::sink::receipt::Place;

    struct Setting {
        limits: Limits,
        partitions: OwnedPartitions,
        now: Instant,
        actions: Actions,
        record: Option<FinalRecord>,
        kind: ErrorKind,
    }

    impl Setting {
        /// Of partition 0, offsets 0 to 10 are delivered, and a record of those up to 20 was refused.
        fn refused(has_transactions: bool) -> Setting {
            Setting::refused_as(has_transactions, None)
        }

        fn refused_as(has_transactions: bool, record: Option<FinalRecord>) -> Setting {
            let (mut partitions, now) = (owned(2, 1), rt::now());
            dispatch(&mut partitions, 0, 0, 10);
            dispatch(&mut partitions, 0, 10, 20);
            deliver(&mut partitions, 0, 0, 10);
            let limits = Limits::new("p".into(), has_transactions, now);
            let kind = ErrorKind::TooLarge;
            let mut setting = Setting { limits, partitions, now, actions: Actions::new(), record, kind };
            setting.refuse(10, 20);
            setting
        }

        fn refuse(&mut self, first: i64, end: i64) {
            let partition = self.partitions.of_mut(&at(0)).unwrap();
            partition.abandoned(Offset(first));
            let span = Span { lease: partition.lease().clone(), first: Offset(first), end: Offset(end) };
            let error = KafkaError::new(self.kind, "refused");
            self.limits.on_refused(&span, error, self.record, self.now, &mut self.partitions, &mut self.actions);
        }

        fn step(&mut self, may_reassign: bool) -> Vec<String> {
            let (intake, _workers) = intake(1);
            self.limits.step(self.now, may_reassign, &mut self.partitions, &intake, &mut self.actions);
            words(&mut self.actions)
        }

        fn answer(&mut self, changed: bool) -> Vec<String> {
            let for_good = |record: &FinalRecord| (record.size > 100).then(|| "it is larger than 100".to_owned());
            self.limits.on_answer(Ok(changed), changed, for_good, self.now, &mut self.actions);
            words(&mut self.actions)
        }
    }

    #[test]
    fn limits_are_read_from_time_to_time() {
        let mut setting = Setting::refused(false);
        setting.limits = Limits::new("p".into(), false, setting.now);
        setting.actions.clear();
        assert!(setting.step(true).is_empty());
        setting.now += REFRESH;
        assert_eq!(setting.step(true), ["ask"]);
        assert!(setting.step(true).is_empty(), "one question at a time");
        assert!(setting.answer(false).is_empty());
        assert!(setting.step(true).is_empty());
        setting.now += REFRESH;
        assert_eq!(setting.step(true), ["ask"]);
    }

    #[test]
    fn a_partition_goes_back_to_what_is_delivered_once_it_is_known_what_its_topic_refuses() {
        let mut setting = Setting::refused(false);
        assert_eq!(setting.step(true), ["pause 0", "ask"]);
        assert!(setting.answer(true).is_empty());
        assert!(setting.step(false).is_empty(), "a rebalance is under way");
        assert_eq!(setting.step(true), ["restart 0@10"]);
        assert!(setting.step(true).is_empty());
    }

    #[test]
    fn a_partition_goes_back_when_nothing_of_it_is_on_its_way() {
        let mut setting = Setting::refused(false);
        setting.partitions.of_mut(&at(0)).unwrap().dispatched(Offset(20), Offset(30));
        setting.step(true);
        setting.answer(true);
        assert!(setting.step(true).is_empty());
        setting.partitions.of_mut(&at(0)).unwrap().abandoned(Offset(20));
        assert_eq!(setting.step(true), ["restart 0@10"]);
    }

    #[test]
    fn what_is_refused_again_though_the_limits_are_known_ends_the_pipeline() {
        let mut setting = Setting::refused(false);
        setting.step(true);
        assert!(setting.answer(false).is_empty(), "it is tried once more");
        assert_eq!(setting.step(true), ["restart 0@10"]);
        setting.partitions.renew(0, Some(Offset(10)));
        dispatch(&mut setting.partitions, 0, 10, 15);
        setting.refuse(10, 15);
        assert_eq!(setting.step(true), ["pause 0", "ask"]);
        assert!(matches!(&setting.answer(false)[..], [failed] if failed.starts_with("fail ")));
    }

    #[test]
    fn what_was_refused_because_of_another_record_is_tried_as_often_as_that_takes() {
        let mut setting = Setting::refused(false);
        setting.step(true);
        for _ in 0..3 {
            assert!(setting.answer(false).is_empty());
            assert_eq!(setting.step(true), ["restart 0@10"]);
            setting.partitions.renew(0, Some(Offset(10)));
            dispatch(&mut setting.partitions, 0, 10, 15);
            setting.kind = ErrorKind::InvalidBatch;
            setting.refuse(10, 15);
            setting.step(true);
        }
    }

    #[test]
    fn what_has_nothing_to_fall_back_on_ends_the_pipeline_once_it_is_known_that_its_topic_does_not_take_it() {
        let place = Place::Dlq { stage: 0, class: Class::Reject };
        let letter = |size| FinalRecord { offset: Offset(10), size, place, may_shrink: false };
        let mut setting = Setting::refused_as(false, Some(letter(101)));
        assert_eq!(setting.step(true), ["pause 0", "ask"]);
        let ended = setting.answer(true);
        assert!(matches!(&ended[..], [failed] if failed.contains("it is larger than 100")), "{ended:?}");
        // It was in a batch with others, which was too large.
        let mut setting = Setting::refused_as(false, Some(letter(100)));
        setting.step(true);
        assert!(setting.answer(true).is_empty());
        assert_eq!(setting.step(true), ["restart 0@10"]);
    }

    #[test]
    fn another_record_that_is_refused_later_is_tried_again_too() {
        let mut setting = Setting::refused(false);
        setting.step(true);
        setting.answer(false);
        setting.step(true);
        setting.partitions.renew(0, Some(Offset(10)));
        dispatch(&mut setting.partitions, 0, 10, 15);
        deliver(&mut setting.partitions, 0, 10, 15);
        dispatch(&mut setting.partitions, 0, 15, 16);
        setting.refuse(15, 16);
        setting.step(true);
        assert!(setting.answer(false).is_empty());
        assert_eq!(setting.step(true), ["restart 0@15"]);
    }

    #[test]
    fn what_was_tried_under_other_limits_is_tried_again() {
        let mut setting = Setting::refused(false);
        setting.step(true);
        setting.answer(false);
        assert_eq!(setting.step(true), ["restart 0@10"]);
        setting.partitions.renew(0, Some(Offset(10)));
        setting.now += REFRESH;
        assert_eq!(setting.step(true), ["ask"]);
        assert!(setting.answer(true).is_empty(), "read from time to time, and they have changed");
        dispatch(&mut setting.partitions, 0, 10, 15);
        setting.refuse(10, 15);
        setting.step(true);
        assert!(setting.answer(false).is_empty());
        assert_eq!(setting.step(true), ["restart 0@10"]);
    }

    #[test]
    fn brokers_that_do_not_answer_are_asked_again() {
        let mut setting = Setting::refused(false);
        setting.step(true);
        let away = KafkaError::new(ErrorKind::Unavailable, "away");
        setting.limits.on_answer(Err(away), false, |_| None, setting.now, &mut setting.actions);
        assert!(setting.step(true).is_empty());
        setting.now += ASK_AGAIN;
        assert_eq!(setting.step(true), ["ask"]);
        setting.answer(true);
        assert_eq!(setting.step(true), ["restart 0@10"]);
    }

    #[test]
    fn a_transaction_is_aborted_where_the_producer_has_to_be_replaced() {
        let mut setting = Setting::refused(true);
        assert_eq!(setting.step(true), ["ask"], "the abort of the transaction pauses and brings back");
        assert_eq!(setting.answer(true), ["abort"]);
        assert!(setting.step(true).is_empty());
    }
}
