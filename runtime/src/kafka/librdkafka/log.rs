//! What librdkafka logs, as our log lines, under one target and marked with the pipeline.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

/// How often one kind of line is logged: while brokers are away librdkafka has several a second.
const AGAIN: Duration = Duration::from_secs(30);

/// librdkafka's number for "all brokers are down".
const ALL_DOWN: i32 = RDKafkaRespErr::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as i32;

/// The context of a client that only logs.
#[derive(Clone, Debug)]
pub struct Logging {
    pipeline: Arc<str>,
    // When each kind of line was last logged.
    said: Arc<Mutex<HashMap<String, Instant>>>,
    // What was last said of a login that failed.
    login_failure: Arc<Mutex<Option<String>>>,
    // What was last said of a connection that failed.
    connection_failure: Arc<Mutex<Option<String>>>,
}

/// What librdkafka's lines about a login that failed have in common; a metadata request that waits for the login only
/// times out.
const LOGIN_FAILURES: [&str; 3] = ["authentication error", "Authentication failed", "SSL handshake failed"];

impl Logging {
    /// Returns the context of a client of this pipeline.
    pub fn new(pipeline: &Arc<str>) -> Logging {
        let (login_failure, connection_failure) = (Arc::default(), Arc::default());
        Logging { pipeline: pipeline.clone(), said: Arc::default(), login_failure, connection_failure }
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// One line of librdkafka; `level` is syslog's. Its "error" is what we call a warning: it goes on by itself, and
    /// what stops a pipeline is reported by the pipeline. What comes again soon is logged as `debug`.
    pub fn write(&self, level: i32, fac: &str, message: &str) {
        let pipeline = &*self.pipeline;
        match level {
            0..=4 if self.is_news(fac) => tracing::warn!(target: "kafka", pipeline, "{fac}: {message}"),
            5 | 6 if self.is_news(fac) => tracing::info!(target: "kafka", pipeline, "{fac}: {message}"),
            _ => tracing::debug!(target: "kafka", pipeline, "{fac}: {message}"),
        }
    }

    /// Returns why the last login failed, where one has.
    pub fn login_failure(&self) -> Option<String> {
        self.login_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns why the last connection failed, where one has.
    pub fn connection_failure(&self) -> Option<String> {
        self.connection_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An error of the client.
    pub fn failed(&self, error: &crate::kafka::KafkaError) {
        use crate::kafka::ErrorKind;
        if error.kind == ErrorKind::Authentication {
            *self.login_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.text.clone());
        }
        self.note_login_failure(&error.text);
        // That all brokers are down follows from what was said of each.
        if error.kind == ErrorKind::Unavailable && error.code != ALL_DOWN {
            *self.connection_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.text.clone());
        }
        self.write(4, &error.code.to_string(), &error.text);
    }

    fn note_login_failure(&self, message: &str) {
        if LOGIN_FAILURES.iter().any(|failure| message.contains(failure)) {
            *self.login_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.to_owned());
        }
    }

    fn is_news(&self, kind: &str) -> bool {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get(kind) {
            Some(last) if now - *last < AGAIN => false,
            Some(_) | None => {
                said.insert(kind.to_owned(), now);
                true
            }
        }
    }
}

impl ClientContext for Logging {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.note_login_failure(message);
        self.write(level as i32, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note_login_failure(reason);
        let kind = error.to_string();
        // Its level is syslog's for a warning.
        self.write(4, &kind, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_failed_is_remembered() {
        let logging = Logging::new(&"p".into());
        logging.log(RDKafkaLogLevel::Error, "FAIL", "[thrd:x]: Connect to x failed: Connection refused");
        assert_eq!(logging.login_failure(), None);
        let refused = "[thrd:sasl_ssl://x]: SASL authentication error: Authentication failed during authentication";
        logging.log(RDKafkaLogLevel::Error, "FAIL", refused);
        assert_eq!(logging.login_failure().as_deref(), Some(refused));
    }

    #[test]
    fn one_kind_of_warning_is_news_once_in_a_while() {
        let logging = Logging::new(&"p".into());
        assert!(logging.is_news("FAIL"));
        assert!(!logging.is_news("FAIL"));
        assert!(logging.is_news("AllBrokersDown"));
    }
}
