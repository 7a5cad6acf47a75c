//! The metrics by name: type, labels and meaning. docs/metrics.md is made from this list, and nothing is exposed that
//! is not in it.

/// Types of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It never falls.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by bucket.
    Histogram,
}

impl Kind {
    /// Returns the word for it in the exposition formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name; a counter's ends with `_total`.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Kind::Histogram, labels, help }
}

/// All metrics, in the order in which they are exposed.
pub const ALL: &[Definition] = &[
    gauge("sluice_build_info", &["version", "librdkafka", "wasmtime"], "Always 1; the labels say what runs."),
    gauge(
        "sluice_pipeline_state",
        &["pipeline", "state"],
        "1 for the state that the pipeline is in, 0 for the others.",
    ),
    counter("sluice_pipeline_restarts_total", &["pipeline", "reason"], "Restarts of the pipeline after a failure."),
    counter("sluice_reloads_total", &["pipeline", "result"], "Reloads of the pipeline's file."),
    counter("sluice_input_records_total", &["pipeline", "topic"], "Records that were read."),
    counter("sluice_input_bytes_total", &["pipeline", "topic"], "Bytes of keys, values and headers that were read."),
    counter("sluice_output_records_total", &["pipeline", "output"], "Output records that were acknowledged."),
    counter("sluice_output_bytes_total", &["pipeline", "output"], "Bytes of keys, values and headers of these."),
    counter(
        "sluice_inputs_total",
        &["pipeline", "outcome"],
        "Input records by what became of them: dead_lettered if any dead letter came of it, else delivered, else dropped; \
         rewound if it was given back to be read again.",
    ),
    gauge("sluice_in_flight_records", &["pipeline"], "Input records that are on their way."),
    gauge("sluice_waiting_for_retry_records", &["pipeline"], "Input records that wait for a retry."),
    counter("sluice_dead_letters_total", &["pipeline", "stage", "class"], "Dead letters that were acknowledged."),
    counter("sluice_stage_records_total", &["pipeline", "stage", "verdict"], "Records by the plugin's verdict."),
    histogram("sluice_stage_call_seconds", &["pipeline", "stage"], "Time of each call of the plugin."),
    histogram("sluice_stage_batch_records", &["pipeline", "stage"], "Records of each call of the plugin."),
    counter("sluice_stage_seconds_total", &["pipeline", "stage"], "Time in calls of the plugin, over all workers."),
    gauge("sluice_stage_memory_bytes", &["pipeline", "stage"], "Memory of the plugin's instances, over all workers."),
    counter(
        "sluice_stage_restarts_total",
        &["pipeline", "stage", "reason"],
        "Restarts of a plugin instance, by the failure before.",
    ),
    counter("sluice_stage_retries_total", &["pipeline", "stage"], "Records that were called again to be retried."),
    gauge(
        "sluice_circuit_breaker_open",
        &["pipeline", "stage"],
        "1 while the circuit breaker is open because of the stage.",
    ),
    counter("sluice_plugin_events_total", &["pipeline", "stage", "name"], "The plugin's own counters."),
    counter(
        "sluice_worker_seconds_total",
        &["pipeline", "worker", "activity"],
        "Time of each worker: plugin, produce_wait (for room at the producer, or a transaction), idle, codec, other.",
    ),
    histogram(
        "sluice_record_seconds",
        &["pipeline"],
        "Time from when a record was read until all that came of it was acknowledged.",
    ),
    gauge(
        "sluice_lag_records",
        &["pipeline", "topic", "partition"],
        "Records between what is delivered and the high watermark.",
    ),
    gauge(
        "sluice_lag_seconds",
        &["pipeline", "topic", "partition"],
        "Age of the oldest record that is not committed; 0 where the lag is 0, absent where its time is not known.",
    ),
    gauge("sluice_pipeline_lag_records", &["pipeline"], "Sum of the lag of all partitions."),
    gauge("sluice_pipeline_max_lag_records", &["pipeline"], "Largest lag of a partition."),
    gauge(
        "sluice_pipeline_max_lag_seconds",
        &["pipeline"],
        "Largest lag of a partition in time; absent where one is behind and its time is not known, as while it is paused.",
    ),
    gauge("sluice_assigned_partitions", &["pipeline"], "Partitions that this process has."),
    gauge(
        "sluice_blocked_by_open_transaction",
        &["pipeline", "topic", "partition"],
        "The offset beyond which an open transaction of another producer keeps records back.",
    ),
    counter("sluice_rebalances_total", &["pipeline", "kind"], "Rebalances that assigned, revoked or lost partitions."),
    histogram("sluice_commit_seconds", &["pipeline"], "Time of each commit of offsets outside of transactions."),
    counter("sluice_transactions_total", &["pipeline", "result"], "Transactions by their end."),
    histogram("sluice_transaction_seconds", &["pipeline"], "Time that each transaction was open."),
    gauge("sluice_producer_queue_bytes", &["pipeline"], "Bytes of keys and values that wait to be acknowledged."),
    counter("sluice_broker_errors_total", &["pipeline", "kind"], "Errors of brokers and of the client."),
    counter(
        "sluice_registry_requests_total",
        &["pipeline", "result"],
        "Requests to the schema registry: answered, unknown (no such schema), refused, absent (no answer of a registry).",
    ),
    counter(
        "sluice_trace_spans_total",
        &["pipeline", "result"],
        "Spans of traces: exported (taken by the collector), dropped (it did not take them, or there was no room).",
    ),
    counter(
        "sluice_log_lines_lost_total",
        &[],
        "Log lines that were not written: standard error was not read, or too many came.",
    ),
    counter("process_cpu_seconds_total", &[], "CPU time of the process."),
    gauge("process_resident_memory_bytes", &[], "Resident memory of the process."),
    gauge("process_virtual_memory_bytes", &[], "Virtual memory of the process."),
    gauge("process_threads", &[], "Threads of the process."),
    gauge("process_open_fds", &[], "Open file descriptors."),
    gauge("process_max_fds", &[], "The limit of open file descriptors."),
    gauge("process_start_time_seconds", &[], "When the process started, in seconds since the epoch."),
];

/// Returns the reference of all metrics in Markdown.
pub fn reference() -> String {
    let mut text = "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n".to_owned();
    for Definition { name, kind, labels, help } in ALL {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        text += &format!("| `{name}` | {} | {} | {help} |\n", kind.as_str(), labels.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_conventions() {
        let names: BTreeSet<_> = ALL.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), ALL.len());
        for Definition { name, kind, .. } in ALL {
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(name.starts_with("sluice_") || name.starts_with("process_"), "{name}");
        }
    }

    #[test]
    fn the_document_lists_what_the_code_exposes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        let document = std::fs::read_to_string(path).unwrap();
        assert!(document.contains(&reference()), "docs/metrics.md has to hold this table:\n\n{}", reference());
    }

    #[test]
    fn alerts_and_the_dashboard_name_metrics_that_exist() {
        let is_metric = |word: &str| word.starts_with("sluice_") || word.starts_with("process_");
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        for file in ["alerts.yaml", "dashboard.json"] {
            let path = format!("{}/../deploy/monitoring/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap();
            let named: BTreeSet<&str> = text.split(|c| !is_part(c)).filter(|word| is_metric(word)).collect();
            assert!(named.len() > 5, "{file}: {named:?}");
            for name in named {
                let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
                let exists = |name: &str| ALL.iter().any(|definition| definition.name == name);
                assert!(exists(name) || base.is_some_and(exists), "{file} names {name}, which is no metric");
            }
        }
    }
}
