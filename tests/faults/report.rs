//! What came of a scenario, and the table of all of them.

use std::time::Duration;

use sluicebox_tests::Findings;

use crate::scenario::Delivery;

/// What came of a scenario that has come to its end.
pub struct Report {
    /// Records of the input.
    pub records: usize,
    pub findings: Findings,
    /// The most records that may come twice: none under `exactly_once`, nor where nothing was killed or lost.
    pub bound: usize,
    /// What was measured, in words.
    pub notes: Vec<String>,
    /// What did not hold beside the checker's findings, in words.
    pub broken: Vec<String>,
}

impl Report {
    /// Everything that did not hold, in words.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.findings.faults();
        let duplicated = self.findings.duplicated.len();
        if duplicated > self.bound {
            let shown = &self.findings.duplicated[..3.min(duplicated)];
            faults.push(format!(
                "{duplicated} duplicated, and at most {} may be: {}",
                self.bound,
                shown.join("\n    ")
            ));
        }
        faults.extend(self.broken.iter().cloned());
        faults
    }
}

/// A line of the table.
pub struct Line {
    pub name: &'static str,
    pub mode: Delivery,
    pub seed: u64,
    pub took: Duration,
    /// None: it did not come to its end.
    pub report: Option<Report>,
    pub faults: Vec<String>,
}

impl Line {
    pub fn has_passed(&self) -> bool {
        self.faults.is_empty()
    }

    fn cells(&self) -> [String; 9] {
        let counts = match &self.report {
            None => ["-", "-", "-", "-"].map(str::to_owned),
            Some(Report { records, findings, bound, .. }) => [
                records.to_string(),
                (findings.lost.len() + findings.changed.len() + findings.early.len()).to_string(),
                format!("{} (of {bound})", findings.duplicated.len()),
                findings.reordered.len().to_string(),
            ],
        };
        let [records, lost, duplicated, reordered] = counts;
        let notes = self.report.iter().flat_map(|report| report.notes.iter().cloned()).collect::<Vec<_>>().join(", ");
        let verdict = if self.has_passed() { "ok" } else { "FAILED" };
        [
            self.name.to_owned(),
            self.mode.name().to_owned(),
            self.seed.to_string(),
            records,
            lost,
            duplicated,
            reordered,
            format!("{:.1} s", self.took.as_secs_f64()),
            if notes.is_empty() { verdict.to_owned() } else { format!("{verdict} ({notes})") },
        ]
    }
}

/// The table. `lost` counts what was changed or committed too early as well.
pub fn table(lines: &[Line]) -> String {
    let head = ["scenario", "mode", "seed", "records", "lost", "duplicated", "reordered", "time", "result"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(lines.iter().map(Line::cells));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let row = |row: &[String; 9]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(row).collect()
}
