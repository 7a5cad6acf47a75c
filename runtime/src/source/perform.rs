//! Carrying out actions: the only place where the loop calls the consumer, and where one state machine's decision
//! becomes another's event.

use std::time::{Duration, Instant};

use super::Source;
use super::action::{Action, Actions};
use super::assignment::list_of;
use super::limits::OUTDATED;
use super::lookahead::LookaheadProbe;
use super::partitions::{OwnedPartition, Start};
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::kafka::{Committed, ErrorKind, KafkaError, StartPosition, TopicPartition};
use crate::sink::committer::TransactionCommand;

/// How long the client may take for a seek. No broker is asked, so what takes the time away is a stop of the whole
/// process.
const SEEK: Duration = Duration::from_secs(2);

impl Source {
    /// Carries out actions, and those that follow from them. Returns whether there were any.
    pub(super) fn perform(&mut self, actions: Actions, now: Instant) -> bool {
        let any = !actions.is_empty();
        for action in actions {
            self.perform_one(action, now);
        }
        any
    }

    fn perform_one(&mut self, action: Action, now: Instant) {
        let mut next = Actions::new();
        match action {
            Action::Assign(starts) => self.assign(starts, now),
            Action::LookForMembership => self.look_for_membership(),
            Action::Unassign(partitions) => self.unassign(&partitions),
            Action::Pause(partitions) => self.pause(&partitions),
            Action::ReadOn(partitions) => self.read_on(&partitions, now),
            Action::ReadOnAfterRebalance { except } => self.read_on_after_rebalance(&except, now),
            Action::RestartFrom(back) => self.restart_from(&back, now),
            Action::MoveTo { index, worker } => self.move_to(index, worker, now),
            Action::Commit(offsets) => self.commit(offsets, now, &mut next),
            Action::RequestCommit => match &mut self.transactions {
                Some((transactions, _)) => transactions.request_commit(),
                None => self.commits.request(&mut self.partitions, &mut next),
            },
            Action::Ask(question) => self.asker.ask(question),
            Action::Transaction(command) => self.send_command(command),
            Action::CommitTransaction(offsets) => match self.consumer.group_metadata() {
                // As another member it could commit what others have had in between.
                Some(group) if self.assignment.is_of(group.member_id()) => {
                    crate::failpoint::reach(crate::failpoint::Failpoint::Acknowledged);
                    self.send_command(TransactionCommand::Commit { offsets, group });
                }
                _ => {
                    if let Some((transactions, _)) = &mut self.transactions {
                        transactions.on_no_member(now, &mut next);
                    }
                }
            },
            Action::Abort(why) => {
                if let Some((transactions, _)) = &mut self.transactions
                    && transactions.abort(&why, now, &mut next)
                {
                    self.shutdown.on_aborted(&why);
                }
            }
            Action::CloseWriteGate => self.context.sink.write_gate().close(),
            Action::OpenWriteGate => self.open_write_gate(&mut next),
            Action::InvalidateInFlight => self.invalidate_in_flight(now, &mut next),
            Action::ClearIntake => {
                self.intake.clear();
                self.partitions.discard_gathered();
            }
            Action::PurgeProducer => {
                // Before the reports tell of it, nothing behind what is thrown away may be written.
                self.partitions.cut_undelivered();
                self.context.sink.purge();
            }
            Action::AbandonRetries { worker, lease } => self.intake.abandon_retries(worker, lease),
            Action::GatherProbeAgain => self.breaker.gather_again(now, &mut self.partitions, &mut next),
            Action::Dispatch { worker, job } => {
                for span in &job.spans {
                    self.partitions.dispatched(span, now);
                }
                self.intake.send(worker, job);
            }
            Action::ResetBreakers => {
                self.context.breakers.iter().for_each(crate::stage::breaker::Breaker::reset);
                self.context.tripped.store(false, std::sync::atomic::Ordering::Release);
            }
            Action::LookAhead(behind) => self.look_ahead(behind),
            Action::Refused(refused, error) => self.authorization.on_refused(refused, &error, now, &mut next),
            Action::CutOff => self.context.cut_off.store(true, std::sync::atomic::Ordering::Release),
            Action::Fail(error) => {
                if matches!(error, PipelineError::Fenced(_)) {
                    self.context.sink.set_fenced();
                }
                self.shutdown.begin(Some(error), now, &mut self.partitions, &mut next);
            }
        }
        self.perform(next, now);
    }

    fn send_command(&self, command: TransactionCommand) {
        if let Some((_, commands)) = &self.transactions {
            // A committer that has ended has said why, and the pipeline is ending.
            let _ = commands.send(command);
        }
    }

    fn assign(&mut self, mut starts: Vec<(TopicPartition, Start)>, now: Instant) {
        self.topic_ids.on_starts(&mut starts);
        let from = |start: &Start| start.position.map_or(StartPosition::Beginning, StartPosition::Offset);
        let workers = self.intake.workers();
        let mut loads = self.partitions.loads(workers);
        let mut worker_for_next = || {
            let worker = (0..workers).min_by_key(|worker| loads[*worker]).unwrap_or(0);
            loads[worker] += 1;
            worker
        };
        let placed: Vec<_> = starts.into_iter().map(|(at, start)| (at, start, worker_for_next())).collect();
        let mut list: Vec<_> = placed.iter().map(|(at, start, worker)| (at.clone(), from(start), *worker)).collect();
        let added: Vec<_> = placed.iter().map(|(at, ..)| at.clone()).collect();
        if !self.consumer.is_incremental() {
            // An eager assignment names all partitions, those that are ours already too.
            let ours = self.partitions.iter().filter(|partition| !added.contains(partition.at()));
            list.extend(ours.map(|p| (p.at().clone(), p.start_position(), p.worker())));
        }
        // A partition that was ours before keeps its pause in librdkafka. Lifted afterwards, the start might be passed
        // over.
        if let Err(error) = self.consumer.resume(&added).and_then(|()| self.consumer.assign(&list)) {
            tracing::warn!(
                target: "source", pipeline = %self.plan.name, partitions = %list_of(&added),
                "the client does not take partitions: {error}"
            );
            return self.assignment.on_refused(added.into_iter(), now);
        }
        for (at, start, worker) in placed {
            self.partitions.add(&at, worker, start);
        }
        self.obey_operator(now);
        let mut next = vec![Action::GatherProbeAgain];
        next.push(Action::Pause(self.shutdown.pause(&mut self.partitions)));
        let is_complete = self.assignment.on_begun();
        if is_complete || !added.is_empty() {
            self.log_assigned(&added);
        }
        next.push(Action::ReadOnAfterRebalance { except: added });
        self.perform(next, now);
    }

    fn look_for_membership(&mut self) {
        let member_id = self.consumer.group_metadata().map(|member| member.member_id().clone());
        if self.assignment.on_membership(member_id) {
            self.log_assigned(&[]);
        }
    }

    fn log_assigned(&self, added: &[TopicPartition]) {
        tracing::info!(
            target: "source", pipeline = %self.plan.name, partitions = self.partitions.len(),
            added = %list_of(added), "assigned"
        );
    }

    fn open_write_gate(&self, next: &mut Actions) {
        self.context.sink.write_gate().open();
        // What became known while the last transaction was aborted, or partitions went back, came too late for that
        // abort to replace the producer.
        if self.context.sink.is_producer_outdated() {
            next.push(Action::Abort(OUTDATED.to_owned()));
        }
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, Committed)>, now: Instant, next: &mut Actions) {
        crate::failpoint::reach(crate::failpoint::Failpoint::Acknowledged);
        self.commit_asked = Some(now);
        let asked = match self.consumer.group_metadata() {
            // The assignment that follows says what is to become of the partitions. Others may have had them in
            // between, and what they have committed must not go back.
            Some(member) if !self.assignment.is_of(member.member_id()) => {
                Err(KafkaError::new(ErrorKind::Rebalance, "this consumer has joined the group again"))
            }
            _ => self.consumer.commit(&offsets),
        };
        if let Err(error) = asked {
            let failed = offsets.into_iter().map(|(at, it)| (at, it.offset, Err(error.clone()))).collect();
            self.commits.on_committed(failed, &mut self.partitions, next);
        }
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) {
        self.partitions.forget_handles();
        if let Err(error) = self.consumer.unassign(partitions) {
            tracing::warn!(target: "source", pipeline = %self.plan.name, "giving partitions up: {error}");
        }
    }

    /// Pauses those of the partitions that are still ours and still to be paused.
    fn pause(&mut self, partitions: &[TopicPartition]) {
        let is_paused = |at: &&TopicPartition| self.partitions.of(at).is_some_and(|p| p.pauses().any());
        let paused: Vec<_> = partitions.iter().filter(is_paused).cloned().collect();
        if paused.is_empty() {
            return;
        }
        if let Err(error) = self.consumer.pause(&paused) {
            tracing::warn!(target: "source", pipeline = %self.plan.name, partitions = %list_of(&paused), "pausing: {error}");
        }
    }

    /// Fetches those of the partitions again that are still ours and not paused for another reason.
    fn read_on(&mut self, partitions: &[TopicPartition], now: Instant) {
        let fetched = partitions.iter().filter_map(|at| self.partitions.of(at)).filter(|p| !p.pauses().any());
        let next: Vec<_> = fetched.map(|p| (p.at().clone(), p.start_position())).collect();
        if next.is_empty() {
            return;
        }
        let fetched: Vec<_> = next.iter().map(|(at, _)| at.clone()).collect();
        match self.fetch_from(&next, &fetched) {
            Ok(stopped) => self.on_fetch_stopped(&stopped),
            Err(error) => {
                let about = format!("reading on in {}", list_of(&fetched));
                self.fail(error.about(&about).into(), now);
            }
        }
    }

    /// Reads partitions from these offsets next, fetches those that are named, and leaves the others paused. Returns
    /// those whose fetching has stopped.
    ///
    /// All are paused before the seek. A resume makes void what was fetched, even where nothing was paused
    /// (`rd_kafka_toppar_op_pause_resume` takes a new version in any case), so between the seek and the resume nothing
    /// may be fetched: it would be passed over.
    fn fetch_from(
        &mut self,
        next: &[(TopicPartition, StartPosition)],
        fetched: &[TopicPartition],
    ) -> Result<Vec<TopicPartition>, KafkaError> {
        if next.is_empty() {
            return Ok(Vec::new());
        }
        let all: Vec<_> = next.iter().map(|(at, _)| at.clone()).collect();
        self.consumer.pause(&all)?;
        let stopped = self.seek(next)?;
        self.consumer.resume(fetched)?;
        Ok(stopped)
    }

    /// Reads partitions from these offsets next; returns those whose fetching has stopped.
    fn seek(&mut self, next: &[(TopicPartition, StartPosition)]) -> Result<Vec<TopicPartition>, KafkaError> {
        // One stop of the process does not follow another.
        self.consumer.seek(next, SEEK).or_else(|_| self.consumer.seek(next, SEEK))
    }

    fn on_fetch_stopped(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            if let Some(partition) = self.partitions.of_mut(at) {
                partition.set_out_of_range("fetching has stopped".to_owned());
            }
        }
    }

    /// Sees to it that partitions are fetched from where they are read next, and the others not, after the client has
    /// paused all of them by itself: a pause or resume of ours that came at the same moment may have been passed over.
    pub(super) fn read_on_after_rebalance(&mut self, except: &[TopicPartition], now: Instant) {
        let is_meant = |p: &&OwnedPartition| !except.contains(p.at());
        let (paused, fetched): (Vec<_>, Vec<_>) =
            self.partitions.iter().filter(is_meant).partition(|p| p.pauses().any());
        // One whose offset is said to be out of range, too: that may be old news.
        let next: Vec<_> = fetched.iter().map(|p| (p.at().clone(), p.start_position())).collect();
        let paused: Vec<_> = paused.iter().map(|p| p.at().clone()).collect();
        let fetched: Vec<_> = next.iter().map(|(at, _)| at.clone()).collect();
        let found = self.fetch_from(&next, &fetched);
        match found.and_then(|stopped| self.consumer.pause(&paused).map(|()| stopped)) {
            Ok(stopped) => self.on_fetch_stopped(&stopped),
            Err(error) => self.fail(error.about("reading on after a rebalance").into(), now),
        }
    }

    /// Reads partitions again from other offsets, in a new generation each: by a seek, and where that is refused
    /// because fetching had stopped, by giving them up and assigning them again.
    fn restart_from(&mut self, back: &[(usize, Option<Offset>)], now: Instant) {
        if back.is_empty() {
            return;
        }
        for (index, to) in back {
            self.partitions.renew(*index, *to);
        }
        let is_back = |p: &&OwnedPartition| back.iter().any(|(index, _)| *index == p.index());
        let starts: Vec<_> =
            self.partitions.iter().filter(is_back).map(|p| (p.at().clone(), p.start_position())).collect();
        // A retry that is over has lifted its pause.
        let fetched: Vec<_> =
            self.partitions.iter().filter(is_back).filter(|p| !p.pauses().any()).map(|p| p.at().clone()).collect();
        // What is assigned again is told first whether it is paused: librdkafka may pass over a start that comes at the
        // same moment as a pause or its end.
        let again = self.fetch_from(&starts, &fetched);
        if let Err(error) = again.and_then(|stopped| self.reassign(&stopped)) {
            self.fail(error.into(), now);
        }
    }

    /// Gives partitions up and takes them again, each from where it is read next.
    fn reassign(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.has_reassigned = true;
        let incremental = self.consumer.is_incremental();
        // An eager assignment names all partitions.
        let is_again = |p: &&OwnedPartition| !incremental || partitions.contains(p.at());
        let again: Vec<&OwnedPartition> = self.partitions.iter().filter(is_again).collect();
        let starts: Vec<_> = again.iter().map(|p| (p.at().clone(), p.start_position(), p.worker())).collect();
        let paused: Vec<_> = again.iter().filter(|p| p.pauses().any()).map(|p| p.at().clone()).collect();
        if incremental {
            self.consumer.unassign(partitions)?;
        }
        self.consumer.pause(&paused)?;
        self.consumer.assign(&starts)
    }

    /// The partition is paused and nothing of it is on its way; it is read on when the pause is lifted.
    fn move_to(&mut self, index: usize, worker: usize, now: Instant) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let at = partition.at().clone();
        match self.consumer.move_to_queue(&at, worker) {
            Ok(()) => {
                partition.set_worker(worker);
                let (pipeline, TopicPartition { topic, partition }) = (&self.plan.name, &at);
                tracing::debug!(target: "source", %pipeline, %topic, partition = partition.0, worker, "moved");
            }
            Err(error) => self.fail(error.about(&format!("moving {at} to another worker")).into(), now),
        }
    }

    fn invalidate_in_flight(&mut self, now: Instant, next: &mut Actions) {
        self.intake.clear();
        self.oversize.clear();
        let all: Vec<_> = self.partitions.iter().map(OwnedPartition::index).collect();
        all.into_iter().for_each(|index| self.partitions.invalidate(index));
        // What would come is not wanted.
        let (paused, _) = self.partitions.set_paused(super::pause::PauseReason::Rewinding, true, |_| true);
        next.push(Action::Pause(paused));
        self.breaker.gather_again(now, &mut self.partitions, next);
    }

    fn look_ahead(&self, behind: Vec<(TopicPartition, Offset)>) {
        let probe = LookaheadProbe {
            kafka: self.kafka.clone(),
            pipeline: self.plan.name.clone(),
            properties: self.plan.consumer.clone(),
            behind,
            stage: self.breaker.tripped_stage(),
            cut_off: self.context.cut_off.clone(),
            events: self.sender.clone(),
        };
        probe.begin();
    }

    /// Writes dead letters in the place of records that a broker refused as too large, as far as there is room.
    pub(super) fn resend_oversize(&mut self, now: Instant) -> bool {
        let all = std::mem::take(&mut self.oversize);
        let before = all.len();
        for oversize in all {
            if oversize.is_void() {
                continue;
            }
            match self.context.sink.resend(oversize) {
                Ok(None) => {}
                Ok(Some(full)) => self.oversize.push(full),
                Err((span, cause)) => {
                    span.lease.truncate_at(span.first);
                    self.abandon(&span);
                    self.perform(vec![Action::Abort("a batch was written in part".to_owned())], now);
                    let (from, offset) = (span.lease.at.clone(), span.first.0);
                    self.fail(PipelineError::Undeliverable { from, offset, cause }, now);
                }
            }
        }
        self.oversize.len() != before
    }
}
