//! The administrator, by rdkafka's own client for that.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::bindings as sys;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::client_config;
use super::event::Event;
use super::log::Logging;
use super::tokens::TokenKeeper;
use crate::kafka::{Create, DEFAULT_MAX_MESSAGE_BYTES, TopicAdmin, TopicError, TopicLimits};

/// A connection for questions about topics.
pub(super) struct NativeAdmin {
    // Before the client, which it is about.
    tokens: Option<TokenKeeper>,
    client: AdminClient<Logging>,
    runtime: tokio::runtime::Runtime,
    servers: String,
    timeout: Duration,
}

impl NativeAdmin {
    /// Connects with a client's properties.
    ///
    /// # Errors
    /// Properties that librdkafka refuses.
    pub fn new(
        pipeline: &Arc<str>,
        properties: &BTreeMap<String, String>,
        timeout: Duration,
    ) -> anyhow::Result<NativeAdmin> {
        let config = client_config(properties);
        let client: AdminClient<Logging> = config.create_with_context(Logging::new(pipeline))?;
        let native = client.inner();
        // SAFETY: the administrator owns both, and drops the keeper first.
        let tokens = unsafe { TokenKeeper::start(properties, native.native_ptr(), native.context()) }?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let servers = properties.get("bootstrap.servers").cloned().unwrap_or_default();
        Ok(NativeAdmin { tokens, client, runtime, servers, timeout })
    }

    fn create_topic(&self, role: &str, name: &str, create: Option<&Create>) -> Result<bool, TopicError> {
        let Some(Create { partitions, replication, max_message_bytes, compacted }) = create else {
            return Err(TopicError::Missing(format!("topic \"{name}\" ({role}) does not exist: create it")));
        };
        let limit = max_message_bytes.map(|bytes| bytes.to_string());
        let mut new = NewTopic::new(name, *partitions, TopicReplication::Fixed(*replication));
        if let Some(limit) = &limit {
            new = new.set("max.message.bytes", limit);
        }
        if *compacted {
            new = new.set("cleanup.policy", "compact");
        }
        let options = AdminOptions::new().operation_timeout(Some(self.timeout)).request_timeout(Some(self.timeout));
        let failed = |why: &dyn std::fmt::Display| {
            TopicError::Topic(format!("topic \"{name}\" ({role}) could not be created: {why}"))
        };
        let results = self.runtime.block_on(self.client.create_topics([&new], &options));
        match results.map_err(|error| failed(&error))?.pop() {
            Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => Err(failed(&code)),
            _ => {
                let pipeline = self.client.inner().context().pipeline();
                tracing::info!(target: "kafka", pipeline, topic = name, partitions, "created topic");
                Ok(true)
            }
        }
    }

    fn no_broker(&self, error: &rdkafka::error::KafkaError) -> TopicError {
        self.read_events();
        if let Some(cause) = self.tokens.as_ref().and_then(TokenKeeper::failure) {
            return TopicError::NoToken { servers: self.servers.clone(), cause };
        }
        if let Some(cause) = self.client.inner().context().login_failure() {
            return TopicError::Login { servers: self.servers.clone(), cause };
        }
        let code = || error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
        let cause = self.client.inner().context().connection_failure().unwrap_or_else(code);
        TopicError::NoBroker { servers: self.servers.clone(), cause }
    }

    /// Reads what has happened to the client, which nobody else does: rdkafka polls for answers alone.
    fn read_events(&self) {
        let (client, logging) = (self.client.inner().native_ptr(), self.client.inner().context());
        // SAFETY: the client lives; the queue is a reference of ours, given back once.
        unsafe {
            let Some(queue) = NonNull::new(sys::rd_kafka_queue_get_main(client)) else { return };
            while let Some(event) = Event::next(queue) {
                match event.kind() {
                    sys::RD_KAFKA_EVENT_LOG => event.log(logging),
                    sys::RD_KAFKA_EVENT_ERROR => logging.failed(&event.error()),
                    _ => {}
                }
            }
            sys::rd_kafka_queue_destroy(queue.as_ptr());
        }
    }

    fn ask_limits(&self, names: &[&str]) -> Vec<Result<TopicLimits, TopicError>> {
        let asked: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let options = AdminOptions::new().request_timeout(Some(self.timeout));
        let answers = match self.runtime.block_on(self.client.describe_configs(&asked, &options)) {
            Ok(answers) => answers,
            Err(error) => return vec![Err(self.no_broker(&error)); names.len()],
        };
        let unread = |name: &str, code| TopicError::Topic(format!("topic \"{name}\": {code}"));
        let answer = |(name, answer): (&&str, Result<ConfigResource, _>)| {
            answer.map(|resource| parse_limits(&resource)).map_err(|code| unread(name, code))
        };
        names.iter().zip(answers).map(answer).collect()
    }
}

impl TopicAdmin for NativeAdmin {
    fn ensure_topic(&self, role: &str, name: &str, create: Option<&Create>) -> Result<bool, TopicError> {
        use RDKafkaRespErr::{
            RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        };
        let metadata = self.client.inner().fetch_metadata(Some(name), self.timeout);
        let metadata = metadata.map_err(|error| self.no_broker(&error))?;
        match metadata.topics().first().and_then(|topic| topic.error()) {
            None => Ok(false),
            Some(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART | RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) => {
                self.create_topic(role, name, create)
            }
            Some(code) => {
                let message = format!("topic \"{name}\" ({role}): {}", RDKafkaErrorCode::from(code));
                // One that was just created has no leader yet.
                let is_new = code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
                Err(if is_new { TopicError::Missing(message) } else { TopicError::Topic(message) })
            }
        }
    }

    fn replication(&self, name: &str) -> Result<Option<i32>, TopicError> {
        let metadata = self.client.inner().fetch_metadata(Some(name), self.timeout);
        let metadata = metadata.map_err(|error| self.no_broker(&error))?;
        let partition = metadata.topics().first().and_then(|topic| topic.partitions().first());
        Ok(partition.map(|partition| partition.replicas().len() as i32))
    }

    fn limits(&self, names: &[&str]) -> Vec<Result<TopicLimits, TopicError>> {
        // Brokers refuse a question that names a topic twice.
        let distinct: Vec<&str> = BTreeSet::from_iter(names.iter().copied()).into_iter().collect();
        let limits: BTreeMap<&str, _> = distinct.iter().copied().zip(self.ask_limits(&distinct)).collect();
        let no_answer = || Err(TopicError::Topic("the brokers do not say what it refuses".to_owned()));
        names.iter().map(|name| limits.get(name).cloned().unwrap_or_else(no_answer)).collect()
    }

    fn close(self: Box<Self>) {
        // On a thread of its own: its drop waits for one that looks up every 100 ms only.
        std::thread::spawn(move || drop(self));
    }
}

fn parse_limits(resource: &ConfigResource) -> TopicLimits {
    let value = |name: &str| resource.get(name).and_then(|entry| entry.value.as_deref());
    // The brokers' default, "as far as the clock goes", is no bound.
    let bound = |name: &str| value(name).and_then(|text| text.parse().ok()).filter(|&bound| bound != i64::MAX);
    let create_time = value("message.timestamp.type") != Some("LogAppendTime");
    TopicLimits {
        max_message_bytes: value("max.message.bytes")
            .and_then(|text| text.parse().ok())
            .unwrap_or(DEFAULT_MAX_MESSAGE_BYTES),
        compacted: value("cleanup.policy").is_some_and(|policy| policy.split(',').any(|part| part.trim() == "compact")),
        timestamp_before: bound("message.timestamp.before.max.ms").filter(|_| create_time),
        timestamp_after: bound("message.timestamp.after.max.ms").filter(|_| create_time),
    }
}
