//! A JSON text as a flat list of its values.

use json_scan::{Kind, Scanner, fingerprint};

/// Objects with more fields are rare, and looking for a field takes a step for each.
const MAX_FIELDS: usize = 500;

/// The values of a text, each before those in it.
#[derive(Default)]
pub(crate) struct Document {
    nodes: Vec<Node>,
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    /// Whether it is written as it would be in a result.
    pub tidy: bool,
    /// Whether it is a string with an escape in it.
    pub escaped: bool,
    /// Where it lies in the text.
    pub start: u32,
    pub end: u32,
    /// Of a field: where its key lies, without the quotes, and the key's fingerprint.
    pub key_start: u32,
    pub key_end: u32,
    pub fingerprint: u64,
    /// The node after it and all that is in it.
    pub next: u32,
}

impl Document {
    /// Reads a text in place of the one before. None where it is not JSON, and where two keys of an object may be the
    /// same or are not to be compared byte by byte.
    pub fn read<'j>(&mut self, json: &'j [u8]) -> Option<&'j str> {
        u32::try_from(json.len()).ok()?;
        self.nodes.clear();
        let mut scanner = Scanner::new(json).ok()?;
        self.read_value(&mut scanner, (0, 0), 0)?;
        scanner.end().ok()?;
        Some(scanner.text())
    }

    /// Reads the value that comes next, with its key's place and fingerprint.
    fn read_value(&mut self, scanner: &mut Scanner<'_>, key: (u32, u32), fingerprint: u64) -> Option<()> {
        let first = scanner.peek();
        let (at, start, untidy) = (self.nodes.len(), scanner.at() as u32, scanner.untidy());
        let (key_start, key_end) = key;
        let kind = kind(first?);
        self.nodes.push(Node {
            kind,
            tidy: true,
            escaped: false,
            start,
            end: 0,
            key_start,
            key_end,
            fingerprint,
            next: 0,
        });
        let escaped = match kind {
            Kind::Object => self.read_fields(scanner, at)?,
            Kind::Array => self.read_elements(scanner)?,
            _ => scanner.scalar(first).ok()?,
        };
        let (end, next) = (scanner.at() as u32, self.nodes.len() as u32);
        let node = &mut self.nodes[at];
        (node.end, node.next) = (end, next);
        (node.tidy, node.escaped) = (scanner.untidy() == untidy, escaped);
        Some(())
    }

    fn read_fields(&mut self, scanner: &mut Scanner<'_>, object: usize) -> Option<bool> {
        let mut count = 0;
        let mut seen: u64 = 0; // one bit for each fingerprint: most keys are new at first sight
        let mut more = scanner.open(b'}').ok()?;
        while more {
            let key = scanner.key().ok()?;
            let fingerprint = fingerprint(key.bytes());
            let bit = 1 << (fingerprint >> 58);
            if key.escaped() || count == MAX_FIELDS || seen & bit != 0 && self.has(object, fingerprint) {
                return None;
            }
            seen |= bit;
            count += 1;
            let span = key.span();
            self.read_value(scanner, (span.start as u32, span.end as u32), fingerprint)?;
            more = scanner.more(b'}').ok()?;
        }
        Some(false)
    }

    fn read_elements(&mut self, scanner: &mut Scanner<'_>) -> Option<bool> {
        let mut more = scanner.open(b']').ok()?;
        while more {
            self.read_value(scanner, (0, 0), 0)?;
            more = scanner.more(b']').ok()?;
        }
        Some(false)
    }

    /// Whether an object that is being read has a key with this fingerprint.
    #[cold]
    fn has(&self, object: usize, fingerprint: u64) -> bool {
        let mut at = object + 1;
        while let Some(node) = self.nodes.get(at) {
            if node.fingerprint == fingerprint {
                return true;
            }
            at = node.next as usize;
        }
        false
    }

    pub fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    /// The values directly in an array or object, with their places.
    pub fn children(&self, of: u32) -> impl Iterator<Item = (u32, &Node)> {
        let (mut at, end) = (of + 1, self.node(of).next);
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (here, node) = (at, self.node(at));
            at = node.next;
            Some((here, node))
        })
    }
}

/// What a value is that starts with this byte, if it is one.
fn kind(first: u8) -> Kind {
    match first {
        b'{' => Kind::Object,
        b'[' => Kind::Array,
        b'"' => Kind::String,
        b't' | b'f' => Kind::Bool,
        b'n' => Kind::Null,
        _ => Kind::Number,
    }
}
