//! Pipeline files: the examples and the files that are wrong on purpose, cut up and put together again.

use std::path::Path;

use fastrand::Rng;
use sluicebox::config::{PlanOptions, has_shape, load_text};

use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const YAML: Kind =
    Kind { name: "yaml", about: "pipeline files, parsed", memory: MEMORY, open: || Box::new(Pipeline::open(false)) };
pub const PIPELINE: Kind = Kind {
    name: "pipeline",
    about: "pipeline files, parsed and planned",
    memory: MEMORY,
    open: || Box::new(Pipeline::open(true)),
};

/// What the parser's budget lets aliases and nesting make, and what a regular expression may grow to.
const MEMORY: Memory = Memory { fixed: 24 << 20, per_byte: 200 };
/// Files that are whole and files that are wrong, in the repository.
const WHOLE: [&str; 2] = ["../../pipelines", "corpus"];
const WRONG: &str = "../../runtime/src/config/testdata";
/// The plugins that files name; one file serves for all of them, since none is loaded.
const PLUGINS: [&str; 4] = ["plugin: mask-json", "plugin: jq", "plugin: route", "plugin: identity"];
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
    /// Whether what is parsed is planned too.
    plans: bool,
    whole: Vec<String>,
    wrong: Vec<String>,
    options: PlanOptions,
}

impl Pipeline {
    fn open(plans: bool) -> Pipeline {
        let mut wrong = texts(WRONG);
        // It takes a hundred times as long as any other; bombs are made here.
        wrong.retain(|text| !text.contains("&b [*a"));
        let whole = WHOLE.iter().flat_map(|folder| texts(folder)).collect();
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join(WRONG).join("plugins");
        Pipeline { plans, whole, wrong, options: PlanOptions { plugin_path: vec![plugins], ..PlanOptions::default() } }
    }
}

/// The pipeline files of a folder.
fn texts(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(&folder).expect("the repository has the folder");
    let mut files: Vec<_> = files.map(|file| file.expect("the folder can be read").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    // The order of a folder is none.
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("the file can be read"));
    texts.map(|text| PLUGINS.iter().fold(text, |text, name| text.replace(name, "plugin: filter-json"))).collect()
}

impl Target for Pipeline {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let any = |rng: &mut Rng| {
            let texts = if rng.u8(0..4) == 0 { &self.wrong } else { &self.whole };
            texts[rng.usize(0..texts.len())].as_str()
        };
        match rng.u16(0..2000) {
            0 => nest(rng, input),
            1 => bomb(rng, input),
            2 => huge(rng, input),
            _ => {}
        }
        let at = rng.usize(0..=input.len());
        let base = any(rng);
        input.splice(at..at, base.bytes());
        // What is badly damaged is never planned.
        let changes = if self.plans { [0, 1, 1, 1, 1, 1, 2, 2] } else { [0, 1, 1, 1, 2, 2, 3, 8] };
        for _ in 0..changes[rng.usize(0..8)] {
            let other = any(rng);
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
        let file = Path::new(FILE);
        let read = if self.plans {
            load_text(file, text, &env, &self.options).map(|(_, warnings)| warnings)
        } else {
            has_shape(file, text).map(|()| Vec::new())
        };
        let findings = match read {
            Ok(warnings) => {
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
