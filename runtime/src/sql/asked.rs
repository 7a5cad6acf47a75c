//! A query at work: takes records one by one, and keeps count of those that it cannot read.

use std::sync::atomic::AtomicBool;

use json_sql::{Flow, Input, RowError, TableQuery};

use super::Progressed;
use crate::formats::{DecodedParts, NotDecoded, RecordDecoder};
use crate::kafka::{FetchedRecord, KafkaError};

/// Names and values of headers; a value may be null.
type Headers = Vec<(String, Option<Vec<u8>>)>;

/// The query, and what has become of what it was asked.
pub(super) struct Asked<'q> {
    pub(super) query: &'q mut TableQuery,
    /// What records are decoded with; none: they are JSON.
    pub(super) decoder: Option<RecordDecoder>,
    pub(super) stop: &'q AtomicBool,
    pub(super) out: &'q mut dyn FnMut(&[u8]),
    pub(super) progressed: &'q mut Progressed,
    pub(super) failed: Option<String>,
}

impl Asked<'_> {
    /// Shows the query a record.
    pub(super) fn take(&mut self, record: &FetchedRecord<'_>) -> Flow {
        self.progressed.read += 1;
        let needs = self.query.needs();
        let topic = record.origin.topic();
        // Only what the query looks at has to be decoded: what cannot be may be asked for its headers.
        let decoder = self.decoder.as_mut().filter(|_| needs.key || needs.value);
        let at = || format!("{topic}/{}/{}", record.partition, record.offset);
        let headers = if needs.headers || decoder.is_some() { headers(record) } else { Ok(Headers::new()) };
        let headers = match headers {
            Ok(headers) => headers,
            Err(error) => return self.progressed.leave_out(at, &error.to_string()),
        };
        let came = DecodedParts { key: record.key.filter(|_| needs.key), value: record.value.filter(|_| needs.value) };
        let parts = match decoder {
            None => came,
            Some(decoder) => {
                let named = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()));
                match decoder.decode(came, named, self.stop) {
                    Ok(decoded) => decoded,
                    Err(NotDecoded::Stopped) => return Flow::Enough,
                    Err(NotDecoded::Absent(why)) => {
                        self.failed = Some(format!("{}: {why}", at()));
                        return Flow::Enough;
                    }
                    Err(NotDecoded::Failed(why)) => return self.progressed.leave_out(at, &why),
                }
            }
        };
        let headers: Vec<(&str, Option<&[u8]>)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let input = Input {
            value: parts.value,
            key: parts.key,
            timestamp: record.timestamp,
            topic: &topic,
            partition: record.partition.0,
            offset: record.offset.0,
            headers: &headers,
        };
        match self.query.add(&input, self.out) {
            Ok(flow) => flow,
            Err(RowError::Unreadable(why)) => self.progressed.leave_out(at, &why),
            Err(RowError::Failed(why)) => {
                self.failed = Some(format!("{}: {why}", at()));
                Flow::Enough
            }
        }
    }

    /// # Errors
    /// Why the read cannot go on.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.failed.take() {
            Some(why) => anyhow::bail!("{why}"),
            None => Ok(()),
        }
    }
}

impl Progressed {
    /// Takes note of a record that was read and is left out.
    fn leave_out(&mut self, at: impl Fn() -> String, why: &str) -> Flow {
        self.unreadable += 1;
        self.first_unreadable.get_or_insert_with(|| format!("{}: {why}", at()));
        Flow::More
    }
}

/// The headers of a record.
fn headers(record: &FetchedRecord<'_>) -> Result<Headers, KafkaError> {
    let mut headers = Headers::new();
    let mut push = |name: &[u8], value: Option<&[u8]>| {
        headers.push((String::from_utf8_lossy(name).into_owned(), value.map(<[u8]>::to_vec)));
    };
    record.origin.headers(&mut push)?;
    Ok(headers)
}
