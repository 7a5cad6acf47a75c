//! What the user of a codec chooses.

/// How values with a logical type on `int` or `long` are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logical {
    /// Dates, times and timestamps as RFC 3339 text.
    #[default]
    Text,
    /// The number that is in the data.
    Raw,
}

/// What is made of a field of the JSON that the schema does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownFields {
    /// It is an error, which names the field.
    #[default]
    Error,
    /// It is left out.
    Drop,
}

/// Bounds on what one datum may become, whatever its bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of the result, in bytes: of the JSON text, or of the data.
    pub bytes: usize,
    /// How many records, arrays, maps and tagged unions may lie inside one another; at most 128 counts.
    pub depth: u32,
}

impl Default for Limits {
    /// 16 MiB and 128.
    fn default() -> Limits {
        Limits { bytes: 16 << 20, depth: 128 }
    }
}
