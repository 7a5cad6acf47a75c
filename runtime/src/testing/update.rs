//! Putting new `expect:` blocks into a file of tests. Everything else stays as it is, comments included.

use crate::config::Position;

/// A block that is to be put into a case.
pub struct Edit {
    /// Where the case begins: its first key.
    pub at: Position,
    /// The lines, without indentation.
    pub block: Vec<String>,
}

/// The text with all edits, or the place of a case that cannot be edited.
///
/// # Errors
/// A case that is written as `{ ... }`, which has no lines of its own.
pub fn update(text: &str, mut edits: Vec<Edit>) -> Result<String, Position> {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (mark, body) = text.strip_prefix('\u{feff}').map_or(("", text), |body| ("\u{feff}", body));
    let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
    // From the end, so that the places of the others stay.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.at));
    for Edit { at, block } in edits {
        let indent = at.column.saturating_sub(1);
        let first = at.line.saturating_sub(1);
        let is_block = |line: &String| line.chars().nth(indent).is_some_and(|c| c != '{');
        if !lines.get(first).is_some_and(is_block) {
            return Err(at);
        }
        let end = end_of(&lines, first + 1, indent);
        let found = (first..end).find(|&line| is_expect(&lines[line], indent, line == first));
        let (from, to) = match found {
            Some(from) => (from, end_of(&lines, from + 1, indent + 1)),
            None => (end, end),
        };
        // The first key of a case stands behind the dash of its list.
        let before = if from == first { lines[first][..indent].to_owned() } else { " ".repeat(indent) };
        let indented = block.iter().enumerate().map(|(number, line)| {
            if number == 0 { format!("{before}{line}") } else { format!("{}{line}", " ".repeat(indent)) }
        });
        lines.splice(from..to, indented.collect::<Vec<_>>());
    }
    let mut updated = mark.to_owned() + &lines.join(ending);
    if body.ends_with('\n') || body.is_empty() {
        updated.push_str(ending);
    }
    Ok(updated)
}

/// The line behind the last one, from `from` on, that is indented by at least so much; blank lines in between belong to
/// it.
fn end_of(lines: &[String], from: usize, indent: usize) -> usize {
    let mut end = from;
    for (number, line) in lines.iter().enumerate().skip(from) {
        let text = line.trim_start_matches(' ');
        if text.trim().is_empty() {
            continue;
        }
        if line.len() - text.len() < indent {
            break;
        }
        end = number + 1;
    }
    end
}

fn is_expect(line: &str, indent: usize, is_first: bool) -> bool {
    let Some((before, key)) = line.split_at_checked(indent) else { return false };
    (is_first || before.trim().is_empty())
        && key.strip_prefix("expect").is_some_and(|rest| rest.trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, line: usize, column: usize, block: &str) -> String {
        let block = block.lines().map(str::to_owned).collect();
        update(text, vec![Edit { at: Position { line, column }, block }]).expect("it can be edited")
    }

    #[test]
    fn only_the_block_changes_and_comments_around_it_stay() {
        let text = "# head\ncases:\n  - name: a # one\n    expect:\n      # inside\n      dropped: 1\n\n    # behind\n    records: [x]\n  # next\n  - name: b\n";
        let want = "# head\ncases:\n  - name: a # one\n    expect:\n      dropped: 2\n\n    # behind\n    records: [x]\n  # next\n  - name: b\n";
        assert_eq!(edited(text, 3, 5, "expect:\n  dropped: 2"), want);
    }

    #[test]
    fn a_case_without_one_gets_one_at_its_end() {
        let text = "cases:\n- name: a\n  records:\n  - x\n\n- name: b";
        assert_eq!(edited(text, 2, 3, "expect: {}"), "cases:\n- name: a\n  records:\n  - x\n  expect: {}\n\n- name: b");
        assert_eq!(edited(text, 6, 3, "expect: {}"), "cases:\n- name: a\n  records:\n  - x\n\n- name: b\n  expect: {}");
    }

    #[test]
    fn the_first_key_may_be_the_one_and_windows_lines_stay_such() {
        let text = "cases:\r\n- expect: {dropped: 1}\r\n  name: a\r\n";
        assert_eq!(
            edited(text, 2, 3, "expect:\n  dropped: 2"),
            "cases:\r\n- expect:\r\n    dropped: 2\r\n  name: a\r\n"
        );
    }

    #[test]
    fn text_that_looks_like_the_key_is_not_taken_for_it() {
        let text = "cases:\n- name: a\n  records:\n  - |\n    expect: no\n  expect: {}\n";
        assert_eq!(
            edited(text, 2, 3, "expect: new"),
            "cases:\n- name: a\n  records:\n  - |\n    expect: no\n  expect: new\n"
        );
    }

    #[test]
    fn a_case_in_braces_is_left_alone() {
        let at = Position { line: 2, column: 3 };
        assert_eq!(update("cases:\n- { name: a }\n", vec![Edit { at, block: Vec::new() }]), Err(at));
    }
}
