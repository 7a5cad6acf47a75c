//! The text formats: Prometheus', and OpenMetrics.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::definition::{ALL, Definition, Kind};
use crate::counters::HistogramValues;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Returns the format that an `Accept` header asks for.
    pub fn accepted(accept: &str) -> Format {
        if accept.contains("application/openmetrics-text") { Format::OpenMetrics } else { Format::Prometheus }
    }

    /// Returns its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Samples that are being collected.
#[derive(Default)]
pub struct Exposition {
    samples: HashMap<&'static str, String>,
}

/// Labels of a sample: names and values.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// Adds a sample of a metric that is no histogram.
    pub fn add(&mut self, name: &'static str, labels: Labels<'_>, value: f64) {
        let text = self.samples.entry(name).or_default();
        sample(text, name, "", labels, None, value);
    }

    /// Adds a sample that is a count.
    pub fn count(&mut self, name: &'static str, labels: Labels<'_>, value: u64) {
        self.add(name, labels, value as f64);
    }

    /// Adds a histogram. Its values are in `1 / scale` of what is exposed.
    pub fn histogram(&mut self, name: &'static str, labels: Labels<'_>, values: &HistogramValues, scale: f64) {
        let text = self.samples.entry(name).or_default();
        let mut total = 0;
        for (index, count) in values.buckets.iter().enumerate() {
            total += count;
            let bound =
                values.bounds.get(index).map_or("+Inf".to_owned(), |bound| format!("{:?}", *bound as f64 / scale));
            sample(text, name, "_bucket", labels, Some(&bound), total as f64);
        }
        sample(text, name, "_sum", labels, None, values.sum as f64 / scale);
        sample(text, name, "_count", labels, None, total as f64);
    }

    /// Returns all of it as text.
    pub fn render(&self, format: Format) -> String {
        let mut text = String::new();
        for Definition { name, kind, help, .. } in ALL {
            let family = match (format, kind) {
                (Format::OpenMetrics, Kind::Counter) => name.strip_suffix("_total").unwrap_or(name),
                _ => name,
            };
            let _ = writeln!(text, "# HELP {family} {help}");
            let _ = writeln!(text, "# TYPE {family} {}", kind.as_str());
            text += self.samples.get(name).map_or("", String::as_str);
        }
        if format == Format::OpenMetrics {
            text += "# EOF\n";
        }
        text
    }

    /// Returns the names of metrics that have samples.
    #[cfg(test)]
    pub fn names(&self) -> Vec<&'static str> {
        self.samples.keys().copied().collect()
    }
}

fn sample(text: &mut String, name: &str, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: f64) {
    let _ = write!(text, "{name}{suffix}");
    let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
    for (number, (label, value)) in all.enumerate() {
        let _ = write!(text, "{}{label}=\"", if number == 0 { '{' } else { ',' });
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    if !labels.is_empty() || bound.is_some() {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_say_the_same() {
        let mut all = Exposition::default();
        all.count("sluice_inputs_total", &[("pipeline", "a\"b\\c\nd"), ("outcome", "delivered")], 7);
        let values =
            HistogramValues { bounds: &[1_000_000, 1_500_000_000], buckets: vec![1, 2, 3], sum: 5_000_000_000 };
        all.histogram("sluice_record_seconds", &[("pipeline", "p")], &values, 1e9);
        let text = all.render(Format::Prometheus);
        assert!(text.contains("# TYPE sluice_inputs_total counter\n"));
        assert!(text.contains("sluice_inputs_total{pipeline=\"a\\\"b\\\\c\\nd\",outcome=\"delivered\"} 7\n"), "{text}");
        assert!(text.contains("sluice_record_seconds_bucket{pipeline=\"p\",le=\"1.5\"} 3\n"), "{text}");
        assert!(text.contains("sluice_record_seconds_bucket{pipeline=\"p\",le=\"+Inf\"} 6\n"));
        assert!(text.contains("sluice_record_seconds_sum{pipeline=\"p\"} 5\n"));
        let open = all.render(Format::OpenMetrics);
        assert!(open.contains("# TYPE sluice_inputs counter\nsluice_inputs_total{"), "{open}");
        assert!(open.ends_with("# EOF\n"));
    }
}
