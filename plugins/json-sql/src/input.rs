//! A record as queries see it.

/// A record: what a query does not ask for may be left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// The value, JSON; none is null.
    pub value: Option<&'a [u8]>,
    /// The key; none is null.
    pub key: Option<&'a [u8]>,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// The topic it came from.
    pub topic: &'a str,
    /// The partition it came from.
    pub partition: i32,
    /// The offset in that partition.
    pub offset: i64,
    /// The headers: name and value; none is null.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// What of a record a query reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The value.
    pub value: bool,
    /// The key.
    pub key: bool,
    /// The timestamp.
    pub timestamp: bool,
    /// Topic, partition or offset.
    pub source: bool,
    /// The headers; they are also needed to keep those that a query does not set.
    pub headers: bool,
}
