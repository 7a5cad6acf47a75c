//! The flat plan from data to JSON text.

use super::super::calendar::Moment;

/// What is read at one place of the data, and how it is written. What has parts says where the plan has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Null,
    Boolean,
    Int,
    Long,
    /// A number that says something about time; whether it is an `int`.
    Moment(Moment, bool),
    /// An `int` or a `long` that is read as a `float`.
    LongAsFloat,
    /// An `int` or a `long` that is read as a `double`.
    LongAsDouble,
    Float,
    Double,
    /// A `float` that is read as a `double`.
    FloatAsDouble,
    /// A `string`, or `bytes` that are read as one.
    Text,
    /// `bytes`, or a `string` that is read as such.
    Bytes,
    /// `bytes` with this scale.
    Decimal(u32),
    BigDecimal,
    /// So many bytes.
    Fixed(u32),
    /// So many bytes, with this scale.
    FixedDecimal(u32, u32),
    Duration,
    Uuid,
    /// An index of [`Plan::enums`].
    Enum(u32),
    /// An index of [`Plan::items`].
    Array(u32),
    /// An index of [`Plan::items`].
    Map(u32),
    /// An index of [`Plan::unions`].
    Union(u32),
    /// A value that the reader has in a union: an index of [`Plan::branches`].
    Tagged(u32),
    /// An index of [`Plan::records`].
    Record(u32),
    /// What cannot be read, and why: an index of [`Plan::reasons`].
    Never(u32),
}

/// A part of the plan's text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One field of a record's data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub op: Op,
    /// What is written before the value: brace or comma, name and colon. None is written for what the reader lacks.
    pub before: Option<Span>,
    /// What an error calls it.
    pub name: Span,
}

/// A branch of the writer's union.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub op: Op,
    /// What is written before the value, where the union is tagged.
    pub tag: Option<Span>,
}

/// A record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// A range of [`Plan::steps`].
    pub steps: Span,
    /// What is written behind the last field: the reader's defaults, and the brace.
    pub after: Span,
}

/// A symbol of the writer's enum.
#[derive(Clone, Copy, Debug)]
pub(super) enum Symbol {
    /// Its JSON text.
    Text(Span),
    /// The reader does not have it: an index of [`Plan::reasons`].
    Never(u32),
}

/// The plan.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub text: Vec<u8>,
    pub records: Vec<Record>,
    pub steps: Vec<Step>,
    pub items: Vec<Op>,
    pub unions: Vec<Vec<Branch>>,
    pub branches: Vec<Branch>,
    pub enums: Vec<Vec<Symbol>>,
    pub reasons: Vec<String>,
}

impl Plan {
    /// Keeps a text.
    pub(super) fn keep(&mut self, text: &[u8]) -> Span {
        let start = index(self.text.len());
        self.text.extend_from_slice(text);
        Span { start, end: index(self.text.len()) }
    }

    /// Keeps what is written before a value in a tagged union.
    pub(super) fn keep_tag(&mut self, tag: &str) -> Span {
        let mut text = vec![b'{'];
        json_scan::escape(tag, &mut text);
        text.push(b':');
        self.keep(&text)
    }

    /// Plans something that can never be read.
    pub(super) fn never(&mut self, reason: String) -> Op {
        Op::Never(push(&mut self.reasons, reason))
    }

    /// A part of the plan's text.
    #[inline]
    pub(super) fn text(&self, span: Span) -> &[u8] {
        &self.text[span.range()]
    }

    /// How large it is, in parts and bytes.
    pub(super) fn size(&self) -> usize {
        self.steps.len() + self.text.len() + self.records.len() + self.items.len() + self.reasons.len()
    }
}

/// Appends to a list of the plan and returns the index.
pub(super) fn push<T>(list: &mut Vec<T>, element: T) -> u32 {
    list.push(element);
    index(list.len() - 1)
}

/// An index or a length, which the bound on a plan's size keeps within 32 bits.
pub(super) fn index(number: usize) -> u32 {
    u32::try_from(number).expect("a plan is bounded")
}
