//! A record of a test.

/// A record as a test makes it: see [`testing`](crate::testing).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The key; none is null.
    pub key: Option<Vec<u8>>,
    /// The value; none is null (a tombstone).
    pub value: Option<Vec<u8>>,
    /// The headers in their order; a value of none is null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// The topic it came from.
    pub topic: String,
    /// The partition it came from.
    pub partition: i32,
    /// The offset in that partition.
    pub offset: i64,
}

impl Message {
    /// A record with this value.
    pub fn new(value: impl Into<Vec<u8>>) -> Message {
        Message { value: Some(value.into()), topic: "input".into(), ..Message::default() }
    }

    /// A record whose value is null.
    pub fn tombstone() -> Message {
        Message { value: None, topic: "input".into(), ..Message::default() }
    }

    /// The same with this key.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Message {
        self.key = Some(key.into());
        self
    }

    /// The same with one header more.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Message {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// The same with this timestamp, in milliseconds since the epoch.
    pub fn timestamp(mut self, milliseconds: i64) -> Message {
        self.timestamp = Some(milliseconds);
        self
    }

    /// The same with this offset.
    pub fn offset(mut self, offset: i64) -> Message {
        self.offset = offset;
        self
    }
}
