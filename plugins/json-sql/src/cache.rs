//! What is worth keeping from one record to the next: regular expressions, patterns of dates, time zones.

use std::cell::RefCell;
use std::rc::Rc;

use jiff::tz::TimeZone;
use regex_lite::Regex;

use crate::Failure;
use crate::time::pattern::Pattern;

/// The most things of a kind that are kept: patterns that are columns of the records would fill the memory.
const MAX: usize = 64;

/// Things that are made from a text once.
#[derive(Debug)]
struct Kept<T>(RefCell<Vec<(String, Rc<T>)>>);

/// What has been made so far.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    regexes: Kept<Regex>,
    insensitive: Kept<Regex>,
    java: Kept<Pattern>,
    postgresql: Kept<Pattern>,
    zones: Kept<TimeZone>,
    /// A buffer for JSON that is being put together; its memory stays.
    buffer: RefCell<Vec<u8>>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept(RefCell::default())
    }
}

impl<T> Kept<T> {
    fn get(&self, text: &str, make: impl FnOnce() -> Result<T, Failure>) -> Result<Rc<T>, Failure> {
        let mut kept = self.0.borrow_mut();
        if let Some((_, one)) = kept.iter().find(|(other, _)| other == text) {
            return Ok(Rc::clone(one));
        }
        let made = Rc::new(make()?);
        if kept.len() == MAX {
            kept.clear();
        }
        kept.push((text.to_owned(), Rc::clone(&made)));
        Ok(made)
    }
}

impl Cache {
    /// Lets something be written to an empty buffer, and then be read from it.
    pub fn written<T>(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
        read: impl FnOnce(&[u8]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Where one is being written already, another takes its place.
        let mut buffer = self.buffer.take();
        buffer.clear();
        let result = write(&mut buffer).and_then(|()| read(&buffer));
        self.buffer.replace(buffer);
        result
    }

    /// A regular expression as it is written for `regex-lite`.
    pub fn regex(&self, text: &str, ignore_case: bool) -> Result<Rc<Regex>, Failure> {
        let kept = if ignore_case { &self.insensitive } else { &self.regexes };
        kept.get(text, || crate::functions::regex::compile(text, ignore_case))
    }

    pub fn java(&self, text: &str) -> Result<Rc<Pattern>, Failure> {
        self.java.get(text, || Pattern::java(text))
    }

    pub fn postgresql(&self, text: &str) -> Result<Rc<Pattern>, Failure> {
        self.postgresql.get(text, || Pattern::postgresql(text))
    }

    pub fn zone(&self, name: &str) -> Result<Rc<TimeZone>, Failure> {
        self.zones.get(name, || crate::time::zone::find(name))
    }
}
