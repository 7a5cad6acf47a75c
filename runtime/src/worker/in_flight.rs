//! A run: one batch on its way through the chain, with what has left it already.

use std::collections::HashSet;

use crate::batch::{Arena, Batch, Field, HeaderList, NO_TIMESTAMP, Record};
use crate::plugin::{Change, HeadersChange, Produced};
use crate::failure::Failure;
use crate::sink::receipt::OpenSpan;
use crate::stage::Progress;

/// No path node: in every stage it was the only record, or the first.
const FIRST_ALL_THE_WAY: u32 = u32::MAX;

/// The source of an input that has gone into a run of its own.
const GONE: u32 = u32::MAX;
/// In place of the number of an input elsewhere: it does not go there.
const STAYS: u32 = u32::MAX;

/// Where a record on its way came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The number of its input record in the batch.
    pub input: u32,
    /// The innermost of its path nodes.
    path: u32,
}

/// One stage that emitted it as other than the first.
#[derive(Clone, Copy, Debug)]
struct PathNode {
    outer: u32,
    stage: usize,
    index: u32,
}

/// What leaves the chain.
#[derive(Clone, Copy, Debug)]
pub enum ChainOutput {
    /// A record for an output.
    Output {
        /// The output's number.
        output: u32,
        /// The record.
        record: Record,
        /// Where it came from.
        origin: Origin,
        /// The stage that it left; the number of stages where it came to the end of the chain.
        stage: usize,
    },
    /// The dead letter of an input record.
    Letter {
        /// The number of the input record.
        input: u32,
        /// The number of the failure.
        failure: u32,
    },
}

impl ChainOutput {
    /// The number of its input record.
    pub fn input(&self) -> u32 {
        match self {
            ChainOutput::Output { origin, .. } => origin.input,
            ChainOutput::Letter { input, .. } => *input,
        }
    }
}

/// One batch on its way through the chain. Reused, so that its lists keep their memory.
#[derive(Default)]
pub struct InFlightBatch {
    /// The input, and the bytes of everything that came of it.
    pub batch: Batch,
    /// One for each of the batch's sources; none where all of it went into runs of its own.
    pub spans: Vec<Option<OpenSpan>>,
    /// The records that are still in the chain.
    pub records: Vec<Record>,
    /// Of each of them, where it came from.
    pub origins: Vec<Origin>,
    /// What has left the chain and is not written yet.
    pub leaving: Vec<ChainOutput>,
    /// The failures that dead letters tell of.
    pub failures: Vec<Failure>,
    /// The stage that comes next, or that it waits in.
    pub stage: usize,
    /// Whether it waits in the middle of that stage.
    pub waiting: bool,
    /// How far that stage has come.
    pub progress: Progress,
    /// The stage that a probe is meant for.
    pub probe: Option<usize>,
    /// Whether the probe has come as far as that stage.
    pub probed: bool,
    /// Whether it is a probe that looks ahead: it ends with that stage, and nothing of it is written.
    pub ahead: bool,
    paths: Vec<PathNode>,
    // Inputs that have gone into runs of their own.
    gone: usize,
}

impl InFlightBatch {
    /// Begins with a batch.
    pub fn begin(&mut self, batch: Batch, spans: impl Iterator<Item = OpenSpan>, probe: Option<usize>) {
        self.batch = batch;
        self.spans.extend(spans.map(Some));
        self.records.extend_from_slice(&self.batch.records);
        let count = self.batch.records.len() as u32;
        self.origins.extend((0..count).map(|input| Origin { input, path: FIRST_ALL_THE_WAY }));
        self.probe = probe;
    }

    /// Ends, and gives the batch's memory back. Spans that are not sealed are abandoned.
    pub fn finish(&mut self) -> Batch {
        self.spans.clear();
        self.records.clear();
        self.origins.clear();
        self.leaving.clear();
        self.failures.clear();
        self.paths.clear();
        (self.stage, self.waiting, self.gone) = (0, false, 0);
        (self.probe, self.probed, self.ahead) = (None, false, false);
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        batch
    }

    /// Whether a stage has begun with it.
    pub fn has_begun(&self) -> bool {
        self.stage > 0 || self.waiting
    }

    /// Whether any record in the chain is still ours to process.
    pub fn any_is_ours(&self) -> bool {
        let is_ours = |record: &Record| {
            self.spans[record.source as usize].as_ref().is_some_and(|span| span.lease().covers(record.offset))
        };
        self.records.iter().any(is_ours)
    }

    /// Whether any of its records is bound to a path.
    pub fn follows_paths(&self) -> bool {
        self.batch.sources.iter().any(|source| source.replay.is_some())
    }

    /// Of a record that is bound to a path: which of those that the next stage emits for it is followed, and whether the
    /// path goes on behind that.
    pub fn branch(&self, record: &Record) -> Option<(u32, bool)> {
        let path = &self.batch.sources[record.source as usize].replay.as_ref()?.path;
        let number = *path.get(self.stage)?;
        Some((number, self.stage + 1 < path.len()))
    }

    /// The origin of the record with number `index` that a stage emitted in place of one with `origin`.
    pub fn emitted(&mut self, origin: Origin, stage: usize, index: u32) -> Origin {
        if index == 0 {
            return origin;
        }
        self.paths.push(PathNode { outer: origin.path, stage, index });
        Origin { path: self.paths.len() as u32 - 1, ..origin }
    }

    /// Which emitted record of each of the first `stages` stages it was, e.g. `0/2`.
    pub fn path(&self, origin: Origin, stages: usize) -> String {
        let mut indices = vec![0; stages];
        let mut at = origin.path;
        while at != FIRST_ALL_THE_WAY {
            let node = self.paths[at as usize];
            indices[node.stage] = node.index;
            at = node.outer;
        }
        indices.iter().map(u32::to_string).collect::<Vec<_>>().join("/")
    }

    /// How many inputs are its own: those that have not gone into a run of their own.
    pub fn inputs(&self) -> usize {
        self.batch.records.len() - self.gone
    }

    /// The key of an input.
    pub fn key_of(&self, input: u32) -> Option<&[u8]> {
        self.batch.arena.get(self.batch.records[input as usize].key)
    }

    /// The keys of these inputs; a null key is none.
    pub fn keys_of(&self, inputs: &[u32]) -> HashSet<Box<[u8]>> {
        inputs.iter().filter_map(|&input| self.key_of(input)).map(Into::into).collect()
    }

    /// The inputs of a source with such a key, in order.
    pub fn inputs_of(&self, source: u32, which: impl Fn(Option<&[u8]>) -> bool) -> Vec<u32> {
        let of_source = |input: &u32| self.batch.records[*input as usize].source == source;
        let inputs = (0..self.batch.records.len() as u32).filter(of_source);
        inputs.filter(|input| which(self.key_of(*input))).collect()
    }

    /// The inputs of a source of which a record is pending in the stage that it waits in, in order.
    pub fn pending_inputs(&self, source: u32) -> Vec<u32> {
        let pending =
            self.records.iter().enumerate().filter(|(i, r)| r.source == source && self.progress.is_pending(*i));
        let mut inputs: Vec<u32> = pending.map(|(index, _)| self.origins[index].input).collect();
        // Records that came of one input stand side by side.
        inputs.dedup();
        inputs
    }

    /// Moves all that came of these inputs of one source, in order, into a run of its own, with bytes of its own: it
    /// will wait while the others go on. Rare, so it copies.
    pub fn split_off(&mut self, source: u32, moved: &[u32]) -> InFlightBatch {
        let mut own = InFlightBatch { stage: self.stage, waiting: self.waiting, probe: self.probe, ..InFlightBatch::default() };
        let mut copier = Copier { from: &self.batch.arena, to: &mut own.batch.arena };
        let mut kept = self.batch.sources[source as usize].clone();
        kept.topic_field = copier.field(kept.topic_field);
        own.batch.sources.push(kept);
        let mut inputs = vec![STAYS; self.batch.records.len()];
        for &input in moved {
            inputs[input as usize] = own.batch.records.len() as u32;
            let record = &mut self.batch.records[input as usize];
            own.batch.records.push(copier.record(record));
            record.source = GONE;
        }
        let (theirs, ours): (Vec<usize>, Vec<usize>) =
            (0..self.records.len()).partition(|&index| inputs[self.origins[index].input as usize] != STAYS);
        for &index in &theirs {
            own.records.push(copier.record(&self.records[index]));
            own.origins.push(Origin { input: inputs[self.origins[index].input as usize], ..self.origins[index] });
        }
        if self.waiting {
            own.progress = self.progress.select(&theirs, |produced| copier.produced(produced));
            self.progress = self.progress.select(&ours, |produced| produced);
        }
        for leaving in self.leaving.iter().filter(|leaving| inputs[leaving.input() as usize] != STAYS) {
            let input = inputs[leaving.input() as usize];
            own.leaving.push(match *leaving {
                ChainOutput::Output { output, record, origin, stage } => {
                    let origin = Origin { input, ..origin };
                    ChainOutput::Output { output, record: copier.record(&record), origin, stage }
                }
                ChainOutput::Letter { failure, .. } => ChainOutput::Letter { input, failure },
            });
        }
        own.failures.clone_from(&self.failures);
        own.paths.clone_from(&self.paths);
        self.gone += moved.len();
        let span = &mut self.spans[source as usize];
        let any_stays = self.batch.records.iter().any(|record| record.source == source);
        own.spans.push(if any_stays { span.as_ref().map(OpenSpan::fork) } else { span.take() });
        self.leaving.retain(|leaving| inputs[leaving.input() as usize] == STAYS);
        retain_indices(&mut self.records, &ours);
        retain_indices(&mut self.origins, &ours);
        own
    }
}

/// The record that comes of `record` when a plugin produced `produced` in its place.
pub fn apply(record: &Record, produced: &Produced) -> Record {
    let change = |change, inherited| match change {
        Change::Inherit => inherited,
        Change::Set(field) => field,
    };
    Record {
        key: change(produced.key, record.key),
        value: change(produced.value, record.value),
        headers: match produced.headers {
            HeadersChange::Inherit => record.headers,
            HeadersChange::Set(list) => list,
        },
        timestamp: produced.timestamp.unwrap_or(record.timestamp),
        ..*record
    }
}

fn retain_indices<T: Copy>(list: &mut Vec<T>, indices: &[usize]) {
    for (to, &from) in indices.iter().enumerate() {
        list[to] = list[from];
    }
    list.truncate(indices.len());
}

/// Copies fields from one arena to another.
struct Copier<'a> {
    from: &'a Arena,
    to: &'a mut Arena,
}

impl Copier<'_> {
    fn field(&mut self, field: Field) -> Field {
        self.to.push_option(self.from.get(field))
    }

    fn headers(&mut self, list: HeaderList) -> HeaderList {
        self.to.push_headers(self.from.headers(list))
    }

    fn record(&mut self, record: &Record) -> Record {
        let (key, value) = (self.field(record.key), self.field(record.value));
        Record { key, value, headers: self.headers(record.headers), source: 0, ..*record }
    }

    fn produced(&mut self, produced: Produced) -> Produced {
        let mut change = |change| match change {
            Change::Inherit => Change::Inherit,
            Change::Set(field) => Change::Set(self.field(field)),
        };
        let (key, value) = (change(produced.key), change(produced.value));
        let headers = match produced.headers {
            HeadersChange::Inherit => HeadersChange::Inherit,
            HeadersChange::Set(list) => HeadersChange::Set(self.headers(list)),
        };
        Produced { key, value, headers, timestamp: produced.timestamp.filter(|at| *at != NO_TIMESTAMP), ..produced }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::batch::{Offset, Partition, Source};
    use crate::event::EventSender;
    use crate::kafka::TopicPartition;
    use crate::rt::{self, Receiver, Wakeup};
    use crate::lease::Lease;
    use crate::sink::receipt::Span;

    fn run_of_two_partitions() -> (InFlightBatch, Receiver<crate::event::Event>) {
        let (sender, receiver) = rt::channel();
        let events = EventSender::new(sender, Wakeup::default());
        let mut batch = Batch::default();
        let topic: Arc<str> = "in".into();
        for partition in 0..2 {
            let topic_field = batch.arena.push(b"in");
            let partition = Partition(partition);
            batch.sources.push(Source { topic: topic.clone(), topic_field, partition, replay: None });
        }
        for number in 0..6_u32 {
            let value = batch.arena.push(format!("value {number}").as_bytes());
            let headers = batch.arena.push_headers([(&b"h"[..], Some(&[number as u8][..]))].into_iter());
            let offset = Offset(i64::from(number));
            batch.records.push(Record { key: Field::NULL, value, headers, timestamp: 9, offset, source: number % 2 });
        }
        let spans = [0, 1].map(|partition| {
            let at = TopicPartition { topic: topic.clone(), partition: Partition(partition) };
            let lease = Arc::new(Lease::new(at, partition as usize, 1));
            let (first, end) = (Offset(i64::from(partition)), Offset(6));
            OpenSpan::new(Span { lease, first, end }, events.clone())
        });
        let mut run = InFlightBatch::default();
        run.begin(batch, spans.into_iter(), None);
        (run, receiver)
    }

    #[test]
    fn a_partition_that_waits_takes_its_own_records_along_and_no_others() {
        let (mut run, _receiver) = run_of_two_partitions();
        let own = run.split_off(1, &[1, 3, 5]);
        let values = |run: &InFlightBatch| -> Vec<String> {
            let bytes = run.records.iter().map(|record| run.batch.arena.get(record.value).unwrap_or_default());
            bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
        };
        assert_eq!(values(&own), ["value 1", "value 3", "value 5"]);
        assert_eq!(values(&run), ["value 0", "value 2", "value 4"]);
        assert_eq!(own.origins.iter().map(|origin| origin.input).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(run.spans[1].is_none() && own.spans[0].is_some());
        assert_eq!((run.inputs(), own.inputs()), (3, 3));
        let header = own.batch.arena.headers(own.records[2].headers).next();
        assert_eq!(header, Some((&b"h"[..], Some(&[5_u8][..]))));
    }

    #[test]
    fn a_path_names_the_emitted_record_of_each_stage() {
        let (mut run, _receiver) = run_of_two_partitions();
        let kept = run.emitted(run.origins[0], 0, 0);
        let third = run.emitted(kept, 1, 2);
        assert_eq!(run.path(third, 2), "0/2");
        assert_eq!(run.path(run.origins[0], 0), "");
        let again = run.emitted(third, 2, 1);
        assert_eq!(run.path(again, 4), "0/2/1/0");
    }
}
