//! Dead letters: the input record as it came in, and headers that say what went wrong.

use crate::batch::{Arena, HeaderList, Headers, NO_TIMESTAMP, Record, Source};
use crate::failure::Failure;
use crate::kafka::Outgoing;

/// The prefix of our headers; those that came in under it are replaced.
pub const PREFIX: &str = "sluice.error.";
/// The header that counts replays of a record that has failed again.
pub const REPLAYS: &str = "sluice.replays";
/// The header that says of a dead letter that its value was left out.
pub const VALUE: &str = "sluice.error.value";
/// Its one value.
pub const VALUE_DROPPED: &str = "dropped";

/// What all dead letters of a pipeline have in common.
#[derive(Clone, Debug)]
pub struct DeadLetterOrigin {
    /// The pipeline.
    pub pipeline: String,
    /// Of each stage: its name, the plugin as the file has it, and its digest.
    pub stages: Vec<(String, String, String)>,
    /// Whether Kafka Connect's header names are added.
    pub connect_headers: bool,
}

impl DeadLetterOrigin {
    /// Returns the headers of one dead letter.
    pub fn headers(&self, record: &Record, source: &Source, failure: &Failure) -> Vec<(&'static str, String)> {
        let none = (String::new(), String::new(), String::new());
        let (stage, plugin, digest) = self.stages.get(failure.stage).unwrap_or(&none);
        let chain: Vec<&str> = self.stages.iter().map(|stage| stage.2.as_str()).collect();
        // -1 is Kafka's own sign for a record without a timestamp.
        let timestamp = if record.timestamp == NO_TIMESTAMP { -1 } else { record.timestamp };
        let reason = failure.kept_reason().to_owned();
        let mut headers =
            vec![("sluice.error.class", failure.class.as_str().to_owned()), ("sluice.error.reason", reason.clone())];
        if failure.class.has_stage() {
            headers.extend([
                ("sluice.error.stage", stage.clone()),
                ("sluice.error.plugin", plugin.clone()),
                ("sluice.error.digest", digest.clone()),
            ]);
        }
        headers.extend([
            ("sluice.error.pipeline", self.pipeline.clone()),
            ("sluice.error.path", failure.path.clone()),
            ("sluice.error.chain", chain.join(",")),
            ("sluice.error.topic", source.topic.to_string()),
            ("sluice.error.partition", source.partition.to_string()),
            ("sluice.error.offset", record.offset.to_string()),
            ("sluice.error.timestamp", timestamp.to_string()),
            ("sluice.error.attempts", failure.attempts.to_string()),
            ("sluice.error.failed_at", jiff::Timestamp::now().to_string()),
        ]);
        if let Some(output) = &failure.output {
            headers.push(("sluice.error.output", output.to_string()));
        }
        if let Some(replay) = &source.replay {
            headers.push((REPLAYS, replay.number.to_string()));
        }
        if self.connect_headers {
            headers.extend([
                ("__connect.errors.topic", source.topic.to_string()),
                ("__connect.errors.partition", source.partition.to_string()),
                ("__connect.errors.offset", record.offset.to_string()),
                ("__connect.errors.connector.name", self.pipeline.clone()),
                ("__connect.errors.task.id", "0".to_owned()),
                ("__connect.errors.stage", "TRANSFORMATION".to_owned()),
                ("__connect.errors.class.name", plugin.clone()),
                ("__connect.errors.exception.class.name", format!("sluice.{}", failure.class.as_str())),
                ("__connect.errors.exception.message", reason),
                ("__connect.errors.exception.stacktrace", String::new()),
            ]);
        }
        headers
    }
}

/// A dead letter with bytes of its own, which outlives its batch.
pub struct DeadLetter {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: (Arena, HeaderList),
    more_headers: Vec<(&'static str, String)>,
    timestamp: i64,
}

impl DeadLetter {
    /// Returns the dead letter of an input record.
    pub fn new(arena: &Arena, record: &Record, more_headers: Vec<(&'static str, String)>) -> DeadLetter {
        let mut own = Arena::default();
        let list = own.push_headers(arena.headers(record.headers).filter(|(name, _)| !is_ours(name, &more_headers)));
        DeadLetter {
            key: arena.get(record.key).map(<[u8]>::to_vec),
            value: arena.get(record.value).map(<[u8]>::to_vec),
            headers: (own, list),
            more_headers,
            timestamp: record.timestamp,
        }
    }

    /// Returns it as the producer takes it.
    pub fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers(),
            more_headers: &self.more_headers,
            timestamp: self.timestamp,
        }
    }

    fn headers(&self) -> Headers<'_> {
        self.headers.0.headers(self.headers.1)
    }

    /// Leaves the value out: the whole would not fit.
    pub fn drop_value(&mut self) {
        if self.value.take().is_some() {
            self.more_headers.push((VALUE, VALUE_DROPPED.to_owned()));
        }
    }

    /// Gives it another timestamp: the topic does not take its own, which stays in a header.
    pub fn set_timestamp(&mut self, timestamp: i64) {
        self.timestamp = timestamp;
    }
}

fn is_ours(name: &[u8], ours: &[(&'static str, String)]) -> bool {
    name.starts_with(PREFIX.as_bytes()) || ours.iter().any(|(own, _)| own.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Field, Offset, Partition};
    use crate::failure::Class;

    #[test]
    fn headers_of_an_earlier_failure_are_replaced() {
        let mut arena = Arena::default();
        let headers: [(&[u8], Option<&[u8]>); 3] =
            [(b"sluice.error.class", Some(b"old")), (b"trace", None), (b"\xff", Some(b"bytes"))];
        let record = Record {
            key: Field::NULL,
            value: arena.push(b""),
            headers: arena.push_headers(headers.into_iter()),
            timestamp: 5,
            offset: Offset(7),
            source: 0,
        };
        let source = Source { topic: "in".into(), topic_field: Field::NULL, partition: Partition(3), replay: None };
        let origin = DeadLetterOrigin { pipeline: "p".into(), stages: vec![], connect_headers: false };
        let failure = Failure {
            class: Class::Refused,
            reason: "no".into(),
            stage: 0,
            path: String::new(),
            attempts: 1,
            output: None,
        };
        let letter = DeadLetter::new(&arena, &record, origin.headers(&record, &source, &failure));
        let kept: Vec<_> = letter.headers().collect();
        assert_eq!(kept, [(&b"trace"[..], None), (&b"\xff"[..], Some(&b"bytes"[..]))]);
        assert!(letter.more_headers.contains(&("sluice.error.class", "refused".to_owned())));
        assert!(letter.more_headers.contains(&("sluice.error.offset", "7".to_owned())));
        assert_eq!((letter.key.as_deref(), letter.value.as_deref()), (None, Some(&b""[..])));
    }
}
