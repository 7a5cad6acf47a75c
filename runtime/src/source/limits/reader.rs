//! Reading what topics refuse, for one sink.

use std::sync::Arc;
use std::time::Duration;

use crate::config::plan::Plan;
use crate::kafka::{ErrorKind, Kafka, Properties};
use crate::sink::Sink;
use crate::sink::receipt::Receipt;

/// How long the brokers have to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads limits for one sink.
#[derive(Clone)]
pub struct LimitReader {
    pipeline: Arc<str>,
    kafka: Arc<dyn Kafka<Receipt>>,
    properties: Arc<Properties>,
    sink: Arc<Sink>,
    // Nobody answers such questions there.
    is_embedded: bool,
}

impl LimitReader {
    /// Reads the limits of the topics of a sink, as a client with the producer's properties of the plan.
    pub fn new(kafka: Arc<dyn Kafka<Receipt>>, plan: &Plan, sink: Arc<Sink>) -> LimitReader {
        let properties = Arc::new(plan.producer.clone());
        LimitReader { pipeline: plan.name.clone(), kafka, properties, sink, is_embedded: plan.embedded }
    }

    /// Asks the brokers what topics refuse, and lets the sink take that over: see [`Sink::set_limits`]. Waits for both.
    ///
    /// # Errors
    /// No broker answers in time, or the sink cannot take them over at this moment.
    pub fn take_over(&self, refused: Option<ErrorKind>, alone: Option<usize>) -> anyhow::Result<bool> {
        let names = self.sink.topic_names();
        if self.is_embedded || names.is_empty() {
            return Ok(false);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let admin = self.kafka.admin(&self.pipeline, &self.properties, ANSWER_TIMEOUT)?;
        let answers = admin.limits(&names);
        admin.close();
        let mut limits = Vec::new();
        for answer in answers {
            limits.push(match answer {
                Ok(limits) => limits,
                Err(error) if error.is_absence() => return Err(error.into()),
                // The start has said that defaults are assumed.
                Err(_) => Default::default(),
            });
        }
        self.sink.set_limits(&limits, refused, alone)
    }
}
