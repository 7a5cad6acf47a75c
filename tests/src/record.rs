//! Records as tests make and read them: bytes everywhere, null apart from empty.

use std::fmt;

/// A header: name and value, null apart from empty.
pub type Header = (Vec<u8>, Option<Vec<u8>>);

/// How much of a field a failure shows, in bytes.
const SHOWN: usize = 80;

/// A record.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The key; none is null.
    pub key: Option<Vec<u8>>,
    /// The value; none is null.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<Header>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}

/// A record in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The record.
    pub record: Record,
}

impl Record {
    /// A record with key and value, no headers, and a timestamp.
    pub fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>, timestamp: i64) -> Record {
        Record { key: Some(key.into()), value: Some(value.into()), headers: Vec::new(), timestamp }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Record {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// The first header of that name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(own, _)| own == name.as_bytes())?;
        std::str::from_utf8(value.as_deref()?).ok()
    }

    /// The value as text; empty where it is null or not UTF-8.
    pub fn text(&self) -> &str {
        self.value.as_deref().and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// The same without the headers whose names begin with `prefix`: of a dead letter, what came in.
    #[must_use]
    pub fn without_headers(&self, prefix: &str) -> Record {
        let mut record = self.clone();
        record.headers.retain(|(name, _)| !name.starts_with(prefix.as_bytes()));
        record
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = self.headers.iter().take(20);
        let headers = headers.map(|(name, value)| format!("{}={}", shown(Some(name)), shown(value.as_deref())));
        f.debug_struct("Record")
            .field("key", &format_args!("{}", shown(self.key.as_deref())))
            .field("value", &format_args!("{}", shown(self.value.as_deref())))
            .field("headers", &format_args!("{} {:?}", self.headers.len(), headers.collect::<Vec<_>>()))
            .field("timestamp", &self.timestamp)
            .finish()
    }
}

fn shown(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".to_owned(),
        Some(bytes) if bytes.len() > SHOWN => format!("{}… ({} bytes)", bytes[..SHOWN].escape_ascii(), bytes.len()),
        Some(bytes) => format!("\"{}\"", bytes.escape_ascii()),
    }
}
