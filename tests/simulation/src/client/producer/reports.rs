//! What became of records: reports come later, from a thread of the producer's own, and a flush waits for the last.

use sluicebox::kafka::KafkaError;

use super::{Continuation, Number};
use crate::client::ClientId;
use crate::cluster::codes;
use crate::network::MS;
use crate::world::{self, World};

impl World {
    /// Reports come later, from the producer's own thread.
    pub(super) fn settle(&mut self, id: ClientId, results: Vec<(Number, Result<(), KafkaError>)>) {
        let Some(state) = self.producer(id) else { return };
        let is_first = state.reports.is_empty();
        state.reports.extend(results);
        if is_first {
            let delay = self.rng.u64(..3 * MS);
            self.after(delay, move |world| world.report(id));
        }
    }

    fn report(&mut self, id: ClientId) {
        let Some(state) = self.producer(id) else { return };
        let reports = std::mem::take(&mut state.reports);
        state.outstanding -= reports.len();
        let (report, room) = (state.report.clone(), std::mem::take(&mut state.when_room));
        let flushed = if state.outstanding == 0 { std::mem::take(&mut state.when_flushed) } else { Vec::new() };
        self.tell(move || {
            for (number, result) in reports {
                report(number, result);
            }
            world::with(|world| room.into_iter().chain(flushed).for_each(|call| call(world)));
        });
    }

    /// Throws away what is enqueued and not on its way.
    pub(in crate::client) fn purge(&mut self, id: ClientId) {
        let Some(state) = self.producer(id) else { return };
        let purged: Vec<Number> =
            state.lanes.values_mut().flat_map(|lane| lane.queue.drain(..)).map(|(number, _)| number).collect();
        if purged.is_empty() {
            return;
        }
        self.count("purge");
        self.settle(id, purged.into_iter().map(|number| (number, Err(codes::PURGED.into()))).collect());
    }

    /// Calls `then` when every record is reported; nothing lingers until [`World::stop_flushing`].
    pub(in crate::client) fn flush(&mut self, id: ClientId, then: Continuation) {
        let Some(state) = self.producer(id) else { return };
        state.flushing += 1;
        if state.outstanding == 0 {
            return then(self);
        }
        state.when_flushed.push(then);
        self.drain_all(id);
    }

    pub(in crate::client) fn stop_flushing(&mut self, id: ClientId) {
        if let Some(state) = self.producer(id) {
            state.flushing -= 1;
        }
    }
}
