//! Secrets: which keys name one, and how their values are kept out of messages and logs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What stands for a secret.
pub(super) const HIDDEN: &str = "***";

/// What a key contains that names a secret, in lower case.
const MARKS: [&str; 6] = ["password", "passphrase", "secret", "token", "key.pem", "jaas"];

/// Words that are marks even when they are misspelt, as in a key that is an error for that very reason.
const WORDS: [(&str, usize); 4] = [("password", 2), ("passphrase", 2), ("secret", 1), ("token", 1)];

/// What follows a mark in a key whose value is an address.
const ENDPOINT: &str = ".endpoint.url";

/// Keys that name a secret in one file, and bytes of a line with one. What is beyond is no pipeline file, and looking
/// for all that may belong to each of its secrets could take minutes: nothing of it is shown.
const MOST_KEYS: usize = 100;
const LONGEST_LINE: usize = 4096;

/// Whether the value of a key is a secret.
pub(super) fn names_secret(key: &str) -> bool {
    !marks(&key.to_ascii_lowercase()).is_empty()
}

/// The text of a secret's value as it may be shown: what only refers to a value is no secret.
pub(super) fn masked(written: &str) -> &str {
    static REFERENCE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\$\{(file:[^}]*|[A-Za-z_][A-Za-z0-9_]*)\}$").expect("a regular expression"));
    if REFERENCE.is_match(written) { written } else { HIDDEN }
}

/// Where in a text, in lower case, something marks a secret.
fn marks(text: &str) -> Vec<Range<usize>> {
    static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new("[a-z]+").expect("a regular expression"));
    let misspelt = |word: &str| {
        let near = WORDS.iter().filter(|(mark, most)| word.len().abs_diff(mark.len()) <= *most);
        near.into_iter().any(|(mark, most)| strsim::damerau_levenshtein(word, mark) <= *most)
    };
    let words = WORD.find_iter(text).filter(|word| word.len() < 16 && misspelt(word.as_str())).map(|word| word.range());
    let marks = MARKS.iter().flat_map(|mark| text.match_indices(mark)).map(|(at, mark)| at..at + mark.len());
    // An address where tokens are obtained is none.
    words.chain(marks).filter(|mark| !text[mark.end..].starts_with(ENDPOINT)).collect()
}

/// Properties as a log may show them: `***` for the values of keys that name a secret, and where `is_secret` says so.
pub(super) fn redact<'p>(
    properties: &'p BTreeMap<String, String>,
    is_secret: impl Fn(&str) -> bool,
) -> BTreeMap<&'p str, &'p str> {
    let shown = |(key, value): (&'p String, &'p String)| {
        (key.as_str(), if names_secret(key) || is_secret(key) { HIDDEN } else { value.as_str() })
    };
    properties.iter().map(shown).collect()
}

/// For each line of a YAML text, the byte from which on it may not be shown.
///
/// It works on lines, so that it holds for text that is no valid YAML, where nothing better than lines is known.
/// Where it is in doubt it hides more.
pub(super) fn hidden(lines: &[&str]) -> Vec<Option<usize>> {
    let is_long = |line: &&str| line.len() > LONGEST_LINE && names_secret(line);
    let has_long = lines.iter().any(is_long);
    let in_traces = in_traces(lines);
    let found = lines.iter().zip(in_traces).enumerate().filter_map(|(number, (line, in_traces))| {
        let headers = in_traces.then(|| SecretKey::find_headers(line)).flatten();
        let first = SecretKey::find(line).into_iter().chain(headers).min_by_key(|key| key.value_at);
        Some((number, first?))
    });
    let keys: Vec<_> = if has_long { Vec::new() } else { found.take(MOST_KEYS + 1).collect() };
    if has_long || keys.len() > MOST_KEYS {
        return vec![Some(0); lines.len()];
    }
    let mut hidden = vec![None; lines.len()];
    let mut anchors = Vec::new();
    for (number, key) in keys {
        if let Some(alias) = lines[number][key.value_at..].trim().strip_prefix('*') {
            anchors.push(format!("&{}", alias.split([' ', ',', '}', ']']).next().unwrap_or(alias)));
        }
        hide(&mut hidden, lines, number, &key);
    }
    // A secret that is only referred to under its key stands elsewhere, behind its anchor.
    for (number, line) in lines.iter().enumerate() {
        for anchor in &anchors {
            if let Some(at) = line.find(anchor.as_str()) {
                let in_flow = in_flow(&line[..at]);
                let key = SecretKey { column: indentation(line), value_at: at + anchor.len(), in_flow };
                hide(&mut hidden, lines, number, &key);
            }
        }
    }
    hidden
}

/// For each line whether it belongs to the section `traces`, whose headers are secrets, whatever they are called.
fn in_traces(lines: &[&str]) -> Vec<bool> {
    static KEY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?i)(^|[\s{,"'])traces["']?\s*:"#).expect("a regular expression"));
    let mut section = None;
    let belongs = |line: &&str| {
        let indentation = indentation(line);
        if KEY.is_match(line) {
            section = Some(indentation);
        } else if !line.trim().is_empty() && section.is_some_and(|own| indentation <= own) && !line.starts_with('}') {
            section = None;
        }
        section.is_some()
    };
    lines.iter().map(belongs).collect()
}

/// A key in a line whose value is a secret.
struct SecretKey {
    /// Where the key begins, in bytes; what is indented deeper belongs to its value.
    column: usize,
    /// Where the value begins, in bytes.
    value_at: usize,
    /// Whether it stands in `{ }`, where indentation says nothing.
    in_flow: bool,
}

impl SecretKey {
    /// The key `headers`.
    fn find_headers(line: &str) -> Option<SecretKey> {
        static KEY: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r#"(?i)(^|[\s{,"'])(headers["']?\s*:)"#).expect("a regular expression"));
        let key = KEY.captures(line)?.get(2)?;
        let before = &line[..key.start()];
        Some(SecretKey { column: indentation(line), value_at: key.end(), in_flow: in_flow(before) })
    }

    fn find(line: &str) -> Option<SecretKey> {
        let lower = line.to_ascii_lowercase();
        let keys = marks(&lower).into_iter().filter_map(|mark| Some((mark.start, key_end(&lower, mark.end)?)));
        let (mark_at, value_at) = keys.min()?;
        let before = &line[..mark_at];
        let column = before.len() - before.trim_start_matches([' ', '\t', '-']).len();
        Some(SecretKey { column, value_at, in_flow: in_flow(before) })
    }
}

/// Where the key ends that goes on at a byte of a line: behind a colon that ends a key, or at the end of a `? key`
/// line.
fn key_end(line: &str, from: usize) -> Option<usize> {
    let colon = line[from..].match_indices(':').map(|(at, _)| from + at).find(|&at| {
        let quoted = line[..at].ends_with(['"', '\'']);
        quoted || line[at + 1..].chars().next().is_none_or(char::is_whitespace)
    });
    match colon {
        Some(at) => Some(at + 1),
        None => line.trim_start().starts_with("? ").then_some(line.len()),
    }
}

/// Hides a key's value and the lines on which it goes on.
fn hide(hidden: &mut [Option<usize>], lines: &[&str], number: usize, key: &SecretKey) {
    let mut hide_from = |line: usize, byte: usize| {
        hidden[line] = Some(hidden[line].map_or(byte, |already| already.min(byte)));
    };
    hide_from(number, key.value_at);
    let value = lines[number][key.value_at..].trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let mut open_quote = quote.filter(|&quote| !value[1..].contains(quote));
    let mut open_flow = key.in_flow && !value.contains([',', '}', ']']);
    let mut open_brace = value.starts_with('{') && !value.contains('}');
    for (next, line) in lines.iter().enumerate().skip(number + 1) {
        let indent = indentation(line);
        let rest = line.trim_start();
        let deeper = rest.is_empty() || indent > key.column;
        let same = indent == key.column && rest.starts_with(['-', ':']);
        if !(open_quote.is_some() || open_flow || open_brace || (!key.in_flow && (deeper || same))) {
            break;
        }
        hide_from(next, indent);
        open_quote = open_quote.filter(|&quote| !line.contains(quote));
        open_flow = open_flow && !line.contains([',', '}', ']']);
        open_brace = open_brace && !line.contains('}');
    }
}

/// Whether what follows on a line may stand in `{ }` or `[ ]`.
fn in_flow(before: &str) -> bool {
    before.contains(['{', '[', ','])
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let lines: Vec<&str> = text.split('\n').collect();
        let hidden = hidden(&lines);
        let line = |(line, hidden): (&&str, &Option<usize>)| match hidden {
            Some(byte) => format!("{}{HIDDEN}", &line[..*byte]),
            None => (*line).to_owned(),
        };
        lines.iter().zip(&hidden).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_file_of_secrets_without_end_is_hidden_as_a_whole_and_at_once() {
        let times = 100_000;
        for text in [
            (0..times).map(|number| format!("token: *{number:x}\n")).collect::<String>(),
            "{token: \n".repeat(times),
            "token:".repeat(times),
            "tokem ".repeat(times),
            (0..1400).map(|indent| format!("{}token:\n", " ".repeat(indent))).collect(),
        ] {
            let lines: Vec<&str> = text.split('\n').collect();
            assert!(hidden(&lines).iter().all(|from| *from == Some(0)));
        }
    }

    #[test]
    fn values_of_secret_keys_are_hidden_whatever_their_form() {
        for text in [
            "sasl.password: hunter2\nnext: 1",
            "Sasl.PASSWORD: hunter2\nnext: 1",
            "sasl.pasword: hunter2\nnext: 1",
            "client-secrte: hunter2\nnext: 1",
            "ssl.key.pem: |\n  -----BEGIN\n\n  hunter2\nnext: 1",
            "sasl.jaas.config: >-\n  x password=\"hunter2\";\nnext: 1",
            "{ user: bob, sasl.password: hunter2 }\nnext: 1",
            "{ user: bob, sasl.password:\nhunter2 }\nnext: 1",
            "{\"sasl.password\":\"hunter2\"}\nnext: 1",
            "sasl.password: \"a\nhunter2\"\nnext: 1",
            "- token: hunter2\n  next: 1",
            "tokens:\n- hunter2\nnext: 1",
            "- token:\n    hunter2\n  next: 1",
            "? token\n: hunter2\nnext: 1",
            "x: &p hunter2\nsasl.password: *p\nnext: 1",
            "x: &p\n  hunter2\ny: { token: *p }\nnext: 1",
        ] {
            let shown = shown(text);
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("next: 1"), "{shown}");
        }
    }

    #[test]
    fn headers_of_traces_are_hidden_whatever_they_are_called() {
        for text in [
            "traces:\n  headers:\n    x-team: hunter2\n    b: hunter2\n  sample: 1\nnext: 1",
            "traces: { headers: { x-team: hunter2 }, sample: 1 }\nnext: 1",
            "traces: { endpoint: a,\n  headers: { x-team:\n  hunter2 } }\nnext: 1",
            "{\"traces\": {\"headers\": {\"x-team\": \"hunter2\"}}}\nnext: 1",
            "{\n  \"traces\": {\n    \"headers\": {\n      \"x\": \"hunter2\"\n    }\n  },\n  next: 1\n}",
        ] {
            let shown = shown(text);
            assert!(!shown.contains("hunter2") && shown.contains("next: 1"), "{shown}");
        }
        let other = "traces: { endpoint: a }\nstages:\n- config: { headers: { a: b } }";
        assert_eq!(shown(other), other);
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for text in ["bootstrap.servers: secret-host:9092", "field: token", "name: x # no password here"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn redacted_properties_keep_their_keys() {
        let properties = BTreeMap::from([
            ("sasl.username".to_owned(), "bob".to_owned()),
            ("sasl.password".to_owned(), "hunter2".to_owned()),
            ("SSL.KEY.PEM".to_owned(), "hunter2".to_owned()),
        ]);
        let shown: Vec<_> = redact(&properties, |_| false).into_iter().collect();
        assert_eq!(shown, [("SSL.KEY.PEM", "***"), ("sasl.password", "***"), ("sasl.username", "bob")]);
    }
}
