//! Actions: what the state machines of the source ask its loop to do. A machine decides and never calls a client
//! itself.

use std::sync::Arc;

use super::authorization::Refused;
use super::partitions::Start;
use super::question::Question;
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::kafka::{Committed, KafkaError, TopicPartition};
use crate::lease::Lease;
use crate::sink::committer::TransactionCommand;
use crate::worker::Job;

/// Something for the loop to do. Actions are carried out in the order in which they were asked for.
pub enum Action {
    /// Take these partitions, and begin with each where it says. Answers a rebalance.
    Assign(Vec<(TopicPartition, Start)>),
    /// Look whether this is a member of the group, though nothing was assigned.
    LookForMembership,
    /// Give these partitions up. Answers a rebalance.
    Unassign(Vec<TopicPartition>),
    /// Stop fetching these partitions.
    Pause(Vec<TopicPartition>),
    /// Fetch these partitions again, each from where it is read next.
    ReadOn(Vec<TopicPartition>),
    /// After a rebalance, in which the client has paused and resumed partitions by itself: fetch those that are to be
    /// fetched, from where each is read next, and pause the others. All partitions but these.
    ReadOnAfterRebalance {
        /// Partitions that were assigned in this moment, and need nothing.
        except: Vec<TopicPartition>,
    },
    /// Read partitions, by index, again from these offsets (none: the beginning of the log), each in a new generation.
    RestartFrom(Vec<(usize, Option<Offset>)>),
    /// Let a partition, by index, send its records to another worker. It is paused and drained.
    MoveTo {
        /// The partition.
        index: usize,
        /// The worker.
        worker: usize,
    },
    /// Commit these offsets.
    Commit(Vec<(TopicPartition, Committed)>),
    /// Commit what is delivered of all partitions as soon as possible, by whatever way the delivery guarantee asks for.
    RequestCommit,
    /// Ask the brokers something on another thread.
    Ask(Question),
    /// Make a call for the transaction.
    Transaction(TransactionCommand),
    /// Commit the transaction with these offsets.
    CommitTransaction(Vec<(TopicPartition, Committed)>),
    /// Abort the transaction: why.
    Abort(String),
    /// Let no worker begin to write.
    CloseWriteGate,
    /// Let workers write.
    OpenWriteGate,
    /// Everything that is on its way is not to be written or committed: it is read again.
    InvalidateInFlight,
    /// Throw away what is gathered and was not handed to a worker.
    ClearIntake,
    /// Throw away what the producer has queued.
    PurgeProducer,
    /// Tell a worker that retries of a partition are not waited for.
    AbandonRetries {
        /// The worker.
        worker: usize,
        /// The partition and generation.
        lease: Arc<Lease>,
    },
    /// What a probe of the circuit breaker has gathered may no longer be ours, or not be all: gather it again.
    GatherProbeAgain,
    /// Hand a job to a worker.
    Dispatch {
        /// The worker.
        worker: usize,
        /// The job.
        job: Job,
    },
    /// Close the circuit breaker, and let all stages count from zero.
    ResetBreakers,
    /// Begin to look at the newest records, for the circuit breaker.
    LookAhead(Vec<(TopicPartition, Offset)>),
    /// Nothing is waited for any more.
    CutOff,
    /// A broker has refused something for want of a right.
    Refused(Refused, KafkaError),
    /// End the pipeline with this error. The first reason counts.
    Fail(PipelineError),
}

/// Actions in order.
pub type Actions = Vec<Action>;
