//! Marks: which dead letters have been replayed. They lie in a compacted topic beside the dead-letter topic, and each
//! is written in the transaction that delivers what came of its dead letter.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::bail;
use serde::{Deserialize, Serialize};

use super::headers::DeadLetterHeaders;
use super::select::At;
use crate::config::plan::Plan;
use crate::kafka::FetchedRecord;
use crate::kafka::librdkafka::Librdkafka;
use crate::kafka::reader::{Ends, Extent, Next, Reader};

/// The topic of the marks for a dead-letter topic.
pub fn topic_of(dlq: &str) -> String {
    format!("{dlq}.replayed")
}

/// The value of a mark. Its key is the dead letter's `PARTITION/OFFSET`. What of the dead letter is in it tells it from
/// one that has the same place in a topic that was deleted and created again.
#[derive(Debug, Deserialize, Serialize)]
pub struct Mark {
    /// Where the record came from.
    pub input: String,
    /// When it had failed.
    pub failed_at: String,
    /// The pipeline that replayed it.
    pub pipeline: String,
    /// From where: `start` or `failed-stage`.
    pub from: String,
    /// When.
    pub replayed_at: String,
}

impl Mark {
    /// The mark of a dead letter that is being replayed now.
    pub fn new(letter: &DeadLetterHeaders, from: &str) -> Mark {
        Mark {
            input: letter.input(),
            failed_at: letter.failed_at.to_string(),
            pipeline: letter.pipeline.clone(),
            from: from.to_owned(),
            replayed_at: jiff::Timestamp::now().to_string(),
        }
    }
}

/// The marks of a dead-letter topic, as far as it still holds their dead letters.
#[derive(Debug, Default)]
pub struct Marks(HashMap<At, u64>);

impl Marks {
    /// Reads them all; `extents` is what the dead-letter topic holds. Where there is no topic there are none. With
    /// [`Ends::All`] it waits for whoever is just about to write marks: another pipeline with the same DLQ may be.
    ///
    /// # Errors
    /// The topic cannot be read, or holds something else: then it is not known what has been replayed.
    pub fn read(plan: &Plan, dlq: &str, extents: &[Extent], ends: Ends) -> anyhow::Result<Marks> {
        let topic = topic_of(dlq);
        let mut reader = Reader::new::<()>(&Librdkafka, &plan.name, &plan.consumer, &topic, ends)?;
        let mut marks = Marks::default();
        if let Some(all) = reader.extents()? {
            reader.begin(&all)?;
            loop {
                let mut foreign = None;
                let next = reader.next(&mut |record| match parse(record.key, record.value) {
                    Some((at, mark)) => marks.take(at, mark, extents),
                    None => foreign = Some(place(&record)),
                })?;
                if let Some(place) = foreign {
                    bail!("topic \"{topic}\" holds something that is no mark ({place}): {NOT_A_MARK}");
                }
                if next == Next::End {
                    break;
                }
            }
        }
        reader.close();
        Ok(marks)
    }

    fn take(&mut self, at: At, mark: Option<Mark>, extents: &[Extent]) {
        let is_there =
            |extent: &Extent| extent.partition == at.partition && (extent.from..extent.to).contains(&at.offset);
        match mark {
            Some(mark) if extents.iter().any(is_there) => {
                self.0.insert(at, identity(&mark.input, &mark.failed_at));
            }
            // Whoever wants to replay a dead letter again may have written a tombstone.
            Some(_) | None => {
                self.0.remove(&at);
            }
        }
    }

    /// Whether a dead letter has been replayed.
    pub fn contain(&self, at: At, letter: &DeadLetterHeaders) -> bool {
        self.0.get(&at).is_some_and(|found| *found == identity(&letter.input(), &letter.failed_at.to_string()))
    }
}

const NOT_A_MARK: &str = "what has been replayed cannot be told; nothing but `sluice dlq replay` should write to it";

fn place(record: &FetchedRecord<'_>) -> At {
    At { partition: record.partition, offset: record.offset }
}

/// A mark out of any bytes; without a value it is one that was taken back. None: it is no mark.
fn parse(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<(At, Option<Mark>)> {
    let at = std::str::from_utf8(key?).ok()?.parse().ok()?;
    let mark = value.map(serde_json::from_slice).transpose().ok()?;
    Some((at, mark))
}

fn identity(input: &str, failed_at: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (input, failed_at).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Offset, Partition};

    fn mark(input: &str) -> Mark {
        let text = |text: &str| text.to_owned();
        Mark {
            input: text(input),
            failed_at: text("2026-01-01T00:00:00Z"),
            pipeline: text("p"),
            from: text("start"),
            replayed_at: text("2026-01-02T00:00:00Z"),
        }
    }

    #[test]
    fn a_mark_counts_for_the_dead_letter_that_it_was_made_for_and_no_other() {
        let at = At { partition: Partition(1), offset: Offset(5) };
        let extents = [Extent { partition: Partition(1), from: Offset(5), to: Offset(6) }];
        let mut marks = Marks::default();
        let (text, key) = (serde_json::to_vec(&mark("in/0/7")).expect("plain data"), at.to_string());
        let (parsed, value) = parse(Some(key.as_bytes()), Some(&text)).expect("it is a mark");
        marks.take(parsed, value, &extents);
        let found = |input: &str| marks.0.get(&at) == Some(&identity(input, "2026-01-01T00:00:00Z"));
        assert!(found("in/0/7"));
        assert!(!found("in/0/8"), "the topic was created again, and another dead letter is in its place");
    }

    #[test]
    fn marks_of_what_retention_has_removed_take_no_memory_and_tombstones_take_marks_back() {
        let at = At { partition: Partition(1), offset: Offset(5) };
        let extents = [Extent { partition: Partition(1), from: Offset(5), to: Offset(6) }];
        let mut marks = Marks::default();
        marks.take(At { offset: Offset(4), ..at }, Some(mark("in/0/6")), &extents);
        assert!(marks.0.is_empty());
        marks.take(at, Some(mark("in/0/7")), &extents);
        assert_eq!(marks.0.len(), 1);
        marks.take(at, None, &extents);
        assert!(marks.0.is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(
            key in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
            value in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
        ) {
            let _ = parse(key.as_deref(), value.as_deref());
        }
    }
}
