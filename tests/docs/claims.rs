//! What documents claim beside their blocks: commands, messages, and the form of the text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use sluicebox_tests::{program, repository};

use crate::{documents, read};

/// The longest line of Markdown outside of tables and blocks, in characters.
const COLUMNS: usize = 120;
/// Commands that are there and are not listed.
const HIDDEN: [&str; 2] = ["man", "help"];

#[test]
fn every_command_that_is_named_exists() {
    let known = subcommands(&[]);
    for path in documents() {
        let text = read(&path).text;
        for quoted in text.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix("sluice ")) {
            let words = quoted.split([' ', '\n']).take_while(|word| is_command_word(word));
            let words: Vec<&str> = words.collect();
            let Some(first) = words.first() else { continue };
            let is_there = |count: usize| known.contains(&words[..count].join(" "));
            let found = HIDDEN.contains(first) || (1..=words.len()).any(is_there);
            assert!(found, "{}: there is no command `sluice {quoted}`", path.display());
        }
    }
}

/// Whether a word may name a command, and is no argument.
fn is_command_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())
}

/// All commands below one, by their paths, and their aliases.
fn subcommands(path: &[&str]) -> BTreeSet<String> {
    let output = Command::new(program()).args(path).arg("--help").output().expect("sluice runs");
    let help = String::from_utf8(output.stdout).expect("help is text");
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

/// Appends all Rust sources below a directory.
fn collect(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|is| is == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source can be read"));
        }
    }
}

#[test]
fn no_line_is_too_long_to_read() {
    for path in documents() {
        let (mut is_block, text) = (false, read(&path).text);
        for (number, line) in text.lines().enumerate() {
            let is_fence = line.trim_start().starts_with("```");
            is_block ^= is_fence;
            let is_free = is_block || is_fence || line.trim_start().starts_with('|');
            let length = line.chars().count();
            assert!(is_free || length <= COLUMNS, "{}:{}: {length} columns", path.display(), number + 1);
        }
    }
}
