//! Encoding a record for an output.

use super::codec::{Encoder, indexes};
use super::wire::{self, HeaderId, Part};
use super::{Formats, Scratch, has_id, is_id};
use crate::batch::{Arena, Field, HeaderList, Record};
use crate::codec::protobuf::MessageIndexes;
use crate::config::plan::{IdIn, OutputFormat, OutputSchema};
use crate::registry::SchemaId;

/// A part that is encoded: where it lies, and what goes into its header.
type EncodedPart = (Field, Option<HeaderId>);

impl Formats {
    /// Encodes a record for an output. `raw` is the record of the input that it came of. Both lie in `arena`.
    ///
    /// # Errors
    /// It does not fit: which part and field, and why.
    pub fn encode(
        &self,
        scratch: &mut Scratch,
        arena: &mut Arena,
        output: usize,
        raw: &Record,
        record: &mut Record,
    ) -> Result<(), String> {
        let formats = &self.outputs[output].formats;
        if self.by_hand {
            return self.check(scratch, arena, output, raw, record);
        }
        let mut ids = [None, None];
        for (part, format) in [(Part::Key, &formats.key), (Part::Value, &formats.value)] {
            let Some(format) = format else { continue };
            let field = if part == Part::Key { &mut record.key } else { &mut record.value };
            if field.is_null() {
                continue;
            }
            let about = |why: String| format!("{}: {why}", part.as_str());
            let (encoded, id) = self.encode_part(scratch, arena, output, part, format, raw, *field).map_err(about)?;
            (*field, ids[part as usize]) = (encoded, id);
        }
        let is_its = |input: bool, output: bool| input || output;
        let parts = [
            is_its(self.input.key.is_some(), formats.key.is_some()),
            is_its(self.input.value.is_some(), formats.value.is_some()),
        ];
        self.replace_ids(scratch, arena, parts, ids, record);
        Ok(())
    }

    /// Checks that a record fits the schemas of an output, as far as they are known.
    fn check(
        &self,
        scratch: &mut Scratch,
        arena: &mut Arena,
        output: usize,
        raw: &Record,
        record: &Record,
    ) -> Result<(), String> {
        let formats = &self.outputs[output].formats;
        for (part, format, field, came) in
            [(Part::Key, &formats.key, record.key, raw.key), (Part::Value, &formats.value, record.value, raw.value)]
        {
            let Some(format) = format.as_ref().filter(|_| !field.is_null()) else { continue };
            let about = |why: String| format!("{}: {why}", part.as_str());
            if format.schema == OutputSchema::Input {
                // What was given as JSON came with no schema.
                if !self.is_json(part, arena, raw, came) {
                    self.encode_part(scratch, arena, output, part, format, raw, field).map_err(about)?;
                }
            } else if let Some(codec) = scratch.codecs.get(&self.codecs, output, part) {
                encode_field(&mut scratch.bytes, arena, &codec.encoder, field, None, None).map_err(about)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one part of one record, and all that says how")]
    fn encode_part(
        &self,
        scratch: &mut Scratch,
        arena: &mut Arena,
        output: usize,
        part: Part,
        format: &OutputFormat,
        raw: &Record,
        field: Field,
    ) -> Result<EncodedPart, String> {
        let in_header = format.id_in == Some(IdIn::Header);
        let header = if format.schema == OutputSchema::Input {
            let came = if part == Part::Key { raw.key } else { raw.value };
            let framed = wire::read(part, arena.headers(raw.headers), arena.get(came).unwrap_or_default());
            let framed = framed.map_err(|why| format!("the record came without a schema: {why}"))?;
            let came_with = framed.id;
            let (id_at, payload) = (framed.id_at, framed.payload);
            let is_known = self.look_up(scratch, part, came_with)?;
            let schema = scratch.recent[part as usize].last().filter(|_| is_known);
            let schema = schema.ok_or("its schema is no longer known")?;
            let id = schema.id(came_with, in_header).ok_or("the registry names its schema by a GUID alone")?;
            let encoder = schema.encoder(part, output, format).map_err(|why| format!("schema {came_with}: {why}"))?;
            let indexes = match encoder {
                Encoder::Protobuf { .. } => indexes(id_at, payload)?.0,
                _ => None,
            };
            encode_field(&mut scratch.bytes, arena, encoder, field, indexes, Some((id, in_header)))?
        } else {
            let codec = scratch.codecs.get(&self.codecs, output, part).ok_or("the output has no schema")?;
            let id = codec.id.map(|id| (id, in_header));
            encode_field(&mut scratch.bytes, arena, &codec.encoder, field, None, id)?
        };
        Ok((scratch.move_to(arena, field.len as usize)?, header))
    }

    /// Takes away the headers that name schemas of these parts, and adds those of what was encoded.
    fn replace_ids(
        &self,
        scratch: &mut Scratch,
        arena: &mut Arena,
        parts: [bool; 2],
        ids: [Option<HeaderId>; 2],
        record: &mut Record,
    ) {
        if ids.iter().all(Option::is_none)
            && (record.headers.count == 0 || !has_id(arena.headers(record.headers), parts))
        {
            return;
        }
        // The encoded headers are copied out of the arena, for it grows while they are written.
        scratch.headers.clear();
        let HeaderList { at, len, .. } = record.headers;
        scratch.headers.extend_from_slice(&arena.bytes()[at as usize..(at + len) as usize]);
        let kept = record.headers.over(&scratch.headers).filter(|(name, _)| !is_id(name, parts));
        let own = [Part::Key, Part::Value].into_iter().zip(&ids);
        let own = own.filter_map(|(part, id)| Some((part.header().as_bytes(), Some(id.as_ref()?.bytes()))));
        record.headers = arena.push_headers(kept.chain(own));
    }
}

/// Encodes a field into `out`, which it replaces, behind its id where that is a prefix. Returns the id where it goes
/// into a header. `came_with`: the indexes of the message that the record came as.
fn encode_field(
    out: &mut Vec<u8>,
    arena: &Arena,
    encoder: &Encoder,
    field: Field,
    came_with: Option<MessageIndexes>,
    id: Option<(SchemaId, bool)>,
) -> Result<Option<HeaderId>, String> {
    out.clear();
    let indexes = encoder.indexes(came_with)?;
    let header = id.map(|(id, in_header)| (HeaderId::new(id, indexes), in_header));
    if let Some((header, false)) = &header {
        out.extend_from_slice(header.bytes());
    }
    // Without a registry it is the message that the plan names, and nothing says so.
    encoder.encode(indexes, arena.get(field).unwrap_or_default(), out)?;
    Ok(header.filter(|(_, in_header)| *in_header).map(|(header, _)| header))
}
