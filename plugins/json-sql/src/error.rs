//! What is wrong with a query, for whoever wrote it.

use std::fmt;

/// A place in a query: line and column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// What is wrong with a query, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    place: Place,
    message: String,
    help: Option<String>,
    /// The line of the query.
    line: String,
}

impl QueryError {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> QueryError {
        QueryError(Box::new(Inner { place, message: message.into(), help: None, line: String::new() }))
    }

    /// With what would be right.
    pub(crate) fn help(mut self, help: impl Into<String>) -> QueryError {
        self.0.help = Some(help.into());
        self
    }

    /// With the line that it is in.
    pub(crate) fn of(mut self, query: &str) -> QueryError {
        let line = self.0.place.line.saturating_sub(1) as usize;
        self.0.line = query.lines().nth(line).unwrap_or_default().to_owned();
        self
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        self.0.place
    }

    /// What is wrong, without place and help.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

/// A line that says where and what, the line of the query, a caret under the place, and the help.
impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { place: Place { line, column }, message, help, line: text } = &*self.0;
        if *line == 0 {
            f.write_str(message)?;
        } else {
            write!(f, "line {line}, column {column}: {message}")?;
            // Of a long line the part around the place.
            let before = column.saturating_sub(1) as usize;
            let skip = before.saturating_sub(60);
            let shown: String = text.chars().skip(skip).take(100).map(|c| if c == '\t' { ' ' } else { c }).collect();
            write!(f, "\n  {}\n  {:>2$}", shown.trim_end(), '^', before - skip + 1)?;
        }
        match help {
            Some(help) => write!(f, "\n  {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}

/// `did you mean ...?`, where one of the names is near.
pub(crate) fn suggestion<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let name = name.to_lowercase();
    names
        .into_iter()
        .map(|other| (strsim::damerau_levenshtein(&name, &other.to_lowercase()), other))
        .filter(|(distance, other)| *distance <= other.len().max(name.len()).div_ceil(3).min(4))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance > 0)
        .map(|(_, other)| format!("did you mean `{other}`?"))
}
