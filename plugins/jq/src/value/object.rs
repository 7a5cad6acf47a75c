//! Objects that a program makes or changes: fields in their order, with an index where there are many.

use json_scan::fingerprint;

use super::{Source, Value, list};

/// From here on an object has an index: up to here it is faster to look at all fields.
const MANY: usize = 16;

/// The hash of a key.
pub(crate) fn hash(key: &str) -> u64 {
    fingerprint(key.as_bytes())
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// A string.
    pub key: Value,
    pub hash: u64,
    pub value: Value,
    /// The value's place in the record, while the field is as it is there; else `MADE`.
    pub node: u32,
}

/// The place of a field that is not as it is in the record.
pub(crate) const MADE: u32 = u32::MAX;

/// An object: no two of its fields have the same key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    entries: Vec<Entry>,
    /// Where there are many fields: places in `entries`, one more than they are, 0 for none. Its length is a power of
    /// two and at least twice theirs.
    index: Vec<u32>,
}

impl Object {
    pub fn with_capacity(count: usize) -> Object {
        Object { entries: Vec::with_capacity(count), index: Vec::new() }
    }

    /// The fields of an object of the record.
    pub fn of_record(source: Source<'_>, at: u32) -> Object {
        let mut entries = Vec::with_capacity(16);
        entries.extend(source.document.children(at).map(|(child, node)| Entry {
            key: Value::Span(node.key_start, node.key_end),
            hash: node.fingerprint,
            value: source.node(child),
            node: child,
        }));
        let mut object = Object { entries, index: Vec::new() };
        object.reindex();
        object
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn into_entries(mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// The place of a field.
    pub fn find(&self, source: Source<'_>, key: &str, hash: u64) -> Option<usize> {
        let is = |entry: &Entry| entry.hash == hash && source.str(&entry.key) == Some(key);
        if self.index.is_empty() {
            return self.entries.iter().position(is);
        }
        let mask = self.index.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let place = (self.index[slot] as usize).checked_sub(1)?;
            if is(&self.entries[place]) {
                return Some(place);
            }
            slot = (slot + 1) & mask;
        }
    }

    pub fn get(&self, source: Source<'_>, key: &str, hash: u64) -> Option<&Value> {
        self.find(source, key, hash).map(|place| &self.entries[place].value)
    }

    /// The value of a field to be changed; a field that is not there is null from now on.
    pub fn slot(&mut self, source: Source<'_>, key: &Value, hash: u64) -> &mut Value {
        let text = source.str(key).unwrap_or_default();
        let place = self.find(source, text, hash).unwrap_or_else(|| {
            self.push(key.clone(), hash, Value::Null);
            self.entries.len() - 1
        });
        self.at(place)
    }

    /// The value at a place, to be changed.
    pub fn at(&mut self, place: usize) -> &mut Value {
        let entry = &mut self.entries[place];
        entry.node = MADE;
        &mut entry.value
    }

    pub fn set(&mut self, source: Source<'_>, key: Value, value: Value) {
        let hash = hash(source.str(&key).unwrap_or_default());
        *self.slot(source, &key, hash) = value;
    }

    /// Sets a field as another object has it.
    pub fn set_entry(&mut self, source: Source<'_>, entry: Entry) {
        match self.find(source, source.str(&entry.key).unwrap_or_default(), entry.hash) {
            Some(place) => self.entries[place] = entry,
            None => {
                self.entries.push(entry);
                self.index_last();
            }
        }
    }

    /// Appends a field whose key no other has.
    pub fn push(&mut self, key: Value, hash: u64, value: Value) {
        self.entries.push(Entry { key, hash, value, node: MADE });
        self.index_last();
    }

    pub fn remove(&mut self, source: Source<'_>, key: &str, hash: u64) {
        if let Some(place) = self.find(source, key, hash) {
            self.entries.remove(place);
            self.reindex();
        }
    }

    /// Keeps the fields that `keep` says.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
        self.reindex();
    }

    /// Puts the last field into the index.
    fn index_last(&mut self) {
        if self.index.is_empty() && self.entries.len() <= MANY {
            return;
        }
        if self.index.len() < self.entries.len() * 2 {
            self.reindex();
        } else {
            self.insert(self.entries.len() - 1);
        }
    }

    fn insert(&mut self, place: usize) {
        let mask = self.index.len() - 1;
        let mut slot = self.entries[place].hash as usize & mask;
        while self.index[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.index[slot] = place as u32 + 1;
    }

    fn reindex(&mut self) {
        self.index.clear();
        if self.entries.len() > MANY {
            self.index.resize((self.entries.len() * 4).next_power_of_two(), 0);
            (0..self.entries.len()).for_each(|place| self.insert(place));
        }
    }

    /// The places of the fields in the order of their keys.
    pub fn sorted(&self, source: Source<'_>) -> Vec<&Entry> {
        let mut sorted: Vec<&Entry> = self.entries.iter().collect();
        sorted.sort_by(|one, other| source.str(&one.key).cmp(&source.str(&other.key)));
        sorted
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let value = |entry: Entry| entry.value;
        list::free(&mut self.entries, |entries| entries.drain(..).map(value).collect());
    }
}

/// Whether two fields lie side by side in the record, so that they can be copied at once.
pub(super) fn are_adjacent(source: Source<'_>, before: u32, after: u32) -> bool {
    let (one, other) = (source.document.node(before), source.document.node(after));
    let between = one.end as usize..other.key_start as usize;
    other.key_start.checked_sub(one.end) == Some(2) && source.text.as_bytes()[between] == *b",\""
}
