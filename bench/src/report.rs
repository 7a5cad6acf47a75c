//! How results are told: a table for people, JSON lines for programs.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::plot::Plot;
use crate::surroundings;

/// The page of results, and where its plots are.
const PAGE: &str = "bench/RESULTS.md";
const PLOTS: &str = "bench/plots";
/// The longest line of Markdown outside of tables.
const COLUMNS: usize = 120;

/// A table: the first column is text, the others are figures.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these names of columns.
    pub fn new(columns: &[&str]) -> Table {
        Table { rows: vec![columns.iter().map(|&name| name.to_owned()).collect()] }
    }

    /// Adds a row, with a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as Markdown has it.
    pub fn markdown(&self) -> String {
        let columns = self.rows[0].len();
        let line = |row: &Vec<String>| {
            let cells = (0..columns).map(|column| row.get(column).map_or("", String::as_str));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = format!("|---|{}\n", "---:|".repeat(columns - 1));
        let (head, rows) = self.rows.split_at(1);
        line(&head[0]) + &rule + &rows.iter().map(line).collect::<String>()
    }

    /// The table with its columns under one another.
    pub fn text(&self) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let mut line = format!("{:<width$}", row[0], width = widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                line.push_str(&format!("  {cell:>width$}"));
            }
            line.truncate(line.trim_end().len());
            line + "\n"
        };
        self.rows.iter().map(line).collect()
    }
}

/// What a part has found out.
pub struct Report {
    part: &'static str,
    about: String,
    /// What people read.
    pub table: Table,
    /// What programs read.
    pub log: Log,
    /// What people look at.
    pub plots: Vec<Plot>,
}

impl Report {
    /// An empty one. `about` says in a sentence what is measured.
    pub fn new(part: &'static str, about: String, columns: &[&str]) -> Report {
        Report { part, about, table: Table::new(columns), log: Log::new(part), plots: Vec::new() }
    }

    /// Prints it and writes the log; with `page`, also writes it into the page of results.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn tell(self, page: bool) -> Result<()> {
        let mut written = vec![self.log.write()?];
        let folder = if page { root().join(PLOTS) } else { target_folder().join("bench") };
        for plot in &self.plots {
            written.push(plot.write(&folder)?);
        }
        if page {
            let name = |plot: &Plot| format!("\n![{}, by {}](plots/{}.svg)\n", plot.title, plot.axes[0], plot.name);
            let plots: String = self.plots.iter().map(name).collect();
            write_section(PAGE, self.part, &format!("{}\n\n{}{plots}", self.about, self.table.markdown()))?;
            written.push(root().join(PAGE));
        }
        let written: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        println!("{}\n\n{}\nwritten to {}", self.about, self.table.text(), written.join(", "));
        Ok(())
    }
}

/// Puts a text into a document of the repository, between the comments `<!-- NAME -->` and `<!-- end of NAME -->`.
///
/// # Errors
/// The document cannot be read or written, or has no such comments.
pub fn write_section(document: &str, name: &str, text: &str) -> Result<()> {
    let path = root().join(document);
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {document}"))?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let found = old.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let (head, tail) = found.with_context(|| format!("{document} has no section {name}"))?;
    let new = format!("{head}{begin}{}\n{}\n{end}{tail}", wrapped(text), wrapped(&surroundings::sentence()));
    fs::write(&path, new).with_context(|| format!("cannot write {document}"))
}

/// A text of Markdown whose lines, but those of tables and pictures, have at most so many columns.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.split_inclusive('\n') {
        let is_free = line.starts_with(['|', '!']);
        let mut columns = 0;
        for word in line.split_inclusive(' ') {
            let width = word.trim_end().chars().count();
            if columns > 0 && columns + width > COLUMNS && !is_free {
                wrapped.truncate(wrapped.trim_end().len());
                wrapped.push('\n');
                columns = 0;
            }
            wrapped.push_str(word);
            columns += word.chars().count();
        }
    }
    wrapped
}

/// One part's results, appended to `bench/PART.jsonl` in the target folder.
pub struct Log {
    path: PathBuf,
    part: &'static str,
    run: String,
    lines: String,
}

/// What every line says, beside the result itself.
#[derive(Serialize)]
struct Line<'a, T> {
    part: &'a str,
    run: &'a str,
    machine: &'a str,
    cores: usize,
    #[serde(flatten)]
    result: &'a T,
}

impl Log {
    /// A log of one run of a part, which is told from others by the time it began.
    pub fn new(part: &'static str) -> Log {
        let path = target_folder().join("bench").join(format!("{part}.jsonl"));
        Log { path, part, run: jiff::Timestamp::now().to_string(), lines: String::new() }
    }

    /// Adds a result.
    ///
    /// # Errors
    /// It has no form in JSON.
    pub fn line<T: Serialize>(&mut self, result: &T) -> Result<()> {
        let (machine, cores) = (surroundings::machine(), surroundings::cores());
        let line = Line { part: self.part, run: &self.run, machine: &machine, cores, result };
        self.lines.push_str(&serde_json::to_string(&line)?);
        self.lines.push('\n');
        Ok(())
    }

    /// Writes all lines, and answers where they are.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(self) -> Result<PathBuf> {
        let folder = self.path.parent().context("the file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(self.lines.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.path)
    }
}

/// The folder with the repository's `Cargo.toml`.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_markdown_has_a_cell_for_each_column() {
        let mut table = Table::new(&["what", "ns", "ratio"]);
        table.row(vec!["jq".to_owned(), "1".to_owned()]);
        assert_eq!(table.markdown(), "| what | ns | ratio |\n|---|---:|---:|\n| jq | 1 |  |\n");
    }

    #[test]
    fn long_lines_are_wrapped_but_in_tables() {
        let (word, row) = ("x".repeat(50), format!("| {} |\n", "cell ".repeat(40)));
        let text = format!("{word} {word} {word} y\n\n{row}z");
        assert_eq!(wrapped(&text), format!("{word} {word}\n{word} y\n\n{row}z"));
    }

    #[test]
    fn figures_are_flush_right_under_their_column() {
        let mut table = Table::new(&["what", "ns", "ratio"]);
        table.row(vec!["identity".to_owned(), "1234.5".to_owned(), String::new()]);
        table.row(vec!["jq".to_owned(), "1".to_owned(), "2.50".to_owned()]);
        assert_eq!(table.text(), "what          ns  ratio\nidentity  1234.5\njq             1   2.50\n");
    }
}
