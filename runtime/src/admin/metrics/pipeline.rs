//! The metrics of one pipeline. What has to add up comes from one view, which its loop has published.

use std::time::Instant;

use super::exposition::Exposition;
use crate::admin::api::State;
use crate::admin::registry::Entry;
use crate::admin::views;
use crate::counters::{Rebalance, RegistryCounters, StageCounters, TraceCounters};
use crate::error::PipelineError;
use crate::failure::Class;
use crate::kafka::ErrorKind;
use crate::plugin::Verdict;
use crate::rt;
use crate::view::PipelineView;

/// Adds the metrics of a pipeline, with at most so many partitions. Returns how many partitions it has added.
pub(super) fn collect(all: &mut Exposition, name: &str, entry: &Entry, partitions: usize) -> usize {
    let view = entry.view.get();
    collect_life(all, name, entry, &view);
    collect_records(all, name, entry, &view);
    for (stage, counters) in entry.counters.stages() {
        collect_stage(all, name, &stage, &counters);
        let open = view.breaker_stage.and_then(|number| entry.plan.stages.get(number));
        let is_open = open.is_some_and(|open| open.name == stage);
        all.count("sluice_circuit_breaker_open", &[("pipeline", name), ("stage", &stage)], u64::from(is_open));
    }
    collect_workers(all, name, entry);
    collect_kafka(all, name, entry, &view);
    collect_partitions(all, name, &view, partitions)
}

fn collect_life(all: &mut Exposition, name: &str, entry: &Entry, view: &PipelineView) {
    let now = views::state(view);
    for state in State::ALL {
        let labels = [("pipeline", name), ("state", state.as_str())];
        all.count("sluice_pipeline_state", &labels, u64::from(state == now));
    }
    for reason in PipelineError::KINDS {
        let restarts = entry.counters.restarts(reason).get();
        all.count("sluice_pipeline_restarts_total", &[("pipeline", name), ("reason", reason)], restarts);
    }
    for result in ["changed", "unchanged", "failed"] {
        let reloads = entry.counters.reloads(result).get();
        all.count("sluice_reloads_total", &[("pipeline", name), ("result", result)], reloads);
    }
    let RegistryCounters { answered, unknown, refused, absent } = &*entry.counters.registry;
    for (result, requests) in [("answered", answered), ("unknown", unknown), ("refused", refused), ("absent", absent)] {
        let labels = [("pipeline", name), ("result", result)];
        all.count("sluice_registry_requests_total", &labels, requests.get());
    }
    let TraceCounters { exported, dropped } = &*entry.counters.traces;
    for (result, spans) in [("exported", exported), ("dropped", dropped)] {
        all.count("sluice_trace_spans_total", &[("pipeline", name), ("result", result)], spans.get());
    }
}

fn collect_records(all: &mut Exposition, name: &str, entry: &Entry, view: &PipelineView) {
    let counts = &view.counts;
    for input in &counts.inputs {
        let labels = [("pipeline", name), ("topic", &*input.name)];
        all.count("sluice_input_records_total", &labels, input.records);
        all.count("sluice_input_bytes_total", &labels, input.bytes);
    }
    for output in &counts.outputs {
        let labels = [("pipeline", name), ("output", &*output.name)];
        all.count("sluice_output_records_total", &labels, output.records);
        all.count("sluice_output_bytes_total", &labels, output.bytes);
    }
    let outcomes = [
        ("delivered", counts.delivered),
        ("dead_lettered", counts.dead_lettered),
        ("dropped", counts.dropped),
        ("rewound", counts.rewound),
    ];
    for (outcome, count) in outcomes {
        all.count("sluice_inputs_total", &[("pipeline", name), ("outcome", outcome)], count);
    }
    let pipeline = [("pipeline", name)];
    all.count("sluice_in_flight_records", &pipeline, view.in_flight);
    all.count("sluice_waiting_for_retry_records", &pipeline, view.waiting_for_retry);
    all.histogram("sluice_record_seconds", &pipeline, &entry.counters.record_time.values(), 1e9);
}

fn collect_stage(all: &mut Exposition, name: &str, stage: &str, counters: &StageCounters) {
    for class in Class::ALL {
        let labels = [("pipeline", name), ("stage", stage), ("class", class.as_str())];
        all.count("sluice_dead_letters_total", &labels, counters.dead_letters(class));
        let labels = [("pipeline", name), ("stage", stage), ("reason", class.as_str())];
        all.count("sluice_stage_restarts_total", &labels, counters.restarts(class));
    }
    let verdicts = [
        ("keep", Verdict::Keep),
        ("drop", Verdict::Drop),
        ("emit", Verdict::Emit),
        ("reject", Verdict::Reject),
        ("retry", Verdict::Retry),
    ];
    for (word, verdict) in verdicts {
        let labels = [("pipeline", name), ("stage", stage), ("verdict", word)];
        all.count("sluice_stage_records_total", &labels, counters.verdicts(verdict));
    }
    for (event, count) in counters.plugin() {
        let labels = [("pipeline", name), ("stage", stage), ("name", &event)];
        all.count("sluice_plugin_events_total", &labels, count);
    }
    let labels = [("pipeline", name), ("stage", stage)];
    all.histogram("sluice_stage_call_seconds", &labels, &counters.call_time.values(), 1e9);
    all.histogram("sluice_stage_batch_records", &labels, &counters.call_records.values(), 1.0);
    all.add("sluice_stage_seconds_total", &labels, counters.nanoseconds.get() as f64 / 1e9);
    all.count("sluice_stage_memory_bytes", &labels, counters.memory.get());
    all.count("sluice_stage_retries_total", &labels, counters.retries.get());
}

fn collect_workers(all: &mut Exposition, name: &str, entry: &Entry) {
    let now = Instant::now();
    for (number, clock) in entry.counters.workers().iter().enumerate() {
        let (times, number) = (clock.times(now), number.to_string());
        let activities = [
            ("plugin", times.plugin),
            ("produce_wait", times.produce_wait),
            ("idle", times.idle),
            ("codec", times.codec),
            ("other", times.other),
        ];
        for (activity, time) in activities {
            let labels = [("pipeline", name), ("worker", &number), ("activity", activity)];
            all.add("sluice_worker_seconds_total", &labels, time.as_secs_f64());
        }
    }
}

fn collect_kafka(all: &mut Exposition, name: &str, entry: &Entry, view: &PipelineView) {
    let kafka = &entry.counters.kafka;
    let pipeline = [("pipeline", name)];
    let kinds = [("assigned", Rebalance::Assigned), ("revoked", Rebalance::Revoked), ("lost", Rebalance::Lost)];
    for (word, kind) in kinds {
        all.count("sluice_rebalances_total", &[("pipeline", name), ("kind", word)], kafka.rebalances(kind).get());
    }
    for kind in ErrorKind::ALL {
        let errors = kafka.errors(kind.as_str()).get();
        all.count("sluice_broker_errors_total", &[("pipeline", name), ("kind", kind.as_str())], errors);
    }
    for (result, count) in [("committed", kafka.committed.get()), ("aborted", kafka.aborted.get())] {
        all.count("sluice_transactions_total", &[("pipeline", name), ("result", result)], count);
    }
    all.histogram("sluice_commit_seconds", &pipeline, &kafka.commit_time.values(), 1e9);
    all.histogram("sluice_transaction_seconds", &pipeline, &kafka.transaction_time.values(), 1e9);
    all.count("sluice_producer_queue_bytes", &pipeline, view.producer_queue_bytes);
}

fn collect_partitions(all: &mut Exposition, name: &str, view: &PipelineView, most: usize) -> usize {
    let now = rt::unix_ms();
    let pipeline = [("pipeline", name)];
    let lags = view.partitions.iter().filter_map(|partition| partition.lag);
    all.count("sluice_assigned_partitions", &pipeline, view.partitions.len() as u64);
    all.count("sluice_pipeline_lag_records", &pipeline, lags.clone().sum());
    all.count("sluice_pipeline_max_lag_records", &pipeline, lags.max().unwrap_or(0));
    if let Some(seconds) = view.lag_seconds(now) {
        all.add("sluice_pipeline_max_lag_seconds", &pipeline, seconds);
    }
    let mut partitions: Vec<_> = view.partitions.iter().collect();
    partitions.sort_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
    partitions.truncate(most);
    for partition in &partitions {
        let number = partition.partition.to_string();
        let labels = [("pipeline", name), ("topic", &*partition.topic), ("partition", &number)];
        if let Some(lag) = partition.lag {
            all.count("sluice_lag_records", &labels, lag);
        }
        if let Some(seconds) = partition.lag_seconds(now) {
            all.add("sluice_lag_seconds", &labels, seconds);
        }
        if let Some(offset) = partition.blocked_by_transaction {
            all.add("sluice_blocked_by_open_transaction", &labels, offset as f64);
        }
    }
    partitions.len()
}
