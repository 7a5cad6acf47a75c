//! From what was recorded to OTLP: names, attributes and links by OpenTelemetry's semantic conventions for messaging
//! and for Kafka.

pub mod message;

use std::sync::Arc;

use self::message::{
    AnyValue, Event, KeyValue, Kind, Link, Request, Resource, ResourceSpans, Scope, ScopeSpans, Span, Value,
};
use super::context::{SpanId, TraceContext, TraceId};
use super::span::{BatchSpan, Happened, MOST, SampledInput, SendSpan, Step, StepSpan};
use crate::config::plan::{self, Plan, Target};

const NAME: &str = "sluicebox";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The flag of a span or link whose parent or target is known to be in another process, or not; and that it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// What the spans of a pipeline have in common.
#[derive(Clone, Debug)]
pub struct Names {
    resource: Vec<KeyValue>,
    group: String,
    stages: Vec<Arc<str>>,
    // The topics of outputs; none where one is dropped.
    outputs: Vec<Option<String>>,
}

impl Names {
    /// Returns what the spans of a plan's pipeline have in common.
    pub fn of(plan: &Plan, traces: &plan::Traces) -> Names {
        let mut resource = vec![
            text("service.name", NAME),
            text("service.version", VERSION),
            text("sluicebox.pipeline.name", &plan.name),
            int("process.pid", i64::from(std::process::id())),
        ];
        resource.extend(plan.instance.as_deref().map(|instance| text("service.instance.id", instance)));
        for (name, value) in &traces.attributes {
            resource.retain(|own| own.key != *name);
            resource.push(text(name, value));
        }
        let topic = |output: &plan::Output| match &output.target {
            Target::Topic(topic) => Some(topic.name.clone()),
            Target::Drop => None,
        };
        Names {
            resource,
            group: plan.input.group.clone(),
            stages: plan.stages.iter().map(|stage| stage.name.clone()).collect(),
            outputs: plan.outputs.iter().map(topic).collect(),
        }
    }

    /// Returns the request that exports these batches.
    pub fn request(&self, batches: &[BatchSpan]) -> Request {
        let mut spans = Vec::new();
        for batch in batches {
            spans.push(self.batch(batch));
            spans.extend(batch.steps.iter().map(|step| self.step(batch, step)));
            spans.extend(batch.sends.iter().map(|send| self.send(batch, send)));
        }
        let scope = Scope { name: NAME.to_owned(), version: VERSION.to_owned() };
        Request {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource { attributes: self.resource.clone() }),
                scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
            }],
        }
    }

    fn batch(&self, batch: &BatchSpan) -> Span {
        let (mut links, mut events, mut dropped_links, mut dropped_events) = (Vec::new(), Vec::new(), 0, 0);
        for sampled in &batch.sampled {
            match &sampled.context {
                Some(_) if links.len() >= MOST => dropped_links += 1,
                Some(context) => links.push(link_to_input(batch, sampled, context)),
                None if events.len() >= MOST => dropped_events += 1,
                None => events.push(event(batch.begin, "sampled record", of_record(batch, sampled))),
            }
        }
        let mut attributes = self.messaging("process", "process");
        let (topic, partition) = one_destination(batch);
        attributes.push(text("messaging.consumer.group.name", &self.group));
        attributes.extend(topic.map(|topic| text("messaging.destination.name", topic)));
        attributes
            .extend(partition.map(|partition| text("messaging.destination.partition.id", &partition.to_string())));
        attributes.push(int("messaging.batch.message_count", batch.messages as i64));
        if let (1, [only]) = (batch.messages, &batch.sampled[..]) {
            attributes.push(int("messaging.kafka.offset", only.offset));
        }
        attributes.push(int("sluicebox.sampled_records", (batch.sampled.len() + batch.more_sampled) as i64));
        match &batch.written {
            Some(written) => {
                attributes.push(text("sluicebox.outcome", "written"));
                attributes.push(int("sluicebox.outputs", written.outputs as i64));
                attributes.push(int("sluicebox.dead_letters", written.dead_letters as i64));
            }
            None => attributes.push(text("sluicebox.outcome", "given_back")),
        }
        Span {
            kind: Kind::Consumer as i32,
            attributes,
            links,
            // Which of the records that are not listed have a context is not known.
            dropped_links_count: (dropped_links + batch.more_sampled) as u32,
            events,
            dropped_events_count: dropped_events,
            ..span(batch.trace, batch.id, batch.parent, named("process", topic), (batch.begin, batch.end))
        }
    }

    fn step(&self, batch: &BatchSpan, step: &StepSpan) -> Span {
        let stage = match step.step {
            Step::Stage(number) => self.stages.get(number),
            Step::Decode | Step::Encode => None,
        };
        let (name, mut attributes) = match (step.step, stage) {
            (Step::Decode, _) => ("decode".to_owned(), Vec::new()),
            (Step::Encode, _) => ("encode".to_owned(), Vec::new()),
            (Step::Stage(number), None) => (format!("stage {number}"), Vec::new()),
            (Step::Stage(_), Some(stage)) => (format!("stage {stage}"), vec![text("sluicebox.stage.name", stage)]),
        };
        let count = |attributes: &mut Vec<KeyValue>, name: &str, count: usize| attributes.push(int(name, count as i64));
        count(&mut attributes, "sluicebox.records", step.records);
        if stage.is_some() {
            count(&mut attributes, "sluicebox.kept", step.counts.kept);
            count(&mut attributes, "sluicebox.dropped", step.counts.dropped);
            count(&mut attributes, "sluicebox.emitted", step.counts.emitted);
            attributes.push(int("sluicebox.calls", step.calls as i64));
        }
        count(&mut attributes, "sluicebox.failed", step.counts.failed);
        let happened = |happened: &super::span::StepEvent| match happened.what {
            Happened::Waits(records) => event(happened.at, "wait", vec![int("sluicebox.records", records as i64)]),
            Happened::CallsFailed(calls) => {
                event(happened.at, "calls failed", vec![int("sluicebox.calls", calls as i64)])
            }
            Happened::RecordFailed(number, class) => {
                let mut attributes = of_record(batch, &batch.sampled[number as usize]);
                attributes.push(text("error.type", class));
                event(happened.at, "record failed", attributes)
            }
        };
        Span {
            kind: Kind::Internal as i32,
            attributes,
            events: step.events.iter().map(happened).collect(),
            dropped_events_count: step.more_events as u32,
            ..span(batch.trace, step.id, Some(batch.id), name, (step.begin, step.end))
        }
    }

    fn send(&self, batch: &BatchSpan, send: &SendSpan) -> Span {
        let sampled = &batch.sampled[send.sampled as usize];
        let topic = self.outputs.get(send.output as usize).and_then(Option::as_deref);
        let mut attributes = self.messaging("send", "send");
        attributes.extend(topic.map(|topic| text("messaging.destination.name", topic)));
        let (trace, parent) = batch.parent_of_output(send.sampled);
        let link = Link {
            trace_id: batch.trace.0.to_vec(),
            span_id: batch.id.0.to_vec(),
            flags: 1 | HAS_IS_REMOTE,
            ..Link::default()
        };
        let own = TraceContext::of(trace, send.id, sampled.context.as_ref());
        let remote = if sampled.context.is_some() { IS_REMOTE } else { 0 };
        Span {
            kind: Kind::Producer as i32,
            attributes,
            trace_state: sampled.state.as_deref().unwrap_or_default().to_owned(),
            flags: u32::from(own.flags) | HAS_IS_REMOTE | remote,
            // A span without an input's context is a child of the batch's already.
            links: sampled.context.iter().map(|_| link.clone()).collect(),
            ..span(trace, send.id, Some(parent), named("send", topic), (send.begin(batch), send.at))
        }
    }

    fn messaging(&self, operation: &str, kind: &str) -> Vec<KeyValue> {
        vec![
            text("messaging.system", "kafka"),
            text("messaging.operation.name", operation),
            text("messaging.operation.type", kind),
        ]
    }
}

impl SendSpan {
    /// When the input was taken: an output's span begins with its batch's.
    fn begin(&self, batch: &BatchSpan) -> u64 {
        batch.begin.min(self.at)
    }
}

fn span(trace: TraceId, id: SpanId, parent: Option<SpanId>, name: String, (begin, end): (u64, u64)) -> Span {
    Span {
        trace_id: trace.0.to_vec(),
        span_id: id.0.to_vec(),
        parent_span_id: parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
        // Ids of ours are random, and all of it is recorded here.
        flags: 3 | HAS_IS_REMOTE,
        name,
        start_time_unix_nano: begin,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

/// The topic and the partition of a batch's records, where there is but one.
fn one_destination(batch: &BatchSpan) -> (Option<&str>, Option<i32>) {
    let Some((topic, partition)) = batch.partitions.first() else { return (None, None) };
    let topic = batch.partitions.iter().all(|(own, _)| own == topic).then_some(&**topic);
    (topic, (batch.partitions.len() == 1).then_some(*partition))
}

fn named(operation: &str, topic: Option<&str>) -> String {
    topic.map_or_else(|| operation.to_owned(), |topic| format!("{operation} {topic}"))
}

fn link_to_input(batch: &BatchSpan, sampled: &SampledInput, context: &TraceContext) -> Link {
    Link {
        trace_id: context.trace.0.to_vec(),
        span_id: context.span.0.to_vec(),
        trace_state: sampled.state.as_deref().unwrap_or_default().to_owned(),
        attributes: of_record(batch, sampled),
        flags: u32::from(context.flags) | HAS_IS_REMOTE | IS_REMOTE,
    }
}

/// Where a record came from.
fn of_record(batch: &BatchSpan, sampled: &SampledInput) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(4);
    if let Some((topic, partition)) = batch.partitions.get(sampled.partition as usize) {
        attributes.push(text("messaging.destination.name", topic));
        attributes.push(text("messaging.destination.partition.id", &partition.to_string()));
    }
    attributes.push(int("messaging.kafka.offset", sampled.offset));
    if sampled.is_tombstone {
        let value = AnyValue { value: Some(Value::Bool(true)) };
        attributes.push(KeyValue { key: "messaging.kafka.message.tombstone".to_owned(), value: Some(value) });
    }
    attributes
}

fn event(at: u64, name: &str, attributes: Vec<KeyValue>) -> Event {
    Event { time_unix_nano: at, name: name.to_owned(), attributes }
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Value::Text(value.to_owned())) }) }
}

fn int(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Value::Int(value)) }) }
}
