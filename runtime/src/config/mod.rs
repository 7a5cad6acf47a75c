//! Configuration: parse (shape), then plan (resolved, validated, typed).

pub mod plan;
