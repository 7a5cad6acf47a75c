//! Whether a partition, and the topic that it was read of, still exist.

use super::OwnedPartition;

/// Why a partition cannot be read on whose topic was created again.
pub(super) const RECREATED: &str = "the topic was deleted and created again";

/// Why a partition cannot be read on that its topic has no more.
const GONE: &str = "the topic was deleted and created again with fewer partitions";

/// Whether a partition exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Exists,
    /// Its topic was created again with fewer partitions.
    Gone,
    /// It exists again, and is to be read from its beginning.
    Back,
}

impl OwnedPartition {
    /// Its topic has fewer partitions now, so that it does not exist. Nothing more of it is taken.
    pub fn set_gone(&mut self) {
        (self.is_recreated, self.presence) = (true, Presence::Gone);
        self.set_out_of_range(GONE.to_owned());
    }

    /// It exists again.
    pub fn set_back(&mut self) {
        self.presence = Presence::Back;
    }

    /// Returns whether it does not exist any more.
    pub fn is_gone(&self) -> bool {
        self.presence == Presence::Gone
    }

    /// Returns whether it exists again, and is still to be read from its beginning.
    pub fn is_back(&self) -> bool {
        self.presence == Presence::Back
    }

    /// The topic was deleted and created again; this is its id now. Nothing more of it is taken until it is known where
    /// to go on.
    pub fn set_recreated(&mut self, id: &str) {
        self.note.topic = Some(id.to_owned());
        self.is_recreated = true;
        self.set_out_of_range(RECREATED.to_owned());
    }

    /// Returns whether the topic was deleted and created again, and it is not known yet where to go on.
    pub fn is_recreated(&self) -> bool {
        self.is_recreated
    }

    /// The topic's id, where it is known.
    pub fn topic_id(&self) -> Option<&str> {
        self.note.topic.as_deref()
    }

    /// The topic's id is known now.
    pub fn set_topic_id(&mut self, id: &str) {
        self.note.topic = Some(id.to_owned());
    }
}
