//! Pipeline files: the examples and the files that are wrong on purpose, cut up and put together again.

use std::path::Path;

use fastrand::Rng;
use sluicebox::config::{PlanOptions, load_text};

use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "pipeline",
    about: "pipeline files, parsed and planned",
    // The parser's budget, and what a regular expression may grow to.
    memory: Memory { fixed: 16 << 20, per_byte: 200 },
    short: 3_000,
    open: || Box::new(Pipeline::default()),
};

/// Whole and wrong files, in the repository.
const FOLDERS: [&str; 2] = ["../../pipelines", "../../runtime/src/config/testdata"];
const FILE: &str = "fuzz/pipeline.yaml";
/// What a variable holds that must not be shown.
const SECRET: &str = "hunter2";

const TOKENS: [&str; 72] = [
    ": ",
    "- ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    "#",
    " #",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "\\",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!binary ",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "%TAG ! !\n",
    "~",
    "null",
    "true",
    "no",
    ".inf",
    "-0",
    "0x1f",
    "1e999",
    "99999999999999999999",
    "-1",
    "1_000",
    "007",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\0",
    "é",
    "${",
    "}",
    "${SECRET}",
    "${N:-2}",
    "${GONE}",
    "$${",
    "${X:-${Y}}",
    "1GiB",
    "18446744073709551615GiB",
    "5ms",
    "9999999999999d",
    "\"^(a+)+$\"",
    "\"^a{999}{999}\"",
    "\"^[\"",
    "..",
    "/etc/passwd",
    "https://example.com/x.wasm",
    "name:",
    "topics:",
    "stages:",
    "config:",
    "outputs:",
    "ssl.key.pem: ",
    "sasl.password: ",
    "debug: all",
    "exactly_once",
];

struct Pipeline {
    corpus: Vec<String>,
    options: PlanOptions,
}

impl Default for Pipeline {
    fn default() -> Pipeline {
        let mut corpus = Vec::new();
        for folder in FOLDERS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let files = std::fs::read_dir(&folder).expect("the repository has the folder");
            let mut files: Vec<_> = files.map(|file| file.expect("the folder can be read").path()).collect();
            files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
            // The order of a folder is none.
            files.sort();
            corpus.extend(files.iter().map(|file| std::fs::read_to_string(file).expect("the file can be read")));
        }
        Pipeline { corpus, options: PlanOptions::default() }
    }
}

impl Target for Pipeline {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let whole = |rng: &mut Rng| self.corpus[rng.usize(0..self.corpus.len())].as_str();
        match rng.u16(0..2000) {
            0 => nest(rng, input),
            1 => bomb(rng, input),
            2 => huge(rng, input),
            _ => {}
        }
        let at = rng.usize(0..=input.len());
        let base = whole(rng);
        input.splice(at..at, base.bytes());
        for _ in 0..[0, 1, 1, 1, 2, 2, 3, 8][rng.usize(0..8)] {
            let other = whole(rng);
            if rng.bool() {
                lines(rng, input, other);
            } else {
                change::bytes(rng, input, &TOKENS, other.as_bytes());
            }
        }
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        // A file that is not UTF-8 is refused before.
        let Ok(text) = std::str::from_utf8(input) else { return Seen::Refused };
        let env = |name: &str| match name {
            "SECRET" => Some(SECRET.to_owned()),
            "N" => Some("4".to_owned()),
            _ => None,
        };
        let findings = match load_text(Path::new(FILE), text, &env, &self.options) {
            Ok((_, warnings)) => {
                warnings.iter().for_each(|warning| is_clean(text, &warning.to_string()));
                return Seen::Accepted;
            }
            Err(errors) => errors,
        };
        assert!(!findings.findings().is_empty());
        for finding in findings.findings() {
            if let Some(at) = finding.position() {
                assert!(at.line >= 1 && at.column >= 1, "{finding}");
            }
            is_clean(text, &finding.to_string());
        }
        Seen::Refused
    }
}

/// A finding begins with the file, and shows no value of the environment.
fn is_clean(text: &str, finding: &str) {
    assert!(finding.starts_with("fuzz/pipeline.yaml:"), "{finding}");
    assert!(text.contains(SECRET) || !finding.contains(SECRET), "{finding}");
    assert!(!finding.contains('\u{1b}'), "{finding}");
}

/// A change to lines: where they are, how often, how deep, and whose.
fn lines(rng: &mut Rng, input: &mut Vec<u8>, other: &str) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    let len = lines.len();
    let indented;
    match rng.u8(0..6) {
        0 => drop(lines.drain(change::range(rng, len))),
        1 => {
            let copied = lines[change::range(rng, len)].to_vec();
            let at = rng.usize(0..=len);
            lines.splice(at..at, copied);
        }
        2 if len > 1 => lines.swap(rng.usize(0..len), rng.usize(0..len)),
        3 if len > 0 => {
            let at = rng.usize(0..len);
            indented = [&b"        "[..rng.usize(0..8)], lines[at].trim_ascii_start()].concat();
            lines[at] = &indented;
        }
        _ => {
            let others: Vec<&[u8]> = other.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
            let at = change::range(rng, len);
            lines.splice(at, others[change::range(rng, others.len())].iter().copied());
        }
    }
    *input = lines.concat();
}

/// Something inside itself, many times.
fn nest(rng: &mut Rng, input: &mut Vec<u8>) {
    let open = ["[", "{a: ", "- ", "? ", "[{", "!!x [", "&a [", "- - ? "][rng.usize(0..8)];
    let close = if rng.bool() { "]" } else { "}" };
    let depth = rng.usize(0..3000);
    input.extend_from_slice(open.repeat(depth).as_bytes());
    input.extend_from_slice(close.repeat(if rng.bool() { depth } else { rng.usize(0..=depth) }).as_bytes());
}

/// Aliases of aliases.
fn bomb(rng: &mut Rng, input: &mut Vec<u8>) {
    let (levels, width) = (rng.usize(2..30), rng.usize(2..40));
    input.extend_from_slice(b"a0: &a0 [x, x]\n");
    for level in 1..levels {
        let alias = format!("*a{}, ", if rng.u8(0..16) == 0 { level } else { level - 1 });
        input.extend_from_slice(format!("a{level}: &a{level} [{}]\n", alias.repeat(width)).as_bytes());
    }
}

/// One thing that is far too long.
fn huge(rng: &mut Rng, input: &mut Vec<u8>) {
    let piece = TOKENS[rng.usize(0..TOKENS.len())];
    let longest = [1_000, 20_000, 120_000][rng.usize(0..3)];
    let count = rng.usize(0..longest);
    input.extend(piece.bytes().cycle().take(count));
}
