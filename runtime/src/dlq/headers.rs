//! A dead letter as it is read: what its headers say, out of any bytes, and the record as the pipeline had read it.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;

use crate::batch::{NO_TIMESTAMP, Offset, Partition};
use crate::failure::Class;
use crate::kafka::{FetchedRecord, KafkaError};
use crate::sink::dead_letter::{PREFIX, REPLAYS, VALUE, VALUE_DROPPED};

/// Kafka Connect's names, as `dlq: { connect_headers: true }` adds them.
const CONNECT_PREFIX: &[u8] = b"__connect.errors.";
/// The one of them whose value shows that they are ours: it begins with `sluice.`.
const CONNECT_CLASS: &[u8] = b"__connect.errors.exception.class.name";

/// What the headers of a dead letter say. See `docs/dead-letters.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterHeaders {
    /// What kind of failure.
    pub class: Class,
    /// In whose words it failed.
    pub reason: String,
    /// The stage; empty where the pipeline had none, and where a format has failed.
    pub stage: String,
    /// The stage's plugin, as the file had it.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// The pipeline.
    pub pipeline: String,
    /// Which emitted record of each of the first stages it was; those are as many as there are numbers.
    pub path: Vec<u32>,
    /// The digests of all stages. Never fewer than the path has numbers.
    pub chain: Vec<String>,
    /// The input topic.
    pub topic: String,
    /// The input partition.
    pub partition: Partition,
    /// The record's offset there.
    pub offset: Offset,
    /// The record's timestamp, in milliseconds since the epoch; [`NO_TIMESTAMP`] where it had none.
    pub timestamp: i64,
    /// Calls made with it in that stage.
    pub attempts: u32,
    /// When it failed.
    pub failed_at: Timestamp,
    /// The output that it could not be encoded for.
    pub output: Option<String>,
    /// How often it has been replayed and has failed again.
    pub replays: u32,
    /// Whether its value was left out, because the dead letter would have been too large.
    pub value_dropped: bool,
}

/// Why a record is no dead letter of sluice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALetter {
    /// A header is not there.
    #[error("it has no header {0}")]
    Missing(&'static str),
    /// A header is there more than once, so that it is not clear what it says.
    #[error("it has more than one header {0}")]
    Twice(&'static str),
    /// A header is null, or not UTF-8.
    #[error("its header {0} is not text")]
    NotText(&'static str),
    /// A header says something else than it should.
    #[error("its header {name} is not {expected}")]
    Wrong {
        /// The header.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl DeadLetterHeaders {
    /// Reads the headers of a record: names and values in order, any bytes. A pure function; what it keeps is no larger
    /// than what it is given. Headers of other names, and those under `sluice.error.` that are not known, are passed
    /// over.
    ///
    /// # Errors
    /// The first thing that keeps it from being a dead letter of sluice.
    pub fn parse<'h>(
        headers: impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)> + Clone,
    ) -> Result<DeadLetterHeaders, NotALetter> {
        let text = |name| required(headers.clone(), name);
        let class = text("sluice.error.class")?;
        let class = Class::parse(class).ok_or(wrong("sluice.error.class", "a class that is known"))?;
        let of_stage = |name| if class.has_stage() { text(name) } else { Ok("") };
        let chain: Vec<String> = list(text("sluice.error.chain")?, ',').map(str::to_owned).collect();
        let path: Result<Vec<u32>, _> = list(text("sluice.error.path")?, '/').map(str::parse).collect();
        let path = path.map_err(|_| wrong("sluice.error.path", "numbers with slashes"))?;
        if path.len() > chain.len() {
            return Err(wrong("sluice.error.path", "as long as the chain, or shorter"));
        }
        let timestamp = number(text("sluice.error.timestamp")?, "sluice.error.timestamp")?;
        let failed_at = text("sluice.error.failed_at")?.parse();
        let value_dropped = match optional(headers.clone(), VALUE)? {
            None => false,
            Some(VALUE_DROPPED) => true,
            Some(_) => return Err(wrong(VALUE, "the word \"dropped\"")),
        };
        Ok(DeadLetterHeaders {
            class,
            reason: text("sluice.error.reason")?.to_owned(),
            stage: of_stage("sluice.error.stage")?.to_owned(),
            plugin: of_stage("sluice.error.plugin")?.to_owned(),
            digest: of_stage("sluice.error.digest")?.to_owned(),
            output: optional(headers.clone(), "sluice.error.output")?.map(str::to_owned),
            pipeline: text("sluice.error.pipeline")?.to_owned(),
            path,
            chain,
            topic: text("sluice.error.topic")?.to_owned(),
            partition: Partition(number(text("sluice.error.partition")?, "sluice.error.partition")?),
            offset: Offset(number(text("sluice.error.offset")?, "sluice.error.offset")?),
            timestamp: if timestamp == -1 { NO_TIMESTAMP } else { timestamp },
            attempts: number(text("sluice.error.attempts")?, "sluice.error.attempts")?,
            failed_at: failed_at.map_err(|_| wrong("sluice.error.failed_at", "a time as RFC 3339 has it"))?,
            replays: optional(headers.clone(), REPLAYS)?.map_or(Ok(0), |text| number(text, REPLAYS))?,
            value_dropped,
        })
    }

    /// What the headers of a record say.
    ///
    /// # Errors
    /// The headers cannot be read in full. Inside: the record is no dead letter of sluice.
    pub fn of(record: &FetchedRecord<'_>) -> Result<Result<DeadLetterHeaders, NotALetter>, KafkaError> {
        let mut headers = Vec::new();
        record.origin.headers(&mut |name, value| headers.push((name.to_vec(), value.map(<[u8]>::to_vec))))?;
        Ok(DeadLetterHeaders::parse(headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()))))
    }

    /// One for tests, of a pipeline with one stage.
    #[cfg(test)]
    pub(super) fn example() -> DeadLetterHeaders {
        DeadLetterHeaders {
            class: Class::Reject,
            reason: "no".to_owned(),
            stage: "only-paid".to_owned(),
            plugin: "filter-json".to_owned(),
            digest: "sha256:1".to_owned(),
            pipeline: "first".to_owned(),
            path: Vec::new(),
            chain: vec!["sha256:1".to_owned()],
            topic: "orders".to_owned(),
            partition: Partition(0),
            offset: Offset(1),
            timestamp: 1,
            attempts: 1,
            output: None,
            failed_at: Timestamp::UNIX_EPOCH,
            replays: 0,
            value_dropped: false,
        }
    }

    /// Where the record came from: `TOPIC/PARTITION/OFFSET`.
    pub fn input(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }

    /// The path as the header has it.
    pub fn path_text(&self) -> String {
        self.path.iter().map(u32::to_string).collect::<Vec<_>>().join("/")
    }
}

/// The headers of a dead letter without those that made it one: what the record had when the pipeline read it. Of the
/// names of Kafka Connect those go that sluice has added; those that came in with the record stay.
pub fn strip(headers: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let is_ours = |value: &Option<Vec<u8>>| value.as_deref().is_some_and(|value| value.starts_with(b"sluice."));
    let connect = headers.iter().any(|(name, value)| name == CONNECT_CLASS && is_ours(value));
    let stays = |name: &[u8]| {
        let added = name.starts_with(PREFIX.as_bytes()) || name == REPLAYS.as_bytes();
        !(added || connect && name.starts_with(CONNECT_PREFIX))
    };
    headers.into_iter().filter(|(name, _)| stays(name)).collect()
}

fn required<'h>(
    headers: impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)>,
    name: &'static str,
) -> Result<&'h str, NotALetter> {
    optional(headers, name)?.ok_or(NotALetter::Missing(name))
}

fn optional<'h>(
    headers: impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)>,
    name: &'static str,
) -> Result<Option<&'h str>, NotALetter> {
    let mut of_it = headers.filter(|(own, _)| *own == name.as_bytes());
    let Some((_, value)) = of_it.next() else { return Ok(None) };
    if of_it.next().is_some() {
        return Err(NotALetter::Twice(name));
    }
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    text.map(Some).ok_or(NotALetter::NotText(name))
}

/// The parts of a list; an empty text is an empty list.
fn list(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(move |_| !text.is_empty())
}

fn number<N: FromStr<Err: Display>>(text: &str, name: &'static str) -> Result<N, NotALetter> {
    text.parse().map_err(|_| wrong(name, "a number"))
}

fn wrong(name: &'static str, expected: &'static str) -> NotALetter {
    NotALetter::Wrong { name, expected }
}

#[cfg(test)]
mod tests;
