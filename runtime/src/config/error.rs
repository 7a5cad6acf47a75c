//! What is wrong with a file: where, what, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use super::secret;

/// A place in a file. Line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// One finding about one place of a file. Displays as `FILE:LINE:COL: message`, the line, a caret under the column
/// and a line `help: ...` where there is something to suggest. No secret and no value from the environment is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    file: PathBuf,
    at: Option<Position>,
    message: String,
    quote: Option<Quote>,
    help: Option<String>,
}

/// A line of a file, and a line that points into it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Quote {
    line: String,
    caret: String,
}

impl Diagnostic {
    /// A finding about a file as a whole.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Diagnostic { file: file.to_owned(), at: None, message: message.into(), quote: None, help: None }
    }

    /// Says what to do about it.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do about it, where there is something to say.
    pub fn with_help_if(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Quotes nothing of the file: the line holds what is not to be shown.
    pub fn without_quote(mut self) -> Self {
        self.quote = None;
        self
    }

    /// Where it is; none: the file as a whole.
    pub fn position(&self) -> Option<Position> {
        self.at
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(Position { line, column }) = self.at {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", steers_nothing(&self.message))?;
        if let Some(Quote { line, caret }) = &self.quote {
            write!(f, "\n    {line}\n    {caret}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {}", steers_nothing(help))?;
        }
        Ok(())
    }
}

/// Something about a place of a file that was planned before, which only the start of what it names has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where it is.
    pub at: Position,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where there is something to suggest.
    pub help: Option<String>,
    /// Where it is in the text at `at`, where that is known.
    pub inner: Option<InnerPlace>,
}

/// A place in a text that a file holds, as a query is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerPlace {
    /// The text.
    pub text: String,
    /// Line and column in it.
    pub at: Position,
    /// What is wrong, without line and column.
    pub message: String,
    /// What to do about it, where there is something to suggest.
    pub help: Option<String>,
}

impl InnerPlace {
    /// Returns where it is in a file with the text behind the key at `key`; none where the file has another text, as
    /// that of a `${...}`, or one that is quoted or folded.
    pub fn in_file(&self, file: &str, key: Position) -> Option<Position> {
        let lines = split_lines(file);
        let wanted = self.text.lines().nth(self.at.line.checked_sub(1)?)?.trim_end();
        let key_line = *lines.get(key.line.checked_sub(1)?)?;
        let from = key_line.char_indices().nth(key.column.checked_sub(1)?)?.0;
        let (name, value) = key_line[from..].split_once(':')?;
        let (line, before) = if value.trim_start().starts_with('|') {
            let line = key.line + self.at.line;
            let before = lines.get(line - 1)?.trim_end().strip_suffix(wanted)?;
            (line, Some(before).filter(|before| before.trim().is_empty())?)
        } else {
            let start = from + name.len() + 1 + value.find(wanted).filter(|_| self.at.line == 1)?;
            (key.line, &key_line[..start])
        };
        Some(Position { line, column: before.chars().count() + self.at.column })
    }
}

impl Flaw {
    /// A flaw without a suggestion.
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Flaw { at, message: message.into(), help: None, inner: None }
    }
}

/// Displays what is wrong and what to do, without the place.
impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

/// Why a file is no pipeline: every finding, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<Diagnostic>);

impl Errors {
    /// Findings, which are put in the order of the file. None for an empty list.
    pub fn new(findings: Vec<Diagnostic>) -> Option<Self> {
        if findings.is_empty() { None } else { Some(Errors::of(findings)) }
    }

    /// Findings, of which there is at least one.
    pub(super) fn of(mut findings: Vec<Diagnostic>) -> Self {
        findings.sort_by_key(|finding| finding.at);
        // What both clients refuse is one finding.
        findings.dedup();
        Errors(findings)
    }

    /// The findings.
    pub fn findings(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl From<Diagnostic> for Errors {
    fn from(finding: Diagnostic) -> Self {
        Errors(vec![finding])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, finding) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// Something that may be meant, but often is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub Diagnostic);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A file's text, for findings that quote it. Values of keys that name a secret are hidden.
pub(crate) struct Source<'a> {
    file: &'a Path,
    text: &'a str,
    lines: Vec<&'a str>,
    /// For each line, the byte from which on it is hidden.
    hidden: Vec<Option<usize>>,
}

impl<'a> Source<'a> {
    /// The text of a file.
    pub fn new(file: &'a Path, text: &'a str) -> Self {
        let lines = split_lines(text);
        let hidden = secret::hidden(&lines);
        Source { file, text, lines, hidden }
    }

    /// The file's name as it was given.
    pub fn file(&self) -> &'a Path {
        self.file
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// A finding about a place.
    pub fn diagnostic(&self, at: Position, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: self.file.to_owned(),
            at: Some(at),
            message: message.into(),
            quote: self.quote(at),
            help: None,
        }
    }

    fn quote(&self, at: Position) -> Option<Quote> {
        let index = at.line.checked_sub(1)?;
        let line = self.lines.get(index)?;
        let (line, last_column) = match self.hidden[index] {
            None => (printable(line), usize::MAX),
            Some(byte) => {
                let shown = &line[..byte];
                let shown = if shown.trim().is_empty() { shown.to_owned() } else { format!("{} ", shown.trim_end()) };
                let shown = printable(&shown);
                let column = shown.chars().count() + 1;
                (shown + secret::HIDDEN, column)
            }
        };
        // A tab stays a tab, so that the caret stands under its character however wide a terminal makes tabs.
        let before = line.chars().take(at.column.min(last_column).saturating_sub(1));
        let mut caret: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        caret.push('^');
        Some(Quote { line, caret })
    }
}

/// The lines of a text, with YAML's three kinds of line breaks.
fn split_lines(text: &str) -> Vec<&str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect()
}

/// A text of several lines without what would steer a terminal: values that it names may hold anything.
fn steers_nothing(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// A line without what would steer a terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The known name that is most like a word, as a line of help.
pub(crate) fn did_you_mean<'n>(word: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let length = word.chars().count();
    let allowed = (length / 3).max(1);
    // Comparing takes time and memory in the order of both lengths, and a word of a file may be as long as the file.
    let of_its_length = known.into_iter().filter(|name| name.chars().count().abs_diff(length) <= allowed);
    // Whoever writes the right letters large means the same.
    let distance = |name: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase());
    let nearest = of_its_length.map(|name| (distance(name), name)).min()?;
    (nearest.0 <= allowed).then(|| format!("did you mean \"{}\"?", nearest.1))
}

/// The known key that a key begins with which has no space behind its colon: YAML reads `equals:paid` as one word.
pub(super) fn without_space<'n>(key: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let (name, _) = key.split_once(':')?;
    known.into_iter().find(|known| *known == name)
}

/// Names as a sentence has them: `a, b or c`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_a_message_steers_no_terminal() {
        let text = "name: \"my\\ers\"";
        let source = Source::new(Path::new("p.yaml"), text);
        let finding = source.diagnostic(Position { line: 1, column: 7 }, "name \u{1b}[2J is wrong\nso it is");
        let shown = finding.to_string();
        assert!(!shown.contains('\u{1b}') && shown.contains("[2J is wrong\nso it is"), "{shown:?}");
    }

    fn shown(text: &str, line: usize, column: usize) -> String {
        Source::new(Path::new("p.yaml"), text).diagnostic(Position { line, column }, "wrong").to_string()
    }

    #[test]
    fn the_caret_stands_under_its_column_after_tabs_and_wide_characters() {
        assert_eq!(shown("a: 1\n\tgrün: x", 2, 8), "p.yaml:2:8: wrong\n    \tgrün: x\n    \t      ^");
    }

    #[test]
    fn all_three_line_breaks_count() {
        assert_eq!(shown("a\rb\r\nc\nd", 4, 1), "p.yaml:4:1: wrong\n    d\n    ^");
    }

    #[test]
    fn a_place_past_the_end_is_named_without_a_quote() {
        assert_eq!(shown("a", 9, 1), "p.yaml:9:1: wrong");
    }

    #[test]
    fn a_hidden_value_takes_the_caret() {
        let text = "kafka:\n  sasl.password: hunter2";
        assert_eq!(shown(text, 2, 20), "p.yaml:2:20: wrong\n      sasl.password: ***\n                     ^");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert!(!shown("a: \u{1b}[31m", 1, 1).contains('\u{1b}'));
    }

    #[test]
    fn a_place_in_a_text_is_found_where_the_file_has_the_text_as_it_is() {
        let inner = |text: &str, line, column| InnerPlace {
            text: text.to_owned(),
            at: Position { line, column },
            message: String::new(),
            help: None,
        };
        let place = |file: &str, key: (usize, usize), inner: InnerPlace| {
            let found = inner.in_file(file, Position { line: key.0, column: key.1 });
            found.map(|at| (at.line, at.column))
        };
        let block = "config:\n  program: |\n    .a\n      | summ\n";
        assert_eq!(place(block, (2, 3), inner(".a\n  | summ\n", 2, 5)), Some((4, 9)));
        assert_eq!(place(block, (2, 3), inner(".a\n  | sum\n", 2, 5)), None, "it is another text");
        let flow = "- config: { program: \".grün | summ\" }\n";
        assert_eq!(place(flow, (1, 13), inner(".grün | summ", 1, 9)), Some((1, 31)));
        assert_eq!(place("program: ${PROGRAM}", (1, 1), inner(".a | summ", 1, 6)), None);
        assert_eq!(place("program: >\n  .a |\n  summ", (1, 1), inner(".a | summ", 1, 6)), None);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(did_you_mean("outpts", ["input", "outputs"]), Some("did you mean \"outputs\"?".into()));
        assert_eq!(did_you_mean("zebra", ["input", "outputs"]), None);
        assert_eq!(did_you_mean("OUTPUTS", ["input", "outputs"]), Some("did you mean \"outputs\"?".into()));
    }

    #[test]
    fn a_word_of_a_megabyte_is_compared_with_nothing() {
        // Each comparison would take over 100 MB.
        let known: Vec<String> = (0..2000).map(|number| format!("property.number.{number}")).collect();
        assert_eq!(did_you_mean(&"x".repeat(1 << 20), known.iter().map(String::as_str)), None);
    }
}
