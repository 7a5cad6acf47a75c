//! A Markdown document, as far as it is tested: its fenced blocks and its links.

use std::fs;
use std::path::{Path, PathBuf};

/// A document.
pub struct Document {
    /// Its path in the repository.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Its fenced blocks, in order.
    pub blocks: Vec<Block>,
}

/// A fenced block.
pub enum Block {
    /// Commands with their output.
    Console(Console),
    /// A file.
    File(File),
    /// A part of a file of the repository.
    Part(File),
    /// For people alone.
    Shown,
}

/// Commands with their output.
pub struct Console {
    /// The commands.
    pub commands: Vec<Shell>,
    /// Whether they get a terminal.
    pub terminal: bool,
    /// Whether lines of output may come in any order.
    pub unordered: bool,
    /// Whether they are not run at all.
    pub not_run: bool,
}

/// One command.
pub struct Shell {
    /// Where it stands.
    pub line: usize,
    /// What is typed.
    pub text: String,
    /// What it is said to answer; nothing: anything.
    pub output: Vec<String>,
}

/// A file.
pub struct File {
    /// Where it stands.
    pub line: usize,
    /// Its path.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl Document {
    /// Reads a document of the repository.
    ///
    /// # Panics
    /// It is not there, or has a block of which it is not clear what it is.
    pub fn read(repository: &Path, path: &Path) -> Document {
        let text = fs::read_to_string(repository.join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let blocks = fenced(&text).map(|fenced| fenced.block(path)).collect();
        Document { path: path.to_owned(), text, blocks }
    }

    /// Where its links to files lead, as they are written.
    pub fn links(&self) -> Vec<String> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let files = targets.map(|(target, _)| target).filter(|target| !target.contains("://"));
        files.map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
    }
}

impl Document {
    /// Links to sections of Markdown files: the file, empty for this one, and the section.
    pub fn sections(&self) -> Vec<(String, String)> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let files = targets.map(|(target, _)| target).filter(|target| !target.contains("://"));
        let parts = files.filter_map(|target| target.split_once('#'));
        parts.map(|(file, section)| (file.to_owned(), section.to_owned())).collect()
    }
}

/// The headings of a text, without those lines of its blocks that look like one.
pub fn headings(text: &str) -> impl Iterator<Item = &str> {
    let mut is_block = false;
    text.lines().filter_map(move |line| {
        is_block ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        (!is_block && heading.len() < line.len()).then(|| heading.trim())
    })
}

/// The name by which a link leads to a heading, as GitHub makes it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

struct Fenced<'t> {
    line: usize,
    info: &'t str,
    text: Vec<&'t str>,
}

fn fenced(text: &str) -> impl Iterator<Item = Fenced<'_>> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (line, info) = lines.by_ref().find_map(|(line, text)| Some((line, text.strip_prefix("```")?)))?;
        let text = lines.by_ref().map(|(_, text)| text).take_while(|text| *text != "```").collect();
        Some(Fenced { line: line + 1, info, text })
    })
}

impl Fenced<'_> {
    fn block(&self, document: &Path) -> Block {
        let (language, words) = self.info.split_once(' ').unwrap_or((self.info, ""));
        match (language, words) {
            ("console", words) => Block::Console(self.console(words, document)),
            // The plugin's own tests run the statements of SQL on the records that are with them.
            ("python" | "text" | "sql" | "json" | "jsonl" | "properties", "") => Block::Shown,
            (_, words) if words.contains('.') => {
                let (path, text) = (words.trim_start_matches("part "), self.text.join("\n") + "\n");
                let file = File { line: self.line, path: path.to_owned(), text };
                if words.starts_with("part ") { Block::Part(file) } else { Block::File(file) }
            }
            _ => panic!("{}:{}: what is to be done with ```{}?", document.display(), self.line, self.info),
        }
    }

    fn console(&self, words: &str, document: &Path) -> Console {
        let mut console = Console { commands: Vec::new(), terminal: false, unordered: false, not_run: false };
        for word in words.split_whitespace() {
            match word {
                "terminal" => console.terminal = true,
                "unordered" => console.unordered = true,
                "not-run" => console.not_run = true,
                "cluster" => {}
                _ => panic!("{}:{}: what is {word}?", document.display(), self.line),
            }
        }
        for (number, line) in self.text.iter().enumerate() {
            match (line.strip_prefix("$ "), console.commands.last_mut()) {
                (Some(text), _) => {
                    let line = self.line + number + 1;
                    console.commands.push(Shell { line, text: text.to_owned(), output: Vec::new() });
                }
                (None, Some(command)) => command.output.push((*line).to_owned()),
                (None, None) => panic!("{}:{}: output before any command", document.display(), self.line),
            }
        }
        console
    }
}
