//! The transaction coordinator: transactional ids, who has them, and what each open transaction holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluicebox::kafka::TopicPartition;

use super::codes::{self, Code};
use crate::network::MS;
use crate::scheduler::Nanos;
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Ongoing {
        number: u64,
    },
    /// Its markers are being written.
    Ending {
        commit: bool,
    },
    Ended {
        commit: bool,
    },
}

#[derive(Clone, Debug)]
struct Transaction {
    // Who may go on with it: a producer id with its epoch, as one number.
    producer: u64,
    state: State,
    timeout: Nanos,
    partitions: BTreeSet<TopicPartition>,
    groups: BTreeSet<Arc<str>>,
}

/// All transactional ids.
#[derive(Default)]
pub struct Transactions {
    /// The broker that coordinates them.
    pub coordinator: usize,
    ids: BTreeMap<Arc<str>, Transaction>,
    producers: u64,
    numbers: u64,
}

impl Transactions {
    /// A new producer id.
    pub fn new_producer(&mut self) -> u64 {
        self.producers += 1;
        self.producers
    }

    fn of(&mut self, id: &str, producer: u64) -> Result<&mut Transaction, Code> {
        let transaction = self.ids.get_mut(id).ok_or(codes::INVALID_PRODUCER_EPOCH)?;
        if transaction.producer == producer { Ok(transaction) } else { Err(codes::INVALID_PRODUCER_EPOCH) }
    }

    /// Whether a producer may write to a partition now.
    ///
    /// # Errors
    /// Another has its id, or the partition is not in an open transaction.
    pub fn check_write(&mut self, id: &str, producer: u64, at: &TopicPartition) -> Result<(), Code> {
        let transaction = self.of(id, producer)?;
        let is_open = matches!(transaction.state, State::Ongoing { .. }) && transaction.partitions.contains(at);
        if is_open { Ok(()) } else { Err(codes::INVALID_TRANSACTIONAL_STATE) }
    }

    /// Whether a producer may add offsets of a group now.
    ///
    /// # Errors
    /// See [`Transactions::check_write`].
    pub fn check_offsets(&mut self, id: &str, producer: u64, group: &str) -> Result<(), Code> {
        let transaction = self.of(id, producer)?;
        let is_open = matches!(transaction.state, State::Ongoing { .. }) && transaction.groups.contains(group);
        if is_open { Ok(()) } else { Err(codes::INVALID_TRANSACTIONAL_STATE) }
    }

    /// Whether no transaction is open or ending.
    pub fn are_at_rest(&self) -> bool {
        let mut all = self.ids.values();
        all.all(|transaction| !matches!(transaction.state, State::Ongoing { .. } | State::Ending { .. }))
    }
}

impl World {
    /// A producer takes a transactional id over. What another left open is aborted first.
    ///
    /// # Errors
    /// A transaction of that id is still ending.
    pub fn init_producer(&mut self, id: &Arc<str>, timeout: Nanos) -> Result<u64, Code> {
        if self.cluster.denied.transactions {
            return Err(codes::TRANSACTIONAL_ID_AUTHORIZATION);
        }
        let transactions = &mut self.cluster.transactions;
        let fresh = transactions.new_producer();
        let Some(transaction) = transactions.ids.get_mut(id) else {
            let (partitions, groups) = Default::default();
            let transaction = Transaction { producer: fresh, state: State::Empty, timeout, partitions, groups };
            transactions.ids.insert(id.clone(), transaction);
            return Ok(fresh);
        };
        match transaction.state {
            State::Ongoing { .. } => {
                let producer = transaction.producer;
                // Its producer is fenced from here on.
                transaction.producer = fresh;
                self.count("open transaction taken over");
                self.end(id, producer, false);
                Err(codes::CONCURRENT_TRANSACTIONS)
            }
            State::Ending { .. } => Err(codes::CONCURRENT_TRANSACTIONS),
            State::Empty | State::Ended { .. } => {
                (transaction.producer, transaction.timeout, transaction.state) = (fresh, timeout, State::Empty);
                Ok(fresh)
            }
        }
    }

    /// Adds partitions, or a group, to a producer's transaction, which begins with the first.
    ///
    /// # Errors
    /// Another has the id, or the transaction before is still ending.
    pub fn add_to_transaction(
        &mut self,
        id: &Arc<str>,
        producer: u64,
        partitions: &[TopicPartition],
        group: Option<&Arc<str>>,
    ) -> Result<(), Code> {
        if partitions.iter().any(|at| self.cluster.denied.write.contains(&*at.topic)) {
            return Err(codes::TOPIC_AUTHORIZATION);
        }
        if group.is_some() && self.cluster.denied.group {
            return Err(codes::GROUP_AUTHORIZATION);
        }
        let transactions = &mut self.cluster.transactions;
        let (numbers, transaction) = (transactions.numbers, transactions.of(id, producer)?);
        if matches!(transaction.state, State::Ending { .. }) {
            return Err(codes::CONCURRENT_TRANSACTIONS);
        }
        let begins = !matches!(transaction.state, State::Ongoing { .. });
        if begins {
            transaction.state = State::Ongoing { number: numbers };
        }
        transaction.partitions.extend(partitions.iter().cloned());
        transaction.groups.extend(group.cloned());
        let timeout = transaction.timeout;
        if begins {
            transactions.numbers += 1;
            let id = id.clone();
            self.after(timeout, move |world| world.time_out_transaction(&id, producer, numbers));
        }
        Ok(())
    }

    fn time_out_transaction(&mut self, id: &Arc<str>, producer: u64, number: u64) {
        let transactions = &mut self.cluster.transactions;
        let nobody = transactions.new_producer();
        let Ok(transaction) = transactions.of(id, producer) else { return };
        if transaction.state != (State::Ongoing { number }) {
            return;
        }
        transaction.producer = nobody;
        self.count("transaction timed out");
        self.trace(format_args!("the transaction of {id} took too long"));
        self.end(id, producer, false);
    }

    /// A producer ends its transaction.
    ///
    /// # Errors
    /// Another has the id, or there is none to end.
    pub fn end_transaction(&mut self, id: &Arc<str>, producer: u64, commit: bool) -> Result<(), Code> {
        let transaction = self.cluster.transactions.of(id, producer)?;
        match transaction.state {
            State::Ongoing { .. } => {
                self.end(id, producer, commit);
                Ok(())
            }
            // The same question once more: the answer was lost.
            State::Ending { commit: before } | State::Ended { commit: before } if before == commit => Ok(()),
            State::Empty | State::Ending { .. } | State::Ended { .. } => Err(codes::INVALID_TRANSACTIONAL_STATE),
        }
    }

    /// It is decided: markers go to all partitions and groups.
    fn end(&mut self, id: &Arc<str>, producer: u64, commit: bool) {
        let Some(transaction) = self.cluster.transactions.ids.get_mut(id) else { return };
        transaction.state = State::Ending { commit };
        let partitions = std::mem::take(&mut transaction.partitions);
        let groups = std::mem::take(&mut transaction.groups);
        self.trace(format_args!("{id} ({producer}): {}", if commit { "commit" } else { "abort" }));
        if commit {
            self.check_transaction(producer, &groups);
        }
        let mut last = 0;
        for at in partitions {
            let delay = self.rng.u64(..10 * MS);
            last = last.max(delay);
            self.after(delay, move |world| {
                if let Some(log) = world.cluster.log(&at) {
                    log.end_transaction(producer, commit);
                    world.on_append(&at);
                }
            });
        }
        for group in groups {
            let delay = self.rng.u64(..10 * MS);
            last = last.max(delay);
            self.after(delay, move |world| world.cluster.group(&group).end_transaction(producer, commit));
        }
        let id = id.clone();
        self.after(last + MS, move |world| {
            if let Some(transaction) = world.cluster.transactions.ids.get_mut(&id) {
                transaction.state = State::Ended { commit };
            }
        });
    }
}
