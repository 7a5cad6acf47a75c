//! What librdkafka logs, as our log lines, under one target and marked with the pipeline.

use std::sync::Arc;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// The context of a client that only logs.
#[derive(Clone, Debug)]
pub struct Logging {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
}

impl ClientContext for Logging {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        write(&self.pipeline, level as i32, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: "kafka", pipeline = %self.pipeline, "{error}: {reason}");
    }
}

/// One line of librdkafka; `level` is syslog's. Its "error" is what we call a warning: it goes on by itself, and
/// what stops a pipeline is reported by the pipeline.
pub fn write(pipeline: &str, level: i32, fac: &str, message: &str) {
    match level {
        0..=4 => tracing::warn!(target: "kafka", pipeline, "{fac}: {message}"),
        5 | 6 => tracing::info!(target: "kafka", pipeline, "{fac}: {message}"),
        _ => tracing::debug!(target: "kafka", pipeline, "{fac}: {message}"),
    }
}
