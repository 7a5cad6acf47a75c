//! The committer: a thread that makes the calls for transactions, which block, so that records go on being prepared
//! meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Sink;
use super::receipt::Receipt;
use crate::batch::Offset;
use crate::failpoint::{self, Failpoint};
use crate::kafka::{Committed, ErrorKind, GroupMetadata, KafkaError, Producer, TopicPartition, TransactionError};
use crate::rt::{self, Receiver, Turn};
use crate::sink::event::{SinkEvent, SinkEvents};

/// How long the group's coordinator may take for the offsets: as long as it takes to find another one.
const OFFSETS: Duration = Duration::from_secs(10);
/// How long one call may take before it is looked whether it should go on.
const SLICE: Duration = Duration::from_millis(500);
/// The same where acknowledgements are waited for.
const FLUSH_SLICE: Duration = Duration::from_millis(100);
/// How long to wait before a call that was refused for now is made again.
const AGAIN: Duration = Duration::from_millis(100);
/// After which time it is first logged that nobody answers.
const FIRST_COMPLAINT: Duration = Duration::from_secs(5);
/// How often it is logged after that.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);
/// How long to wait before a transactional id that was refused is tried again.
const REFUSED_AGAIN: Duration = Duration::from_millis(500);
/// How often it is logged that the transactional id is refused.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(10);
/// How long the last abort may take.
const LAST_ABORT: Duration = Duration::from_secs(1);

/// What the source asks for. One at a time: the next comes after the outcome of the last.
pub enum TransactionCommand {
    /// Register the transactional id, and begin a transaction.
    Begin,
    /// Wait until everything that was written is acknowledged.
    Flush,
    /// Commit the transaction with these offsets of the group, and begin the next.
    Commit {
        /// The offsets.
        offsets: Vec<(TopicPartition, Committed)>,
        /// The group's member that they belong to.
        group: GroupMetadata,
    },
    /// Abort the transaction, with a new producer where the old one can do nothing more, and begin the next.
    Abort,
}

/// What became of it.
#[derive(Debug)]
pub enum TransactionOutcome {
    /// A transaction has begun, and nothing is in it.
    Begun {
        /// What had made the last one fail, where librdkafka knows.
        cause: Option<KafkaError>,
        /// Where that took a new producer: what ended the old one.
        renewed: Option<KafkaError>,
    },
    /// Everything is acknowledged or has failed.
    Flushed,
    /// The transaction is committed, and the next has begun.
    Committed(Vec<(TopicPartition, Offset)>),
    /// The transaction cannot be committed, or it is not known whether it is: it has to be aborted.
    Failed(KafkaError),
    /// There will be no transactions: why.
    Broken(KafkaError),
}

/// Makes the calls of one pipeline.
pub struct Committer {
    pipeline: Arc<str>,
    sink: Arc<Sink>,
    events: SinkEvents,
    // After this time the broker aborts a transaction.
    timeout: Duration,
    // How long a transactional id that is refused is tried.
    patience: Duration,
    // Nothing is waited for any more.
    ended: Arc<AtomicBool>,
}

impl Committer {
    /// Returns a committer for a sink; `timeout` is the producer's transaction.timeout.ms, `patience` how long the
    /// right to use the transactional id is waited for, and `ended` is set when nothing is to be waited for any more.
    pub fn new(
        pipeline: Arc<str>,
        sink: Arc<Sink>,
        events: SinkEvents,
        timeout: Duration,
        patience: Duration,
        ended: Arc<AtomicBool>,
    ) -> Committer {
        Committer { pipeline, sink, events, timeout, patience, ended }
    }

    /// Makes the next call that is asked for. Ends when nobody asks any more: what is open then is aborted, so that it
    /// holds up no reader.
    pub fn turn(&self, commands: &Receiver<TransactionCommand>) -> Turn<()> {
        if let Some(command) = commands.try_recv() {
            let outcome = self.execute(command);
            self.events.send_and_wake(SinkEvent::Transaction(outcome));
            return Turn::Again;
        }
        if !commands.is_closed() {
            return Turn::Wait;
        }
        // An error leaves the rest to the transaction's time-out.
        let _ = self.sink.producer(|producer| producer.abort_transaction(LAST_ABORT));
        Turn::Ended(())
    }

    fn execute(&self, command: TransactionCommand) -> TransactionOutcome {
        match command {
            TransactionCommand::Begin => self.register(None, None),
            TransactionCommand::Flush => self.flush(),
            TransactionCommand::Commit { offsets, group } => self.commit(offsets, group),
            TransactionCommand::Abort => self.abort(),
        }
    }

    fn register(&self, cause: Option<KafkaError>, renewed: Option<KafkaError>) -> TransactionOutcome {
        let (since, mut said) = (rt::now(), None);
        loop {
            let begun = self.retry_until(None, || self.sink.producer(|producer| producer.init_transactions(SLICE)));
            let refusal = match begun.and_then(|()| self.begin()) {
                Ok(()) => return TransactionOutcome::Begun { cause, renewed },
                Err(error) => error.into_cause(),
            };
            let (now, end) = (rt::now(), since + self.patience);
            if refusal.kind != ErrorKind::Authorization || now >= end || self.ended() {
                return TransactionOutcome::Broken(refusal);
            }
            if said.is_none_or(|said| now - said >= REFUSAL_INTERVAL) {
                said = Some(now);
                tracing::warn!(
                    target: "transactions", pipeline = %self.pipeline,
                    "the brokers do not allow the transactional id: {refusal}; waiting {} s longer for the right \
                     (`kafka_patience`), then the pipeline ends", (end - now).as_secs()
                );
            }
            rt::sleep(REFUSED_AGAIN);
            // The client takes a refusal for the end of the producer.
            if let Err(error) = self.sink.renew_producer() {
                return TransactionOutcome::Broken(KafkaError::new(ErrorKind::Fatal, format!("{error:#}")));
            }
        }
    }

    fn begin(&self) -> Result<(), TransactionError> {
        self.sink.producer(|producer| producer.begin_transaction())
    }

    fn flush(&self) -> TransactionOutcome {
        let (deadline, mut say_at) = (rt::now() + self.timeout, rt::now() + FIRST_COMPLAINT);
        while !self.sink.producer(|producer| producer.flush(FLUSH_SLICE)) {
            // Of a transaction that has failed, librdkafka keeps what it would send again until the abort.
            if let Err(TransactionError::Abort(cause)) = self.begin() {
                return TransactionOutcome::Failed(cause);
            }
            if rt::now() >= say_at {
                say_at = rt::now() + COMPLAINT_INTERVAL;
                tracing::warn!(
                    target: "transactions", pipeline = %self.pipeline,
                    "what was written in this transaction is not acknowledged yet; waiting until it times out"
                );
            }
            if rt::now() > deadline || self.ended() {
                return TransactionOutcome::Failed(KafkaError::timed_out("not everything was acknowledged in time"));
            }
        }
        TransactionOutcome::Flushed
    }

    fn commit(&self, offsets: Vec<(TopicPartition, Committed)>, group: GroupMetadata) -> TransactionOutcome {
        let sent = offsets.iter().map(|(at, committed)| (at.clone(), committed.offset)).collect();
        let commit = || self.sink.producer(|producer| producer.commit_transaction(SLICE));
        let committed = self.send_offsets(offsets, group).and_then(|()| {
            failpoint::reach(Failpoint::OffsetsSent);
            self.retry_until(Some(self.timeout), commit)
        });
        if let Err(error) = committed {
            return TransactionOutcome::Failed(error.into_cause());
        }
        match self.begin() {
            Ok(()) => TransactionOutcome::Committed(sent),
            Err(error) => TransactionOutcome::Failed(error.into_cause()),
        }
    }

    /// The one call without a deadline of its own: where the group's coordinator goes away at the wrong moment,
    /// librdkafka 2.12 forgets to go on with it.
    fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, Committed)>,
        group: GroupMetadata,
    ) -> Result<(), TransactionError> {
        let patience = self.timeout.min(OFFSETS);
        let send = move |producer: &dyn Producer<Receipt>| producer.send_offsets(&offsets, &group, patience);
        let lost =
            || TransactionError::Fatal(KafkaError::timed_out("the group's coordinator did not take the offsets"));
        // A little more than it should take by itself.
        self.sink.producer_within(patience + SLICE, send).unwrap_or_else(|| Err(lost()))
    }

    fn abort(&self) -> TransactionOutcome {
        // Refused in a transaction that has failed, with the reason; in one that is open nothing comes of it.
        let cause = match self.begin() {
            Err(TransactionError::Abort(cause)) => {
                let refused = self.sink.producer(|producer| producer.refused_partition());
                Some(refused.map_or(cause.clone(), |partition| KafkaError { text: partition, ..cause }))
            }
            Ok(()) | Err(TransactionError::Retry(_) | TransactionError::Fatal(_)) => None,
        };
        let abort = || self.sink.producer(|producer| producer.abort_transaction(SLICE));
        let aborted = self.retry_until(Some(self.timeout), abort);
        let is_outdated = self.sink.is_producer_outdated();
        if aborted.is_ok() && is_outdated && !self.ended() {
            return self.renew(cause, None);
        }
        let Err(error) = aborted.and_then(|()| self.begin()) else {
            return TransactionOutcome::Begun { cause, renewed: None };
        };
        if self.ended() {
            // The next start may have registered our id already.
            return TransactionOutcome::Failed(error.into_cause());
        }
        if self.sink.is_fenced() {
            // A new one would take the id from whoever has our name now.
            return TransactionOutcome::Broken(error.into_cause());
        }
        tracing::info!(
            target: "transactions", pipeline = %self.pipeline,
            "this producer cannot go on ({}): making a new one", error.cause()
        );
        self.renew(cause, Some(error.into_cause()))
    }

    fn renew(&self, cause: Option<KafkaError>, renewed: Option<KafkaError>) -> TransactionOutcome {
        match self.sink.renew_producer() {
            Ok(()) => self.register(cause, renewed),
            Err(error) => TransactionOutcome::Broken(KafkaError::new(ErrorKind::Fatal, format!("{error:#}"))),
        }
    }

    /// Makes a call until it is over, has failed, or `patience` is used up; without one only the pipeline's end ends
    /// it.
    fn retry_until(
        &self,
        patience: Option<Duration>,
        call: impl Fn() -> Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        let (begun, mut say_at) = (rt::now(), rt::now() + FIRST_COMPLAINT);
        loop {
            let asked = rt::now();
            let cause = match call() {
                // Another call was not over in time, and will not be waited for any more.
                Err(TransactionError::Retry(cause)) if cause.kind == ErrorKind::Conflict => {
                    return Err(TransactionError::Fatal(cause));
                }
                Err(TransactionError::Retry(cause)) => cause,
                result => return result,
            };
            if self.ended() || patience.is_some_and(|patience| rt::now() - begun > patience) {
                return Err(TransactionError::Fatal(cause));
            }
            if rt::now() >= say_at {
                say_at = rt::now() + COMPLAINT_INTERVAL;
                tracing::warn!(target: "transactions", pipeline = %self.pipeline, "no transaction yet: {cause}; trying again");
            }
            // A call that was not over in time has waited already.
            rt::sleep(AGAIN.saturating_sub(rt::now() - asked));
        }
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests;
