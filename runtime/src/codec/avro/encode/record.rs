//! Encodes records: fields in the order of the schema go straight to the data, others are put into order behind it.

use super::super::UnknownFields;
use super::super::error::Fault;
use super::plan::{Missing, Record};
use super::run::{Run, invalid};

/// Where the data of a field lies in the output, while its record is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    start: usize,
    end: usize,
}

impl Place {
    /// The place of a field that has not come yet.
    const NONE: Place = Place { start: usize::MAX, end: usize::MAX };

    fn is_none(self) -> bool {
        self.start == usize::MAX
    }
}

impl Run<'_> {
    pub(super) fn record(&mut self, record: usize) -> Result<(), Fault> {
        let record: &Record = &self.encoder.plan.records[record];
        if self.scan.peek() != Some(b'{') {
            return Err(self.mismatch(&format!("an object for {}", record.title)));
        }
        let mut done = 0;
        if self.enter(b'}')? {
            loop {
                match record.fields.get(done) {
                    Some(field) if self.scan.key_written(&field.written) => {
                        self.value(field.op).map_err(|fault| fault.in_field(&field.name))?;
                        done += 1;
                    }
                    _ => {
                        self.out_of_order(record, done)?;
                        done = record.fields.len();
                        break;
                    }
                }
                if !self.scan.more(b'}').map_err(invalid)? {
                    break;
                }
            }
        }
        for field in &record.fields[done..] {
            match &field.missing {
                Missing::Data(data) => {
                    self.room(data.len())?;
                    self.out.extend_from_slice(data);
                }
                Missing::Error(text) => return Err(Fault::new(&**text).in_field(&field.name)),
            }
        }
        self.leave();
        Ok(())
    }

    /// Reads the rest of an object whose next key is not that of the next field, `done`; the fields before it are
    /// written.
    fn out_of_order(&mut self, record: &Record, done: usize) -> Result<(), Fault> {
        let count = record.fields.len() - done;
        let places = self.scratch.places.len();
        self.scratch.places.resize(places + count, Place::NONE);
        let start = self.out.len();
        let mut next = done + 1;
        loop {
            if let Some(index) = self.field(record, next)? {
                let field = &record.fields[index];
                let is_first = index >= done && self.scratch.places[places + index - done].is_none();
                if !is_first {
                    return Err(Fault::new("expected the field once, found it again").in_field(&field.name));
                }
                let start = self.out.len();
                self.value(field.op).map_err(|fault| fault.in_field(&field.name))?;
                self.scratch.places[places + index - done] = Place { start, end: self.out.len() };
                next = index + 1;
            }
            if !self.scan.more(b'}').map_err(invalid)? {
                break;
            }
        }
        self.put_in_order(record, done, places, start)?;
        self.scratch.places.truncate(places);
        Ok(())
    }

    /// Reads a key, and over its value where there is no such field: the field's index. The one expected is `next`.
    fn field(&mut self, record: &Record, next: usize) -> Result<Option<usize>, Fault> {
        if record.fields.get(next).is_some_and(|field| self.scan.key_written(&field.written)) {
            return Ok(Some(next));
        }
        let key = self.scan.key().map_err(invalid)?;
        let plain = key.plain().map(String::from_utf8_lossy);
        let name = plain.unwrap_or_else(|| key.text());
        if let Some(index) = record.by_name.get(&*name) {
            return Ok(Some(*index));
        }
        match self.encoder.unknown_fields {
            UnknownFields::Drop => {
                self.scan.skip().map_err(invalid)?;
                Ok(None)
            }
            UnknownFields::Error => {
                let text = format!("expected a field of {}, found one that it does not have", record.title);
                Err(Fault::new(text).in_field(&name))
            }
        }
    }

    /// Puts the fields from `done` on, whose data lies anywhere from `start` on, into the order of the schema.
    fn put_in_order(&mut self, record: &Record, done: usize, places: usize, start: usize) -> Result<(), Fault> {
        let end = self.out.len();
        for (index, field) in record.fields.iter().enumerate().skip(done) {
            let place = self.scratch.places[places + index - done];
            match &field.missing {
                _ if !place.is_none() => self.out.extend_from_within(place.start..place.end),
                Missing::Data(data) => {
                    self.room(data.len().saturating_sub(end - start))?;
                    self.out.extend_from_slice(data);
                }
                Missing::Error(text) => return Err(Fault::new(&**text).in_field(&field.name)),
            }
        }
        let size = self.out.len() - end;
        self.out.copy_within(end.., start);
        self.out.truncate(start + size);
        Ok(())
    }
}
