//! The calls for transactions: each begins something that goes on by itself, and waits for its end up to a time-out.
//! The same call made again waits for the same; another is refused meanwhile.

mod requests;

use std::collections::BTreeSet;
use std::sync::Arc;

use sluicebox::kafka::{Committed, KafkaError, Properties, TopicPartition, TransactionError};

use super::{ClientId, millis};
use crate::cluster::codes::{self, Code};
use crate::cluster::group::Who;
use crate::scheduler::{Nanos, Process};
use crate::world::World;

/// A group, its member, and the offsets that it commits.
pub(super) type Offsets = (Arc<str>, Who, Vec<(TopicPartition, Committed)>);
type OnCalled = Box<dyn FnOnce(&mut World, Result<(), TransactionError>)>;

/// Calls that wait for a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Init,
    SendOffsets,
    Commit,
    Abort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Ready,
    Begun,
}

/// The transactions of one producer.
pub(super) struct Transaction {
    pub(super) id: Arc<str>,
    /// The partition that was refused last.
    pub(super) refused: Option<String>,
    timeout: Nanos,
    state: State,
    // It must be aborted; or, where it says so, nothing more can be done.
    error: Option<(Code, bool)>,
    added: BTreeSet<TopicPartition>,
    adding: BTreeSet<TopicPartition>,
    has_offsets: bool,
    call: Option<Call>,
    // Tells the calls apart.
    calls: u64,
    result: Option<Result<(), TransactionError>>,
    when_called: Option<OnCalled>,
}

impl Transaction {
    /// None where the producer has no transactional id.
    pub(super) fn new(properties: &Properties, process: Process) -> Option<Transaction> {
        let id = properties.get("transactional.id")?;
        // All simulated processes are one, whose random name would be the same; those without an instance differ by
        // their number.
        let is_random = id.rsplit('-').next().is_some_and(|name| name.len() == 16);
        let id = if is_random { format!("random-{}", process.0) } else { id.clone() };
        Some(Transaction {
            id: id.into(),
            refused: None,
            timeout: millis(properties, "transaction.timeout.ms", 60_000),
            state: State::New,
            error: None,
            added: BTreeSet::new(),
            adding: BTreeSet::new(),
            has_offsets: false,
            call: None,
            calls: 0,
            result: None,
            when_called: None,
        })
    }

    /// Whether a record may be sent now.
    pub(super) fn check_send(&self) -> Result<(), Code> {
        match (self.error, self.state) {
            (Some((_, true)), _) => Err(codes::FATAL),
            (Some((_, false)), _) | (None, State::New | State::Ready) => Err(codes::STATE),
            (None, State::Begun) if matches!(self.call, Some(Call::Commit | Call::Abort)) => Err(codes::STATE),
            (None, State::Begun) => Ok(()),
        }
    }

    /// Whether a partition is in it.
    pub(super) fn has(&self, at: &TopicPartition) -> bool {
        self.added.contains(at)
    }

    fn failure(&self) -> Option<TransactionError> {
        self.error.map(|(code, is_fatal)| {
            let cause = KafkaError::from(code);
            if is_fatal { TransactionError::Fatal(cause) } else { TransactionError::Abort(cause) }
        })
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && !self.has_offsets
    }
}

fn is_fencing(code: Code) -> bool {
    code == codes::INVALID_PRODUCER_EPOCH || code == codes::PRODUCER_FENCED
}

impl World {
    fn transaction(&mut self, id: ClientId) -> Option<&mut Transaction> {
        self.producer(id)?.transaction.as_mut()
    }

    /// Something of a transaction has failed.
    pub(super) fn on_transaction_error(&mut self, id: ClientId, code: Code, at: &TopicPartition) {
        let Some(transaction) = self.transaction(id) else { return };
        let is_fatal = is_fencing(code);
        if transaction.error.is_none_or(|(_, before)| is_fatal && !before) {
            transaction.error = Some((code, is_fatal));
        }
        if code == codes::TOPIC_AUTHORIZATION {
            transaction.refused = Some(format!("{at}: {}", KafkaError::from(code).text));
        }
        if is_fatal {
            self.count("producer fenced");
            self.purge(id);
        }
    }

    pub(super) fn begin_transaction(&mut self, id: ClientId) -> Result<(), TransactionError> {
        let state = || TransactionError::Fatal(codes::STATE.into());
        let transaction = self.transaction(id).ok_or_else(state)?;
        if let Some(failure) = transaction.failure() {
            return Err(failure);
        }
        if transaction.call.is_some() || transaction.state != State::Ready {
            return Err(state());
        }
        transaction.state = State::Begun;
        Ok(())
    }

    /// Begins a call, or goes on with it. Returns whether it never comes back, as librdkafka's for offsets does where
    /// the group's coordinator goes away at the wrong moment.
    pub(super) fn begin_call(
        &mut self,
        id: ClientId,
        call: Call,
        data: Option<Offsets>,
    ) -> Result<bool, TransactionError> {
        let forgets = self.rng.u8(..4) == 0;
        let away = data.as_ref().is_some_and(|(name, ..)| {
            let coordinator = self.cluster.group(name).coordinator;
            !self.cluster.is_up(coordinator)
        });
        let Some(transaction) = self.transaction(id) else {
            return Err(TransactionError::Fatal(codes::STATE.into()));
        };
        match transaction.call {
            Some(other) if other == call && call != Call::SendOffsets => return Ok(false),
            Some(_) => return Err(TransactionError::Retry(codes::CONFLICT.into())),
            None => {}
        }
        if let Some(failure) = transaction.failure()
            && !(call == Call::Abort && matches!(failure, TransactionError::Abort(_)))
        {
            return Err(failure);
        }
        let is_in_order = match call {
            Call::Init => transaction.state == State::New,
            Call::SendOffsets | Call::Commit | Call::Abort => transaction.state == State::Begun,
        };
        if !is_in_order {
            return Err(TransactionError::Fatal(codes::STATE.into()));
        }
        (transaction.call, transaction.result) = (Some(call), None);
        transaction.calls += 1;
        let number = transaction.calls;
        if away && forgets {
            self.count("call for offsets that never comes back");
            return Ok(true);
        }
        match (call, data) {
            (Call::Init, _) => self.init(id, number),
            (Call::SendOffsets, Some(data)) => self.add_offsets(id, number, data),
            (Call::Commit, _) => self.flush(id, Box::new(move |world| world.end_when_flushed(id, number, true))),
            (Call::Abort, _) => {
                self.purge(id);
                self.flush(id, Box::new(move |world| world.end_when_flushed(id, number, false)));
            }
            (Call::SendOffsets, None) => {}
        }
        Ok(false)
    }

    /// Calls `then` with the end of the call that is under way.
    pub(super) fn when_called(&mut self, id: ClientId, then: OnCalled) {
        let Some(transaction) = self.transaction(id) else { return };
        match transaction.result.take() {
            Some(result) => {
                transaction.call = None;
                then(self, result);
            }
            None => transaction.when_called = Some(then),
        }
    }

    /// A call was not over in time. That for offsets is not gone on with.
    pub(super) fn give_call_up(&mut self, id: ClientId, call: Call) {
        let Some(transaction) = self.transaction(id) else { return };
        transaction.when_called = None;
        if call == Call::SendOffsets {
            transaction.call = None;
            transaction.calls += 1;
        }
    }

    fn is_current(&mut self, id: ClientId, number: u64) -> bool {
        self.transaction(id).is_some_and(|transaction| transaction.calls == number && transaction.call.is_some())
    }

    fn end_call(&mut self, id: ClientId, number: u64, result: Result<(), Code>) {
        if !self.is_current(id, number) {
            return;
        }
        let Some(transaction) = self.transaction(id) else { return };
        if let Err(code) = result
            && transaction.error.is_none_or(|(_, is_fatal)| !is_fatal)
        {
            transaction.error = Some((code, is_fencing(code)));
        }
        let result = result.map_err(|code| {
            let fallback = TransactionError::Abort(code.into());
            transaction.failure().unwrap_or(fallback)
        });
        match transaction.when_called.take() {
            Some(then) => {
                transaction.call = None;
                then(self, result);
            }
            None => transaction.result = Some(result),
        }
    }
}
