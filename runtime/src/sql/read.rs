//! Reads the topics of a table, to their ends or on from there, and hands each record to the query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use json_sql::{Flow, TableQuery};

use super::Table;
use super::asked::Asked;
use crate::config::TopicPattern;
use crate::config::plan::Plan;
use crate::formats::RecordDecoder;
use crate::kafka::Kafka;
use crate::kafka::librdkafka::Librdkafka;
use crate::kafka::reader::{Ends, Extent, Next, POLL, Reader};
use crate::pipeline::registry;
use crate::read_progress::ReadProgress;

/// How long the brokers have to say which topics there are.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How many records of one topic are read while others may have some too.
const TURN: usize = 1000;

/// Where a read starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record of each partition.
    Earliest,
    /// At what comes next.
    Latest,
    /// At the first record of this time or later, in milliseconds since the epoch.
    Time(i64),
}

/// A read of the topics of a table.
pub struct Read<'p> {
    /// The pipeline whose brokers are asked.
    pub plan: &'p Plan,
    /// What is read.
    pub table: Table,
    /// Where to start.
    pub start: Start,
    /// Whether to go on behind the ends that the topics had at the start.
    pub follow: bool,
}

/// How a read ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progressed {
    /// Records that the query has seen.
    pub read: u64,
    /// Records that it could not read, and the first of them with the reason.
    pub unreadable: u64,
    /// The first of these: where it is and why.
    pub first_unreadable: Option<String>,
    /// Whether it was told to stop before everything was read.
    pub was_stopped: bool,
}

impl Read<'_> {
    /// Reads, and hands each record to the query, whose rows go to `out`; `quiet` is called whenever nothing more has
    /// come for a moment. Ends at the ends that the topics had at the start, or when `stop` is set.
    ///
    /// # Errors
    /// A topic that is not there or cannot be read; a record that the query has no value for.
    pub fn run(
        &self,
        query: &mut TableQuery,
        stop: &AtomicBool,
        out: &mut dyn FnMut(&[u8]),
        quiet: &mut dyn FnMut(),
    ) -> anyhow::Result<Progressed> {
        let decoder = self.decoder()?;
        let mut progressed = Progressed::default();
        let mut topics = Vec::new();
        for name in self.names()? {
            let reader = Reader::new::<()>(&Librdkafka, &self.plan.name, &self.plan.consumer, &name, Ends::Committed)?;
            let extents = reader.extents()?.with_context(|| {
                format!("the topic \"{name}\" does not exist on {}, or may not be read", self.servers())
            })?;
            topics.push((name, reader, extents));
        }
        let mut flow = Flow::More;
        let mut asked = Asked { query, decoder, stop, out, progressed: &mut progressed, failed: None };
        for (name, reader, extents) in &mut topics {
            let wanted = match self.start {
                Start::Earliest => extents.clone(),
                Start::Time(time) => reader.since(extents, time)?,
                Start::Latest => continue,
            };
            flow = to_the_end(name, reader, &wanted, stop, &mut asked)?;
            if flow == Flow::Enough || stop.load(Ordering::Acquire) {
                break;
            }
        }
        if self.follow && flow == Flow::More && !stop.load(Ordering::Acquire) {
            for (_, reader, extents) in &mut topics {
                reader.follow(extents)?;
            }
            on_from_there(&mut topics, stop, &mut asked, quiet)?;
        }
        for (_, reader, _) in topics {
            reader.close();
        }
        progressed.was_stopped |= stop.load(Ordering::Acquire);
        Ok(progressed)
    }

    fn decoder(&self) -> anyhow::Result<Option<RecordDecoder>> {
        let formats = self.table.formats.clone();
        let registry = if formats.is_empty() { None } else { registry(self.plan, &Arc::default())? };
        RecordDecoder::new(&self.plan.name, formats, registry).map_err(anyhow::Error::msg)
    }

    fn servers(&self) -> &str {
        self.plan.consumer.get("bootstrap.servers").map(String::as_str).unwrap_or_default()
    }

    /// The names of the topics, those that patterns match among them.
    fn names(&self) -> anyhow::Result<Vec<String>> {
        if !self.table.topics.iter().any(|topic| topic.starts_with('^')) {
            return Ok(self.table.topics.clone());
        }
        let reader = Kafka::<()>::reader(&Librdkafka, &self.plan.name, &self.plan.consumer)?;
        let mut all = reader.topics(ANSWER_TIMEOUT).map_err(|error| error.asked_of(self.servers()))?;
        reader.close(POLL);
        all.sort();
        let mut names: Vec<String> = Vec::new();
        for topic in &self.table.topics {
            if !topic.starts_with('^') {
                names.push(topic.clone());
                continue;
            }
            let pattern = TopicPattern::new(topic).map_err(anyhow::Error::msg)?;
            names.extend(all.iter().filter(|name| pattern.matches(name)).cloned());
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        anyhow::ensure!(!names.is_empty(), "no topic on {} matches {}", self.servers(), self.table.topics.join(", "));
        Ok(names)
    }
}

/// Reads a topic up to where it ended at the start.
fn to_the_end(
    name: &str,
    reader: &mut Reader,
    extents: &[Extent],
    stop: &AtomicBool,
    asked: &mut Asked<'_>,
) -> anyhow::Result<Flow> {
    let total: i64 = extents.iter().map(|extent| extent.to.0 - extent.from.0).sum();
    let (mut progress, before) = (ReadProgress::new(), asked.progressed.read);
    reader.begin(extents)?;
    let mut flow = Flow::More;
    while flow == Flow::More && !stop.load(Ordering::Acquire) {
        progress.show(name, asked.progressed.read - before, total);
        let begun = Instant::now();
        let next = reader.next(&mut |record| flow = asked.take(&record))?;
        asked.check()?;
        // What the query takes its time for is no delay of the brokers'.
        reader.rested(begun.elapsed().saturating_sub(POLL));
        if next == Next::End {
            break;
        }
    }
    progress.clear();
    Ok(flow)
}

/// Reads all topics on, each in its turn.
fn on_from_there(
    topics: &mut [(String, Reader, Vec<Extent>)],
    stop: &AtomicBool,
    asked: &mut Asked<'_>,
    quiet: &mut dyn FnMut(),
) -> anyhow::Result<()> {
    let mut flow = Flow::More;
    // All wait together no longer than one would.
    let wait = POLL / u32::try_from(topics.len()).unwrap_or(u32::MAX).max(1);
    while !stop.load(Ordering::Acquire) {
        let mut is_quiet = true;
        for (_, reader, _) in topics.iter_mut() {
            let mut next = reader.next_within(wait, &mut |record| flow = asked.take(&record))?;
            for _ in 0..TURN {
                asked.check()?;
                if flow == Flow::Enough {
                    return Ok(());
                }
                if next != Next::Record {
                    break;
                }
                is_quiet = false;
                next = reader.next_within(Duration::ZERO, &mut |record| flow = asked.take(&record))?;
            }
        }
        if is_quiet {
            quiet();
        }
    }
    Ok(())
}
