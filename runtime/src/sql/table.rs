//! Rows as a table for people, or as CSV.

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr as _;

/// The narrowest a column is made.
const NARROWEST: usize = 6;
/// The widest a column is made where the table could be as wide as it likes.
const WIDEST: usize = 200;
/// What stands where text was cut off.
const CUT: char = '…';

/// The columns of a result: their names, and how wide each is.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    names: Vec<String>,
    widths: Vec<usize>,
    is_number: Vec<bool>,
}

impl Columns {
    /// The columns that rows have, in the order in which they are met, fitted to `width` columns of a terminal.
    pub fn of(rows: &[Map<String, Value>], width: Option<usize>) -> Columns {
        let mut columns = Columns::default();
        for row in rows {
            for name in row.keys() {
                if !columns.names.contains(name) {
                    columns.names.push(name.clone());
                }
            }
        }
        for name in &columns.names {
            let cells = || rows.iter().map(|row| cell(row.get(name)));
            let longest = cells().map(|cell| cell.width()).max().unwrap_or(0);
            columns.widths.push(longest.max(name.width()).min(WIDEST));
            let is_number =
                |row: &Map<String, Value>| matches!(row.get(name), None | Some(Value::Null | Value::Number(_)));
            columns.is_number.push(rows.iter().all(is_number));
        }
        if let Some(width) = width {
            columns.fit(width);
        }
        columns
    }

    /// Makes the widest columns narrower until all fit.
    fn fit(&mut self, width: usize) {
        let gaps = 2 * self.widths.len().saturating_sub(1);
        while self.widths.iter().sum::<usize>() + gaps > width {
            let Some(widest) = self.widths.iter_mut().max().filter(|widest| **widest > NARROWEST) else { return };
            *widest -= 1;
        }
    }

    /// The line of names, and the line under it.
    pub fn header(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|name| escaped(name)).collect();
        let rules: Vec<String> = self.widths.iter().map(|width| "─".repeat(*width)).collect();
        format!("{}\n{}\n", self.line(&names), rules.join("  "))
    }

    /// A row of a table.
    pub fn row(&self, row: &Map<String, Value>) -> String {
        let cells: Vec<String> = self.names.iter().map(|name| cell(row.get(name))).collect();
        let mut line = self.line(&cells);
        line.push('\n');
        line
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((cell, width), is_number) in cells.iter().zip(&self.widths).zip(&self.is_number) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let cell = fitted(cell, *width);
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            if *is_number {
                line.push_str(&padding);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&padding);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }

    /// The names as a line of CSV.
    pub fn csv_header(&self) -> String {
        csv(self.names.iter().map(String::as_str))
    }

    /// A row as a line of CSV; NULL is an empty field.
    pub fn csv_row(&self, row: &Map<String, Value>) -> String {
        let fields: Vec<String> = self
            .names
            .iter()
            .map(|name| match row.get(name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            })
            .collect();
        csv(fields.iter().map(String::as_str))
    }

    /// A field of a row that no column has.
    pub fn missing<'r>(&self, row: &'r Map<String, Value>) -> Option<&'r str> {
        row.keys().find(|name| !self.names.contains(name)).map(String::as_str)
    }
}

/// A line of CSV as RFC 4180 has it.
fn csv<'f>(fields: impl Iterator<Item = &'f str>) -> String {
    let quoted = fields.map(|field| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.to_owned()
        }
    });
    let mut line = quoted.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// What a table shows of a value.
fn cell(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => escaped(text),
        Some(other) => escaped(&other.to_string()),
    }
}

/// A text without anything that a terminal would obey.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// A text that is no wider than a column.
fn fitted(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if cut.width() + 1 > width {
            cut.pop();
            break;
        }
    }
    cut.push(CUT);
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(values: &[Value]) -> Vec<Map<String, Value>> {
        values.iter().map(|value| value.as_object().expect("rows are objects").clone()).collect()
    }

    fn table(values: &[Value], width: Option<usize>) -> String {
        let rows = rows(values);
        let columns = Columns::of(&rows, width);
        rows.iter().fold(columns.header(), |text, row| text + &columns.row(row))
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them_and_numbers_stand_on_the_right() {
        assert_eq!(
            table(&[json!({"id": 7, "name": "Ärmel"}), json!({"id": 1200, "name": null})], None),
            "  id  name\n────  ─────\n   7  Ärmel\n1200  null\n"
        );
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let text = table(&[json!({"a": "x".repeat(100), "b": "y".repeat(100), "c": 1})], Some(40));
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
        assert!(text.contains('…'), "{text}");
    }

    #[test]
    fn a_terminal_obeys_nothing_in_a_record() {
        assert!(table(&[json!({"a": "\u{1b}[2J\n"})], None).contains("\\u{1b}[2J\\n"));
    }

    #[test]
    fn csv_quotes_what_has_to_be() {
        let rows = rows(&[json!({"a": "x,y", "b": "say \"no\"", "c": {"d": 1}}), json!({"a": null, "b": true})]);
        let columns = Columns::of(&rows, None);
        assert_eq!(columns.csv_header(), "a,b,c\r\n");
        assert_eq!(columns.csv_row(&rows[0]), "\"x,y\",\"say \"\"no\"\"\",\"{\"\"d\"\":1}\"\r\n");
        assert_eq!(columns.csv_row(&rows[1]), ",true,\r\n");
    }
}
