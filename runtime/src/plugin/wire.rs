//! The types of `wit/sluicebox.wit` as wasmtime passes them.

use std::ops::BitOr;

use wasmtime::component::{ComponentType, Lift, Lower, WasmList, flags};

/// The fields of a record that a plugin reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields(u8);

impl Fields {
    /// None of them.
    pub const NONE: Fields = Fields(0);
    /// The key.
    pub const KEY: Fields = Fields(1);
    /// The value.
    pub const VALUE: Fields = Fields(1 << 1);
    /// The headers.
    pub const HEADERS: Fields = Fields(1 << 2);
    /// The timestamp.
    pub const TIMESTAMP: Fields = Fields(1 << 3);
    /// Topic, partition and offset.
    pub const SOURCE: Fields = Fields(1 << 4);
    /// All of them.
    pub const ALL: Fields = Fields(0b1_1111);

    /// Whether all of `fields` are among these.
    pub const fn contain(self, fields: Fields) -> bool {
        self.0 & fields.0 == fields.0
    }
}

impl BitOr for Fields {
    type Output = Fields;

    fn bitor(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }
}

flags! {
    WireFields {
        #[component(name = "key")]
        const KEY;
        #[component(name = "value")]
        const VALUE;
        #[component(name = "headers")]
        const HEADERS;
        #[component(name = "timestamp")]
        const TIMESTAMP;
        #[component(name = "source")]
        const SOURCE;
    }
}

impl From<WireFields> for Fields {
    fn from(wire: WireFields) -> Fields {
        let pairs = [
            (WireFields::KEY, Fields::KEY),
            (WireFields::VALUE, Fields::VALUE),
            (WireFields::HEADERS, Fields::HEADERS),
            (WireFields::TIMESTAMP, Fields::TIMESTAMP),
            (WireFields::SOURCE, Fields::SOURCE),
        ];
        pairs
            .into_iter()
            .filter(|(theirs, _)| wire.contains(*theirs))
            .fold(Fields::NONE, |fields, (_, ours)| fields | ours)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "plugins make them, by lifting")]
pub(super) enum Level {
    #[component(name = "error")]
    Error,
    #[component(name = "warn")]
    Warn,
    #[component(name = "info")]
    Info,
    #[component(name = "debug")]
    Debug,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Config<'a> {
    pub(super) stage: &'a str,
    pub(super) json: &'a str,
    pub(super) outputs: &'a [&'a str],
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WireManifest {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) needs: WireFields,
}

#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
pub(super) enum Failure {
    #[component(name = "retry")]
    Retry(String),
    #[component(name = "fatal")]
    Fatal(String),
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct PackedBatch<'a> {
    pub(super) index: &'a [u8],
    pub(super) data: &'a [u8],
}

/// A packed result that lies in the plugin's memory, to be read before the next call.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct ResultInPlace {
    pub(super) verdicts: WasmList<u8>,
    pub(super) index: WasmList<u8>,
    pub(super) data: WasmList<u8>,
}

/// A packed result that was copied out of the plugin's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct ResultCopied {
    pub(super) verdicts: Vec<u8>,
    pub(super) index: Vec<u8>,
    pub(super) data: Vec<u8>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Message<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Option<Vec<HeaderIn<'a>>>,
    pub(super) timestamp: Option<i64>,
    pub(super) source: Option<SourceOf<'a>>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct HeaderIn<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<&'a [u8]>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct SourceOf<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Outcome {
    #[component(name = "keep")]
    Keep,
    #[component(name = "drop")]
    Drop,
    #[component(name = "emit")]
    Emit(Vec<ProducedRecord>),
    #[component(name = "reject")]
    Reject(String),
    #[component(name = "retry")]
    Retry(String),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct ProducedRecord {
    pub(super) output: Option<String>,
    pub(super) key: ChangeTo,
    pub(super) value: ChangeTo,
    pub(super) headers: Option<Vec<HeaderOut>>,
    pub(super) timestamp: Option<i64>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum ChangeTo {
    #[component(name = "inherit")]
    Inherit,
    #[component(name = "null")]
    Null,
    #[component(name = "set")]
    Set(Vec<u8>),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct HeaderOut {
    pub(super) name: String,
    pub(super) value: Option<Vec<u8>>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Datetime {
    pub(super) seconds: u64,
    pub(super) nanoseconds: u32,
}
