//! What a group notes beside each commit (Kafka's commit metadata): how many partitions the topic had when the group
//! began with it, which topic it is, and which pattern has matched it.
//!
//! `sluice:partitions=4;topic=CLUSTER:TOPICID;pattern=HASH`, each part only where it is known.

use std::fmt;

/// Before everything else in a note.
const PREFIX: &str = "sluice:";

/// A note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// How many partitions the topic had when the group began with it, under `start: latest`.
    pub partitions: Option<i32>,
    /// The ids of the cluster and of the topic, with a colon between them.
    pub topic: Option<String>,
    /// See [`pattern_hash`].
    pub pattern: Option<String>,
}

impl Note {
    /// Reads a note; nothing is known from one that another program has written.
    pub fn parse(text: &str) -> Note {
        let mut note = Note::default();
        let Some(parts) = text.strip_prefix(PREFIX) else { return note };
        for (name, value) in parts.split(';').filter_map(|part| part.split_once('=')) {
            match name {
                "partitions" => note.partitions = value.parse().ok(),
                "topic" => note.topic = Some(value.to_owned()),
                "pattern" => note.pattern = Some(value.to_owned()),
                // Of a later version.
                _ => {}
            }
        }
        note
    }

    /// Returns whether the topic with this id is another one than the note was written for. One of another cluster is
    /// not: there the same topic has another id, as after a fail-over to a mirror.
    pub fn is_of_another_topic(&self, id: &str) -> bool {
        self.topic.as_deref().is_some_and(|noted| is_another_topic(noted, id))
    }
}

/// Returns whether these are the ids of two topics of one cluster.
pub fn is_another_topic(one: &str, other: &str) -> bool {
    match (one.split_once(':'), other.split_once(':')) {
        (Some((cluster, topic)), Some((now, id))) => !cluster.is_empty() && cluster == now && topic != id,
        _ => false,
    }
}

/// Returns the short name by which notes know a pattern, however long it is: its FNV-1a hash.
pub fn pattern_hash(pattern: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", pattern.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions = self.partitions.map(|count| ("partitions", count.to_string()));
        let topic = self.topic.as_ref().map(|id| ("topic", id.clone()));
        let pattern = self.pattern.as_ref().map(|hash| ("pattern", hash.clone()));
        let mut before = PREFIX;
        for (name, value) in partitions.into_iter().chain(topic).chain(pattern) {
            write!(f, "{before}{name}={value}")?;
            before = ";";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_what_it_has_written_and_what_earlier_versions_wrote() {
        let note = Note { partitions: Some(4), topic: Some("c:t".to_owned()), pattern: Some(pattern_hash("^in")) };
        assert_eq!(Note::parse(&note.to_string()), note);
        assert_eq!(Note::parse("sluice:partitions=4"), Note { partitions: Some(4), ..Note::default() });
        assert_eq!(Note::default().to_string(), "");
        for foreign in ["", "x", "partitions=4", "sluice:", "sluice:partitions=many;later=1"] {
            assert_eq!(Note::parse(foreign), Note::default(), "{foreign}");
        }
    }

    #[test]
    fn another_cluster_and_no_note_are_trusted() {
        let note = |topic: &str| Note { topic: Some(topic.to_owned()), ..Note::default() };
        assert!(note("c:one").is_of_another_topic("c:other"));
        assert!(!note("c:one").is_of_another_topic("c:one"));
        assert!(!note("c:one").is_of_another_topic("mirror:other"));
        assert!(!Note::default().is_of_another_topic("c:one"));
    }

    #[test]
    fn patterns_have_hashes_of_their_own() {
        assert_ne!(pattern_hash("^in[.].*"), pattern_hash("^in[.].+"));
        // The value that the algorithm's authors give for it.
        assert_eq!(pattern_hash("foobar"), "85944171f73967e8");
    }
}
