//! What a worker keeps for decoding and encoding, so that no record allocates or locks.

use std::sync::Arc;

use super::Part;
use super::outputs::{OutputCodec, OutputCodecs};
use super::schema::KnownSchema;
use crate::batch::{Arena, Field};
use crate::registry::SchemaId;

/// Bytes that decoding, and encoding, add to one batch before records that grow much are refused: others of the batch
/// are not to pay for them.
const ROOM: usize = 256 << 20;
/// The most that they add: so little that the batch's arena stays far below its own bound.
const MOST_ADDED: usize = 1 << 30;
/// How much a record may grow beyond [`ROOM`]: so many times, and bytes. A batch has 32 MiB, and a million records.
const GROWTH: (usize, usize) = (8, 256);

/// Buffers and look-ups of one worker, reused for each record.
#[derive(Default)]
pub struct Scratch {
    pub(super) bytes: Vec<u8>,
    pub(super) headers: Vec<u8>,
    /// The schemas that keys, and values, came with.
    pub(super) recent: [Recent; 2],
    /// The codecs of outputs, as they were when the batch first needed them.
    pub(super) codecs: BatchCodecs,
    // Bytes that were added to the batch that is worked on.
    added: usize,
}

impl Scratch {
    /// Begins to decode or encode a batch.
    pub fn begin_batch(&mut self) {
        self.added = 0;
        self.codecs.0.clear();
    }

    /// Moves what was decoded or encoded into the batch. `from`: how many bytes it was before.
    ///
    /// # Errors
    /// There is no room, and the record is one of those that take it.
    pub(super) fn move_to(&mut self, arena: &mut Arena, from: usize) -> Result<Field, String> {
        let (len, added) = (self.bytes.len(), self.added + self.bytes.len());
        let grows = len > GROWTH.0 * from + GROWTH.1;
        if added > MOST_ADDED || added > ROOM && grows {
            return Err(format!("{from} bytes become {len}, and all of its batch more than {ROOM}"));
        }
        self.added = added;
        Ok(arena.push(&self.bytes))
    }
}

/// The schemas that were used last, the very last one first: topics have a few versions side by side.
#[derive(Default)]
pub(super) struct Recent(Vec<(SchemaId, Arc<KnownSchema>)>);

impl Recent {
    const MOST: usize = 16;

    /// Makes the schema with this id the last one; returns whether it is there.
    pub(super) fn touch(&mut self, id: SchemaId) -> bool {
        let found = self.0.iter().position(|(own, _)| *own == id);
        if let Some(index) = found {
            self.0.swap(0, index);
        }
        found.is_some()
    }

    /// Adds a schema, as the last one.
    pub(super) fn add(&mut self, id: SchemaId, schema: Arc<KnownSchema>) {
        self.0.truncate(Recent::MOST - 1);
        self.0.push((id, schema));
        let newest = self.0.len() - 1;
        self.0.swap(0, newest);
    }

    /// Returns the last one.
    pub(super) fn last(&self) -> Option<&KnownSchema> {
        self.0.first().map(|(_, schema)| &**schema)
    }
}

/// The codecs of outputs, by output and part, for one batch.
#[derive(Default)]
pub(super) struct BatchCodecs(Vec<[Option<Arc<OutputCodec>>; 2]>);

impl BatchCodecs {
    /// Returns the codec of a part of an output, where that has a schema of its own.
    pub(super) fn get(&mut self, all: &OutputCodecs, output: usize, part: Part) -> Option<&OutputCodec> {
        if self.0.len() <= output {
            self.0.resize(output + 1, [None, None]);
        }
        let own = &mut self.0[output][part as usize];
        if own.is_none() {
            *own = all.get(output, part);
        }
        own.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{RegisteredSchema, Resolved, SchemaKind};

    fn schema(id: u32) -> Arc<KnownSchema> {
        let schema = RegisteredSchema {
            id: Some(id),
            guid: None,
            version: None,
            kind: SchemaKind::Json,
            text: "{}".to_owned(),
            references: Vec::new(),
            has_rules: false,
        };
        Arc::new(KnownSchema::new(&Resolved { schema, references: Vec::new() }, 0))
    }

    #[test]
    fn what_grows_much_takes_no_room_from_other_records() {
        let (mut scratch, mut arena) = (Scratch::default(), Arena::default());
        scratch.begin_batch();
        scratch.bytes = vec![b'x'; 2_000];
        assert!(scratch.move_to(&mut arena, 1).is_ok(), "there is room");
        scratch.added = ROOM;
        let why = scratch.move_to(&mut arena, 10).unwrap_err();
        assert!(why.starts_with("10 bytes become 2000"), "{why}");
        assert!(scratch.move_to(&mut arena, 250).is_ok(), "a record of usual growth goes on");
        scratch.added = MOST_ADDED;
        assert!(scratch.move_to(&mut arena, 2_000).is_err());
        scratch.begin_batch();
        assert!(scratch.move_to(&mut arena, 10).is_ok());
    }

    #[test]
    fn the_last_schema_comes_first_and_few_are_kept() {
        let (mut recent, most) = (Recent::default(), Recent::MOST as u32);
        for id in 0..3 * most {
            assert!(!recent.touch(SchemaId::Number(id)));
            recent.add(SchemaId::Number(id), schema(id));
            assert!(recent.touch(SchemaId::Number(id.saturating_sub(1))) && recent.touch(SchemaId::Number(id)));
            let last = recent.last().and_then(|schema| schema.id(SchemaId::Guid([0; 16]), false));
            assert_eq!(last, Some(SchemaId::Number(id)));
        }
        assert_eq!(recent.0.len(), Recent::MOST);
    }
}
