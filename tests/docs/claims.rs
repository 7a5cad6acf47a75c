//! What documents claim beside their blocks: commands, messages, and the form of the text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluicebox_tests::{program, repository};

use crate::{documents, read};

/// The longest line of Markdown outside of tables and blocks, in characters.
const COLUMNS: usize = 120;
/// Commands that are there and are not listed.
const HIDDEN: [&str; 2] = ["man", "help"];
/// Variables that the build reads, or programs that are built for tests, without their prefix.
const OF_THE_BUILD: [&str; 4] = ["COMMIT", "TARGET", "WASMTIME", "FAILPOINT"];

/// Options of our own names in a text in backquotes; what follows `--` alone is another program's.
fn options(quoted: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let words = quoted.split_whitespace().take_while(|word| *word != "--").filter(|word| word.starts_with("--"));
    words.map(move |word| &word[..word.find(|c| !is_name(c)).unwrap_or(word.len())]).filter(|word| word.len() > 2)
}

#[test]
fn every_command_and_option_that_a_message_or_a_document_names_exists() {
    let known = subcommands(&[]);
    let mut texts: Vec<(String, String)> =
        documents().iter().map(|path| (path.display().to_string(), read(path).text)).collect();
    for folder in ["plugins", "plugins/sdk"] {
        for entry in fs::read_dir(repository().join(folder)).expect("the plugins can be listed") {
            let readme = entry.expect("the plugins can be listed").path().join("README.md");
            if let Ok(text) = fs::read_to_string(&readme) {
                texts.push((readme.display().to_string(), text));
            }
        }
    }
    let mut sources = String::new();
    collect(&repository().join("runtime/src"), &mut sources);
    // A message may go on in the next line, and so may a comment.
    let joined: String =
        sources.lines().map(|line| line.trim_start().trim_end_matches('\\').to_owned() + "\n").collect();
    let joined = joined.replace("\n/// ", " ").replace("\n// ", " ").replace("\n//! ", " ");
    texts.push(("runtime/src".to_owned(), joined));
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut checked = 0;
    for (place, text) in &texts {
        for quoted in text.split("`sluice ").skip(1).filter_map(|rest| rest.split('`').next()) {
            let words: Vec<&str> = quoted.split_whitespace().take_while(|word| is_command_word(word)).collect();
            let is_there = |count: &usize| known.contains(&words[..*count].join(" "));
            let Some(count) = (1..=words.len()).rev().find(is_there) else {
                let is_named = words.first().is_none_or(|first| HIDDEN.contains(first));
                assert!(is_named, "{place}: there is no command `sluice {quoted}`");
                continue;
            };
            let path = words[..count].join(" ");
            let help = helps.entry(path).or_insert_with_key(|path| help(&path.split(' ').collect::<Vec<_>>()));
            for option in options(quoted) {
                let is_it = |word: &str| word.trim_matches([',', '[', ']']) == option;
                assert!(help.split_whitespace().any(is_it), "{place}: `sluice {quoted}` has no option {option}");
            }
            checked += 1;
        }
    }
    assert!(checked > 150, "commands are named: {checked}");
}

/// Whether a word may name a command, and is no argument.
fn is_command_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())
}

fn help(path: &[&str]) -> String {
    let output = Command::new(program()).args(path).arg("--help").output().expect("sluice runs");
    String::from_utf8(output.stdout).expect("help is text")
}

/// All commands below one, by their paths, and their aliases.
fn subcommands(path: &[&str]) -> BTreeSet<String> {
    let help = help(path);
    let mut found = BTreeSet::new();
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return found };
    for line in list.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap_or_default();
        let aliases = line.split_once("[aliases: ").map_or("", |(_, rest)| rest.trim_end_matches(']'));
        for name in std::iter::once(name).chain(aliases.split(", ")).filter(|name| is_command_word(name)) {
            let below: Vec<&str> = path.iter().copied().chain([name]).collect();
            found.insert(below.join(" "));
            if name != "help" && path.is_empty() {
                found.extend(subcommands(&below));
            }
        }
    }
    found
}

#[test]
fn every_message_of_the_troubleshooting_page_is_one_of_the_program() {
    let mut sources = String::new();
    collect(&repository().join("runtime/src"), &mut sources);
    // As a message is written: without the line breaks of the source, quotation marks and escapes.
    let written: String = sources.split("\\\n").map(str::trim_start).collect();
    let written = written.replace(['`', '\\'], "");
    let page = read("docs/troubleshooting.md").text;
    let mut found = 0;
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let message = row.split('`').next().unwrap_or_default();
        for part in message.split('…').map(|part| part.trim_matches(' ')).filter(|part| !part.is_empty()) {
            assert!(written.contains(part), "docs/troubleshooting.md: no message says {part:?}");
            found += 1;
        }
    }
    assert!(found > 25, "the page has messages: {found}");
}

/// Appends all Rust sources below a directory, but tests.
fn collect(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        if path.file_stem().is_some_and(|name| name == "tests" || name == "testing") {
            continue;
        }
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|is| is == "rs") {
            let source = fs::read_to_string(&path).expect("a source can be read");
            text.push_str(source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
        }
    }
}

#[test]
fn every_log_line_has_a_target_that_the_page_on_monitoring_names() {
    let mut sources = String::new();
    collect(&repository().join("runtime/src"), &mut sources);
    let page = read("docs/monitoring.md").text;
    let mut found = 0;
    let levels = ["error", "warn", "info", "debug"].map(|level| format!("tracing::{level}!("));
    for call in levels.iter().flat_map(|level| sources.split(level.as_str()).skip(1)) {
        let target = call.trim_start().strip_prefix("target: \"").and_then(|rest| rest.split('"').next());
        let target = target.unwrap_or_else(|| panic!("no target: {}", &call[..call.len().min(80)]));
        assert!(page.contains(&format!("`{target}`")), "docs/monitoring.md does not name the target {target}");
        found += 1;
    }
    assert!(found > 60, "log lines: {found}");
}

#[test]
fn every_variable_that_the_program_reads_is_in_the_reference() {
    let mut sources = String::new();
    collect(&repository().join("runtime/src"), &mut sources);
    let page = read("docs/cli.md").text;
    let names = sources.split("\"SLUICE_").skip(1).filter_map(|rest| rest.split('"').next());
    let names: BTreeSet<&str> = names.filter(|name| !OF_THE_BUILD.contains(name)).collect();
    let missing: Vec<_> = names.iter().filter(|name| !page.contains(&format!("SLUICE_{name}"))).collect();
    assert!(names.len() > 5 && missing.is_empty(), "docs/cli.md does not tell of {missing:?}, of {names:?}");
}

#[test]
fn the_cookbook_has_as_many_recipes_as_the_documents_say() {
    let recipes = read("docs/cookbook.md").text.lines().filter(|line| line.starts_with("### ")).count();
    for path in ["README.md", "docs/README.md"] {
        assert!(read(path).text.contains(&format!(" {recipes} recipes")), "{path}: there are {recipes}");
    }
}

#[test]
fn no_line_is_too_long_to_read() {
    let mut pages = documents();
    pages.extend(["ARCHITECTURE.md", "bench/README.md", "bench/RESULTS.md"].map(PathBuf::from));
    for folder in ["plugins", "plugins/sdk", "tests"] {
        let entries = repository().join(folder).read_dir().expect("a folder of the repository");
        let readmes =
            entries.map(|entry| Path::new(folder).join(entry.expect("an entry").file_name()).join("README.md"));
        pages.extend(readmes.filter(|readme| repository().join(readme).exists()));
    }
    assert!(pages.len() > 50, "pages: {}", pages.len());
    for path in pages {
        let (mut is_block, text) = (false, fs::read_to_string(repository().join(&path)).expect("a page can be read"));
        for (number, line) in text.lines().enumerate() {
            let is_fence = line.trim_start().starts_with("```");
            is_block ^= is_fence;
            let is_free = is_block || is_fence || line.trim_start().starts_with(['|', '!']);
            let length = line.chars().count();
            assert!(is_free || length <= COLUMNS, "{}:{}: {length} columns", path.display(), number + 1);
        }
    }
}
