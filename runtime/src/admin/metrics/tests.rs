//! Many pipelines with many partitions: the bounds of labels, and that rendering is quick.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;

use super::{Format, render};
use crate::admin::{Entry, Registry};
use crate::config::{PlanOptions, load_text};
use crate::counters::PipelineCounters;
use crate::plugin::{CacheDirs, Engine};
use crate::view::{PartitionView, PipelineView, ViewCell};

const PIPELINES: usize = 40;
const PARTITIONS: i32 = 1_000;

fn entry(name: &str, partitions: i32) -> Entry {
    let text = format!(
        "name: {name}\nkafka: {{ bootstrap.servers: localhost }}\ninput: {{ topics: [in] }}\n\
         outputs: {{ default: {{ topic: out }} }}\n"
    );
    let (plan, _) = load_text(Path::new("p.yaml"), &text, &|_| None, &PlanOptions::default()).unwrap();
    let view = ViewCell::default();
    view.publish(PipelineView { partitions: (0..partitions).map(partition).collect(), ..PipelineView::default() });
    Entry {
        file: "p.yaml".into(),
        plan: Arc::new(plan),
        plugins: Vec::new(),
        counters: Arc::new(PipelineCounters::default()),
        view: Arc::new(view),
        handle: None,
        is_ending: false,
    }
}

fn partition(number: i32) -> PartitionView {
    PartitionView {
        topic: "a-topic-with-a-name-as-topics-have".into(),
        partition: number,
        worker: 0,
        next: Some(10),
        position: Some(9),
        committed: Some(8),
        high_watermark: Some(12),
        lag: Some(3),
        oldest_uncommitted: Some(1),
        blocked_by_transaction: Some(7),
        is_retrying: false,
        paused_for: Vec::new(),
    }
}

fn registry(pipelines: usize, partitions: i32) -> Registry {
    let registry = Registry::new(Engine::new(&CacheDirs::default()).unwrap(), unbounded_channel().0);
    let entry = |number| (format!("p-{number:02}").into(), entry(&format!("p-{number:02}"), partitions));
    registry.replace((0..pipelines).map(entry).collect::<BTreeMap<Arc<str>, _>>());
    registry
}

fn series(text: &str, metric: &str) -> usize {
    text.lines().filter(|line| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with('{'))).count()
}

#[test]
fn partitions_have_series_of_their_own_up_to_a_bound_and_are_summed_beyond_it() {
    let text = render(&registry(PIPELINES, PARTITIONS), 500, Format::Prometheus);
    for metric in ["sluice_lag_records", "sluice_lag_seconds", "sluice_blocked_by_open_transaction"] {
        assert_eq!(series(&text, metric), 500, "{metric} in all");
        let of_first = text.lines().filter(|line| line.starts_with(&format!("{metric}{{pipeline=\"p-00\"")));
        assert_eq!(of_first.count(), 100, "{metric} of one pipeline");
    }
    assert_eq!(series(&text, "sluice_pipeline_lag_records"), PIPELINES);
    for line in [
        "sluice_pipeline_lag_records{pipeline=\"p-39\"} 3000",
        "sluice_pipeline_max_lag_records{pipeline=\"p-39\"} 3",
        "sluice_assigned_partitions{pipeline=\"p-39\"} 1000",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}");
    }
    let fewer = render(&registry(3, 10), 15, Format::Prometheus);
    assert_eq!(series(&fewer, "sluice_lag_records"), 15);
    assert_eq!(series(&render(&registry(3, 10), 0, Format::Prometheus), "sluice_lag_records"), 0);
}

/// A tenth of a second is what a scrape may wait for views that are fresh; rendering has what is left of two tenths.
#[test]
fn forty_pipelines_of_a_thousand_partitions_are_rendered_in_a_tenth_of_a_second() {
    let registry = registry(PIPELINES, PARTITIONS);
    let time = |_| {
        let begun = Instant::now();
        let text = render(&registry, 500, Format::Prometheus);
        assert!(text.len() > 100_000);
        begun.elapsed()
    };
    // The machine may do something else at one time, but not at each.
    let best = (0..20).map(time).min().unwrap();
    assert!(best < Duration::from_millis(100), "{best:?}");
}
