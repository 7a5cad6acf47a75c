//! Everything that reads what others wrote.

mod answers;
mod avro;
mod headers;
mod json;
mod letters;
mod packed;
mod pipeline;
mod plain;
mod protobuf;
mod records;
mod schemas;
mod typed;

use crate::target::Kind;

/// All targets, in the order in which they are run.
pub static ALL: [Kind; 19] = [
    packed::KIND,
    typed::KIND,
    answers::KIND,
    letters::KIND,
    headers::KIND,
    pipeline::YAML,
    pipeline::PIPELINE,
    records::KIND,
    json::KIND,
    avro::DECODE,
    avro::ENCODE,
    schemas::AVRO,
    protobuf::DECODE,
    protobuf::ENCODE,
    schemas::PROTOBUF,
    schemas::JSON,
    plain::CSV,
    plain::MSGPACK_DECODE,
    plain::MSGPACK_ENCODE,
];
