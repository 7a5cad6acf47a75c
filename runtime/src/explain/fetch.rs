//! Reading the records that are to be explained: out of the pipeline's input topics and its dead-letter topic, outside
//! of any group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::run::Asked;
use crate::batch::{NO_TIMESTAMP, Offset, Partition};
use crate::config::TopicPattern;
use crate::config::plan::Plan;
use crate::dlq::headers::{DeadLetterHeaders, NotALetter, strip};
use crate::dlq::select::{At, Input};
use crate::kafka::librdkafka::Librdkafka;
use crate::kafka::reader::{Ends, Extent, Next, Reader};
use crate::kafka::{Fetched, FetchedRecord, Kafka, KafkaError, StartPosition, TopicPartition};
use crate::record_text::DevRecord;
use crate::sink::receipt::Receipt;

/// How long the brokers have to answer one question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);

/// Why a record cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The topic is none of the pipeline's.
    #[error("topic \"{topic}\" is no input of pipeline \"{pipeline}\", which reads {inputs}")]
    NotAnInput {
        /// The topic.
        topic: String,
        /// The pipeline.
        pipeline: String,
        /// What it reads.
        inputs: String,
    },
    /// The pipeline has no dead-letter topic.
    #[error("the pipeline \"{0}\" has no `dlq`")]
    NoDlq(String),
    /// There is no such record: what there is instead.
    #[error("{0}")]
    NotThere(String),
    /// No broker answers, or one refuses.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

/// Reads records of the input topics, in the order in which they are asked for.
///
/// # Errors
/// See [`FetchError`]; the first of the records that cannot be had.
pub fn fetch_inputs(plan: &Plan, places: &[Input]) -> Result<Vec<Asked>, FetchError> {
    for Input { topic, .. } in places {
        if !is_input(plan, topic) {
            let (topic, pipeline, inputs) = (topic.clone(), plan.name.to_string(), plan.input.topics.join(", "));
            return Err(FetchError::NotAnInput { topic, pipeline, inputs });
        }
    }
    let mut by_topic: BTreeMap<&str, Vec<At>> = BTreeMap::new();
    places.iter().for_each(|place| by_topic.entry(&place.topic).or_default().push(place.at));
    let mut found: BTreeMap<(&str, At), DevRecord> = BTreeMap::new();
    for (topic, places) in by_topic {
        let records = read(plan, topic, &places, DevRecord::from_fetched)?;
        found.extend(records.into_iter().map(|(at, record)| ((topic, at), record)));
    }
    let asked = places.iter().map(|place| {
        let record = found[&(place.topic.as_str(), place.at)].clone();
        let at = TopicPartition { topic: place.topic.as_str().into(), partition: place.at.partition };
        Asked { record, at: Some((at, place.at.offset)), by_hand: false, letter: None }
    });
    Ok(asked.collect())
}

/// Reads dead letters of the pipeline, and turns each into the record that the pipeline had read.
///
/// # Errors
/// See [`FetchError`]; the first of the dead letters that cannot be had, or that is none of this pipeline's.
pub fn fetch_dead_letters(plan: &Plan, topic: &str, places: &[At]) -> Result<Vec<Asked>, FetchError> {
    let letters = read(plan, topic, places, |record| (DevRecord::from_fetched(record), DeadLetterHeaders::of(record)))?;
    let mut asked = Vec::new();
    for at in places {
        let Some((record, headers)) = letters.get(at) else { continue };
        let headers = headers.as_ref().map_err(Clone::clone)?;
        asked.push(of_letter(plan, &format!("{topic}/{at}"), record.clone(), headers)?);
    }
    Ok(asked)
}

fn of_letter(
    plan: &Plan,
    place: &str,
    mut record: DevRecord,
    headers: &Result<DeadLetterHeaders, NotALetter>,
) -> Result<Asked, FetchError> {
    let letter = headers
        .as_ref()
        .map_err(|why| FetchError::NotThere(format!("the record at {place} is no dead letter of sluice: {why}")))?;
    if *letter.pipeline != *plan.name {
        return Err(FetchError::NotThere(format!(
            "the dead letter at {place} is of pipeline \"{}\": explain it with that pipeline's file",
            letter.pipeline
        )));
    }
    if letter.value_dropped {
        return Err(FetchError::NotThere(format!(
            "the dead letter at {place} has no value, because it would have been too large: explain its input {} instead",
            letter.input()
        )));
    }
    record.headers = strip(record.headers);
    record.timestamp = (letter.timestamp != NO_TIMESTAMP).then_some(letter.timestamp);
    record.topic = Some(letter.topic.clone());
    let at = TopicPartition { topic: letter.topic.as_str().into(), partition: letter.partition };
    Ok(Asked { record, at: Some((at, letter.offset)), by_hand: false, letter: Some(letter.clone()) })
}

/// Whether the pipeline reads a topic.
fn is_input(plan: &Plan, topic: &str) -> bool {
    plan.input.topics.iter().any(|input| match input.starts_with('^') {
        true => TopicPattern::new(input).is_ok_and(|pattern| pattern.matches(topic)),
        false => input == topic,
    })
}

/// Reads these records of a topic.
fn read<T>(
    plan: &Plan,
    topic: &str,
    places: &[At],
    make: impl Fn(&FetchedRecord<'_>) -> T,
) -> Result<BTreeMap<At, T>, FetchError> {
    let mut reader = Reader::new::<()>(&Librdkafka, &plan.name, &plan.consumer, topic, Ends::Committed)?;
    let servers = plan.consumer.get("bootstrap.servers").map(String::as_str).unwrap_or_default();
    let Some(held) = reader.extents()? else {
        return Err(FetchError::NotThere(format!("topic \"{topic}\" does not exist on {servers}, or may not be read")));
    };
    for at in places {
        is_held(topic, &held, *at)?;
    }
    let mut found = BTreeMap::new();
    reader.begin(&extents(places))?;
    while found.len() < places.len() {
        let next = reader.next(&mut |record| {
            let at = At { partition: record.partition, offset: record.offset };
            if places.contains(&at) {
                found.insert(at, make(&record));
            }
        })?;
        if next == Next::End {
            break;
        }
    }
    reader.close();
    match places.iter().find(|at| !found.contains_key(at)) {
        Some(missing) => Err(FetchError::NotThere(why_missing(plan, topic, *missing)?)),
        None => Ok(found),
    }
}

/// The parts of partitions that hold these places.
fn extents(places: &[At]) -> Vec<Extent> {
    let mut extents: BTreeMap<Partition, Extent> = BTreeMap::new();
    for At { partition, offset } in places.iter().copied() {
        let behind = Offset(offset.0.saturating_add(1));
        let extent = extents.entry(partition).or_insert(Extent { partition, from: offset, to: behind });
        (extent.from, extent.to) = (extent.from.min(offset), extent.to.max(behind));
    }
    extents.into_values().collect()
}

fn is_held(topic: &str, held: &[Extent], at: At) -> Result<(), FetchError> {
    let Some(extent) = held.iter().find(|extent| extent.partition == at.partition) else {
        return Err(FetchError::NotThere(format!(
            "topic \"{topic}\" has {} partitions, and none {}",
            held.len(),
            at.partition
        )));
    };
    let Extent { from, to, .. } = extent;
    let why = if at.offset < *from {
        "it is gone, by retention or because it was deleted"
    } else if at.offset >= *to {
        "it is not there yet, or in a transaction that is still open"
    } else {
        return Ok(());
    };
    Err(FetchError::NotThere(format!("there is no record {topic}/{at}: {why}; {}", extent.describe())))
}

/// Why a partition has no record at an offset that it holds.
fn why_missing(plan: &Plan, topic: &str, at: At) -> Result<String, KafkaError> {
    let kafka: &dyn Kafka<Receipt> = &Librdkafka;
    let next = first_record(kafka, plan, topic, at)?;
    if next == Some(at.offset) {
        return Ok(format!(
            "the record {topic}/{at} is in a transaction that was aborted: no pipeline that reads what is committed gets it"
        ));
    }
    let admin = kafka.admin(&plan.name, &plan.producer, ANSWER_TIMEOUT).map(|admin| {
        let limits = admin.limits(&[topic]);
        admin.close();
        limits
    });
    let compacted = admin.is_ok_and(|limits| limits.iter().flatten().any(|limits| limits.compacted));
    let what = if compacted {
        "a transaction's marker, or its record was removed by compaction"
    } else {
        "a transaction's marker, which is no record"
    };
    let next =
        next.map_or_else(|| "none follows".to_owned(), |next| format!("the next one is {}/{next}", at.partition));
    Ok(format!("there is no record {topic}/{at}: at that offset is {what}; {next}"))
}

/// The offset of the first record from a place on, those of aborted transactions included.
fn first_record(kafka: &dyn Kafka<Receipt>, plan: &Plan, topic: &str, at: At) -> Result<Option<Offset>, KafkaError> {
    let mut properties = plan.consumer.clone();
    for (name, value) in
        [("isolation.level", "read_uncommitted"), ("enable.partition.eof", "true"), ("auto.offset.reset", "earliest")]
    {
        properties.insert(name.to_owned(), value.to_owned());
    }
    let topic: Arc<str> = topic.into();
    let mut reader = kafka.reader(&plan.name, &properties)?;
    let partition = TopicPartition { topic, partition: at.partition };
    reader.start(&[(partition, StartPosition::Offset(at.offset))])?;
    let (mut found, mut ended, deadline) = (None, false, Instant::now() + ANSWER_TIMEOUT);
    while found.is_none() && !ended && Instant::now() < deadline {
        reader.poll(POLL, &mut |fetched| {
            match fetched {
                Fetched::Record(record) => found = Some(record.offset),
                Fetched::End(..) => ended = true,
                Fetched::Failed(_) | Fetched::OffsetOutOfRange(..) => {}
            }
            false
        })?;
    }
    reader.close(ANSWER_TIMEOUT);
    Ok(found)
}
