//! Packed plugins: a batch goes in as one arena and one index, and the answer comes back the same way.

use wasmtime::Store;
use wasmtime::component::TypedFunc;

use super::instance::{Call, Failed};
use super::state::State;
use super::unpack::{PackedResult, unpack};
use super::wire::{Failure, Fields, PackedBatch, ResultCopied, ResultInPlace};
use crate::batch::{Arena, Field, NO_TIMESTAMP, NULL, Record, Source};

/// Bytes of an index entry that goes in.
const ENTRY: usize = 56;

type Process<T> = TypedFunc<(PackedBatch<'static>,), (Result<T, Failure>,)>;

/// The `process` of a packed plugin.
pub(super) enum PackedProcess {
    /// It has no post-return function: the answer stays in the plugin's memory until the next call and is read there.
    InPlace(Process<ResultInPlace>),
    /// The answer is freed before the call returns, so that wasmtime copies it out first.
    Copied(Process<ResultCopied>),
}

impl PackedProcess {
    pub(super) fn call(&self, store: &mut Store<State>, packer: &mut Packer, call: Call<'_>) -> Result<(), Failed> {
        let Call { needs, outputs, arena, sources, records, answer } = call;
        let batch = packer.pack(needs, arena, sources, records);
        let unpacked = match self {
            PackedProcess::InPlace(process) => {
                let result = process.call(&mut *store, (batch,)).map_err(Failed::Engine)?.0.map_err(Failed::Plugin)?;
                let result = PackedResult {
                    verdicts: result.verdicts.as_le_slice(&*store),
                    index: result.index.as_le_slice(&*store),
                    data: result.data.as_le_slice(&*store),
                };
                unpack(result, records.len(), outputs, arena, answer)
            }
            PackedProcess::Copied(process) => {
                let result = process.call(&mut *store, (batch,)).map_err(Failed::Engine)?.0.map_err(Failed::Plugin)?;
                let result = PackedResult { verdicts: &result.verdicts, index: &result.index, data: &result.data };
                unpack(result, records.len(), outputs, arena, answer)
            }
        };
        unpacked.map_err(Failed::Answer)
    }
}

/// Packs batches; its memory is reused from call to call.
#[derive(Debug, Default)]
pub(super) struct Packer {
    index: Vec<u8>,
    data: Vec<u8>,
    topics: Vec<Option<Field>>,
}

/// What one record's entry says.
#[derive(Clone, Copy)]
struct Entry {
    key: Field,
    value: Field,
    /// Offset and length of the headers, and how many they are.
    headers: Field,
    header_count: u32,
    timestamp: i64,
    offset: i64,
    partition: i32,
    topic: Field,
}

impl Packer {
    /// Packs the records. The arena itself goes in where the plugin needs at least half of it; else what it needs is
    /// gathered, so that a stage that reads keys alone is not handed the values, nor a later stage all that earlier
    /// ones left behind.
    ///
    /// # Panics
    /// Where headers are needed and a record has a header name that is not UTF-8.
    pub(super) fn pack<'a>(
        &'a mut self,
        needs: Fields,
        arena: &'a Arena,
        sources: &[Source],
        records: &[Record],
    ) -> PackedBatch<'a> {
        self.index.clear();
        self.index.reserve(records.len() * ENTRY);
        let needed: usize = records.iter().map(|record| Entry::of(record, needs, sources).bytes()).sum();
        if needed * 2 >= arena.len() {
            for record in records {
                self.index.extend_from_slice(&Entry::of(record, needs, sources).encode());
            }
            return PackedBatch { index: &self.index, data: arena.bytes() };
        }
        self.data.clear();
        self.data.reserve(needed);
        self.topics.clear();
        self.topics.resize(sources.len(), None);
        for record in records {
            let mut entry = Entry::of(record, needs, sources);
            entry.key = self.gather(arena, entry.key);
            entry.value = self.gather(arena, entry.value);
            entry.headers = self.gather(arena, entry.headers);
            if !entry.topic.is_null() {
                let source = record.source as usize;
                entry.topic = match self.topics[source] {
                    Some(topic) => topic,
                    None => self.gather(arena, entry.topic),
                };
                self.topics[source] = Some(entry.topic);
            }
            self.index.extend_from_slice(&entry.encode());
        }
        PackedBatch { index: &self.index, data: &self.data }
    }

    fn gather(&mut self, arena: &Arena, field: Field) -> Field {
        match arena.get(field) {
            Some(bytes) => {
                let at = self.data.len() as u32;
                self.data.extend_from_slice(bytes);
                Field { at, len: field.len }
            }
            None => Field::NULL,
        }
    }
}

impl Entry {
    /// What a plugin that needs these fields is told of a record.
    #[inline]
    fn of(record: &Record, needs: Fields, sources: &[Source]) -> Entry {
        let mut entry = Entry {
            key: Field::NULL,
            value: Field::NULL,
            headers: Field { at: 0, len: 0 },
            header_count: 0,
            timestamp: NO_TIMESTAMP,
            offset: -1,
            partition: -1,
            topic: Field::NULL,
        };
        if needs.contain(Fields::KEY) {
            entry.key = record.key;
        }
        if needs.contain(Fields::VALUE) {
            entry.value = record.value;
        }
        if needs.contain(Fields::HEADERS) {
            assert!(record.headers.utf8, "a header name that is not UTF-8 is kept from a plugin that needs headers");
            entry.headers = Field { at: record.headers.at, len: record.headers.len };
            entry.header_count = record.headers.count;
        }
        if needs.contain(Fields::TIMESTAMP) {
            entry.timestamp = record.timestamp;
        }
        if needs.contain(Fields::SOURCE) {
            let source = &sources[record.source as usize];
            entry.offset = record.offset.0;
            entry.partition = source.partition.0;
            entry.topic = source.topic_field;
        }
        entry
    }

    /// Bytes of the arena that it points to, the topic aside: that one is shared.
    #[inline]
    fn bytes(&self) -> usize {
        let bytes = |field: Field| if field.len == NULL { 0 } else { field.len as usize };
        bytes(self.key) + bytes(self.value) + bytes(self.headers)
    }

    #[inline]
    fn encode(&self) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        entry[0..4].copy_from_slice(&self.key.at.to_le_bytes());
        entry[4..8].copy_from_slice(&self.key.len.to_le_bytes());
        entry[8..12].copy_from_slice(&self.value.at.to_le_bytes());
        entry[12..16].copy_from_slice(&self.value.len.to_le_bytes());
        entry[16..20].copy_from_slice(&self.headers.at.to_le_bytes());
        entry[20..24].copy_from_slice(&self.header_count.to_le_bytes());
        entry[24..32].copy_from_slice(&self.timestamp.to_le_bytes());
        entry[32..40].copy_from_slice(&self.offset.to_le_bytes());
        entry[40..44].copy_from_slice(&self.partition.to_le_bytes());
        entry[44..48].copy_from_slice(&self.topic.at.to_le_bytes());
        entry[48..52].copy_from_slice(&self.topic.len.to_le_bytes());
        entry
    }
}

#[cfg(test)]
mod tests;
