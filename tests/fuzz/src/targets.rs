//! Everything that reads what others wrote.

mod headers;
mod json;
mod letters;
mod packed;
mod pipeline;
mod records;
mod typed;

use crate::target::Kind;

/// All targets, in the order in which they are run.
pub static ALL: [Kind; 8] = [
    packed::KIND,
    typed::KIND,
    letters::KIND,
    headers::KIND,
    pipeline::YAML,
    pipeline::PIPELINE,
    records::KIND,
    json::KIND,
];
