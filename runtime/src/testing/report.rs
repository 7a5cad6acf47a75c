//! The results of tests as JUnit XML, which CI systems read.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::difference::{Difference, Line};
use super::suite::{Outcome, Tested};

/// The document of these files and their cases.
pub fn junit(suites: &[(&Path, &[Tested])]) -> String {
    let mut cases = String::new();
    let (mut tests, mut failures, mut took) = (0, 0, Duration::ZERO);
    for (file, tested) in suites {
        let file = escaped(&file.display().to_string());
        let failed = tested.iter().filter(|tested| matches!(tested.outcome, Outcome::Failed { .. })).count();
        let time: Duration = tested.iter().map(|tested| tested.took).sum();
        (tests, failures, took) = (tests + tested.len(), failures + failed, took + time);
        let (count, time) = (tested.len(), time.as_secs_f64());
        let _ =
            writeln!(cases, "  <testsuite name=\"{file}\" tests=\"{count}\" failures=\"{failed}\" time=\"{time:.3}\">");
        for tested in *tested {
            push_case(&mut cases, &file, tested);
        }
        cases.push_str("  </testsuite>\n");
    }
    let took = took.as_secs_f64();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"sluice\" tests=\"{tests}\" failures=\"{failures}\" \
         time=\"{took:.3}\">\n{cases}</testsuites>\n"
    )
}

fn push_case(xml: &mut String, file: &str, tested: &Tested) {
    let (name, line, time) = (escaped(&tested.name), tested.line, tested.took.as_secs_f64());
    let _ = write!(
        xml,
        "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{line}\" time=\"{time:.3}\""
    );
    match &tested.outcome {
        Outcome::Passed | Outcome::Updated => xml.push_str("/>\n"),
        Outcome::Failed { expects, differences } => {
            let about: Vec<&str> = differences.iter().map(|difference| difference.about.as_str()).collect();
            let message =
                if *expects { format!("not as expected: {}", about.join(", ")) } else { "no `expect`".to_owned() };
            let _ = writeln!(
                xml,
                ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                escaped(&message),
                escaped(&text(differences))
            );
        }
    }
}

fn text(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences {
        let _ = writeln!(text, "{}:", difference.about);
        for line in &difference.lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Line::Same(text) => write!(f, "  {text}"),
            Line::Expected(text) => write!(f, "- {text}"),
            Line::Came(text) => write!(f, "+ {text}"),
            Line::LeftOut => f.write_str("  ..."),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            // XML has no way to say these.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_counts_its_cases_and_escapes_what_they_say() {
        let lines = vec![Line::Expected("<a & \"b\">\u{1b}".to_owned())];
        let differences = vec![Difference { about: "dropped".to_owned(), lines }];
        let outcome = Outcome::Failed { expects: true, differences };
        let failed = Tested::of("a < b", outcome);
        let xml = junit(&[(Path::new("p.test.yaml"), &[failed, Tested::of("c", Outcome::Passed)])]);
        assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("name=\"a &lt; b\""), "{xml}");
        assert!(xml.contains("- &lt;a &amp; &quot;b&quot;&gt;\u{fffd}"), "{xml}");
    }
}
