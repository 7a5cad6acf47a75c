//! What a worker keeps for decoding and encoding, so that no record allocates or locks.

use std::sync::Arc;

use super::Part;
use super::outputs::{OutputCodec, OutputCodecs};
use super::schema::KnownSchema;
use crate::batch::{Arena, Field};
use crate::registry::SchemaId;

/// Bytes that decoding, and encoding, may add to one batch: so few that its arena stays far below its own bound.
const MOST_ADDED: usize = 512 << 20;

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

    /// Moves what was decoded or encoded into the batch.
    pub(super) fn move_to(&mut self, arena: &mut Arena) -> Result<Field, String> {
        self.added += self.bytes.len();
        if self.added > MOST_ADDED {
            return Err(format!("the records of its batch become larger than {MOST_ADDED} bytes"));
        }
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
