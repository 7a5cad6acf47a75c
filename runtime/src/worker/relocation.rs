//! A relocation: copies what records point to from one arena into another, each byte once however often it is pointed to.
//!
//! A plugin may let many records point to the same bytes. Whoever copied each record's fields for itself would need as
//! much memory as they claim to have.

use crate::batch::{Arena, Field, HeaderList, Record};
use crate::plugin::{Change, HeadersChange, Produced};

/// The bytes of an arena that some records need.
#[derive(Debug, Default)]
pub struct NeededBytes {
    // Start and end.
    ranges: Vec<(u32, u32)>,
}

impl NeededBytes {
    /// Adds the bytes of a field.
    pub fn field(&mut self, field: Field) {
        if !field.is_null() {
            self.range(field.at, field.len);
        }
    }

    /// Adds the bytes of a record's fields.
    pub fn record(&mut self, record: &Record) {
        self.field(record.key);
        self.field(record.value);
        self.headers(record.headers);
    }

    /// Adds the bytes of what was emitted.
    pub fn produced(&mut self, produced: &Produced) {
        for change in [produced.key, produced.value] {
            if let Change::Set(field) = change {
                self.field(field);
            }
        }
        if let HeadersChange::Set(list) = produced.headers {
            self.headers(list);
        }
    }

    fn headers(&mut self, list: HeaderList) {
        self.range(list.at, list.len);
    }

    fn range(&mut self, at: u32, len: u32) {
        let end = at + len;
        if len == 0 {
            return;
        }
        match self.ranges.last_mut() {
            // Most often a record's fields lie side by side, and so do records.
            Some((start, last)) if *start <= at && at <= *last => *last = end.max(*last),
            _ => self.ranges.push((at, end)),
        }
    }

    fn merge(&mut self) {
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|(start, end), (_, last)| {
            let touches = *start <= *last;
            if touches {
                *last = (*last).max(*end);
            }
            touches
        });
    }

    /// Returns how many bytes a copy takes.
    pub fn bytes(&mut self) -> usize {
        self.merge();
        self.ranges.iter().map(|(start, end)| (end - start) as usize).sum()
    }

    /// Copies the bytes to the end of another arena.
    pub fn copy(mut self, from: &Arena, to: &mut Arena) -> Relocation {
        self.merge();
        let mut moved = Vec::with_capacity(self.ranges.len());
        for (start, end) in self.ranges {
            let bytes = &from.bytes()[start as usize..end as usize];
            moved.push((start, to.push(bytes).at));
        }
        Relocation { moved }
    }
}

/// Where bytes lie that were copied from one arena into another.
#[derive(Debug)]
pub struct Relocation {
    // Of each range that was copied, in order: where it began, and where it begins now.
    moved: Vec<(u32, u32)>,
}

impl Relocation {
    /// Returns a field as it lies in the other arena.
    pub fn field(&self, field: Field) -> Field {
        if field.is_null() { field } else { Field { at: self.place(field.at, field.len), ..field } }
    }

    /// Returns a record as it lies in the other arena.
    pub fn record(&self, record: &Record) -> Record {
        let (key, value) = (self.field(record.key), self.field(record.value));
        Record { key, value, headers: self.headers(record.headers), ..*record }
    }

    /// Returns what was emitted as it lies in the other arena.
    pub fn produced(&self, produced: Produced) -> Produced {
        let change = |change| match change {
            Change::Inherit => Change::Inherit,
            Change::Set(field) => Change::Set(self.field(field)),
        };
        let headers = match produced.headers {
            HeadersChange::Inherit => HeadersChange::Inherit,
            HeadersChange::Set(list) => HeadersChange::Set(self.headers(list)),
        };
        Produced { key: change(produced.key), value: change(produced.value), headers, ..produced }
    }

    fn headers(&self, list: HeaderList) -> HeaderList {
        HeaderList { at: self.place(list.at, list.len), ..list }
    }

    fn place(&self, at: u32, len: u32) -> u32 {
        if len == 0 {
            return 0;
        }
        let index = self.moved.partition_point(|(start, _)| *start <= at) - 1;
        let (start, moved) = self.moved[index];
        moved + (at - start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_fields_share_are_copied_once() {
        let mut from = Arena::default();
        let shared = from.push(&[7; 1000]);
        from.push(b"left behind");
        let inner = Field { at: shared.at + 990, len: 10 };
        let last = from.push(b"last");
        let empty = from.push(b"");
        let mut needed = NeededBytes::default();
        for field in [last, shared, inner, shared, Field::NULL, empty] {
            needed.field(field);
        }
        assert_eq!(needed.bytes(), 1004);
        let mut to = Arena::default();
        to.push(b"there before");
        let relocation = needed.copy(&from, &mut to);
        assert_eq!(to.len(), 12 + 1004);
        for field in [last, shared, inner, Field::NULL, empty] {
            assert_eq!(to.get(relocation.field(field)), from.get(field));
        }
    }

    #[test]
    fn headers_keep_their_names_and_values() {
        let mut from = Arena::default();
        from.push(b"before");
        let list = from.push_headers([(&b"a"[..], Some(&b"1"[..])), (&b"b"[..], None)].into_iter());
        let mut needed = NeededBytes::default();
        needed.headers(list);
        let mut to = Arena::default();
        let relocation = needed.copy(&from, &mut to);
        let headers: Vec<_> = to.headers(relocation.headers(list)).collect();
        assert_eq!(headers, [(&b"a"[..], Some(&b"1"[..])), (&b"b"[..], None)]);
    }
}
