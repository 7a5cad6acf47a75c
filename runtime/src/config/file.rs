//! A pipeline file as it is written: its shape and nothing else. The JSON Schema is generated from these types.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::Position;
use super::file_format::{InputFormat, OutputFormat, SchemaRegistry};
use super::json::Json;
use super::plan::{Delivery, Hold, OnBreak, OnLostOffset, Oversize, Start, Then};
use super::scalar::{Choice, FromText, Mismatch, Size};
use super::written::{Located, Map, Written};

/// The JSON Schema of a pipeline file.
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Pipeline>();
    schema.insert("title".to_owned(), "Sluicebox pipeline".into());
    schema.to_value()
}

/// One pipeline: Kafka in, a chain of plugins, Kafka out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The pipeline's name, unique among all that run; it is part of headers and transactional ids.
    pub name: Written<String>,
    /// librdkafka properties of both clients, by their own names; `bootstrap.servers` is one.
    pub kafka: Located<Map<Written<Property>>>,
    /// librdkafka properties of the consumer alone, over those of `kafka`.
    #[serde(default)]
    pub consumer: Map<Written<Property>>,
    /// librdkafka properties of the producer alone, over those of `kafka`.
    #[serde(default)]
    pub producer: Map<Written<Property>>,
    /// Where schemas of formats are kept.
    pub schema_registry: Option<SchemaRegistry>,
    /// What is read.
    pub input: Input,
    /// The delivery guarantee. Default: `at_least_once`.
    pub delivery: Option<Written<Delivery>>,
    /// A name that no other running instance has: static membership and a stable transactional id. Empty is none.
    pub instance: Option<Written<String>>,
    /// Worker threads. Default: the machine's cores.
    pub workers: Option<Written<usize>>,
    /// When a batch is full.
    #[serde(default)]
    pub batch: Batch,
    /// The chain, in order. None: records are copied.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// Where records go, by name; `default` takes what comes out of the last stage.
    pub outputs: Located<Map<Output>>,
    /// The dead-letter topic; required unless no stage can send to it.
    pub dlq: Option<Dlq>,
    /// When failing records pause or stop the pipeline; `off` for never. Default: on.
    pub breaker: Option<Breaker>,
    /// How often offsets are committed. Default: 1s. Under exactly_once how long a transaction lasts at most. Default:
    /// 100ms.
    pub commit_interval: Option<Written<Duration>>,
    /// The deadline for what is in flight when partitions are revoked and at a stop. Default: 20s.
    pub drain: Option<Written<Duration>>,
    /// How long rights that are taken away while it runs are waited for before the pipeline ends. Default: 1m.
    pub kafka_patience: Option<Written<Duration>>,
    /// What is hidden of records that are shown: by the API, its page, taps and explanations. Default: nothing.
    #[serde(default)]
    pub show: Show,
    /// Traces for an OpenTelemetry collector. Default: none.
    pub traces: Option<Traces>,
}

/// The value of a librdkafka property.
#[derive(Debug)]
pub struct Property(pub String);

impl FromText for Property {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Ok(Property(text.to_owned()))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }

    fn shown(&self) -> String {
        self.0.clone()
    }
}

impl Choice for Delivery {}
impl Choice for Hold {}
impl Choice for OnBreak {}
impl Choice for OnLostOffset {}
impl Choice for Oversize {}
impl Choice for Start {}
impl Choice for Then {}

/// What a pipeline reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Topic names, or `^regex`.
    pub topics: Located<Vec<Written<String>>>,
    /// The consumer group. Default: the pipeline's name.
    pub group: Option<Written<String>>,
    /// Where to start where the group has no offset. Default: `earliest`.
    pub start: Option<Written<Start>>,
    /// What to do where the committed offset is gone. Default: `stop`.
    pub on_lost_offset: Option<Written<OnLostOffset>>,
    /// Whether the pipeline may read what it writes. Default: false.
    pub allow_loop: Option<Written<bool>>,
    /// How keys are decoded. Default: not at all.
    pub key: Option<InputFormat>,
    /// How values are decoded. Default: not at all.
    pub value: Option<InputFormat>,
}

/// When a batch is full: whichever comes first.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Records in a batch. Default: 1024.
    pub max_records: Option<Written<usize>>,
    /// Bytes in a batch. Default: 1MiB.
    pub max_bytes: Option<Written<Size>>,
    /// How long the first record waits for others. Default: 5ms.
    pub max_wait: Option<Written<Duration>>,
}

/// One configured use of a plugin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The stage's name, unique in the pipeline.
    pub name: Written<String>,
    /// A name in the plugin path, or a file (with a `/`, or ending in `.wasm`) relative to this one.
    pub plugin: Written<String>,
    /// JSON to the plugin's init.
    pub config: Option<Located<Json>>,
    /// What a call may use.
    #[serde(default)]
    pub limits: Limits,
    /// What the plugin may import beyond log and metrics. Default: nothing.
    #[serde(default)]
    pub grants: Grants,
    /// What becomes of what fails.
    #[serde(default)]
    pub on_error: OnError,
}

impl Stage {
    /// Where its configuration is; where there is none, its plugin.
    pub fn config_at(&self) -> Position {
        self.config.as_ref().map_or(self.plugin.at, |config| config.at)
    }
}

/// What a call may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Time for a whole batch. Default: 1s.
    pub time: Option<Written<Duration>>,
    /// Memory of one plugin instance. Default: 256MiB.
    pub memory: Option<Written<Size>>,
}

/// What a plugin may import.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// The wall and the monotonic clock.
    pub clock: Option<Written<bool>>,
    /// Randomness.
    pub random: Option<Written<bool>>,
    /// Environment variables of the host, by name.
    #[serde(default)]
    pub env: Vec<Written<String>>,
}

/// What becomes of what fails.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnError {
    /// Calls after the first. Default: 3.
    pub retries: Option<Written<usize>>,
    /// The first wait; it doubles. Default: 100ms.
    pub backoff: Option<Written<Duration>>,
    /// The longest wait. Default: 10s.
    pub max_backoff: Option<Written<Duration>>,
    /// What waits behind a record that waits: its partition, or under at_least_once its key alone. Default:
    /// `partition`.
    pub hold: Option<Written<Hold>>,
    /// What comes after the last call, and of everything that is not retried. Default: `dlq`.
    pub then: Option<Written<Then>>,
}

/// Where an output goes: a topic, or nowhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["topic"] }, { "required": ["drop"] }]))]
pub struct Output {
    /// The topic.
    pub topic: Option<Written<String>>,
    /// How to create the topic where it is missing. Default: it must exist.
    pub create: Option<Create>,
    /// `true`: what goes to this output is dropped, and that is meant.
    pub drop: Option<Written<bool>>,
    /// How keys are encoded. Default: not at all.
    pub key: Option<OutputFormat>,
    /// How values are encoded. Default: not at all.
    pub value: Option<OutputFormat>,
}

/// How to create a topic.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Number of partitions.
    pub partitions: Written<usize>,
    /// Replicas of each.
    pub replication: Written<usize>,
}

/// The dead-letter topic.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dlq {
    /// The topic.
    pub topic: Written<String>,
    /// How to create the topic where it is missing. Default: it must exist.
    pub create: Option<Create>,
    /// What becomes of a dead letter over the topic's limit. Default: `stop`.
    pub oversize: Option<Written<Oversize>>,
    /// Whether Kafka Connect's header names are added. Default: false.
    pub connect_headers: Option<Written<bool>>,
}

/// What is hidden of records that are shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Parts of a record that are hidden: `key`, `value`, `headers`, a field of JSON such as `value.customer.email`, or
    /// a header such as `headers.token`.
    #[serde(default)]
    pub mask: Vec<Written<String>>,
    /// Whether all keys, values and headers are hidden. Default: false.
    pub off: Option<Written<bool>>,
}

/// What is traced, and the OpenTelemetry collector that it is sent to by OTLP over HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The collector's address, path included: `http://collector:4318/v1/traces`.
    pub endpoint: Written<String>,
    /// The share of the records without a trace context that is traced, 0 to 1; those whose `traceparent` says sampled
    /// are traced in any case. Default: 0.01.
    pub sample: Option<Written<f64>>,
    /// Whether outputs of traced records carry the `traceparent` of a span of their own. Default: false.
    pub propagate: Option<Written<bool>>,
    /// Headers of each request, for credentials.
    #[serde(default)]
    pub headers: Map<Written<String>>,
    /// Attributes of the resource, such as `deployment.environment.name`.
    #[serde(default)]
    pub attributes: Map<Written<String>>,
    /// How long one request may take. Default: 10s.
    pub timeout: Option<Written<Duration>>,
    /// A file of certificates (PEM) to trust in place of the system's.
    pub ca: Option<Written<String>>,
    /// A file with the client's certificate (PEM).
    pub certificate: Option<Written<String>>,
    /// A file with the private key of that certificate (PEM).
    pub key: Option<Written<String>>,
}

/// `off`, or the rules of the breaker.
#[derive(Debug)]
pub enum Breaker {
    /// A word; only `off` is one.
    Word(Written<String>),
    /// The rules.
    Rules(BreakerRules),
}

/// When failing records pause or stop the pipeline.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerRules {
    /// The failing share of a stage's records, above 0 and up to 1. Default: 0.5.
    pub share: Option<Written<f64>>,
    /// Over which time. Default: 30s.
    pub window: Option<Written<Duration>>,
    /// How many records there must be in the window. Default: 100.
    pub min_records: Option<Written<usize>>,
    /// What happens. Default: `pause`.
    pub on_break: Option<Written<OnBreak>>,
}

impl<'de> Deserialize<'de> for Breaker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrRules;
        impl<'de> Visitor<'de> for WordOrRules {
            type Value = Breaker;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("off or a mapping")
            }

            fn visit_str<E>(self, word: &str) -> Result<Breaker, E> {
                Ok(Breaker::Word(Written::new(word.to_owned(), Default::default())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Breaker, A::Error> {
                BreakerRules::deserialize(MapAccessDeserializer::new(map)).map(Breaker::Rules)
            }
        }
        struct Bare(Breaker);
        impl<'de> Deserialize<'de> for Bare {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(WordOrRules).map(Bare)
            }
        }
        let Located { value: Bare(mut breaker), at } = Located::deserialize(deserializer)?;
        if let Breaker::Word(word) = &mut breaker {
            word.at = at;
        }
        Ok(breaker)
    }
}

impl JsonSchema for Breaker {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Breaker".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rules = generator.subschema_for::<BreakerRules>();
        json_schema!({ "anyOf": [{ "enum": ["off"] }, { "type": "string", "pattern": "\\$\\{" }, rules] })
    }
}
