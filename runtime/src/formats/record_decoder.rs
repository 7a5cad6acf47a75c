//! Decoding by hand: single records, for whoever looks into a topic outside of any chain. Here schemas are waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Decoded, Formats, Scratch, fixed};
use crate::batch::{Arena, NO_TIMESTAMP, Offset, Record};
use crate::config::plan::{InputFormat, KeyValue};
use crate::registry::{Registry, SchemaCache, SchemaId};
use crate::rt;

/// How long a schema is waited for while no registry answers, unless it is said otherwise.
const PATIENCE: Duration = Duration::from_secs(15);
/// How late a stop is noticed.
const LOOK: Duration = Duration::from_millis(100);

/// Decodes records one by one.
pub struct RecordDecoder {
    formats: Formats,
    scratch: Scratch,
    arena: Arena,
    patience: Duration,
}

/// Why a record is not decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecoded {
    /// It does not fit: which part, and why.
    #[error("{0}")]
    Failed(String),
    /// Its schema is not known, and no registry answers: why.
    #[error("{0}")]
    Absent(String),
    /// Somebody told it to stop.
    #[error("stopped")]
    Stopped,
}

/// The key and the value of a record as JSON text; what has no format is as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodedParts<'a> {
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
}

impl RecordDecoder {
    /// Returns what records with these formats are decoded with; none where there are none. `pipeline` names the
    /// threads that ask the registry.
    ///
    /// # Errors
    /// A schema file cannot be used: why.
    pub fn new(
        pipeline: &str,
        formats: KeyValue<InputFormat>,
        registry: Option<Arc<dyn Registry>>,
    ) -> Result<Option<RecordDecoder>, String> {
        if formats.is_empty() {
            return Ok(None);
        }
        // Nothing follows from an id that the registry does not know just now: it is believed at once.
        let schemas = |registry| SchemaCache::new(pipeline, registry, super::compile(0)).that_believes_at_once();
        let formats = Formats::of_input(formats, registry.map(schemas))?;
        let (scratch, arena) = Default::default();
        Ok(Some(RecordDecoder { formats, scratch, arena, patience: PATIENCE }))
    }

    /// Returns the same with another time that a schema is waited for while no registry answers.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> RecordDecoder {
        RecordDecoder { patience, ..self }
    }

    /// Decodes the key and the value of a record. Waits for a schema that is not known until `stop` is set, or no
    /// registry has answered for a while.
    ///
    /// # Errors
    /// Why it is not decoded.
    pub fn decode<'h>(
        &mut self,
        parts: DecodedParts<'_>,
        headers: impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)>,
        stop: &AtomicBool,
    ) -> Result<DecodedParts<'_>, NotDecoded> {
        let RecordDecoder { formats, scratch, arena, patience } = self;
        arena.clear();
        scratch.begin_batch();
        let raw = Record {
            key: arena.push_option(parts.key),
            value: arena.push_option(parts.value),
            headers: arena.push_headers(headers),
            timestamp: NO_TIMESTAMP,
            offset: Offset(0),
            source: 0,
        };
        let (mut record, begun) = (raw, rt::now());
        loop {
            match formats.decode(scratch, arena, &raw, &mut record) {
                Decoded::Done => break,
                Decoded::Failed(why) => return Err(NotDecoded::Failed(why)),
                Decoded::Waits(_) if stop.load(Ordering::Acquire) => return Err(NotDecoded::Stopped),
                Decoded::Waits(id) if rt::now() - begun >= *patience => return Err(formats.absent(id)),
                Decoded::Waits(id) => formats.wait(id, LOOK),
            }
        }
        Ok(DecodedParts { key: self.arena.get(record.key), value: self.arena.get(record.value) })
    }
}

impl Formats {
    /// Returns the formats of an input alone.
    ///
    /// # Errors
    /// A schema file cannot be used: why.
    pub(super) fn of_input(
        input: KeyValue<InputFormat>,
        schemas: Option<SchemaCache<super::KnownSchema>>,
    ) -> Result<Formats, String> {
        let fixed = [&input.key, &input.value].map(|format| format.as_ref().and_then(fixed));
        if let Some(Err(why)) = fixed.iter().flatten().find(|decoder| decoder.is_err()) {
            return Err(why.clone());
        }
        let codecs = super::OutputCodecs::resolve(&[], None)?;
        Ok(Formats { input, outputs: Vec::new(), fixed, codecs, schemas, by_hand: false })
    }

    /// Waits until an id that is being asked for is answered, or so long.
    pub fn wait(&self, id: SchemaId, most: Duration) {
        if let Some(schemas) = &self.schemas {
            schemas.wait(id, most);
        }
    }

    fn absent(&self, id: SchemaId) -> NotDecoded {
        let why = self.absence();
        let why = why.as_deref().unwrap_or("the registry has not answered yet");
        NotDecoded::Absent(format!("schema {id} is not known, because no registry answers: {why}"))
    }
}
