//! From a dead letter to the record that the pipeline had read, and a batch of those for the worker.

use std::sync::Arc;

use super::{From, Left, Options};
use crate::batch::{Batch, NO_TIMESTAMP, Offset, Replay, Source};
use crate::dlq::headers::{DeadLetterHeaders, strip};
use crate::dlq::scan::Found;
use crate::dlq::select::At;
use crate::kafka::TopicPartition;
use crate::lease::Lease;
use crate::record_text::DevRecord;
use crate::sink::receipt::Span;
use crate::worker::Job;

/// A dead letter that is to be replayed.
pub struct Pending {
    /// Where it is.
    pub at: At,
    /// What its headers say.
    pub letter: DeadLetterHeaders,
    /// The record as the pipeline had read it.
    pub record: DevRecord,
    /// What the replay is bound to.
    pub replay: Arc<Replay>,
}

/// Makes a dead letter ready for the chain, or says why it is left where it is.
pub fn prepare(
    options: &Options,
    digests: &[String],
    found: &Found<'_>,
    letter: &DeadLetterHeaders,
) -> Result<Pending, (Left, String)> {
    if letter.replays >= options.max_replays {
        return Err((Left::OverCap, format!("it was replayed {} times and failed again each time", letter.replays)));
    }
    if letter.value_dropped {
        return Err((Left::ValueDropped, format!("its value was left out; the whole record is {}", letter.input())));
    }
    let path = match options.from {
        From::Start => Vec::new(),
        From::FailedStage => {
            same_stages(letter, digests).map_err(|why| (Left::ChainChanged, why))?;
            letter.path.clone()
        }
    };
    let mut record = DevRecord::from_fetched(&found.record);
    record.headers = strip(record.headers);
    record.timestamp = (letter.timestamp != NO_TIMESTAMP).then_some(letter.timestamp);
    let replay = Arc::new(Replay { number: letter.replays + 1, path });
    Ok(Pending { at: found.at, letter: letter.clone(), record, replay })
}

/// Whether the stages that have to be computed again to come to the record that failed are the ones that it came
/// through.
fn same_stages(letter: &DeadLetterHeaders, digests: &[String]) -> Result<(), String> {
    for (number, was) in letter.chain.iter().take(letter.path.len()).enumerate() {
        if digests.get(number) != Some(was) {
            let is = digests.get(number).map_or("is no more", String::as_str);
            return Err(format!("the plugin of stage {} was {was} and now {is}", number + 1));
        }
    }
    Ok(())
}

/// A job of these dead letters. Each is a partition of its own to the worker, with its place in `letters` for a slot:
/// so one that waits for a retry holds up no other, and each is acknowledged by itself.
pub fn job(letters: &[Pending], generation: u64) -> Job {
    let (mut batch, mut spans) = (Batch::default(), Vec::with_capacity(letters.len()));
    for (slot, pending) in letters.iter().enumerate() {
        let Pending { letter, record, .. } = pending;
        let topic: Arc<str> = letter.topic.as_str().into();
        record.push_to(&mut batch, letter.offset, slot as u32);
        let (topic_field, partition) = (batch.arena.push(topic.as_bytes()), letter.partition);
        batch.sources.push(Source {
            topic: topic.clone(),
            topic_field,
            partition,
            replay: Some(pending.replay.clone()),
        });
        let lease = Arc::new(Lease::new(TopicPartition { topic, partition }, slot, generation));
        spans.push(Span { lease, first: letter.offset, end: Offset(letter.offset.0.saturating_add(1)) });
    }
    Job { batch, spans, probe: None, ahead: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(path: &[u32], chain: &[&str]) -> DeadLetterHeaders {
        let chain = chain.iter().map(|digest| (*digest).to_owned()).collect();
        DeadLetterHeaders { path: path.to_vec(), chain, ..DeadLetterHeaders::example() }
    }

    #[test]
    fn only_the_stages_before_the_failed_one_must_be_what_they_were() {
        let now = ["a", "b", "new"].map(str::to_owned);
        let is_same = |path: &[u32], chain: &[&str]| same_stages(&letter(path, chain), &now).is_ok();
        assert!(is_same(&[], &["x", "y"]), "it failed in the first stage");
        assert!(is_same(&[0, 2], &["a", "b", "old"]), "the failed stage has another plugin");
        assert!(!is_same(&[0, 2], &["a", "x", "old"]));
        assert!(!is_same(&[0, 2, 0, 1], &["a", "b", "new", "gone", "c"]), "a stage is no more");
        assert!(!is_same(&[0, 2], &["b", "a", "old"]), "the stages have changed places");
    }
}
