//! Finds values in JSON text by scanning it: no tree is built, and nothing is allocated but for keys that are
//! written with escapes.
//!
//! Every function reads the whole text and accepts exactly what RFC 8259 does (UTF-8 included, a byte-order mark
//! not), with at most [`MAX_DEPTH`] arrays and objects inside one another. Escaped surrogates that stand alone
//! are accepted, as the RFC does, and read as U+FFFD.
//!
//! Keys that occur twice: [`find`] takes the last one, as most JSON readers do; [`each`] visits all of them, so
//! that what is to be masked is masked whichever one a reader takes.

mod document;
mod each;
mod find;
mod fingerprint;
mod invalid;
mod path;
mod scanner;
mod step;
mod utf8;
mod value;

pub use document::{Document, Node};
pub use each::{Paths, each};
pub use find::{find, validate};
pub use fingerprint::fingerprint;
pub use invalid::Invalid;
pub use path::{Path, PathError};
pub use scanner::{MAX_DEPTH, Quoted, Scanner};
pub use step::same;
pub use utf8::text;
pub use value::{Kind, Value, escape, is_plain, unescape};
