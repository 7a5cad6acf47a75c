//! The calls of a stage's plugin instance, and what follows from each: verdicts are taken, failures bisected, and calls
//! that take too long made smaller.

use std::ops::Range;

use super::{ANSWERS, Observer, Progress, RecordState, Stage, StageError, StageInput, TimedOut};
use crate::batch::{Arena, Field, Offset, Source};
use crate::failure::{Class, cut_reason};
use crate::plugin::{CallError, Change, OutputName, Produced, StartError, Verdict};
use crate::rt;

/// After so many calls in a row that took too long, records are called one by one.
const TIMEOUTS_BEFORE_SINGLES: u32 = 3;
/// Once so many of the last 32 records have timed out, one call that takes too long is enough for the next.
const TIMED_OUT_BEFORE_BELIEVED: u32 = 10;
/// After a time-out, so many calls in a row are to go well before calls get more records again: where every third
/// record loops, each larger call would be one more that is cut off.
const GOOD_BEFORE_MORE: u32 = 16;
/// What is said in place of a reason that no longer fits.
const NO_ROOM_FOR_REASON: &str = "the reason is left out: the plugin's answers on this batch are too large";

/// Records that stand side by side and have the same calls behind them in this round.
#[derive(Clone, Debug)]
pub(super) struct Part {
    range: Range<usize>,
    // Calls made with these records in this round.
    calls: u32,
    // Those of them that a single record failed in with a fresh plugin instance.
    alone: u32,
}

impl Stage {
    /// Calls the plugin with every pending record of a range, until each is settled or is to be retried.
    pub(super) fn call_all(
        &mut self,
        input: &mut StageInput<'_>,
        progress: &mut Progress,
        observer: &mut dyn Observer,
        range: Range<usize>,
    ) -> Result<(), StageError> {
        self.todo.clear();
        self.todo.push(Part { range, calls: 0, alone: 0 });
        while let Some(part) = self.todo.pop() {
            observer.before_call(progress)?;
            let Some(range) = progress.next_pending(part.range.clone(), self.chunk) else { continue };
            if range.end < part.range.end {
                self.todo.push(Part { range: range.end..part.range.end, ..part.clone() });
            }
            self.call(input, progress, observer, Part { range, ..part })?;
            let settled = progress.take_settled();
            if settled.total > 0 {
                observer.settled(progress, settled);
            }
        }
        Ok(())
    }

    /// One call, and what follows from it.
    fn call(
        &mut self,
        input: &mut StageInput<'_>,
        progress: &mut Progress,
        observer: &mut dyn Observer,
        part: Part,
    ) -> Result<(), StageError> {
        let records = &input.records[part.range.clone()];
        let (before, started) = (input.arena.len(), rt::now());
        let result = self.instance.process(input.arena, input.sources, records, &mut self.answer);
        let took = rt::now() - started;
        self.tally.calls += 1;
        self.tally.time += took;
        self.counters.call_time.observe(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), 1);
        self.counters.call_records.observe(records.len() as u64, 1);
        let result = result.and_then(|()| self.fits(input.arena, before, progress));
        let was_fresh = std::mem::replace(&mut self.fresh, false);
        let error = match result {
            Ok(()) => {
                self.answered_in_time(observer);
                self.accept(input.arena, progress, &part);
                return Ok(());
            }
            Err(CallError::Retry(reason)) => {
                self.answered_in_time(observer);
                progress.retry_batch(part.range, reason);
                return Ok(());
            }
            Err(CallError::Fatal(reason)) => return Err(StageError::Fatal(reason)),
            Err(CallError::Cancelled) => return Err(StageError::Cancelled),
            Err(error) => error,
        };
        if error == CallError::Time {
            self.timeouts = self.timeouts.saturating_add(1);
            self.good_calls = 0;
            let (first, records) = (part.range.start, part.range.len());
            observer.timed_out(TimedOut { in_a_row: self.timeouts, first, records, limit: self.limit });
        } else {
            self.answered_in_time(observer);
        }
        let (class, reason) = describe(error);
        self.restart(class)?;
        match part.range.len() {
            1 => self.failed_alone(progress, part, class, reason, was_fresh),
            _ => {
                let first = &input.records[part.range.start];
                let source = &input.sources[first.source as usize];
                self.failed_together(part, (source, first.offset), class, &reason);
            }
        }
        Ok(())
    }

    /// A call with a single record has failed. It is the record's fault where a fresh plugin instance fails, too. A
    /// stalled machine can make one call late; it hardly does so twice. Where many records have timed out, one more is
    /// no surprise.
    fn failed_alone(&mut self, progress: &mut Progress, part: Part, class: Class, reason: String, was_fresh: bool) {
        let (calls, alone) = (part.calls + 1, part.alone + u32::from(was_fresh));
        let is_time = class == Class::Time;
        let is_believed = is_time && self.timed_out_records.count_ones() >= TIMED_OUT_BEFORE_BELIEVED;
        if !is_believed && alone < if is_time { 2 } else { 1 } {
            self.todo.push(Part { range: part.range, calls, alone });
            return;
        }
        self.timed_out_records = self.timed_out_records << 1 | u32::from(is_time);
        progress.fail(part.range.start, class, reason, calls);
    }

    /// A call with several records has failed: they are called again in smaller parts.
    fn failed_together(&mut self, part: Part, first: (&Source, Offset), class: Class, reason: &str) {
        let Range { start, end } = part.range;
        let middle = start + (end - start) / 2;
        let (Source { topic, partition, .. }, offset) = first;
        let why = if self.says_reasons { format!(": {reason}") } else { String::new() };
        tracing::warn!(
            target: "stage", pipeline = %self.pipeline, stage = %self.name, records = end - start,
            %topic, partition = partition.0, offset = offset.0,
            "a call failed ({class}{why}): trying again in smaller parts", class = class.as_str()
        );
        let again = |range| Part { range, calls: part.calls + 1, alone: 0 };
        if class == Class::Time {
            self.chunk = if self.timeouts >= TIMEOUTS_BEFORE_SINGLES { 1 } else { middle - start };
            self.todo.push(again(start..end));
        } else {
            self.todo.push(again(middle..end));
            self.todo.push(again(start..middle));
        }
    }

    fn answered_in_time(&mut self, observer: &mut dyn Observer) {
        if std::mem::take(&mut self.timeouts) > 0 {
            observer.recovered();
        }
    }

    /// Returns whether the answer, whose bytes lie in the arena from `before` on, still fits to the others on this
    /// batch. One that does not is taken out again: a plugin that fails on batches, and says ever more to single
    /// records, must not fill the host's memory.
    fn fits(&self, arena: &mut Arena, before: usize, progress: &mut Progress) -> Result<(), CallError> {
        let bytes = arena.len() - before + self.answer.produced.len() * size_of::<Produced>();
        if progress.try_reserve(bytes, self.room) {
            return Ok(());
        }
        arena.truncate(before);
        let room = self.room;
        let reason =
            format!("the answers on one batch add up to more than {room} bytes, {ANSWERS} times `limits.memory`");
        Err(CallError::Answer(reason))
    }

    fn restart(&mut self, after: Class) -> Result<(), StageError> {
        self.tally.restarts[after as usize] += 1;
        self.instance.restart().map_err(|error| match error {
            StartError::Cancelled { .. } => StageError::Cancelled,
            error => StageError::Restart(error),
        })?;
        self.fresh = true;
        Ok(())
    }

    /// Takes the plugin's verdicts on a part of the batch.
    fn accept(&mut self, arena: &Arena, progress: &mut Progress, part: &Part) {
        let (range, calls) = (part.range.clone(), part.calls + 1);
        if self.chunk != usize::MAX && range.len() >= self.chunk {
            self.good_calls += 1;
            if self.good_calls >= GOOD_BEFORE_MORE {
                (self.chunk, self.good_calls) = (self.chunk.saturating_mul(2), 0);
            }
        }
        self.timed_out_records = self.timed_out_records.unbounded_shl(range.len().min(32) as u32);
        let base = progress.keep_produced(&self.answer.produced);
        let mut produced = 0;
        for (index, verdict) in range.clone().zip(&self.answer.verdicts) {
            self.tally.verdicts[*verdict as usize] += 1;
            match verdict {
                Verdict::Keep => progress.settle(index, RecordState::Keep),
                Verdict::Drop => progress.settle(index, RecordState::Drop),
                Verdict::Emit => {
                    let record = (index - range.start) as u32;
                    let (count, undeclared) = count_emitted(&self.answer.produced[produced..], record);
                    let first = base + produced as u32;
                    produced += count as usize;
                    match undeclared {
                        None => progress.settle(index, RecordState::Emit { first, count }),
                        Some(name) => {
                            let name = text(arena, name);
                            let reason =
                                format!("the plugin named output \"{name}\", which the pipeline does not declare");
                            progress.fail(index, Class::Output, cut_reason(&reason).to_owned(), calls);
                        }
                    }
                }
                Verdict::Reject => {
                    let reason = self.reason(arena, progress, produced);
                    produced += 1;
                    progress.fail(index, Class::Reject, reason, calls);
                }
                Verdict::Retry => {
                    let reason = self.reason(arena, progress, produced);
                    produced += 1;
                    progress.retry_record(index, reason);
                }
            }
        }
    }

    /// Returns the reason of a reject or retry as far as it is kept. It is bytes beside the arena, and several may be
    /// said with the same bytes of an answer, so it counts against the same bound.
    fn reason(&self, arena: &Arena, progress: &mut Progress, produced: usize) -> String {
        let Change::Set(field) = self.answer.produced[produced].value else { return String::new() };
        let reason = text(arena, field);
        let reason = cut_reason(&reason);
        if progress.try_reserve(reason.len(), self.room) { reason.to_owned() } else { NO_ROOM_FOR_REASON.to_owned() }
    }
}

/// Returns how many records were emitted for the record with this number, and the first name of an output that no
/// pipeline declares.
fn count_emitted(produced: &[Produced], record: u32) -> (u32, Option<Field>) {
    let (mut count, mut undeclared) = (0, None);
    for emitted in produced.iter().take_while(|produced| produced.record == record) {
        count += 1;
        if let OutputName::Undeclared(name) = emitted.output {
            undeclared = undeclared.or(Some(name));
        }
    }
    (count, undeclared)
}

fn describe(error: CallError) -> (Class, String) {
    let reason = error.to_string();
    let class = match error {
        CallError::Time => Class::Time,
        CallError::Memory => Class::Memory,
        CallError::Answer(_) => Class::Answer,
        CallError::Trap(_) | CallError::Retry(_) | CallError::Fatal(_) | CallError::Cancelled => Class::Trap,
    };
    (class, reason)
}

/// Returns the start of a text in the arena, with room for what a cut leaves of it.
fn text(arena: &Arena, field: Field) -> String {
    const LOOKED_AT: usize = 2048;
    let bytes = arena.get(field).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..bytes.len().min(LOOKED_AT)]).into_owned()
}
