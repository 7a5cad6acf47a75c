//! What `sluice top` shows: a table of pipelines, and one of them in detail. Numbers stand to the right, so that they
//! do not jump.

use std::time::Instant;

use crate::admin::api::{Overview, Pipeline, Stage};

/// What a daemon answered at one moment.
pub(super) struct Sample {
    /// When.
    pub(super) at: Instant,
    /// All pipelines.
    pub(super) pipelines: Vec<Overview>,
    /// Those that were asked for in full.
    pub(super) details: Vec<Pipeline>,
}

/// What is shown of two samples.
pub(super) struct Frame<'a> {
    /// The sample before, for rates.
    pub(super) before: Option<&'a Sample>,
    /// The latest sample.
    pub(super) now: &'a Sample,
    /// The number of the pipeline that is shown in detail.
    pub(super) selected: usize,
    /// Columns.
    pub(super) width: usize,
}

/// A rate of nothing that is known.
const UNKNOWN: &str = "-";

impl Frame<'_> {
    /// Returns a head, and a line for each pipeline.
    pub(super) fn table(&self) -> Vec<String> {
        let longest = self.now.pipelines.iter().map(|one| one.name.chars().count()).max().unwrap_or_default();
        let names = longest.clamp(8, self.width.saturating_sub(76).max(8));
        let row = |name: &str, cells: [&str; 8]| {
            let [state, input, output, dead, lag, seconds, partitions, restarts] = cells;
            self.fit(&format!(
                "{:<names$}  {state:<12} {input:>9} {output:>9} {dead:>8} {lag:>10} {seconds:>8} {partitions:>5} {restarts:>5}",
                cut(name, names)
            ))
        };
        let head = ["STATE", "IN/s", "OUT/s", "DEAD/s", "LAG", "LAG s", "PART", "REST"];
        let mut lines = vec![row("PIPELINE", head)];
        for now in &self.now.pipelines {
            let before = self.before.and_then(|before| before.pipelines.iter().find(|one| one.name == now.name));
            let rate = |of: fn(&Overview) -> u64| self.rate(before.map(of), of(now));
            lines.push(row(
                &now.name,
                [
                    now.state.as_str(),
                    &rate(|one| one.input_records),
                    &rate(|one| one.output_records),
                    &rate(|one| one.dead_letters),
                    &now.lag.map_or_else(|| UNKNOWN.to_owned(), short),
                    &now.lag_seconds.map_or_else(|| UNKNOWN.to_owned(), |seconds| format!("{seconds:.0}")),
                    &now.assigned_partitions.to_string(),
                    &now.restarts.to_string(),
                ],
            ));
        }
        lines
    }

    /// Returns the lines of the selected pipeline: its stages with rates and shares of worker time, and what holds it
    /// up.
    pub(super) fn details(&self) -> Vec<String> {
        let Some(selected) = self.now.pipelines.get(self.selected) else {
            return vec!["no pipelines".to_owned()];
        };
        let Some(now) = self.now.details.iter().find(|one| one.name == selected.name) else { return Vec::new() };
        let before = self.before.and_then(|before| before.details.iter().find(|one| one.name == now.name));
        let mut lines = vec![self.fit(&format!("{} ({}, {})", now.name, now.delivery, now.file))];
        for (label, text) in [
            ("reason", &now.reason),
            ("circuit breaker", &now.circuit_breaker),
            ("timing out", &now.timing_out),
            ("bottleneck", &now.bottleneck.as_ref().map(|bottleneck| bottleneck.text.clone())),
        ] {
            if let Some(text) = text {
                lines.push(self.fit(&format!("{label}: {text}")));
            }
        }
        let head = ["RECORDS/s", "us/RECORD", "SHARE", "MEMORY", "FAILED", "RETRIES"];
        lines.push(self.stage_line("", "STAGE", "PLUGIN", head));
        let share_of = self.worker_seconds(before, now);
        for stage in &now.stages {
            let before = before.and_then(|before| before.stages.iter().find(|one| one.name == stage.name));
            lines.push(self.stage(before, stage, share_of));
        }
        lines.push(self.fit(&workers(before, now)));
        let balance = &now.balance;
        lines.push(self.fit(&format!(
            "in {} = delivered {} + dead-lettered {} + dropped {} + rewound {} + in flight {} + waiting {}",
            balance.input_records,
            balance.delivered,
            balance.dead_lettered,
            balance.dropped,
            balance.rewound,
            balance.in_flight,
            balance.waiting_for_retry
        )));
        lines
    }

    fn stage_line(&self, number: &str, name: &str, plugin: &str, cells: [&str; 6]) -> String {
        let [records, micros, share, memory, failed, retries] = cells;
        self.fit(&format!(
            "{number:>3} {:<20} {:<16} {records:>9} {micros:>9} {share:>6} {memory:>9} {failed:>8} {retries:>8}",
            cut(name, 20),
            cut(plugin, 16)
        ))
    }

    fn stage(&self, before: Option<&Stage>, now: &Stage, share_of: Option<f64>) -> String {
        let verdicts = |stage: &Stage| {
            let of = &stage.records;
            of.keep + of.drop + of.emit + of.reject + of.retry
        };
        let records = before.map(|before| verdicts(now).saturating_sub(verdicts(before)));
        let seconds = before.map(|before| (now.seconds - before.seconds).max(0.0));
        let micros = match (records, seconds) {
            (Some(records), Some(seconds)) if records > 0 => format!("{:.1}", seconds * 1e6 / records as f64),
            _ => UNKNOWN.to_owned(),
        };
        let share = match (seconds, share_of) {
            (Some(seconds), Some(all)) if all > 0.0 => format!("{:.0}%", 100.0 * seconds / all),
            _ => UNKNOWN.to_owned(),
        };
        let failed: u64 = now.dead_letters.values().sum();
        self.stage_line(
            &(now.number + 1).to_string(),
            &now.name,
            &now.plugin,
            [
                &self.rate(before.map(verdicts), verdicts(now)),
                &micros,
                &share,
                &bytes(now.memory_bytes),
                &short(failed),
                &short(now.retries),
            ],
        )
    }

    /// The seconds of all workers between the samples.
    fn worker_seconds(&self, before: Option<&Pipeline>, now: &Pipeline) -> Option<f64> {
        let all = |pipeline: &Pipeline| pipeline.workers.iter().map(|one| sum(&one.seconds)).sum::<f64>();
        before.map(|before| all(now) - all(before))
    }

    fn rate(&self, before: Option<u64>, now: u64) -> String {
        let (Some(before), Some(sample)) = (before, self.before) else { return UNKNOWN.to_owned() };
        let seconds = (self.now.at - sample.at).as_secs_f64();
        if seconds <= 0.0 {
            UNKNOWN.to_owned()
        } else {
            short((now.saturating_sub(before) as f64 / seconds).round() as u64)
        }
    }

    fn fit(&self, line: &str) -> String {
        let shown: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        cut(shown.trim_end(), self.width)
    }
}

fn sum(seconds: &crate::admin::api::WorkerSeconds) -> f64 {
    seconds.plugin + seconds.produce_wait + seconds.idle + seconds.codec + seconds.other
}

/// How the workers spent their time.
fn workers(before: Option<&Pipeline>, now: &Pipeline) -> String {
    let of = |pick: fn(&crate::admin::api::WorkerSeconds) -> f64| {
        let all = |pipeline: &Pipeline| pipeline.workers.iter().map(|one| pick(&one.seconds)).sum::<f64>();
        all(now) - before.map_or(0.0, all)
    };
    let all = of(sum);
    let share = |part: f64| if all > 0.0 { format!("{:.0}%", 100.0 * part / all) } else { UNKNOWN.to_owned() };
    format!(
        "{} workers: plugins {}, waiting for the producer {}, idle {}, codecs {}, other {}",
        now.workers.len(),
        share(of(|one| one.plugin)),
        share(of(|one| one.produce_wait)),
        share(of(|one| one.idle)),
        share(of(|one| one.codec)),
        share(of(|one| one.other))
    )
}

/// A count in at most seven characters.
fn short(count: u64) -> String {
    match count {
        0..1_000_000 => count.to_string(),
        1_000_000..1_000_000_000 => format!("{:.2}M", count as f64 / 1e6),
        _ => format!("{:.2}G", count as f64 / 1e9),
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.0} KiB", count as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", count as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", count as f64 / 1_073_741_824.0),
    }
}

/// The start of a text, with a sign where it is cut.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut start: String = text.chars().take(width.saturating_sub(1)).collect();
    start.push('…');
    start
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn sample(at: Instant, records: u64, seconds: f64) -> Sample {
        let overview = json!({
            "name": "orders", "file": "orders.yaml", "state": "running", "reason": null, "delivery": "at_least_once",
            "paused_by": null, "input_records": records, "output_records": records / 2, "dead_letters": 0, "lag": 1_500_000,
            "lag_seconds": 12.4, "restarts": 0, "assigned_partitions": 3,
        });
        let mut pipeline = overview.clone();
        for (name, value) in [
            ("inputs", json!([])),
            ("outputs", json!([])),
            ("dlq", json!(null)),
            ("transaction", json!(null)),
            ("circuit_breaker", json!(null)),
            ("timing_out", json!(null)),
            ("bottleneck", json!({ "text": "stage mask takes 80 % of worker time", "stage": "mask", "share": 0.8 })),
            ("partitions", json!([])),
            ("partitions_total", json!(0)),
            (
                "stages",
                json!([{
                    "name": "mask", "number": 0, "plugin": "mask-json", "calls": 1, "seconds": seconds, "memory_bytes": 2_097_152,
                    "records": { "keep": 0, "drop": 0, "emit": records, "reject": 0, "retry": 0 },
                    "dead_letters": {}, "restarts": {}, "retries": 0, "circuit_breaker_open": false, "events": {},
                }]),
            ),
            (
                "workers",
                json!([{ "worker": 0, "batches": 0, "gathered": 0, "seconds": {
                "plugin": seconds, "produce_wait": 0.0, "idle": seconds / 4.0, "codec": 0.0, "other": 0.0,
            } }]),
            ),
            (
                "balance",
                json!({
                    "input_records": records, "delivered": records, "dead_lettered": 0, "dropped": 0, "rewound": 0,
                    "in_flight": 0, "waiting_for_retry": 0,
                }),
            ),
        ] {
            pipeline[name] = value;
        }
        let parse = |value: serde_json::Value| serde_json::from_value(value).expect("an overview");
        Sample {
            at,
            pipelines: vec![parse(overview)],
            details: vec![serde_json::from_value(pipeline).expect("a pipeline")],
        }
    }

    #[test]
    fn rates_and_shares_are_of_the_time_between_two_samples() {
        let begun = Instant::now();
        let (before, now) = (sample(begun, 1000, 1.0), sample(begun + Duration::from_secs(2), 3000, 1.8));
        let frame = Frame { before: Some(&before), now: &now, selected: 0, width: 120 };
        let table = frame.table();
        assert!(
            table[1].starts_with("orders    running           1000       500        0      1.50M       12"),
            "{}",
            table[1]
        );
        let details = frame.details().join("\n");
        assert!(details.contains("bottleneck: stage mask takes 80 % of worker time"), "{details}");
        assert!(
            details.contains("1 mask                 mask-json             1000     400.0    80%   2.0 MiB"),
            "{details}"
        );
        assert!(details.contains("1 workers: plugins 80%, waiting for the producer 0%, idle 20%"), "{details}");
        let first = Frame { before: None, ..frame };
        assert!(first.table()[1].contains("running              -         -"), "{}", first.table()[1]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_moves_its_cursor() {
        let mut now = sample(Instant::now(), 1000, 1.0);
        now.details[0].reason = Some("a\u{1b}[2Jb".repeat(50));
        let frame = Frame { before: None, now: &now, selected: 0, width: 60 };
        for line in frame.table().iter().chain(&frame.details()) {
            assert!(line.chars().count() <= 60 && !line.contains('\u{1b}'), "{line}");
        }
    }
}
