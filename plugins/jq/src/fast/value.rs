//! The values that a run works with: small enough to copy, what is large lies elsewhere.

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A finite number that has been computed.
    Float(f64),
    /// A value of the record, as it is written there.
    Node(u32),
    /// A string or a decimal number of the program, by its place in the plan.
    Literal(u32),
    /// A string that has been made: its bytes.
    Text(u32, u32),
    /// An object that has been made: its fields.
    Fields(u32, u32),
}

/// A field of an object that has been made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub key: Key,
    pub fingerprint: u64,
    pub value: Value,
}

/// Where a key is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// In the record, before this value.
    Node(u32),
    /// In the plan.
    Plan(u32),
}
