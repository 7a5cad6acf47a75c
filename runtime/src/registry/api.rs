//! Confluent's API: its paths, and its answers as JSON.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::error::{RegistryError, RegistryErrorKind};
use super::http::{Answer, Client};
use super::{NewSchema, RegisteredSchema, Registry, SchemaId, SchemaKind, SchemaReference, Version};
use crate::config::plan::SchemaRegistry;
use crate::counters::RegistryCounters;

/// Confluent's word that there is no schema of an id.
const UNKNOWN_SCHEMA: u64 = 40403;
/// Error codes about what was asked: no subject, no version, soft-deleted ones, incompatible and invalid schemas,
/// invalid versions.
const ABOUT_THE_QUESTION: [u64; 10] = [40401, 40402, 40404, 40405, 40406, 409, 42201, 42202, 42203, 42206];

/// A registry that speaks Confluent's API by HTTP.
pub struct HttpRegistry {
    client: Client,
    counters: Arc<RegistryCounters>,
}

/// A schema in an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaAnswer {
    #[serde(default)]
    id: Option<u32>,
    #[serde(default)]
    guid: Option<String>,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    schema_type: Option<String>,
    schema: String,
    #[serde(default)]
    references: Option<Vec<ReferenceAnswer>>,
    #[serde(default)]
    rule_set: Option<Value>,
}

#[derive(Deserialize)]
struct ReferenceAnswer {
    name: String,
    subject: String,
    version: u32,
}

#[derive(Deserialize)]
struct IdAnswer {
    id: u32,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error_code: u64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct CompatibilityAnswer {
    is_compatible: bool,
    #[serde(default)]
    messages: Vec<String>,
}

impl HttpRegistry {
    /// Returns the registry of a plan. Asks nothing yet.
    ///
    /// # Errors
    /// A file of certificates cannot be read.
    pub fn new(plan: &SchemaRegistry, counters: Arc<RegistryCounters>) -> anyhow::Result<HttpRegistry> {
        Ok(HttpRegistry { client: Client::new(plan)?, counters })
    }

    fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, RegistryError> {
        let body = body.map(Value::to_string);
        let answer = self.client.ask(method, path, body.as_deref()).and_then(|answer| read(&answer));
        match &answer {
            Ok(_) => self.counters.answered.add(1),
            Err(error) => match error.kind {
                RegistryErrorKind::UnknownSchema => self.counters.unknown.add(1),
                RegistryErrorKind::Refused => self.counters.refused.add(1),
                RegistryErrorKind::Absent => self.counters.absent.add(1),
            },
        }
        answer
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, RegistryError> {
        self.ask(&Method::GET, path, None)
    }
}

impl Registry for HttpRegistry {
    fn schema(&self, id: SchemaId) -> Result<RegisteredSchema, RegistryError> {
        let answer: SchemaAnswer = match id {
            SchemaId::Number(number) => self.get(&format!("/schemas/ids/{number}"))?,
            SchemaId::Guid(_) => self.get(&format!("/schemas/guids/{id}"))?,
        };
        let mut schema = answer.schema()?;
        match id {
            SchemaId::Number(number) => schema.id = Some(number),
            SchemaId::Guid(guid) => schema.guid = Some(guid),
        }
        Ok(schema)
    }

    fn version(&self, subject: &str, version: Version) -> Result<RegisteredSchema, RegistryError> {
        let version = match version {
            Version::Latest => "latest".to_owned(),
            Version::Number(number) => number.to_string(),
        };
        self.get::<SchemaAnswer>(&format!("/subjects/{}/versions/{version}", escaped(subject)))?.schema()
    }

    fn find(&self, subject: &str, schema: &NewSchema) -> Result<RegisteredSchema, RegistryError> {
        let path = format!("/subjects/{}", escaped(subject));
        self.ask::<SchemaAnswer>(&Method::POST, &path, Some(&schema.body()))?.schema()
    }

    fn register(&self, subject: &str, schema: &NewSchema) -> Result<u32, RegistryError> {
        let path = format!("/subjects/{}/versions", escaped(subject));
        Ok(self.ask::<IdAnswer>(&Method::POST, &path, Some(&schema.body()))?.id)
    }

    fn incompatibilities(&self, subject: &str, schema: &NewSchema) -> Result<Vec<String>, RegistryError> {
        let path = format!("/compatibility/subjects/{}/versions?verbose=true", escaped(subject));
        match self.ask::<CompatibilityAnswer>(&Method::POST, &path, Some(&schema.body())) {
            Ok(CompatibilityAnswer { is_compatible: true, .. }) => Ok(Vec::new()),
            Ok(CompatibilityAnswer { messages, .. }) if messages.is_empty() => {
                Ok(vec!["the registry does not say why".to_owned()])
            }
            Ok(CompatibilityAnswer { messages, .. }) => Ok(messages),
            // There is nothing yet that it has to be compatible with.
            Err(error) if error.kind == RegistryErrorKind::Refused && error.message.contains("40401") => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        self.get("/subjects")
    }

    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        self.get(&format!("/subjects/{}/versions", escaped(subject)))
    }
}

impl NewSchema {
    fn body(&self) -> Value {
        let mut body = json!({ "schema": self.text });
        if self.kind != SchemaKind::Avro {
            body["schemaType"] = self.kind.as_str().into();
        }
        if !self.references.is_empty() {
            let reference = |reference: &SchemaReference| {
                let SchemaReference { name, subject, version } = reference;
                json!({ "name": name, "subject": subject, "version": version })
            };
            body["references"] = self.references.iter().map(reference).collect();
        }
        body
    }
}

impl SchemaAnswer {
    fn schema(self) -> Result<RegisteredSchema, RegistryError> {
        let kind = self.schema_type.as_deref().map_or(Some(SchemaKind::Avro), SchemaKind::parse);
        let Some(kind) = kind else {
            let word = self.schema_type.unwrap_or_default();
            return Err(RegistryError::new(RegistryErrorKind::Refused, format!("a schema of the kind {word:?}")));
        };
        let reference = |ReferenceAnswer { name, subject, version }| SchemaReference { name, subject, version };
        Ok(RegisteredSchema {
            id: self.id,
            guid: self.guid.as_deref().and_then(parse_guid),
            version: self.version,
            kind,
            text: self.schema,
            references: self.references.unwrap_or_default().into_iter().map(reference).collect(),
            has_rules: self.rule_set.as_ref().is_some_and(has_rules),
        })
    }
}

/// Returns what an answer holds, or what its error means.
fn read<T: for<'de> Deserialize<'de>>(answer: &Answer) -> Result<T, RegistryError> {
    if answer.status < 300 {
        return serde_json::from_str(&answer.body).map_err(|_| answer.as_absence());
    }
    let Ok(ErrorAnswer { error_code, message }) = serde_json::from_str(&answer.body) else {
        return Err(answer.as_absence());
    };
    let kind = match error_code {
        UNKNOWN_SCHEMA if answer.status == 404 => RegistryErrorKind::UnknownSchema,
        code if ABOUT_THE_QUESTION.contains(&code) => RegistryErrorKind::Refused,
        _ => return Err(answer.as_absence()),
    };
    Err(RegistryError::new(kind, format!("{}: {message} (error code {error_code})", answer.url)))
}

/// Returns whether a rule set asks for anything: a list of rules that is not empty.
fn has_rules(rule_set: &Value) -> bool {
    rule_set.as_object().is_some_and(|sets| sets.values().any(|rules| rules.as_array().is_some_and(|r| !r.is_empty())))
}

/// Reads a GUID with dashes.
pub(super) fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(number.to_be_bytes())
}

/// Returns a name as one part of a path.
fn escaped(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(char::from(byte)),
            // A part of dots alone would lead elsewhere.
            b'.' if name.bytes().any(|byte| byte != b'.') => path.push('.'),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}
