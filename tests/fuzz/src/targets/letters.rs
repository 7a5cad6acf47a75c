//! Dead letters: any record, with any headers, for any failure.

use arbitrary::{Result, Unstructured};
use fastrand::Rng;
use sluicebox::batch::{Arena, Field, HeaderList, NO_TIMESTAMP, Offset, Partition, Record, Source};
use sluicebox::failure::{Class, Failure};
use sluicebox::sink::dead_letter::{DeadLetter, DeadLetterOrigin, PREFIX};

use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "letters",
    about: "dead letters of any record, headers and failure",
    // The headers are copied into the letter; a reason is copied before it is cut, a digest for each stage.
    memory: Memory { fixed: 64 << 10, per_byte: 24 },
    open: || Box::new(Letters),
};

const NAMES: [&str; 10] = [
    "sluice.error.class",
    "sluice.error.",
    "sluice.error",
    "SLUICE.ERROR.CLASS",
    "sluice.replays",
    "__connect.errors.topic",
    "__connect.errors.exception.message",
    "",
    "trace",
    "\u{feff}sluice.error.class",
];
/// Bytes of a reason that are kept.
const REASON: usize = 1024;

struct Letters;

type Header = (Vec<u8>, Option<Vec<u8>>);

/// A failed record in plain words.
struct Failed {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Header>,
    timestamp: i64,
    offset: i64,
    partition: i32,
    topic: String,
    failure: Failure,
    stages: Vec<(String, String, String)>,
    connect_headers: bool,
}

impl Target for Letters {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let len = if rng.u8(0..32) == 0 { rng.usize(0..4000) } else { rng.usize(0..200) };
        input.extend((0..len).map(|_| if rng.bool() { rng.u8(..) } else { rng.u8(b'a'..=b'z') }));
        if rng.bool() {
            change::bytes(rng, input, &NAMES, "ößł€𝄞".as_bytes());
        }
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let Ok(failed) = Failed::read(&mut Unstructured::new(input)) else { return Seen::Refused };
        let mut arena = Arena::default();
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            failed.headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
        let record = Record {
            key: arena.push_option(failed.key.as_deref()),
            value: arena.push_option(failed.value.as_deref()),
            headers: arena.push_headers(headers.iter().copied()),
            timestamp: failed.timestamp,
            offset: Offset(failed.offset),
            source: 0,
        };
        list_holds(&arena, record.headers, &headers);
        let source = Source {
            topic: failed.topic.as_str().into(),
            topic_field: Field::NULL,
            partition: Partition(failed.partition),
            replay: None,
        };
        let origin = DeadLetterOrigin {
            pipeline: "orders".to_owned(),
            stages: failed.stages.clone(),
            connect_headers: failed.connect_headers,
        };
        let letter = DeadLetter::new(&arena, &record, origin.headers(&record, &source, &failed.failure));
        failed.letter_holds(&letter, &headers);
        Seen::Accepted
    }
}

/// A list of headers gives back what was put into it.
fn list_holds(arena: &Arena, list: HeaderList, headers: &[(&[u8], Option<&[u8]>)]) {
    assert!(arena.headers(list).eq(headers.iter().copied()));
    assert_eq!(list.count as usize, headers.len());
    assert_eq!(list.utf8, headers.iter().all(|(name, _)| std::str::from_utf8(name).is_ok()));
}

impl Failed {
    fn read(bytes: &mut Unstructured<'_>) -> Result<Failed> {
        let mut headers = Vec::new();
        for _ in 0..bytes.int_in_range(0..=6)? {
            let name =
                if bytes.arbitrary()? { bytes.choose(&NAMES)?.as_bytes().to_vec() } else { bytes.arbitrary()? };
            headers.push((name, bytes.arbitrary()?));
        }
        let stages: Vec<(String, String, String)> = bytes.arbitrary()?;
        Ok(Failed {
            key: bytes.arbitrary()?,
            headers,
            timestamp: if bytes.arbitrary()? { NO_TIMESTAMP } else { bytes.arbitrary()? },
            offset: bytes.arbitrary()?,
            partition: bytes.arbitrary()?,
            topic: bytes.arbitrary()?,
            failure: Failure {
                class: *bytes.choose(&Class::ALL)?,
                reason: bytes.arbitrary::<String>()?.repeat(bytes.int_in_range(1..=40)?),
                stage: bytes.int_in_range(0..=stages.len())?,
                path: bytes.arbitrary()?,
                attempts: bytes.arbitrary()?,
                output: bytes.arbitrary::<Option<String>>()?.map(Into::into),
            },
            stages,
            connect_headers: bytes.arbitrary()?,
            value: bytes.arbitrary()?,
        })
    }

    /// The input record comes back byte for byte, but for the headers that the letter says itself.
    fn letter_holds(&self, letter: &DeadLetter, headers: &[(&[u8], Option<&[u8]>)]) {
        let out = letter.outgoing();
        assert_eq!((out.key, out.value), (self.key.as_deref(), self.value.as_deref()));
        assert_eq!(out.timestamp, self.timestamp);
        let says = |name: &[u8]| out.more_headers.iter().any(|(own, _)| own.as_bytes() == name);
        let ours = |name: &[u8]| name.starts_with(PREFIX.as_bytes()) || says(name);
        assert!(out.headers.clone().eq(headers.iter().copied().filter(|(name, _)| !ours(name))));
        let said = |name: &str| {
            let mut found = out.more_headers.iter().filter(|(own, _)| *own == name);
            let (_, value) = found.next().expect("it is said");
            assert!(found.next().is_none(), "{name} is said once");
            value.as_str()
        };
        assert_eq!(said("sluice.error.class"), self.failure.class.as_str());
        assert_eq!(said("sluice.error.offset").parse(), Ok(self.offset));
        assert_eq!(said("sluice.error.partition").parse(), Ok(self.partition));
        assert_eq!(said("sluice.error.topic"), self.topic);
        let reason = said("sluice.error.reason");
        assert!(self.failure.reason.starts_with(reason));
        assert!(reason.len() <= REASON && reason.len() + 3 >= self.failure.reason.len().min(REASON));
    }
}
