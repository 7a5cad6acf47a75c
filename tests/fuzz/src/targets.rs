//! Everything that reads what others wrote.

mod answers;
mod avro;
mod headers;
mod json;
mod letters;
mod packed;
mod pipeline;
mod records;
mod typed;

use crate::target::Kind;

/// All targets, in the order in which they are run.
pub static ALL: [Kind; 11] = [
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
];
