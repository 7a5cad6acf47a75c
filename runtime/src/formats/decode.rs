//! Decoding a record of the input.

use super::codec::{Decoder, IdAt};
use super::wire::{self, Framed, Part};
use super::{Decoded, Formats, Scratch, has_id};
use crate::batch::{Arena, Field, Record};
use crate::config::plan::InputFormat;
use crate::registry::{Lookup, SchemaId};

/// A part of a record that can be decoded now.
enum Found<'f> {
    /// By a schema of the registry: the one that was used last.
    Known(SchemaId),
    /// By what all records are decoded with.
    Fixed(&'f Decoder),
}

impl Formats {
    /// Decodes a record: `raw` is how it came, `record` how it goes into the chain. Both lie in `arena`. Where it is
    /// not [`Decoded::Done`], `record` is left as it is.
    pub fn decode(&self, scratch: &mut Scratch, arena: &mut Arena, raw: &Record, record: &mut Record) -> Decoded {
        let parts = [(Part::Key, &self.input.key, raw.key), (Part::Value, &self.input.value, raw.value)];
        let mut found = [None, None];
        for (part, format, field) in parts {
            if format.is_none() || field.is_null() || self.by_hand && self.is_json(part, arena, raw, field) {
                continue;
            }
            match self.find(scratch, arena, raw, part, field) {
                Ok(Ok(schema)) => found[part as usize] = Some(schema),
                Ok(Err(id)) => return Decoded::Waits(id),
                Err(why) => return Decoded::Failed(format!("{}: {why}", part.as_str())),
            }
        }
        let mut decoded = *record;
        for ((part, format, field), found) in parts.into_iter().zip(found) {
            let (Some(format), Some(found)) = (format, found) else { continue };
            match decode_part(scratch, arena, raw, part, format, field, &found) {
                Ok(field) if part == Part::Key => decoded.key = field,
                Ok(field) => decoded.value = field,
                Err(why) => return Decoded::Failed(format!("{}: {why}", part.as_str())),
            }
        }
        *record = decoded;
        Decoded::Done
    }

    /// Returns whether a part that was given by hand is JSON text, as plugins see it, and not as it lies in the topic.
    pub(super) fn is_json(&self, part: Part, arena: &Arena, raw: &Record, field: Field) -> bool {
        let is_in_topic = |decoder: &Result<Decoder, String>| matches!(decoder, Ok(Decoder::Json(_)));
        if self.fixed[part as usize].as_ref().is_some_and(is_in_topic) {
            // Both are the same, and it may have to be validated.
            return false;
        }
        let parts = [part == Part::Key, part == Part::Value];
        let bytes = arena.get(field).unwrap_or_default();
        !has_id(arena.headers(raw.headers), parts) && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
    }

    /// Finds what a part is decoded with, or the id that is being asked for.
    fn find(
        &self,
        scratch: &mut Scratch,
        arena: &Arena,
        raw: &Record,
        part: Part,
        field: Field,
    ) -> Result<Result<Found<'_>, SchemaId>, String> {
        if let Some(fixed) = &self.fixed[part as usize] {
            return fixed.as_ref().map(|decoder| Ok(Found::Fixed(decoder))).map_err(Clone::clone);
        }
        let bytes = arena.get(field).unwrap_or_default();
        let Framed { id, .. } = wire::read(part, arena.headers(raw.headers), bytes)?;
        Ok(if self.look_up(scratch, part, id)? { Ok(Found::Known(id)) } else { Err(id) })
    }

    /// Makes a schema the one that was used last; false while it is being asked for.
    pub(super) fn look_up(&self, scratch: &mut Scratch, part: Part, id: SchemaId) -> Result<bool, String> {
        let recent = &mut scratch.recent[part as usize];
        if recent.touch(id) {
            return Ok(true);
        }
        let Some(schemas) = &self.schemas else {
            let help = "there is no registry to ask; `sluice schema pull` fetches schemas into files";
            return Err(format!("schema {id} is not known: {help}"));
        };
        match schemas.get(id) {
            Lookup::Known(schema) => {
                recent.add(id, schema);
                Ok(true)
            }
            Lookup::Unusable(why) => Err(why.to_string()),
            Lookup::Open => Ok(false),
        }
    }
}

fn decode_part(
    scratch: &mut Scratch,
    arena: &mut Arena,
    raw: &Record,
    part: Part,
    format: &InputFormat,
    field: Field,
    found: &Found<'_>,
) -> Result<Field, String> {
    let bytes = arena.get(field).unwrap_or_default();
    let from = bytes.len();
    scratch.bytes.clear();
    match found {
        Found::Fixed(decoder) => decoder.decode(IdAt::Nowhere, bytes, &mut scratch.bytes)?,
        Found::Known(id) => {
            let schema = scratch.recent[part as usize].last().ok_or("its schema is no longer known")?;
            let about = |why: &str| format!("schema {id}: {why}");
            let decoder = schema.decoder(part, format).map_err(about)?;
            let framed = wire::read(part, arena.headers(raw.headers), bytes)?;
            decoder.decode(framed.id_at, framed.payload, &mut scratch.bytes).map_err(|why| about(&why))?;
        }
    }
    scratch.move_to(arena, from)
}
