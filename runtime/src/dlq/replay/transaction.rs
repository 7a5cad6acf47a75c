//! The transactions of a replay, and what their errors mean to it.

use std::time::{Duration, Instant};

use super::attempt::Trouble;
use crate::kafka::{ErrorKind, KafkaError, TransactionError};
use crate::sink::Sink;

/// How long one call may take before it is made again.
const CALL: Duration = Duration::from_secs(10);
/// How long the brokers have to answer in all.
const PATIENCE: Duration = Duration::from_secs(90);

/// Registers the transactional id. A transaction that an earlier replay has left open is over after that, and a replay
/// that is still under way can commit nothing more.
pub fn register(sink: &Sink) -> Result<(), Trouble> {
    insist(|| sink.producer(|producer| producer.init_transactions(CALL)))
}

pub fn begin(sink: &Sink) -> Result<(), Trouble> {
    insist(|| sink.producer(|producer| producer.begin_transaction()))
}

pub fn commit(sink: &Sink) -> Result<(), Trouble> {
    insist(|| sink.producer(|producer| producer.commit_transaction(CALL)))
}

pub fn abort(sink: &Sink) -> Result<(), Trouble> {
    insist(|| sink.producer(|producer| producer.abort_transaction(CALL)))
}

fn insist(mut call: impl FnMut() -> Result<(), TransactionError>) -> Result<(), Trouble> {
    let begun = Instant::now();
    loop {
        match call() {
            Ok(()) => return Ok(()),
            Err(TransactionError::Retry(_)) if begun.elapsed() < PATIENCE => {}
            Err(TransactionError::Retry(cause)) => {
                return Err(Trouble::Over(format!("the brokers do not end the transaction: {cause}")));
            }
            Err(TransactionError::Abort(cause)) => return Err(Trouble::Aborted(cause.to_string())),
            Err(TransactionError::Fatal(cause)) => return Err(Trouble::Over(end(&cause))),
        }
    }
}

fn end(cause: &KafkaError) -> String {
    if cause.kind == ErrorKind::FencedProducer {
        return format!(
            "another replay of this pipeline has taken over, or a transaction took longer than `transaction.timeout.ms` \
             ({cause})"
        );
    }
    format!("the transaction failed: {cause}")
}
