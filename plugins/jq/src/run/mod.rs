//! A run of a program: each result is handed on when it is found, and what comes after it happens at once.

mod bind;
mod env;
mod focus;
mod many;
mod matching;
mod one;
mod operators;
mod paths;
mod remove;
mod repeat;
mod sorting;
mod special;
mod update;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub(crate) use env::Env;
pub(crate) use sorting::stable_sort;

use crate::envelope::Envelope;
use crate::functions::regex::Cache;
use crate::plan::Program;
use crate::value::{Source, Value};

/// How deep calls may lie in one another: what the stack of a plugin holds.
const MAX_DEPTH: u32 = 256;

/// Why there is no result, or none any more.
#[derive(Clone, Debug)]
pub(crate) enum Exit {
    /// There is none.
    Empty,
    /// An error, with the value that `catch` gets.
    Error(Box<Value>),
    /// An error of what comes after a `try`, on its way through it.
    Passing(Box<Exit>),
    /// `break`, with the number of its label.
    Break(u32),
}

/// What becomes of a run when a result has been handed on.
pub(crate) type Flow = Result<(), Exit>;

/// What a run knows.
pub(crate) struct Machine<'p> {
    pub program: &'p Program,
    pub source: Source<'p>,
    /// The parts of the record beside its value.
    pub record: &'p Envelope<'p>,
    pub regexes: &'p RefCell<Cache>,
    labels: Cell<u32>,
    depth: Cell<u32>,
}

impl Exit {
    pub fn error(message: impl AsRef<str>) -> Exit {
        Exit::Error(Box::new(Value::string(message.as_ref())))
    }
}

impl<'p> Machine<'p> {
    pub fn new(
        program: &'p Program,
        source: Source<'p>,
        record: &'p Envelope<'p>,
        regexes: &'p RefCell<Cache>,
    ) -> Machine<'p> {
        Machine { program, source, record, regexes, labels: Cell::new(0), depth: Cell::new(0) }
    }

    /// Hands each result to `out`. The error is the one that the program ended with.
    pub fn run(&self, input: Value, out: &mut dyn FnMut(Value) -> Flow) -> Result<(), Exit> {
        match self.many(&self.program.main, &Env::default(), input, out) {
            Err(Exit::Empty) => Ok(()),
            other => other,
        }
    }

    /// Goes one level deeper, until what is returned is dropped.
    #[inline]
    pub(crate) fn deeper(&self) -> Result<Deeper<'_>, Exit> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.depth.set(depth + 1);
        Ok(Deeper(&self.depth))
    }

    /// A number that no other label of this run has.
    fn label(&self) -> u32 {
        let label = self.labels.get();
        self.labels.set(label + 1);
        label
    }
}

#[cold]
fn too_deep() -> Exit {
    Exit::error(format!("the program calls itself more than {MAX_DEPTH} levels deep, or a path is that long"))
}

/// A level, for as long as it is there.
pub(crate) struct Deeper<'m>(&'m Cell<u32>);

impl Drop for Deeper<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The words of an error, for people.
pub(crate) fn describe(source: Source<'_>, error: &Value) -> String {
    match source.str(error) {
        Some(text) => text.to_owned(),
        None => source.json(error),
    }
}

/// An array to be changed in place, or a copy of it where others hold it.
pub(crate) fn own<T: Clone>(shared: &mut Rc<T>) -> &mut T {
    Rc::make_mut(shared)
}
