//! Runs a plan: JSON text in, data out.

use std::cell::Cell;

use json_scan::{Invalid, Scanner};

use super::super::error::Fault;
use super::super::json_form::Kinds;
use super::Encoder;
use super::plan::Op;
use super::record::Place;

/// What encoding one datum needs beside its output; each thread keeps one, so that a record allocates nothing.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where the fields of records lie that came in another order.
    pub places: Vec<Place>,
    /// A string without its escapes.
    pub text: String,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { places: Vec::new(), text: String::new() }) };
}

/// The text that a thread keeps room for; more than that is given back.
const KEPT: usize = 1 << 20;

/// Appends the data of one JSON text.
pub(super) fn encode(encoder: &Encoder, json: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let scan = Scanner::new(json).map_err(invalid)?;
    let most = out.len().saturating_add(encoder.limits.bytes);
    let scratch = SCRATCH.take();
    let mut run = Run { encoder, scan, out, most, depth: 0, scratch };
    let result = run.datum();
    let mut scratch = run.scratch;
    scratch.places.clear();
    scratch.text.clear();
    scratch.text.shrink_to(KEPT);
    SCRATCH.set(scratch);
    result
}

/// A plan that is being run.
pub(super) struct Run<'a> {
    pub encoder: &'a Encoder,
    pub scan: Scanner<'a>,
    pub out: &'a mut Vec<u8>,
    /// How long `out` may become.
    most: usize,
    depth: u32,
    pub scratch: Scratch,
}

impl Run<'_> {
    fn datum(&mut self) -> Result<(), Fault> {
        self.value(self.encoder.root)?;
        self.room(0)?;
        self.scan.end().map_err(invalid)
    }

    /// Reads a value and writes it.
    pub(super) fn value(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::Null => self.null(),
            Op::Boolean => self.boolean(),
            Op::Int => self.int(),
            Op::Long => self.long(),
            Op::Moment(moment, is_int) => self.moment(moment, is_int),
            Op::Float => self.float(),
            Op::Double => self.double(),
            Op::Text => self.text(),
            Op::UuidText => self.uuid_text(),
            Op::Bytes => self.bytes(),
            Op::Decimal(form) => self.decimal(form, None),
            Op::FixedDecimal(size, form) => self.decimal(form, Some(size as usize)),
            Op::BigDecimal => self.big_decimal(),
            Op::Fixed(size) => self.fixed(size as usize),
            Op::Duration => self.duration(),
            Op::Uuid => self.uuid(),
            Op::Enum(of) => self.symbol(of as usize),
            Op::Array(items) => self.array(self.encoder.plan.items[items as usize]),
            Op::Map(items) => self.map(self.encoder.plan.items[items as usize]),
            Op::Union(union) => self.union(union as usize),
            Op::Record(record) => self.record(record as usize),
        }
    }

    /// Steps into an object or array, which comes next; whether anything is in it.
    pub(super) fn enter(&mut self, close: u8) -> Result<bool, Fault> {
        self.room(0)?;
        self.depth += 1;
        let most = self.encoder.limits.depth;
        if self.depth > most {
            return Err(Fault::new(format!(
                "expected at most {most} objects and arrays inside one another, found more"
            )));
        }
        self.scan.open(close).map_err(invalid)
    }

    /// Leaves an object or array that has been read.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Checks that the output has room for as many bytes more.
    #[inline]
    pub(super) fn room(&self, more: usize) -> Result<(), Fault> {
        if self.out.len() + more > self.most { Err(self.too_large()) } else { Ok(()) }
    }

    #[cold]
    fn too_large(&self) -> Fault {
        Fault::new(format!("expected at most {} bytes of data, found more", self.encoder.limits.bytes))
    }

    /// Checks that a value of a kind comes next.
    #[inline]
    pub(super) fn expect(&mut self, first: u8, expected: &str) -> Result<(), Fault> {
        if self.scan.peek() == Some(first) { Ok(()) } else { Err(self.mismatch(expected)) }
    }

    /// What is wrong with the value that comes next.
    #[cold]
    pub(super) fn mismatch(&mut self, expected: &str) -> Fault {
        match self.scan.value() {
            Ok(value) => {
                let kind = Kinds::of(value.raw().bytes().next());
                Fault::new(format!("expected {expected}, found {}", kind.title()))
            }
            Err(error) => invalid(error),
        }
    }
}

#[cold]
pub(super) fn invalid(error: Invalid) -> Fault {
    Fault::new(error.to_string())
}
