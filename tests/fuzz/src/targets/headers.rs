//! Headers of dead letters as `sluice dlq` reads them. An input has a header a line: `NAME=VALUE`, or a name alone for
//! null.

use fastrand::Rng;
use sluicebox::dlq::headers::DeadLetterHeaders;

use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "headers",
    about: "headers of dead letters, as `sluice dlq` reads them",
    // A path has a number for each two bytes, the chain a text; what is kept is no larger than what is given.
    memory: Memory { fixed: 8 << 10, per_byte: 48 },
    open: || Box::new(Headers),
};

const NAMES: [&str; 16] = [
    "sluice.error.class",
    "sluice.error.reason",
    "sluice.error.stage",
    "sluice.error.plugin",
    "sluice.error.digest",
    "sluice.error.pipeline",
    "sluice.error.path",
    "sluice.error.chain",
    "sluice.error.topic",
    "sluice.error.partition",
    "sluice.error.offset",
    "sluice.error.timestamp",
    "sluice.error.attempts",
    "sluice.error.failed_at",
    "sluice.error.value",
    "sluice.replays",
];
const TOKENS: [&str; 12] = [
    "\nsluice.error.class=reject",
    "\nsluice.error.path=0/4294967295/1",
    "sluice.error.chain",
    "\n",
    "=",
    "/",
    ",",
    "-1",
    "9223372036854775808",
    "4294967296",
    "1970-01-01T00:00:00Z",
    "dropped",
];

struct Headers;

impl Target for Headers {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        for name in NAMES {
            // Those that need not be there.
            if matches!(name, "sluice.error.value" | "sluice.replays") && rng.bool() {
                continue;
            }
            let value = value(rng, name);
            input.extend_from_slice(format!("{name}={value}\n").as_bytes());
        }
        for _ in 0..rng.usize(0..4) {
            change::bytes(rng, input, &TOKENS, b"sluice.error.path=/\ntrace\n");
        }
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let headers = input.split(|byte| *byte == b'\n').map(|line| match line.iter().position(|byte| *byte == b'=') {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        });
        match DeadLetterHeaders::parse(headers) {
            Ok(letter) => {
                assert!(letter.path.len() <= letter.chain.len());
                assert!(letter.reason.len() + letter.stage.len() + letter.topic.len() <= input.len());
                Seen::Accepted
            }
            Err(why) => {
                assert!(!why.to_string().is_empty());
                Seen::Refused
            }
        }
    }
}

fn value(rng: &mut Rng, name: &str) -> String {
    match name {
        "sluice.error.class" => {
            rng.choice(["reject", "trap", "time", "retries", "refused"]).unwrap_or("reject").to_owned()
        }
        "sluice.error.path" => numbers(rng, 0..=2, "/"),
        "sluice.error.chain" => numbers(rng, 2..=4, ","),
        "sluice.error.failed_at" => "2026-01-01T00:00:00.5Z".to_owned(),
        "sluice.error.value" => "dropped".to_owned(),
        "sluice.error.partition" | "sluice.error.attempts" | "sluice.replays" => rng.u16(..).to_string(),
        "sluice.error.offset" | "sluice.error.timestamp" => rng.i64(0..i64::MAX).to_string(),
        _ => (0..rng.usize(0..20)).map(|_| rng.alphabetic()).collect(),
    }
}

/// So many numbers.
fn numbers(rng: &mut Rng, count: std::ops::RangeInclusive<usize>, between: &str) -> String {
    let count = rng.usize(count);
    (0..count).map(|_| rng.u8(..).to_string()).collect::<Vec<_>>().join(between)
}
