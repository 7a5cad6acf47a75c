//! What a transaction asks of its coordinator, each until it is answered.

use sluicebox::kafka::TopicPartition;

use super::{Offsets, State};
use crate::client::ClientId;
use crate::cluster::codes;
use crate::world::World;

impl World {
    pub(super) fn init(&mut self, id: ClientId, number: u64) {
        let Some((name, timeout)) = self.transaction(id).map(|t| (t.id.clone(), t.timeout)) else { return };
        let coordinator = self.cluster.transactions.coordinator;
        let serve = move |world: &mut World| {
            if world.cluster.transactions.coordinator != coordinator {
                return Err(codes::COORDINATOR_NOT_AVAILABLE);
            }
            world.init_producer(&name, timeout)
        };
        self.request(coordinator, serve, move |world, answer| match answer {
            Ok(Ok(producer)) => {
                if let Some(state) = world.producer(id) {
                    state.producer = producer;
                }
                if let Some(transaction) = world.transaction(id) {
                    transaction.state = State::Ready;
                }
                world.end_call(id, number, Ok(()));
            }
            Ok(Err(code @ codes::TRANSACTIONAL_ID_AUTHORIZATION)) => {
                if let Some(transaction) = world.transaction(id) {
                    transaction.error = Some((code, true));
                }
                world.end_call(id, number, Err(code));
            }
            Ok(Err(_)) | Err(_) => world.call_again(id, number, move |world| world.init(id, number)),
        });
    }

    /// A partition is added to the transaction before the first record goes there.
    pub(in crate::client) fn add_partition(&mut self, id: ClientId, at: &TopicPartition) {
        let Some(transaction) = self.transaction(id) else { return };
        if transaction.error.is_some() || !transaction.adding.insert(at.clone()) {
            return;
        }
        let name = transaction.id.clone();
        let Some(producer) = self.producer(id).map(|state| state.producer) else { return };
        let coordinator = self.cluster.transactions.coordinator;
        let (asked, at) = (at.clone(), at.clone());
        let serve = move |world: &mut World| {
            if world.cluster.transactions.coordinator != coordinator {
                return Err(codes::COORDINATOR_NOT_AVAILABLE);
            }
            world.add_to_transaction(&name, producer, std::slice::from_ref(&asked), None)
        };
        self.request(coordinator, serve, move |world, answer| {
            let Some(transaction) = world.transaction(id) else { return };
            transaction.adding.remove(&at);
            match answer {
                Ok(Ok(())) => {
                    transaction.added.insert(at.clone());
                    world.drain(id, &at);
                }
                Ok(Err(code)) if code != codes::CONCURRENT_TRANSACTIONS && code != codes::COORDINATOR_NOT_AVAILABLE => {
                    world.on_transaction_error(id, code, &at);
                    world.purge(id);
                }
                Ok(Err(_)) | Err(_) => {
                    let backoff = world.backoff();
                    world.after(backoff / 4, move |world| world.drain(id, &at));
                }
            }
        });
    }

    pub(super) fn add_offsets(&mut self, id: ClientId, number: u64, data: Offsets) {
        let Some(name) = self.transaction(id).map(|transaction| transaction.id.clone()) else { return };
        let Some(producer) = self.producer(id).map(|state| state.producer) else { return };
        let coordinator = self.cluster.transactions.coordinator;
        let group = data.0.clone();
        let serve = move |world: &mut World| {
            if world.cluster.transactions.coordinator != coordinator {
                return Err(codes::COORDINATOR_NOT_AVAILABLE);
            }
            world.add_to_transaction(&name, producer, &[], Some(&group))
        };
        self.request(coordinator, serve, move |world, answer| match answer {
            Ok(Ok(())) if world.is_current(id, number) => {
                if let Some(transaction) = world.transaction(id) {
                    transaction.has_offsets = true;
                }
                world.commit_offsets(id, number, data);
            }
            Ok(Err(code)) if code != codes::CONCURRENT_TRANSACTIONS && code != codes::COORDINATOR_NOT_AVAILABLE => {
                world.end_call(id, number, Err(code));
            }
            Ok(_) | Err(_) => world.call_again(id, number, move |world| world.add_offsets(id, number, data)),
        });
    }

    fn commit_offsets(&mut self, id: ClientId, number: u64, data: Offsets) {
        let Some(name) = self.transaction(id).map(|transaction| transaction.id.clone()) else { return };
        let Some(producer) = self.producer(id).map(|state| state.producer) else { return };
        let coordinator = self.cluster.group(&data.0).coordinator;
        let (group, who, offsets) = data.clone();
        let serve = move |world: &mut World| {
            let is_coordinator = world.cluster.group(&group).coordinator == coordinator;
            if !is_coordinator {
                return Err(codes::COORDINATOR_NOT_AVAILABLE);
            }
            world.cluster.transactions.check_offsets(&name, producer, &group)?;
            world.cluster.group(&group).commit_in_transaction(producer, &who, &offsets)
        };
        self.request(coordinator, serve, move |world, answer| match answer {
            Ok(Err(codes::COORDINATOR_NOT_AVAILABLE)) | Err(_) => {
                world.call_again(id, number, move |world| world.commit_offsets(id, number, data));
            }
            Ok(result) => {
                if let Err(code) = result {
                    world.count("offsets refused in a transaction");
                    world.trace(format_args!("client {id}: offsets refused: {code:?}"));
                }
                world.end_call(id, number, result);
            }
        });
    }

    pub(super) fn end_when_flushed(&mut self, id: ClientId, number: u64, commit: bool) {
        self.stop_flushing(id);
        if !self.is_current(id, number) {
            return;
        }
        let Some(transaction) = self.transaction(id) else { return };
        match transaction.error {
            Some((code, true)) => self.end_call(id, number, Err(code)),
            Some((code, false)) if commit => self.end_call(id, number, Err(code)),
            _ if transaction.is_empty() && transaction.adding.is_empty() => self.ended(id, number),
            _ => self.send_end(id, number, commit),
        }
    }

    fn send_end(&mut self, id: ClientId, number: u64, commit: bool) {
        let Some(name) = self.transaction(id).map(|transaction| transaction.id.clone()) else { return };
        let Some(producer) = self.producer(id).map(|state| state.producer) else { return };
        let coordinator = self.cluster.transactions.coordinator;
        let serve = move |world: &mut World| {
            if world.cluster.transactions.coordinator != coordinator {
                return Err(codes::COORDINATOR_NOT_AVAILABLE);
            }
            world.end_transaction(&name, producer, commit)
        };
        self.request(coordinator, serve, move |world, answer| match answer {
            Ok(Ok(())) => world.ended(id, number),
            // What was to be aborted had not begun.
            Ok(Err(codes::INVALID_TRANSACTIONAL_STATE)) if !commit => world.ended(id, number),
            Ok(Err(code)) if code != codes::COORDINATOR_NOT_AVAILABLE => {
                if let Some(transaction) = world.transaction(id) {
                    transaction.error = Some((code, true));
                }
                world.end_call(id, number, Err(code));
            }
            Ok(Err(_)) | Err(_) => world.call_again(id, number, move |world| {
                world.count("end of a transaction asked for again");
                world.send_end(id, number, commit);
            }),
        });
    }

    fn ended(&mut self, id: ClientId, number: u64) {
        let Some(transaction) = self.transaction(id) else { return };
        (transaction.state, transaction.error, transaction.has_offsets) = (State::Ready, None, false);
        transaction.added.clear();
        self.end_call(id, number, Ok(()));
    }

    fn call_again(&mut self, id: ClientId, number: u64, again: impl FnOnce(&mut World) + 'static) {
        let backoff = self.backoff();
        self.after(backoff, move |world| {
            if world.is_current(id, number) {
                again(world);
            }
        });
    }
}
