//! How pipelines stand, in a line: for the log, and for the service manager.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::counters::Totals;
use crate::view::PipelineView;

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
    let said = view.breaker.as_deref().or(view.timing_out.as_deref());
    tracing::info!(
        target: "status", pipeline, state = view.phase.as_str(), partitions = view.partitions.len(),
        lag = view.lag().map_or_else(|| "unknown".to_owned(), |lag| lag.to_string()),
        breaker = if view.breaker.is_some() { "open" } else { "closed" },
        records_in = records, records_out = out, dead_letters, dropped, held = view.retrying(),
        "{}", said.unwrap_or("status")
    );
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
}
