//! Listing: dead letters in groups, with how many there are, since when, and one for an example.

use std::collections::HashMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::json;

use super::headers::{DeadLetterHeaders, NotALetter};
use super::select::At;
use crate::failure::Class;

/// Groups that are told apart; what comes beyond them is counted together, so that memory stays bounded.
const MOST_GROUPS: usize = 1000;
/// Bytes of a reason that are looked at: sluice writes no longer ones, but somebody else may.
const MOST_REASON: usize = 1024;
/// Bytes of a name that are looked at: sluice's own are shorter.
const MOST_NAME: usize = 100;
/// How much of a reason a table shows, in characters.
const SHOWN: usize = 160;

/// What the dead letters of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    pipeline: String,
    stage: String,
    class: Class,
    reason: String,
}

#[derive(Clone, Debug)]
struct Group {
    count: u64,
    replayed: u64,
    first: Timestamp,
    last: Timestamp,
    example: At,
}

/// A group of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The stage; empty where the pipeline had none.
    pub stage: String,
    /// The class of the failure.
    pub class: Class,
    /// The reason, without what differs.
    pub reason: String,
    /// How many there are.
    pub count: u64,
    /// How many of them have been replayed.
    pub replayed: u64,
    /// When the first had failed.
    pub first_failed: Timestamp,
    /// When the last had failed.
    pub last_failed: Timestamp,
    /// Where that one is.
    pub last: At,
}

/// Dead letters in groups.
#[derive(Debug, Default)]
pub struct List {
    groups: HashMap<Kind, Group>,
    // Reasons as they are, each a group of its own.
    exact: bool,
    beyond: u64,
    foreign: u64,
    foreign_example: Option<(At, NotALetter)>,
}

impl List {
    /// An empty list. Unless it is to be `exact`, reasons that differ only in numbers or in quoted text are one.
    pub fn new(exact: bool) -> List {
        List { exact, ..List::default() }
    }

    /// Adds a dead letter.
    pub fn add(&mut self, at: At, letter: DeadLetterHeaders, replayed: bool) {
        let DeadLetterHeaders { class, failed_at, .. } = letter;
        let reason = cut(letter.reason, MOST_REASON);
        let reason = if self.exact { reason } else { generalised(&reason) };
        let (pipeline, stage) = (cut(letter.pipeline, MOST_NAME), cut(letter.stage, MOST_NAME));
        let kind = Kind { pipeline, stage, class, reason };
        if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&kind) {
            self.beyond += 1;
            return;
        }
        let fresh = Group { count: 0, replayed: 0, first: failed_at, last: failed_at, example: at };
        let group = self.groups.entry(kind).or_insert(fresh);
        group.count += 1;
        group.replayed += u64::from(replayed);
        group.first = group.first.min(failed_at);
        if failed_at >= group.last {
            (group.last, group.example) = (failed_at, at);
        }
    }

    /// Adds a record that is no dead letter of sluice.
    pub fn add_foreign(&mut self, at: At, why: NotALetter) {
        self.foreign += 1;
        self.foreign_example.get_or_insert((at, why));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.foreign == 0
    }

    /// Returns the groups, the largest first, and how many dead letters are in none because there are too many groups.
    pub fn groups(&self) -> (Vec<ListedGroup>, u64) {
        let listed = |(kind, group): (&Kind, &Group)| ListedGroup {
            stage: kind.stage.clone(),
            class: kind.class,
            reason: kind.reason.clone(),
            count: group.count,
            replayed: group.replayed,
            first_failed: group.first,
            last_failed: group.last,
            last: group.example,
        };
        (self.sorted().into_iter().map(listed).collect(), self.beyond)
    }

    /// The largest groups first.
    fn sorted(&self) -> Vec<(&Kind, &Group)> {
        let mut sorted: Vec<_> = self.groups.iter().collect();
        sorted.sort_by(|(kind, group), (other_kind, other)| {
            let tie = || {
                (&kind.pipeline, &kind.stage, &kind.reason).cmp(&(
                    &other_kind.pipeline,
                    &other_kind.stage,
                    &other_kind.reason,
                ))
            };
            other.count.cmp(&group.count).then_with(tie)
        });
        sorted
    }

    /// Writes JSON, an object on a line: first the groups, then, where there are any, what is beyond the groups that
    /// are told apart (`beyond`) and what is no dead letter of sluice (`foreign`).
    ///
    /// # Errors
    /// `out` fails.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        for (kind, group) in self.sorted() {
            let line = json!({
                "pipeline": kind.pipeline, "stage": kind.stage, "class": kind.class.as_str(), "reason": kind.reason,
                "count": group.count, "replayed": group.replayed,
                "first": group.first.to_string(), "last": group.last.to_string(),
                "example": group.example.to_string(),
            });
            writeln!(out, "{line}")?;
        }
        if self.beyond > 0 {
            writeln!(out, "{}", json!({ "beyond": self.beyond }))?;
        }
        if let Some((at, why)) = &self.foreign_example {
            let line = json!({ "foreign": self.foreign, "example": at.to_string(), "because": why.to_string() });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// Writes a table for people, and what it leaves out.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let sorted = self.sorted();
        let mut rows = vec![
            ["COUNT", "REPLAYED", "PIPELINE", "STAGE", "CLASS", "FIRST", "LAST", "EXAMPLE", "REASON"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(sorted.iter().map(|(kind, group)| {
            vec![
                group.count.to_string(),
                group.replayed.to_string(),
                shorten(&kind.pipeline),
                shorten(&kind.stage),
                kind.class.as_str().to_owned(),
                format!("{:.0}", group.first),
                format!("{:.0}", group.last),
                group.example.to_string(),
                shorten(&kind.reason),
            ]
        }));
        if !sorted.is_empty() {
            write_rows(out, &rows)?;
        }
        if self.beyond > 0 {
            writeln!(out, "{} more have other reasons: only {MOST_GROUPS} groups are told apart", self.beyond)?;
        }
        if let Some((at, why)) = &self.foreign_example {
            writeln!(out, "{} are not dead letters of sluice, such as {at}: {why}", self.foreign)?;
        }
        Ok(())
    }
}

fn write_rows(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Counts stand to the right.
            line += &if column < 2 { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

/// A reason in one line that a terminal can show.
pub(super) fn shorten(reason: &str) -> String {
    let end = reason.char_indices().nth(SHOWN).map(|(end, _)| end);
    let visible = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let start: String = reason[..end.unwrap_or(reason.len())].chars().map(visible).collect();
    if end.is_some() { format!("{start}…") } else { start }
}

/// A reason without what differs from record to record: `N` for each number, `…` for what is quoted.
pub(super) fn generalised(reason: &str) -> String {
    let (mut general, mut rest) = (String::new(), reason);
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() {
            general.push('N');
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            continue;
        }
        rest = &rest[c.len_utf8()..];
        general.push(c);
        // An apostrophe within a word quotes nothing.
        if !matches!(c, '"' | '`') {
            continue;
        }
        if let Some(end) = rest.find(c) {
            general.push('…');
            rest = &rest[end..];
            general.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    general
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Offset, Partition};

    fn letter(reason: &str, failed_at: &str) -> DeadLetterHeaders {
        let failed_at = failed_at.parse().expect("a time");
        DeadLetterHeaders { reason: reason.to_owned(), failed_at, ..DeadLetterHeaders::example() }
    }

    fn at(offset: i64) -> At {
        At { partition: Partition(0), offset: Offset(offset) }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("memory takes it");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn reasons_that_differ_in_numbers_or_quoted_text_are_one_group_unless_exact() {
        let add = |mut list: List| {
            list.add(at(1), letter("expected `a`, found \"x\", at byte 10", "2026-01-01T00:00:00Z"), true);
            list.add(at(2), letter("expected `b`, found \"yy\", at byte 2", "2026-01-03T00:00:00.5Z"), false);
            list.add(at(3), letter("expected `b`, found \"z\", at byte 3", "2026-01-02T00:00:00Z"), false);
            text(|out| list.write_json(out))
        };
        assert_eq!(
            add(List::new(false)),
            concat!(
                r#"{"pipeline":"first","stage":"only-paid","class":"reject","reason":"expected `…`, found \"…\", at byte N","#,
                r#""count":3,"replayed":1,"first":"2026-01-01T00:00:00Z","last":"2026-01-03T00:00:00.5Z","example":"0/2"}"#,
                "\n"
            )
        );
        assert_eq!(add(List::new(true)).lines().count(), 3);
    }

    #[test]
    fn groups_are_bounded_and_what_is_beyond_them_is_counted() {
        let mut list = List::new(true);
        for n in 0..MOST_GROUPS as i64 + 7 {
            list.add(at(n), letter(&format!("reason {n}"), "2026-01-01T00:00:00Z"), false);
        }
        list.add_foreign(at(0), NotALetter::Missing("sluice.error.class"));
        let json = text(|out| list.write_json(out));
        assert_eq!(json.lines().count(), MOST_GROUPS + 2);
        assert!(json.contains("{\"beyond\":7}\n{\"foreign\":1,\"example\":\"0/0\""), "{json}");
    }

    #[test]
    fn a_table_shows_no_control_characters() {
        let mut list = List::new(true);
        list.add(at(1), letter("a\u{1b}[2Jb\nc", "2026-01-01T00:00:00Z"), false);
        let table = text(|out| list.write_table(out));
        assert!(table.ends_with("2026-01-01T00:00:00Z  2026-01-01T00:00:00Z  0/1      a\\u{1b}[2Jb\\nc\n"), "{table}");
    }

    proptest! {
        #[test]
        fn no_reason_is_a_panic_and_a_general_one_stays_as_it_is(reason in "[a-z0-9`\"…' é]{0,30}") {
            let general = generalised(&reason);
            prop_assert!(!general.contains(|c: char| c.is_ascii_digit()));
            prop_assert_eq!(generalised(&general), general.clone());
        }
    }
}
