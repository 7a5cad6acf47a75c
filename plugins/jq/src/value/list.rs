//! Arrays that a program makes.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};

use super::Value;

/// How deep arrays and objects are freed inside one another; what lies deeper is freed afterwards.
const MAX_DEPTH: u32 = 64;

/// The elements of an array. However deep arrays lie in one another, freeing them takes little stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct List(Vec<Value>);

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LATER: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

impl List {
    pub fn new(elements: Vec<Value>) -> List {
        List(elements)
    }

    pub fn into_vec(mut self) -> Vec<Value> {
        std::mem::take(&mut self.0)
    }
}

impl Deref for List {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
        &self.0
    }
}

impl DerefMut for List {
    fn deref_mut(&mut self) -> &mut Vec<Value> {
        &mut self.0
    }
}

impl Drop for List {
    fn drop(&mut self) {
        free(&mut self.0, std::mem::take);
    }
}

/// Frees what an array or object holds; `values` takes the values out of it.
pub(super) fn free<T>(held: &mut Vec<T>, values: impl FnOnce(&mut Vec<T>) -> Vec<Value>) {
    let depth = DEPTH.get();
    if depth == MAX_DEPTH {
        let mut values = values(held);
        LATER.with_borrow_mut(|later| later.append(&mut values));
        return;
    }
    DEPTH.set(depth + 1);
    held.clear();
    if depth == 0 {
        while let Some(value) = LATER.with_borrow_mut(Vec::pop) {
            drop(value);
        }
    }
    DEPTH.set(depth);
}
