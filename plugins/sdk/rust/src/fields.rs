//! Which fields of a record a plugin reads.

/// A set of a record's fields. Asking for less makes a stage cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields(u8);

impl Fields {
    /// Nothing: the plugin judges without looking.
    pub const NONE: Fields = Fields(0);
    /// The key.
    pub const KEY: Fields = Fields(1);
    /// The value.
    pub const VALUE: Fields = Fields(1 << 1);
    /// The headers. A record with a header name that is not UTF-8 is rejected by a stage that asks for them.
    pub const HEADERS: Fields = Fields(1 << 2);
    /// The timestamp.
    pub const TIMESTAMP: Fields = Fields(1 << 3);
    /// Topic, partition and offset of the pipeline's input.
    pub const SOURCE: Fields = Fields(1 << 4);
    /// Everything.
    pub const ALL: Fields = Fields(0b1_1111);

    /// Both sets together, as in `Fields::KEY.and(Fields::VALUE)`.
    pub const fn and(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Fields) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set as the interface's `flags fields` has it.
    pub const fn bits(self) -> u8 {
        self.0
    }
}
