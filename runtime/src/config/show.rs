//! `show`: what is hidden of records that people are shown.

use super::file;
use super::plan::{MaskPath, RecordPart, Show};
use super::planner::Planner;

/// How paths are written, for errors.
const EXAMPLES: &str = "write it like value.customer.email, key, key.id, headers or headers.token";

/// Reads `show`.
pub(super) fn show(planner: &mut Planner<'_>, written: &file::Show) -> Show {
    let mut mask = Vec::new();
    for (number, path) in written.mask.iter().enumerate() {
        let Some(read) = planner.read("show.mask", path) else { continue };
        planner.record_item("show.mask", number, path);
        match parse(&read.value) {
            Ok(path) if mask.contains(&path) => {
                planner.error(read.at, format!("show.mask: {} is in this list already", read.shown));
            }
            Ok(path) => mask.push(path),
            Err(flaw) => planner.error_with_help(read.at, format!("show.mask: {} {flaw}", read.shown), EXAMPLES),
        }
    }
    Show { mask, off: planner.read_or("show.off", written.off.as_ref(), false) }
}

/// Reads a path: the part of the record, then the name of a header, or keys of nested objects, where a dot that belongs
/// to a key is written `\.` and a backslash `\\`.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence that begins with the path.
fn parse(text: &str) -> Result<MaskPath, &'static str> {
    let (part, rest) = text.split_once('.').map_or((text, None), |(part, rest)| (part, Some(rest)));
    let part = match part {
        "key" => RecordPart::Key,
        "value" => RecordPart::Value,
        "headers" => RecordPart::Headers,
        _ => return Err("begins with no part of a record, which are key, value and headers"),
    };
    let keys = match (part, rest) {
        (_, None) => Vec::new(),
        (_, Some("")) => return Err("ends with a dot"),
        // Dots are common in the names of headers.
        (RecordPart::Headers, Some(name)) => vec![name.to_owned()],
        (RecordPart::Key | RecordPart::Value, Some(path)) => keys(path)?,
    };
    Ok(MaskPath { part, keys })
}

fn keys(path: &str) -> Result<Vec<String>, &'static str> {
    let (mut keys, mut key) = (Vec::new(), String::new());
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => keys.push(std::mem::take(&mut key)),
            '\\' => match characters.next() {
                Some(escaped @ ('.' | '\\')) => key.push(escaped),
                _ => return Err("has a backslash that stands before neither a dot nor a backslash"),
            },
            other => key.push(other),
        }
    }
    keys.push(key);
    if keys.iter().any(String::is_empty) { Err("has an empty key between its dots") } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_part_of_the_record_and_keys_in_it() {
        let path = |text| parse(text).map(|path| (path.part, path.keys.join("|")));
        assert_eq!(path("key"), Ok((RecordPart::Key, String::new())));
        assert_eq!(path("value.customer.email"), Ok((RecordPart::Value, "customer|email".to_owned())));
        assert_eq!(path(r"value.a\.b.c\\d"), Ok((RecordPart::Value, r"a.b|c\d".to_owned())));
        assert_eq!(path("headers.x.request.id"), Ok((RecordPart::Headers, "x.request.id".to_owned())));
        for wrong in ["", "valeu.a", "value.", "value..a", "value.a.", r"value.a\b", r"value.a\", "headers.", "Key"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_is_shown_as_it_is_read() {
        for text in ["key", "value", "headers", r"value.a\.b.c\\d", "headers.a.b"] {
            assert_eq!(parse(text).map(|path| path.to_string()), Ok(text.to_owned()));
        }
    }
}
