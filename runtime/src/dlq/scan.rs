//! Going through a dead-letter topic: every record that is meant, up to the ends that the topic had at the start.

use std::time::Instant;

use anyhow::{Context as _, bail};

use super::headers::{DeadLetterHeaders, NotALetter};
use super::select::{At, Selection};
use crate::config::plan::Plan;
use crate::kafka::FetchedRecord;
use crate::kafka::librdkafka::Librdkafka;
use crate::kafka::reader::{Ends, Extent, Next, POLL, Reader};
use crate::read_progress::ReadProgress;

/// A record of the dead-letter topic.
pub struct Found<'a> {
    /// Where it is.
    pub at: At,
    /// The record.
    pub record: FetchedRecord<'a>,
    /// What its headers say, or why it is no dead letter of sluice.
    pub letter: Result<DeadLetterHeaders, NotALetter>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The scan goes on with the next record.
    On,
    /// Enough.
    Enough,
}

/// One way through a dead-letter topic.
pub struct Scan {
    reader: Reader,
    topic: String,
    extents: Vec<Extent>,
    progress: Option<ReadProgress>,
}

/// The dead-letter topic: the pipeline's own, or another that is asked for.
///
/// # Errors
/// There is neither.
pub fn topic(plan: &Plan, asked: Option<&str>) -> anyhow::Result<String> {
    let own = plan.dlq.as_ref().map(|dlq| dlq.topic.name.as_str());
    let topic = asked.or(own).with_context(|| {
        format!("the pipeline {} has no `dlq`: say with --topic which topic its dead letters are in", plan.name)
    })?;
    Ok(topic.to_owned())
}

impl Scan {
    /// Asks for the topic's ends.
    ///
    /// # Errors
    /// The topic does not exist or may not be read; no broker answers.
    pub fn new(plan: &Plan, topic: &str) -> anyhow::Result<Scan> {
        let reader = Reader::new::<()>(&Librdkafka, &plan.name, &plan.consumer, topic, Ends::Committed)?;
        let servers = &plan.consumer["bootstrap.servers"];
        let Some(extents) = reader.extents()? else {
            bail!("the dead-letter topic \"{topic}\" does not exist on {servers}, or may not be read");
        };
        Ok(Scan { reader, topic: topic.to_owned(), extents, progress: Some(ReadProgress::new()) })
    }

    /// Returns the same, which shows nobody how far it is.
    #[must_use]
    pub fn silent(self) -> Scan {
        Scan { progress: None, ..self }
    }

    /// What each partition of the topic held at the start.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Calls `each` for every record in a place that is meant, as it comes, and between records, with none, so that the
    /// caller can look at something else.
    ///
    /// # Errors
    /// The topic cannot be read; what `each` answers.
    pub fn run(
        self,
        selection: &Selection,
        each: &mut dyn FnMut(Option<Found<'_>>) -> anyhow::Result<Flow>,
    ) -> anyhow::Result<()> {
        let extents: Vec<Extent> = self.extents.iter().filter_map(|extent| meant(extent, selection)).collect();
        self.run_over(&extents, &|at| selection.takes_place(at), each)
    }

    /// Scans parts of partitions as [`Scan::run`] does whole ones.
    ///
    /// # Errors
    /// As [`Scan::run`].
    pub fn run_over(
        mut self,
        extents: &[Extent],
        takes_place: &dyn Fn(At) -> bool,
        each: &mut dyn FnMut(Option<Found<'_>>) -> anyhow::Result<Flow>,
    ) -> anyhow::Result<()> {
        let total: i64 = extents.iter().map(|extent| extent.to.0 - extent.from.0).sum();
        self.reader.begin(extents)?;
        let mut read = 0;
        loop {
            if let Some(progress) = &mut self.progress {
                progress.show(&self.topic, read, total);
            }
            let begun = Instant::now();
            let mut flow = Ok(Flow::On);
            let next = self.reader.next(&mut |record| {
                read += 1;
                let at = At { partition: record.partition, offset: record.offset };
                if takes_place(at) {
                    let letter = DeadLetterHeaders::of(&record);
                    flow = letter.map_err(Into::into).and_then(|letter| each(Some(Found { at, record, letter })));
                }
            })?;
            let flow = match next {
                Next::End => break,
                Next::Nothing => each(None)?,
                Next::Record => flow?,
            };
            // What `each` takes its time for is no delay of the brokers'.
            self.reader.rested(begun.elapsed().saturating_sub(POLL));
            if flow == Flow::Enough {
                break;
            }
        }
        self.progress.iter().for_each(ReadProgress::clear);
        self.reader.close();
        Ok(())
    }
}

/// The part of a partition that has to be read.
fn meant(extent: &Extent, selection: &Selection) -> Option<Extent> {
    let offsets = selection.offsets(extent.partition)?;
    let (from, to) = (extent.from.max(offsets.from), extent.to.min(offsets.to));
    (from < to).then_some(Extent { from, to, ..*extent })
}
