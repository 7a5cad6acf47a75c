//! A record that a plugin emits: what it changes, and what it inherits.

use std::borrow::Cow;

/// Starts a record to emit, which inherits everything that is not set.
///
/// ```
/// # use sluicebox_plugin::{Verdict, emit};
/// let shouted: Verdict = emit().value("HELLO").header("shouted-by", "me").into();
/// let copied: Verdict = vec![emit(), emit().to("audit")].into();
/// ```
pub fn emit<'a>() -> Emit<'a> {
    Emit::default()
}

/// One record that a plugin emits. What it does not set, it inherits from the record that came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emit<'a> {
    /// The output it goes to, at once, past the rest of the chain; none: on to the next stage.
    pub output: Option<Cow<'a, str>>,
    /// The key.
    pub key: Change<'a>,
    /// The value.
    pub value: Change<'a>,
    /// The whole list of headers; none: inherited.
    pub headers: Option<Vec<(Cow<'a, str>, Bytes<'a>)>>,
    /// Milliseconds since the epoch; none: inherited.
    pub timestamp: Option<i64>,
}

impl<'a> Emit<'a> {
    /// Sends it to the named output, at once, past the rest of the chain. A name that the pipeline does not have
    /// makes a dead letter of the record: ask [`Stage::check_output`](crate::Stage::check_output) at start.
    pub fn to(mut self, output: impl Into<Cow<'a, str>>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: impl Into<Bytes<'a>>) -> Self {
        self.key = Change::from(key.into());
        self
    }

    /// Sets the value. `Bytes::NULL` makes a tombstone.
    pub fn value(mut self, value: impl Into<Bytes<'a>>) -> Self {
        self.value = Change::from(value.into());
        self
    }

    /// Adds a header to those set so far. The first one set starts a new list: to keep what came in, say
    /// `emit().headers(record.headers())` first (and have [`Fields::HEADERS`](crate::Fields::HEADERS) in `NEEDS`).
    pub fn header(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Bytes<'a>>) -> Self {
        self.headers.get_or_insert_default().push((name.into(), value.into()));
        self
    }

    /// Adds headers to those set so far, see [`header`](Emit::header). An empty list removes all headers.
    pub fn headers<N, V>(mut self, headers: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Cow<'a, str>>,
        V: Into<Bytes<'a>>,
    {
        let headers = headers.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.headers.get_or_insert_default().extend(headers);
        self
    }

    /// Sets the timestamp, in milliseconds since the epoch.
    pub fn timestamp(mut self, milliseconds: i64) -> Self {
        self.timestamp = Some(milliseconds);
        self
    }

    /// The same with nothing borrowed.
    pub fn into_owned(self) -> Emit<'static> {
        let headers = |headers: Vec<(Cow<'a, str>, Bytes<'a>)>| {
            headers.into_iter().map(|(name, value)| (name.into_owned().into(), value.into_owned())).collect()
        };
        Emit {
            output: self.output.map(|output| output.into_owned().into()),
            key: self.key.into_owned(),
            value: self.value.into_owned(),
            headers: self.headers.map(headers),
            timestamp: self.timestamp,
        }
    }
}

/// What becomes of a key or value. Null is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<'a> {
    /// As it came in.
    #[default]
    Inherit,
    /// Null.
    Null,
    /// These bytes.
    Set(Cow<'a, [u8]>),
}

impl Change<'_> {
    fn into_owned(self) -> Change<'static> {
        match self {
            Change::Inherit => Change::Inherit,
            Change::Null => Change::Null,
            Change::Set(bytes) => Change::Set(bytes.into_owned().into()),
        }
    }
}

impl<'a> From<Bytes<'a>> for Change<'a> {
    fn from(bytes: Bytes<'a>) -> Self {
        bytes.0.map_or(Change::Null, Change::Set)
    }
}

/// Bytes, borrowed or owned, or null: made from strings, slices, vectors and an `Option` of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes<'a>(Option<Cow<'a, [u8]>>);

impl Bytes<'_> {
    /// Null.
    pub const NULL: Bytes<'static> = Bytes(None);

    /// The bytes; none is null.
    pub fn as_slice(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }

    /// The same with nothing borrowed.
    pub fn into_owned(self) -> Bytes<'static> {
        Bytes(self.0.map(|bytes| bytes.into_owned().into()))
    }
}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Bytes(Some(bytes.into()))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Bytes<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Bytes(Some(bytes.as_slice().into()))
    }
}

impl From<Vec<u8>> for Bytes<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(Some(bytes.into()))
    }
}

impl<'a> From<&'a Vec<u8>> for Bytes<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Bytes(Some(bytes.into()))
    }
}

impl<'a> From<&'a str> for Bytes<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Bytes<'_> {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl<'a> From<&'a String> for Bytes<'a> {
    fn from(text: &'a String) -> Self {
        text.as_bytes().into()
    }
}

impl<'a> From<Option<&'a [u8]>> for Bytes<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        Bytes(bytes.map(Cow::from))
    }
}
