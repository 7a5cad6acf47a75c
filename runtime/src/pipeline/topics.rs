//! The topics of a pipeline: before it starts, those that it writes to exist or are created, and what each takes is
//! known.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::plan::{self, Plan, Start, Target};
use crate::error::PipelineError;
use crate::kafka::{Create, DEFAULT_MAX_MESSAGE_BYTES, GroupConsumer, Kafka, KafkaError, TopicError, TopicLimits};
use crate::rt::{self, Receiver};
use crate::sink::Known;
use crate::sink::receipt::Receipt;
use crate::source::{Command, Event};
use crate::view::ViewCell;

/// How long the brokers have to answer one question about topics.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before they are asked again; also how late a stop is noticed then.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// How long a topic that was just created may be unknown to the broker that is asked.
const SETTLES_WITHIN: Duration = Duration::from_secs(3);
/// How often it is logged that no broker answers.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);
/// What a dead letter's own headers may take.
const DEAD_LETTER_HEADERS: usize = 64 << 10;

/// Asks the brokers what can be known before start: every topic that is named exists, or will be made. Changes nothing.
///
/// # Errors
/// The first topic that does not, in words; no broker answers.
pub fn check_topics(kafka: &dyn Kafka<Receipt>, plan: &Plan) -> anyhow::Result<()> {
    let admin = kafka.admin(&plan.name, &plan.producer, ANSWER_TIMEOUT)?;
    for (role, topic) in written_topics(plan).iter().flatten().filter(|(_, topic)| topic.create.is_none()) {
        admin.ensure_topic(role, &topic.name, None).map_err(or_created)?;
    }
    for name in plan.input.topics.iter().filter(|topic| !topic.starts_with('^')) {
        admin.ensure_topic("input", name, None)?;
    }
    Ok(())
}

/// What is said of a topic that is written to and missing: the pipeline may create it, as it may no input.
fn or_created(error: TopicError) -> TopicError {
    match error {
        TopicError::Missing(message) => TopicError::Missing(format!(
            "{message}, or let the pipeline do so with `create: {{ partitions: 4, replication: 3 }}` beside its name"
        )),
        other => other,
    }
}

/// What is written to, by role: the outputs in the plan's order, none where one is dropped, then the DLQ if there is
/// one.
fn written_topics(plan: &Plan) -> Vec<Option<(String, &plan::Topic)>> {
    let outputs = plan.outputs.iter().map(|output| match &output.target {
        Target::Topic(topic) => Some((format!("output \"{}\"", output.name), topic)),
        Target::Drop => None,
    });
    outputs.chain(plan.dlq.iter().map(|dlq| Some(("dlq".to_owned(), &dlq.topic)))).collect()
}

/// Asks until a broker answers; none where the pipeline is told to stop meanwhile.
pub(super) fn wait_for_topics(
    kafka: &dyn Kafka<Receipt>,
    plan: &Plan,
    events: &Receiver<Event>,
    view: &ViewCell,
) -> Result<Option<Topics>, PipelineError> {
    let (mut said, mut missing_since) = (None, None);
    loop {
        view.turn();
        match topics(kafka, plan) {
            Ok(topics) => return Ok(Some(topics)),
            Err(error @ TopicError::Topic(_)) => return Err(PipelineError::Topic(error.to_string())),
            Err(error @ TopicError::Missing(_)) => {
                let now = rt::now();
                if missing_since.is_none() {
                    let seconds = SETTLES_WITHIN.as_secs();
                    tracing::info!(
                        target: "pipeline", pipeline = %plan.name,
                        "a topic is not known yet, which is asked again for {seconds} s: {error}"
                    );
                }
                if now - *missing_since.get_or_insert(now) >= SETTLES_WITHIN {
                    return Err(PipelineError::Topic(error.to_string()));
                }
            }
            Err(error) => {
                if said.is_none_or(|at| rt::now() - at > COMPLAINT_INTERVAL) {
                    tracing::warn!(target: "pipeline", pipeline = %plan.name, "{error}: trying on");
                    said = Some(rt::now());
                }
            }
        }
        if is_stopped(events, rt::now() + RETRY_WAIT) {
            return Ok(None);
        }
    }
}

/// Subscribes a consumer to the input. Returns the topics that were there before, where it matters which come later,
/// with a pattern under `start: latest`; none where brokers do not say.
///
/// # Errors
/// Names that the client refuses.
pub(super) fn subscribe(
    plan: &Plan,
    consumer: &mut dyn GroupConsumer,
) -> Result<Option<BTreeSet<Arc<str>>>, KafkaError> {
    let has_pattern = plan.input.topics.iter().any(|topic| topic.starts_with('^'));
    let is_asked = plan.input.start == Start::Latest && has_pattern;
    let topics = if is_asked { consumer.queries().topics(ANSWER_TIMEOUT).unwrap_or_default() } else { Vec::new() };
    consumer.subscribe(&plan.input.topics)?;
    let names: BTreeSet<_> = topics.into_iter().map(|(name, _)| name).collect();
    Ok((!names.is_empty()).then_some(names))
}

/// Waits until that moment; returns true, and at once, where the pipeline is told to stop. Whoever asks for anything
/// else meanwhile is told by the drop of its reply that there is nothing to wait for.
pub(super) fn is_stopped(events: &Receiver<Event>, until: Instant) -> bool {
    while let Ok(event) = events.recv_until(Some(until)) {
        if matches!(event, Event::Command(Command::Stop { .. })) {
            return true;
        }
    }
    false
}

/// What is known of the outputs, in the plan's order, and of the DLQ.
pub(crate) type Topics = (Vec<Option<Known>>, Option<Known>);

/// Makes sure that every topic exists that is written to, and asks what each takes.
pub(crate) fn topics(kafka: &dyn Kafka<Receipt>, plan: &Plan) -> Result<Topics, TopicError> {
    let all = written_topics(plan);
    let written: Vec<_> = all.iter().flatten().collect();
    let limits = if plan.embedded || written.is_empty() {
        // The embedded broker's topics are made by whoever embeds it, and it answers no such questions.
        vec![TopicLimits::default(); written.len()]
    } else {
        let admin = kafka
            .admin(&plan.name, &plan.producer, ANSWER_TIMEOUT)
            .map_err(|error| TopicError::Topic(format!("{error:#}")))?;
        let mut created = Vec::new();
        for (role, topic) in &written {
            // A DLQ of our own making takes whatever an input topic with the brokers' defaults does.
            let is_dlq = plan.dlq.as_ref().is_some_and(|dlq| std::ptr::eq(&raw const dlq.topic, *topic));
            let max_message_bytes = is_dlq.then_some(DEFAULT_MAX_MESSAGE_BYTES + DEAD_LETTER_HEADERS);
            let create = topic.create.map(|create| Create {
                partitions: create.partitions,
                replication: create.replication,
                max_message_bytes,
                compacted: false,
            });
            let is_new = admin.ensure_topic(role, &topic.name, create.as_ref()).map_err(or_created)?;
            created.push(create.filter(|_| is_new));
        }
        let mut names: Vec<&str> = written.iter().map(|(_, topic)| topic.name.as_str()).collect();
        names.extend(plan.input.topics.iter().map(String::as_str).filter(|topic| !topic.starts_with('^')));
        let asked = admin.limits(&names).into_iter().zip(created.into_iter().chain(std::iter::repeat(None)));
        let mut limits: Vec<_> = asked.map(|(limits, created)| limits_of(plan, limits, created)).collect();
        let inputs = limits.split_off(written.len());
        warn_of_tight_dlq(plan, limits.last(), &inputs);
        admin.close();
        limits
    };
    Ok(known(plan, all, limits))
}

/// Asks what each topic takes that is written to, and changes nothing. For what may not be read, or is not there, the
/// brokers' defaults are assumed.
///
/// # Errors
/// Properties that the client refuses.
pub(crate) fn look_up_topics(kafka: &dyn Kafka<Receipt>, plan: &Plan) -> anyhow::Result<Topics> {
    let all = written_topics(plan);
    let names: Vec<&str> = all.iter().flatten().map(|(_, topic)| topic.name.as_str()).collect();
    let limits = if names.is_empty() {
        Vec::new()
    } else {
        let admin = kafka.admin(&plan.name, &plan.producer, ANSWER_TIMEOUT)?;
        let limits = admin.limits(&names).into_iter().map(|limits| or_default(plan, limits)).collect();
        admin.close();
        limits
    };
    Ok(known(plan, all, limits))
}

fn known(plan: &Plan, all: Vec<Option<(String, &plan::Topic)>>, limits: Vec<TopicLimits>) -> Topics {
    let mut limits = limits.into_iter();
    let mut known: Vec<_> = all
        .into_iter()
        .map(|topic| {
            let (_, topic) = topic?;
            Some(Known { name: topic.name.clone(), limits: limits.next()? })
        })
        .collect();
    let dlq = plan.dlq.as_ref().and_then(|_| known.pop().flatten());
    (known, dlq)
}

/// What a topic refuses. A broker may not know yet of one that was just created, or not what was set of it: that is
/// taken as it was set.
fn limits_of(plan: &Plan, limits: Result<TopicLimits, TopicError>, created: Option<Create>) -> TopicLimits {
    let Some(create) = created else { return or_default(plan, limits) };
    let read = limits.unwrap_or_default();
    TopicLimits { max_message_bytes: create.max_message_bytes.unwrap_or(read.max_message_bytes), ..read }
}

/// What a topic refuses; where that is not known, the brokers' defaults.
fn or_default(plan: &Plan, limits: Result<TopicLimits, TopicError>) -> TopicLimits {
    limits.unwrap_or_else(|error| {
        tracing::warn!(target: "pipeline", pipeline = %plan.name, "the limits of a topic cannot be read ({error}): assuming the brokers' defaults");
        TopicLimits::default()
    })
}

/// A dead letter is its input record and our headers: a DLQ that takes no more than the input may not take it.
fn warn_of_tight_dlq(plan: &Plan, last: Option<&TopicLimits>, inputs: &[TopicLimits]) {
    let (Some(dlq), Some(limits)) = (&plan.dlq, last) else { return };
    let largest = inputs.iter().map(|input| input.max_message_bytes).max().unwrap_or_default();
    let (has, needs) = (limits.max_message_bytes, largest + DEAD_LETTER_HEADERS);
    if has < needs {
        tracing::warn!(
            target: "pipeline", pipeline = %plan.name, topic = dlq.topic.name, max_message_bytes = has,
            "the dead-letter topic may not take every record: raise its max.message.bytes to {needs} (the input's and 64 KiB)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PlanOptions, load_text};

    #[test]
    fn what_was_set_of_a_topic_that_was_just_created_counts_whatever_a_broker_says_of_it_yet() {
        let text = "name: p\nkafka: { bootstrap.servers: nowhere:1 }\ninput: { topics: [in] }\n\
                    outputs: { default: { topic: out } }\n";
        let options = PlanOptions::default();
        let (plan, _) = load_text("p.yaml".as_ref(), text, &|_| None, &options).unwrap();
        let create = Create { partitions: 1, replication: 1, max_message_bytes: Some(2_000_000), compacted: false };
        let set = |read, created| limits_of(&plan, read, created).max_message_bytes;
        let unknown = || Err(TopicError::Missing("it is not known yet".to_owned()));
        assert_eq!(set(Ok(TopicLimits::default()), Some(create)), 2_000_000);
        assert_eq!(set(unknown(), Some(create)), 2_000_000);
        let of_the_cluster = TopicLimits { max_message_bytes: 500, ..TopicLimits::default() };
        assert_eq!(set(Ok(of_the_cluster), Some(Create { max_message_bytes: None, ..create })), 500);
        assert_eq!(set(Ok(of_the_cluster), None), 500);
    }

    #[test]
    fn only_a_topic_that_is_written_to_may_be_created_by_the_pipeline() {
        let missing = TopicError::Missing("topic \"out\" does not exist: create it".to_owned());
        assert!(or_created(missing).to_string().ends_with(
            "create it, or let the pipeline do so with \
            `create: { partitions: 4, replication: 3 }` beside its name"
        ));
        assert_eq!(or_created(TopicError::Topic("no".to_owned())).to_string(), "no");
    }

    #[test]
    fn only_a_stop_ends_a_pipeline_that_waits_for_a_broker() {
        let (sender, events) = rt::channel();
        let (asked, answered) = rt::channel::<()>();
        let reply = Box::new(move || drop(asked));
        sender.send(Event::Command(Command::Publish(reply))).unwrap();
        assert!(!is_stopped(&events, rt::now()));
        assert!(answered.is_closed(), "whoever asks is not left waiting");
        sender.send(Event::Command(Command::Stop { asked: rt::now() })).unwrap();
        assert!(is_stopped(&events, rt::now() + RETRY_WAIT));
    }
}
