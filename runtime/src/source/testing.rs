//! What the tests of the state machines share: partitions in a state, and what actions ask for.

use std::time::Duration;

use super::action::{Action, Actions};
use super::intake::Intake;
use super::note::Note;
use super::partitions::{OwnedPartitions, Start};
use crate::batch::Offset;
use crate::config::plan::BatchLimits;
use crate::kafka::TopicPartition;
use crate::rt::{self, Receiver, Wakeup};
use crate::sink::receipt::Span;
use crate::worker::WorkerMessage;

/// A partition of the topic `in`.
pub fn at(number: i32) -> TopicPartition {
    TopicPartition::new("in", number)
}

/// So many partitions, with the indices 0 and up, each committed at offset 0, for the workers 0, 1, .. in turn.
pub fn owned(count: i32, workers: usize) -> OwnedPartitions {
    let mut partitions = OwnedPartitions::default();
    for number in 0..count {
        let begin = Some(Offset(0));
        let start = Start { position: begin, committed: begin, note: Note::default(), is_recreated: false };
        partitions.add(&at(number), number as usize % workers, start);
    }
    partitions
}

/// Records of a partition are read and handed to its worker.
pub fn dispatch(partitions: &mut OwnedPartitions, number: i32, first: i64, end: i64) {
    let partition = partitions.of_mut(&at(number)).unwrap();
    for offset in first..end {
        assert!(partition.accept(Offset(offset)), "offset {offset} is not accepted");
    }
    partition.dispatched(Offset(first), Offset(end));
}

/// What was dispatched is acknowledged.
pub fn deliver(partitions: &mut OwnedPartitions, number: i32, first: i64, end: i64) {
    let partition = partitions.of_mut(&at(number)).unwrap();
    let span = Span { lease: partition.lease().clone(), first: Offset(first), end: Offset(end) };
    partition.delivered(&span);
}

/// Ways to so many workers, and what they are sent.
pub fn intake(workers: usize) -> (Intake, Vec<Receiver<WorkerMessage>>) {
    let limits = BatchLimits { max_records: 10, max_bytes: 1000, max_wait: Duration::from_millis(5) };
    let (senders, receivers) = (0..workers).map(|_| rt::channel()).unzip();
    let (events, _) = rt::channel();
    (
        Intake::new(
            limits,
            senders,
            crate::sink::event::SinkEvents::new::<crate::sink::event::SinkEvent>(events, Wakeup::default()),
        ),
        receivers,
    )
}

/// Takes the actions out, as short words in order.
pub fn words(actions: &mut Actions) -> Vec<String> {
    let list = |partitions: &[TopicPartition]| {
        partitions.iter().map(|at| at.partition.0.to_string()).collect::<Vec<_>>().join(",")
    };
    let word = |action: Action| match action {
        Action::Assign(starts) => {
            format!("assign {}", list(&starts.iter().map(|(at, _)| at.clone()).collect::<Vec<_>>()))
        }
        Action::LookForMembership => "look for membership".to_owned(),
        Action::Unassign(partitions) => format!("unassign {}", list(&partitions)),
        Action::Pause(partitions) if partitions.is_empty() => String::new(),
        Action::Pause(partitions) => format!("pause {}", list(&partitions)),
        Action::ReadOn(partitions) if partitions.is_empty() => String::new(),
        Action::ReadOn(partitions) => format!("read on {}", list(&partitions)),
        Action::ReadOnAfterRebalance { .. } => "read on after rebalance".to_owned(),
        Action::RestartFrom(back) => {
            let one = |(index, to): &(usize, Option<Offset>)| format!("{index}@{}", to.map_or(-1, |to| to.0));
            format!("restart {}", back.iter().map(one).collect::<Vec<_>>().join(","))
        }
        Action::MoveTo { index, worker } => format!("move {index} to {worker}"),
        Action::Commit(offsets) => {
            let one = |(at, it): &(TopicPartition, crate::kafka::Committed)| format!("{}@{}", at.partition, it.offset);
            format!("commit {}", offsets.iter().map(one).collect::<Vec<_>>().join(","))
        }
        Action::RequestCommit => "request commit".to_owned(),
        Action::Ask(_) => "ask".to_owned(),
        Action::Transaction(_) => "call".to_owned(),
        Action::CommitTransaction(offsets) => {
            let one = |(at, it): &(TopicPartition, crate::kafka::Committed)| format!("{}@{}", at.partition, it.offset);
            format!("commit transaction {}", offsets.iter().map(one).collect::<Vec<_>>().join(","))
        }
        Action::Abort(_) => "abort".to_owned(),
        Action::CloseWriteGate => "close gate".to_owned(),
        Action::OpenWriteGate => "open gate".to_owned(),
        Action::InvalidateInFlight => "invalidate".to_owned(),
        Action::ClearIntake => "clear intake".to_owned(),
        Action::PurgeProducer => "purge".to_owned(),
        Action::AbandonRetries { worker, .. } => format!("abandon retries {worker}"),
        Action::GatherProbeAgain => "gather again".to_owned(),
        Action::Dispatch { worker, .. } => format!("dispatch {worker}"),
        Action::ResetBreakers => "reset".to_owned(),
        Action::LookAhead(_) => "look ahead".to_owned(),
        Action::CutOff => "cut off".to_owned(),
        Action::Refused(refused, _) => format!("refused {refused:?}"),
        Action::Fail(error) => format!("fail {error}"),
    };
    actions.drain(..).map(word).filter(|word| !word.is_empty()).collect()
}
