//! Whether output is what a document shows.

/// Any lines.
const ANY_LINES: &str = "...";
/// Any text within a line.
const ANY_TEXT: char = '…';

/// Compares what is shown with what was written. Shown is nothing: anything may be written.
///
/// # Errors
/// The first line that is shown and was not written, or what was written in excess.
pub fn compare(shown: &[String], written: &str, unordered: bool) -> Result<(), String> {
    let shown: Vec<&str> = shown.iter().map(|line| line.trim_end()).collect();
    let written: Vec<&str> = written.trim_matches('\n').lines().map(str::trim_end).collect();
    if shown.is_empty() {
        return Ok(());
    }
    if unordered { compare_any(&shown, written) } else { compare_in_order(&shown, &written) }
}

fn compare_any(shown: &[&str], mut written: Vec<&str>) -> Result<(), String> {
    for line in shown.iter().filter(|line| **line != ANY_LINES) {
        let found = written.iter().position(|written| fits(line, written)).ok_or(*line)?;
        written.remove(found);
    }
    match written.first() {
        Some(excess) if !shown.contains(&ANY_LINES) => Err(format!("an end before: {excess}")),
        _ => Ok(()),
    }
}

fn compare_in_order(shown: &[&str], written: &[&str]) -> Result<(), String> {
    match (shown, written) {
        ([], []) => Ok(()),
        ([], [excess, ..]) => Err(format!("an end before: {excess}")),
        ([ANY_LINES, rest @ ..], _) => {
            let mut outcomes = (0..=written.len()).map(|from| compare_in_order(rest, &written[from..]));
            outcomes.find(Result::is_ok).unwrap_or_else(|| Err(rest.first().unwrap_or(&ANY_LINES).to_string()))
        }
        ([line, rest @ ..], [first, others @ ..]) if fits(line, first) => compare_in_order(rest, others),
        ([line, ..], _) => Err((*line).to_owned()),
    }
}

fn fits(shown: &str, written: &str) -> bool {
    let Some((start, rest)) = shown.split_once(ANY_TEXT) else { return shown == written };
    let Some(mut written) = written.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once(ANY_TEXT) else { return written.ends_with(rest) };
    for part in middle.split(ANY_TEXT) {
        let Some((_, behind)) = written.split_once(part) else { return false };
        written = behind;
    }
    written.ends_with(end)
}

/// A terminal's output without colours and carriage returns.
pub fn plain(output: &str) -> String {
    let mut plain = String::with_capacity(output.len());
    let mut parts = output.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (_, text) = part.split_once(|c: char| c.is_ascii_alphabetic()).unwrap_or_default();
        plain.push_str(text);
    }
    plain.replace('\r', "")
}

#[test]
fn what_is_left_out_may_be_anything_and_the_rest_must_be_there() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let fits = |shown: &str, written: &str| compare(&lines(shown), written, false).is_ok();
    assert!(fits("a\n...\nd", "a\nb\nc\nd\n") && fits("a\n...\nb", "a\nb\n") && fits("", "anything\n"));
    assert!(!fits("a\n...\nd", "a\nb\nc\n") && !fits("a", "a\nb\n") && !fits("a\nb", "a\n"));
    assert!(fits("took … s, … in all", "took 0.1 s, 5 in all") && !fits("took … s", "took 0.1 ms"));
    assert!(compare(&lines("b\na"), "a\nb\n", true).is_ok() && compare(&lines("b\nb\n..."), "a\nb\n", true).is_err());
}

#[test]
fn colours_are_no_text() {
    assert_eq!(plain("\u{1b}[2mdim\u{1b}[0m \u{1b}[1;31mred\u{1b}[0m\r\n"), "dim red\n");
}
