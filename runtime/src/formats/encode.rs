//! Encoding a record for an output.

use super::schema::Encoder;
use super::wire::{self, HeaderId, Part};
use super::{Formats, Scratch, has_id, is_id};
use crate::batch::{Arena, Field, HeaderList, Record};
use crate::config::plan::{IdIn, OutputFormat, OutputSchema};
use crate::registry::SchemaId;

/// A part that is encoded: where it lies, and the id that goes into its header.
type EncodedPart = (Field, Option<SchemaId>);

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
        let id = if format.schema == OutputSchema::Input {
            let came = if part == Part::Key { raw.key } else { raw.value };
            let framed = wire::read(part, arena.headers(raw.headers), arena.get(came).unwrap_or_default());
            let came_with = framed.map_err(|why| format!("the record came without a schema: {why}"))?.id;
            let schema = self.schema(scratch, part, came_with)?.ok_or("its schema is no longer known")?;
            let id = schema.id(came_with, in_header).ok_or("the registry names its schema by a GUID alone")?;
            let encoder = schema.encoder(part, output, format).map_err(|why| format!("schema {came_with}: {why}"))?;
            encode_field(scratch, arena, encoder, field, (!in_header).then_some(id))?;
            Some(id)
        } else {
            let codec = self.codecs.get(output, part).ok_or("the output has no schema")?;
            encode_field(scratch, arena, &codec.encoder, field, codec.id.filter(|_| !in_header))?;
            codec.id
        };
        Ok((arena.push(&scratch.bytes), id.filter(|_| in_header)))
    }

    /// Takes away the headers that name schemas of these parts, and adds those of what was encoded.
    fn replace_ids(
        &self,
        scratch: &mut Scratch,
        arena: &mut Arena,
        parts: [bool; 2],
        ids: [Option<SchemaId>; 2],
        record: &mut Record,
    ) {
        if ids == [None, None] && (record.headers.count == 0 || !has_id(arena.headers(record.headers), parts)) {
            return;
        }
        // The encoded headers are copied out of the arena, for it grows while they are written.
        scratch.headers.clear();
        let HeaderList { at, len, .. } = record.headers;
        scratch.headers.extend_from_slice(&arena.bytes()[at as usize..(at + len) as usize]);
        let kept = record.headers.over(&scratch.headers).filter(|(name, _)| !is_id(name, parts));
        let ids = ids.map(|id| id.map(HeaderId::new).unwrap_or_default());
        let own = [Part::Key, Part::Value].into_iter().zip(&ids).filter(|(_, id)| !id.bytes().is_empty());
        let own = own.map(|(part, id)| (part.header().as_bytes(), Some(id.bytes())));
        record.headers = arena.push_headers(kept.chain(own));
    }
}

fn encode_field(
    scratch: &mut Scratch,
    arena: &Arena,
    encoder: &Encoder,
    field: Field,
    prefix: Option<SchemaId>,
) -> Result<(), String> {
    scratch.bytes.clear();
    if let Some(id) = prefix {
        wire::write(id, &mut scratch.bytes);
    }
    encoder.encode(arena.get(field).unwrap_or_default(), &mut scratch.bytes)
}
