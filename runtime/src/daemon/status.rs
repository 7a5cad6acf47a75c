//! How pipelines stand, in a line: for the log, and for the service manager.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::counters::Totals;
use crate::view::PipelineView;

/// Bytes of a reason in a status line.
const SHORT: usize = 200;

/// Returns one line on all pipelines: how many are in which phase, what they have and how far behind they are.
pub(super) fn summary(views: impl Iterator<Item = Arc<PipelineView>>) -> String {
    let (mut phases, mut partitions, mut lag) = (BTreeMap::<&str, usize>::new(), 0, Some(0));
    for view in views {
        *phases.entry(view.phase.as_str()).or_default() += 1;
        partitions += view.partitions.len();
        if !view.partitions.is_empty() {
            lag = lag.zip(view.lag()).map(|(sum, lag)| sum + lag);
        }
    }
    let phases: Vec<String> = phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
    let lag = lag.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
    format!("Pipelines: {}; partitions assigned: {partitions}; lag: {lag}", phases.join(", "))
}

/// Logs the status line of a pipeline.
pub(super) fn log(pipeline: &str, view: &PipelineView, totals: &Totals) {
    let Totals { records, out, dead_letters, dropped } = totals;
    tracing::info!(
        target: "status", pipeline, state = view.phase.as_str(), partitions = view.partitions.len(),
        lag = view.lag().map_or_else(|| "unknown".to_owned(), |lag| lag.to_string()),
        breaker = if view.breaker.is_some() { "open" } else { "closed" },
        records_in = records, records_out = out, dead_letters, dropped, held = view.retrying(),
        "{}", view.reason().map_or("status", in_short)
    );
}

/// The first part of a reason, without what to do: that is told once, where it begins.
fn in_short(reason: &str) -> &str {
    let part = reason.split("; ").next().unwrap_or(reason);
    &part[..part.floor_char_boundary(SHORT)]
}

/// How long nothing may come to its end of what is on its way, until that is said, and until it is said again.
const QUIET: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(60);

/// Records that are on their way and come to no end, as it is seen by one status line after another.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    // The outcomes, and since when they are these.
    seen: Option<([u64; 4], Instant)>,
    said: Option<Instant>,
}

impl Standstill {
    /// Looks at a pipeline, and warns where it stands still. What has a line of its own is not said again: an open
    /// circuit breaker, a stage that times out, and brokers that acknowledge nothing.
    pub(super) fn look(&mut self, pipeline: &str, view: &PipelineView, totals: &Totals, now: Instant) {
        if let Some(message) = self.of(view, totals, now) {
            tracing::warn!(target: "status", pipeline, "{message}");
        }
    }

    fn of(&mut self, view: &PipelineView, totals: &Totals, now: Instant) -> Option<String> {
        let Totals { records, out, dead_letters, dropped } = *totals;
        let outcomes = [records, out, dead_letters, dropped];
        let has_moved = self.seen.is_none_or(|(seen, _)| seen != outcomes);
        let is_explained = view.breaker.is_some() || view.timing_out.is_some() || view.producer_queue_bytes > 0;
        if has_moved || is_explained || view.in_flight + view.waiting_for_retry == 0 {
            *self = Standstill { seen: Some((outcomes, now)), said: None };
            return None;
        }
        let quiet = now.duration_since(self.seen?.1);
        if quiet < QUIET || self.said.is_some_and(|said| now.duration_since(said) < AGAIN) {
            return None;
        }
        self.said = Some(now);
        let (count, waiting, seconds) = (view.in_flight, view.waiting_for_retry, quiet.as_secs());
        Some(match count {
            0 => format!("nothing was delivered for {seconds} s: {waiting} records wait for a retry"),
            _ => format!("nothing has left the stages for {seconds} s: {count} records are on their way"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Phase;

    #[test]
    fn the_summary_counts_pipelines_by_phase() {
        let view = |phase| Arc::new(PipelineView { phase, ..PipelineView::default() });
        let views = [Phase::Running, Phase::Failed, Phase::Running].map(view);
        let expected = "Pipelines: 1 failed, 2 running; partitions assigned: 0; lag: 0";
        assert_eq!(summary(views.into_iter()), expected);
    }

    #[test]
    fn a_status_line_has_the_first_part_of_a_long_reason() {
        assert_eq!(
            in_short("input topic \"a\" does not exist: create it; it goes on by itself"),
            "input topic \"a\" does not exist: create it"
        );
        assert_eq!(in_short(&"ä".repeat(SHORT)).len(), SHORT);
    }

    #[test]
    fn a_standstill_is_said_after_ten_seconds_and_then_each_minute() {
        let view = PipelineView { in_flight: 5, ..PipelineView::default() };
        let (start, totals) = (Instant::now(), Totals::default());
        let mut standstill = Standstill::default();
        let mut said = Vec::new();
        for seconds in (0..=90).step_by(5) {
            let now = start + Duration::from_secs(seconds);
            said.extend(standstill.of(&view, &totals, now).map(|message| (seconds, message)));
        }
        assert_eq!(said.iter().map(|(seconds, _)| *seconds).collect::<Vec<_>>(), [10, 70]);
        assert!(said[0].1.starts_with("nothing has left the stages for 10 s: 5 records"), "{}", said[0].1);
    }

    #[test]
    fn what_moves_has_nothing_on_its_way_or_has_its_own_line_does_not_stand_still() {
        let (start, busy) = (Instant::now(), PipelineView { in_flight: 5, ..PipelineView::default() });
        let broken = PipelineView { breaker: Some("open".to_owned()), ..busy.clone() };
        let moves = |step: u64| Totals { out: step, ..Totals::default() };
        let stands = |_: u64| Totals::default();
        let idle = PipelineView::default();
        let says = |view: &PipelineView, totals: &dyn Fn(u64) -> Totals| {
            let mut standstill = Standstill::default();
            (0..10).any(|step| standstill.of(view, &totals(step), start + Duration::from_secs(5 * step)).is_some())
        };
        let unacknowledged = PipelineView { producer_queue_bytes: 70, ..busy.clone() };
        assert!(!says(&busy, &moves) && !says(&idle, &stands));
        assert!(!says(&broken, &stands) && !says(&unacknowledged, &stands));
        assert!(says(&busy, &stands));
        let retried = PipelineView { waiting_for_retry: 1, ..PipelineView::default() };
        assert!(says(&retried, &stands));
    }
}
