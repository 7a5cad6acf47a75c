//! What goes into a plugin, read back by a reader that knows the interface file and nothing of the packing.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::batch::{Offset, Partition};

type Bytes = Vec<u8>;
type Headers = Vec<(String, Option<Bytes>)>;

/// A record before it is packed, and what a plugin should see of it.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Headers,
    timestamp: Option<i64>,
    source: Option<(String, i32, i64)>,
}

const SOURCES: [(&str, i32); 3] = [("orders", 0), ("orders", 7), ("returns.eu", 1)];

fn plain() -> impl Strategy<Value = (Plain, usize)> {
    let bytes = || option::of(vec(any::<u8>(), 0..40));
    let headers = vec(("[a-zäß]{0,6}", option::of(vec(any::<u8>(), 0..12))), 0..4);
    let source = (0..SOURCES.len(), any::<i64>());
    (bytes(), bytes(), headers, option::of(0_i64..i64::MAX), source).prop_map(
        |(key, value, headers, timestamp, (source, offset))| {
            let (topic, partition) = SOURCES[source];
            (Plain { key, value, headers, timestamp, source: Some((topic.to_owned(), partition, offset)) }, source)
        },
    )
}

fn needs() -> impl Strategy<Value = Fields> {
    let each = [Fields::KEY, Fields::VALUE, Fields::HEADERS, Fields::TIMESTAMP, Fields::SOURCE];
    proptest::bits::u8::between(0, each.len()).prop_map(move |bits| {
        each.into_iter()
            .enumerate()
            .filter(|(bit, _)| bits & (1 << bit) != 0)
            .fold(Fields::NONE, |fields, (_, field)| fields | field)
    })
}

/// A batch of these records, with bytes in the arena that belong to none of them.
fn batch(records: &[(Plain, usize)], other_bytes: usize) -> (Arena, Vec<Source>, Vec<Record>) {
    let mut arena = Arena::default();
    arena.push(&vec![b'?'; other_bytes]);
    let sources = SOURCES
        .iter()
        .map(|(topic, partition)| Source {
            topic: Arc::from(*topic),
            topic_field: arena.push(topic.as_bytes()),
            partition: Partition(*partition),
            replay: None,
        })
        .collect();
    let records = records
        .iter()
        .map(|(plain, source)| Record {
            key: arena.push_option(plain.key.as_deref()),
            value: arena.push_option(plain.value.as_deref()),
            headers: arena.push_headers(plain.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()))),
            timestamp: plain.timestamp.unwrap_or(NO_TIMESTAMP),
            offset: Offset(plain.source.as_ref().unwrap().2),
            source: *source as u32,
        })
        .collect();
    (arena, sources, records)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// A field by the interface's table: offset and length, where one length means none.
fn field(entry: &[u8], at: usize, data: &[u8]) -> Option<Bytes> {
    let (start, len) = (u32_at(entry, at) as usize, u32_at(entry, at + 4));
    (len != 0xffff_ffff).then(|| data[start..start + len as usize].to_vec())
}

fn read_entry(entry: &[u8], data: &[u8]) -> Plain {
    let mut at = u32_at(entry, 16) as usize;
    let mut headers = Headers::new();
    for _ in 0..u32_at(entry, 20) {
        let (name_len, value_len) = (u32_at(data, at) as usize, u32_at(data, at + 4));
        let name = String::from_utf8(data[at + 8..at + 8 + name_len].to_vec()).unwrap();
        at += 8 + name_len;
        let value = (value_len != 0xffff_ffff).then(|| data[at..at + value_len as usize].to_vec());
        at += value.as_ref().map_or(0, Vec::len);
        headers.push((name, value));
    }
    let topic = field(entry, 44, data).map(|topic| String::from_utf8(topic).unwrap());
    let (partition, offset) = (u32_at(entry, 40) as i32, i64_at(entry, 32));
    assert_eq!(u32_at(entry, 52), 0);
    if topic.is_none() {
        assert_eq!((partition, offset), (-1, -1));
    }
    Plain {
        key: field(entry, 0, data),
        value: field(entry, 8, data),
        headers,
        timestamp: Some(i64_at(entry, 24)).filter(|timestamp| *timestamp != i64::MIN),
        source: topic.map(|topic| (topic, partition, offset)),
    }
}

/// What a plugin with these needs is to see.
fn seen(plain: &Plain, needs: Fields) -> Plain {
    let asked = |field| needs.contain(field);
    Plain {
        key: plain.key.clone().filter(|_| asked(Fields::KEY)),
        value: plain.value.clone().filter(|_| asked(Fields::VALUE)),
        headers: if asked(Fields::HEADERS) { plain.headers.clone() } else { Headers::new() },
        timestamp: plain.timestamp.filter(|_| asked(Fields::TIMESTAMP)),
        source: plain.source.clone().filter(|_| asked(Fields::SOURCE)),
    }
}

proptest! {
    #[test]
    fn a_plugin_sees_what_it_asked_for_and_nothing_else(
        plain in vec(plain(), 0..20),
        needs in needs(),
        other_bytes in prop_oneof![Just(0), 0_usize..2000],
        part in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let (arena, sources, records) = batch(&plain, other_bytes);
        let (one, other) = (part.0.index(plain.len() + 1), part.1.index(plain.len() + 1));
        let part = one.min(other)..one.max(other);
        let mut packer = Packer::default();
        packer.pack(Fields::ALL, &arena, &sources, &records);
        let packed = packer.pack(needs, &arena, &sources, &records[part.clone()]);
        let read: Vec<_> = packed.index.chunks(56).map(|entry| read_entry(entry, packed.data)).collect();
        let expected: Vec<_> = plain[part].iter().map(|(plain, _)| seen(plain, needs)).collect();
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn what_a_plugin_does_not_need_stays_outside() {
    let record = Plain {
        key: Some(b"k".to_vec()),
        value: Some(vec![b'v'; 1000]),
        headers: Headers::new(),
        timestamp: None,
        source: Some(("orders".to_owned(), 0, 5)),
    };
    let (arena, sources, records) = batch(&[(record.clone(), 0), (record, 0)], 0);
    let mut packer = Packer::default();
    let packed = packer.pack(Fields::KEY | Fields::SOURCE, &arena, &sources, &records);
    assert_eq!(packed.data, b"kordersk", "keys alone, and the topic once");
}

#[test]
fn the_arena_goes_in_as_it_is_where_most_of_it_is_needed() {
    let record = Plain {
        key: Some(b"k".to_vec()),
        value: Some(vec![b'v'; 1000]),
        headers: Headers::new(),
        timestamp: None,
        source: Some(("orders".to_owned(), 0, 5)),
    };
    let (arena, sources, records) = batch(&[(record, 0)], 0);
    let mut packer = Packer::default();
    assert_eq!(packer.pack(Fields::VALUE, &arena, &sources, &records).data.as_ptr(), arena.bytes().as_ptr());
}

#[test]
#[should_panic(expected = "is kept from a plugin that needs headers")]
fn a_header_name_that_is_no_text_never_reaches_a_plugin() {
    let mut arena = Arena::default();
    let headers = arena.push_headers([(&b"\xff"[..], None)].into_iter());
    let record =
        Record { key: Field::NULL, value: Field::NULL, headers, timestamp: NO_TIMESTAMP, offset: Offset(0), source: 0 };
    Packer::default().pack(Fields::HEADERS, &arena, &[], &[record]);
}
