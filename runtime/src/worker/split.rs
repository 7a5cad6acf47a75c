//! Splitting a batch: inputs that have to wait go into batches of their own, with all that came of them, while the
//! others go on. Each list is gone through once, however many parts there are.

use super::in_flight::{ChainOutput, InFlightBatch, MOVED, NO_PATH, Origin};
use super::relocation::{NeededBytes, Relocation};
use crate::batch::Record;
use crate::sink::receipt::OpenSpan;

/// In place of the number of a part: the input stays.
pub const STAYS: u32 = u32::MAX;

/// Which inputs of a batch go into which part.
pub struct Split {
    // The part of each input, or `STAYS`.
    part_of: Vec<u32>,
    // The source that all inputs of a part come from.
    sources: Vec<u32>,
}

impl Split {
    /// Returns a split of a batch with so many inputs, in which all stay.
    pub fn new(inputs: usize) -> Split {
        Split { part_of: vec![STAYS; inputs], sources: Vec::new() }
    }

    /// Adds a part for inputs of this source, and returns its number.
    pub fn add_part(&mut self, source: u32) -> u32 {
        self.sources.push(source);
        self.sources.len() as u32 - 1
    }

    /// Moves an input into a part.
    pub fn move_input(&mut self, input: usize, part: u32) {
        self.part_of[input] = part;
    }

    /// Returns whether nothing moves.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    fn part(&self, input: u32) -> Option<usize> {
        let part = self.part_of[input as usize];
        (part != STAYS).then_some(part as usize)
    }
}

/// What goes into one part, by numbers in the whole.
#[derive(Default)]
struct Members {
    records: Vec<usize>,
    needed: NeededBytes,
}

impl InFlightBatch {
    /// Returns how many bytes the parts of a split take, all together.
    pub fn bytes_of(&self, split: &Split) -> usize {
        self.members(split).iter_mut().map(|members| members.needed.bytes()).sum()
    }

    /// Takes the inputs of each part, with all that came of them, out of this batch and into one of their own, with
    /// bytes of its own. Returns the parts, in order.
    pub fn split_off(&mut self, split: &Split) -> Vec<InFlightBatch> {
        if split.is_empty() {
            return Vec::new();
        }
        let members = self.members(split);
        let mut parts: Vec<InFlightBatch> = Vec::with_capacity(members.len());
        let mut relocations = Vec::with_capacity(members.len());
        let mut indices = Vec::with_capacity(members.len());
        for (members, source) in members.into_iter().zip(&split.sources) {
            let (stage, decoded, waiting, probe) = (self.stage, self.decoded, self.waiting, self.probe);
            let mut part = InFlightBatch { stage, decoded, waiting, probe, ..InFlightBatch::default() };
            let relocation = members.needed.copy(&self.batch.arena, &mut part.batch.arena);
            self.copied += part.batch.arena.len();
            let mut kept = self.batch.sources[*source as usize].clone();
            kept.topic_field = relocation.field(kept.topic_field);
            part.batch.sources.push(kept);
            if self.waiting {
                part.progress = self.progress.select(&members.records, |produced| relocation.produced(produced));
            }
            parts.push(part);
            relocations.push(relocation);
            indices.push(members.records);
        }
        let own = |relocations: &[Relocation], part: usize, record: &Record| Record {
            source: 0,
            ..relocations[part].record(record)
        };
        let new_inputs = self.move_inputs(split, &mut parts, |part, record| own(&relocations, part, record));
        let mut paths = vec![NO_PATH; self.paths.len()];
        for (part, indices) in indices.iter().enumerate() {
            for &index in indices {
                let origin = self.moved_origin(self.origins[index], &new_inputs, &mut paths, &mut parts[part]);
                parts[part].records.push(own(&relocations, part, &self.records[index]));
                parts[part].origins.push(origin);
            }
        }
        self.move_leaving(split, &mut parts, &new_inputs, &mut paths, |part, record| own(&relocations, part, record));
        if let Some(recorded) = &self.recorded {
            for (number, part) in parts.iter_mut().enumerate() {
                let own = |input: u32| (split.part(input) == Some(number)).then(|| new_inputs[input as usize]);
                part.recorded = recorded.fork(&part.batch, own);
            }
        }
        self.keep_rest(split);
        self.fork_spans(split, &mut parts);
        parts
    }

    fn members(&self, split: &Split) -> Vec<Members> {
        let mut all: Vec<Members> = Vec::new();
        for source in &split.sources {
            let mut members = Members::default();
            members.needed.field(self.batch.sources[*source as usize].topic_field);
            all.push(members);
        }
        for (input, record) in self.batch.records.iter().enumerate() {
            if let Some(part) = split.part(input as u32) {
                all[part].needed.record(record);
            }
        }
        for (index, (record, origin)) in self.records.iter().zip(&self.origins).enumerate() {
            let Some(part) = split.part(origin.input) else { continue };
            all[part].records.push(index);
            all[part].needed.record(record);
            if self.waiting {
                self.progress.produced_of(index).iter().for_each(|produced| all[part].needed.produced(produced));
            }
        }
        for leaving in &self.leaving {
            if let (Some(part), ChainOutput::Output { record, .. }) = (split.part(leaving.input()), leaving) {
                all[part].needed.record(record);
            }
        }
        all
    }

    /// Moves the inputs, and returns the number that each has in its part.
    fn move_inputs(
        &mut self,
        split: &Split,
        parts: &mut [InFlightBatch],
        own: impl Fn(usize, &Record) -> Record,
    ) -> Vec<u32> {
        let mut new_inputs = vec![STAYS; self.batch.records.len()];
        for (input, record) in self.batch.records.iter_mut().enumerate() {
            let Some(part) = split.part(input as u32) else { continue };
            let records = &mut parts[part].batch.records;
            new_inputs[input] = records.len() as u32;
            records.push(own(part, record));
            record.source = MOVED;
            self.moved += 1;
        }
        new_inputs
    }

    /// Returns an origin as it is in a part. A path node belongs to one input, so it is copied into one part alone.
    fn moved_origin(&self, origin: Origin, new_inputs: &[u32], paths: &mut [u32], part: &mut InFlightBatch) -> Origin {
        Origin { input: new_inputs[origin.input as usize], path: self.moved_path(origin.path, paths, part) }
    }

    /// As deep as there are stages.
    fn moved_path(&self, path: u32, paths: &mut [u32], part: &mut InFlightBatch) -> u32 {
        if path == NO_PATH {
            return NO_PATH;
        }
        if paths[path as usize] == NO_PATH {
            let mut node = self.paths[path as usize];
            node.outer = self.moved_path(node.outer, paths, part);
            part.paths.push(node);
            paths[path as usize] = part.paths.len() as u32 - 1;
        }
        paths[path as usize]
    }

    fn move_leaving(
        &mut self,
        split: &Split,
        parts: &mut [InFlightBatch],
        new_inputs: &[u32],
        paths: &mut [u32],
        own: impl Fn(usize, &Record) -> Record,
    ) {
        let mut leaving = std::mem::take(&mut self.leaving);
        leaving.retain(|output| {
            let Some(part) = split.part(output.input()) else { return true };
            let moved = match *output {
                ChainOutput::Output { output, record, origin, stage } => {
                    let origin = self.moved_origin(origin, new_inputs, paths, &mut parts[part]);
                    ChainOutput::Output { output, record: own(part, &record), origin, stage }
                }
                ChainOutput::DeadLetter { input, failure } => {
                    let failures = &mut parts[part].failures;
                    failures.push(self.failures[failure as usize].clone());
                    let (input, failure) = (new_inputs[input as usize], failures.len() as u32 - 1);
                    ChainOutput::DeadLetter { input, failure }
                }
            };
            parts[part].leaving.push(moved);
            false
        });
        self.leaving = leaving;
    }

    /// Keeps the records that stay.
    fn keep_rest(&mut self, split: &Split) {
        let stays: Vec<usize> =
            (0..self.records.len()).filter(|&index| split.part(self.origins[index].input).is_none()).collect();
        if self.waiting {
            self.progress = self.progress.select(&stays, |produced| produced);
        }
        retain_indices(&mut self.records, &stays);
        retain_indices(&mut self.origins, &stays);
    }

    /// Each part gets the span of its source once more; where nothing of the source stays, the last part gets the span
    /// itself.
    fn fork_spans(&mut self, split: &Split, parts: &mut [InFlightBatch]) {
        let mut left = vec![0_u32; self.spans.len()];
        split.sources.iter().for_each(|source| left[*source as usize] += 1);
        for record in self.batch.records.iter().filter(|record| record.source != MOVED) {
            left[record.source as usize] = u32::MAX;
        }
        for (part, source) in parts.iter_mut().zip(&split.sources) {
            let (span, left) = (&mut self.spans[*source as usize], &mut left[*source as usize]);
            *left -= 1;
            part.spans.push(if *left == 0 { span.take() } else { span.as_ref().map(OpenSpan::fork) });
        }
    }
}

fn retain_indices<T: Copy>(list: &mut Vec<T>, indices: &[usize]) {
    for (to, &from) in indices.iter().enumerate() {
        list[to] = list[from];
    }
    list.truncate(indices.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{Change, HeadersChange, OutputName, Produced};
    use crate::stage::RecordState;
    use crate::worker::testing::two_partitions;

    fn of_source(batch: &InFlightBatch, source: u32) -> Split {
        let mut split = Split::new(batch.batch.records.len());
        let part = split.add_part(source);
        for (input, record) in batch.batch.records.iter().enumerate() {
            if record.source == source {
                split.move_input(input, part);
            }
        }
        split
    }

    fn values(batch: &InFlightBatch) -> Vec<String> {
        let bytes = batch.records.iter().map(|record| batch.batch.arena.get(record.value).unwrap_or_default());
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    #[test]
    fn a_partition_that_waits_takes_its_own_records_along_and_no_others() {
        let (mut batch, _events) = two_partitions();
        let split = of_source(&batch, 1);
        let own = batch.split_off(&split).remove(0);
        assert_eq!(values(&own), ["value 1", "value 3", "value 5"]);
        assert_eq!(values(&batch), ["value 0", "value 2", "value 4"]);
        assert_eq!(own.origins.iter().map(|origin| origin.input).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(batch.spans[1].is_none() && own.spans[0].is_some());
        assert_eq!((batch.inputs(), own.inputs()), (3, 3));
        let header = own.batch.arena.headers(own.records[2].headers).next();
        assert_eq!(header, Some((&b"h"[..], Some(&[5_u8][..]))));
    }

    #[test]
    fn paths_and_failures_go_along() {
        let (mut batch, _events) = two_partitions();
        let origin = batch.emitted(batch.origins[1], 0, 4);
        let origin = batch.emitted(origin, 1, 2);
        batch.origins[1] = origin;
        let failure = |reason: &str| crate::failure::Failure {
            class: crate::failure::Class::Reject,
            reason: reason.to_owned(),
            stage: 0,
            path: String::new(),
            attempts: 1,
            output: None,
        };
        batch.failures = vec![failure("stays"), failure("goes")];
        batch.leaving.push(ChainOutput::DeadLetter { input: 0, failure: 0 });
        batch.leaving.push(ChainOutput::DeadLetter { input: 5, failure: 1 });
        let split = of_source(&batch, 1);
        let own = batch.split_off(&split).remove(0);
        assert_eq!(own.path(own.origins[0], 2), "4/2");
        assert_eq!(own.failures.iter().map(|failure| failure.reason.as_str()).collect::<Vec<_>>(), ["goes"]);
        assert_eq!(own.leaving[0].input(), 2);
        assert_eq!(batch.leaving.len(), 1);
    }

    #[test]
    fn bytes_that_emitted_records_share_are_copied_once_for_a_part() {
        let (mut batch, _events) = two_partitions();
        let shared = batch.batch.arena.push(&vec![b'x'; 1 << 20]);
        let produced: Vec<Produced> = (0..1000)
            .map(|_| Produced {
                record: 0,
                output: OutputName::Next,
                key: Change::Inherit,
                value: Change::Set(shared),
                headers: HeadersChange::Inherit,
                timestamp: None,
            })
            .collect();
        batch.waiting = true;
        batch.progress.reset(6);
        batch.progress.keep_produced(&produced);
        batch.progress.settle(1, RecordState::Emit { first: 0, count: 1000 });
        let split = of_source(&batch, 1);
        assert!(batch.bytes_of(&split) < (1 << 20) + 1000);
        let own = batch.split_off(&split).remove(0);
        assert!(own.batch.arena.len() < (1 << 20) + 1000, "{} bytes", own.batch.arena.len());
        assert_eq!(own.progress.produced().len(), 1000);
        let Change::Set(value) = own.progress.produced()[999].value else { panic!("it was set") };
        assert_eq!(own.batch.arena.get(value).map(<[u8]>::len), Some(1 << 20));
    }
}
