//! The simulated client: librdkafka as the runtime's own wrapper of it shows it, with the quirks that the runtime has
//! to live with.

mod admin;
pub mod consumer;
mod fetcher;
mod membership;
pub mod producer;
mod queries;
mod reader;
mod toppar;
mod transactional;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sluicebox::kafka::{
    GroupConsumer, Kafka, KafkaError, PartitionReader, Producer, Properties, Report, TopicAdmin, TopicPartition,
};
use sluicebox::rt::Wakeup;

use self::admin::SimulatedAdmin;
use self::consumer::{ConsumerState, SimulatedConsumer};
use self::producer::{ProducerState, SimulatedProducer};
use self::reader::SimulatedReader;
use crate::network::MS;
use crate::scheduler::{Nanos, Process};
use crate::world::World;

/// Makes simulated clients. Each belongs to the process of the thread that makes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Simulated;

impl<R: Send + Sync + 'static> Kafka<R> for Simulated {
    fn consumer(
        &self,
        _pipeline: &Arc<str>,
        properties: &Properties,
        queues: usize,
        wakeup: Wakeup,
    ) -> Result<Box<dyn GroupConsumer>, KafkaError> {
        Ok(Box::new(SimulatedConsumer::new(properties, queues, wakeup)))
    }

    fn producer(
        &self,
        _pipeline: &Arc<str>,
        properties: &Properties,
        topics: &[&str],
        report: Report<R>,
    ) -> anyhow::Result<Arc<dyn Producer<R>>> {
        Ok(Arc::new(SimulatedProducer::new(properties, topics, report)))
    }

    fn admin(
        &self,
        _pipeline: &Arc<str>,
        properties: &Properties,
        timeout: Duration,
    ) -> anyhow::Result<Box<dyn TopicAdmin>> {
        Ok(Box::new(SimulatedAdmin::new(properties, timeout)))
    }

    fn reader(&self, _pipeline: &Arc<str>, properties: &Properties) -> Result<Box<dyn PartitionReader>, KafkaError> {
        Ok(Box::new(SimulatedReader::new(properties)))
    }
}

/// Tells clients apart.
pub type ClientId = u64;

/// The clients of all processes.
#[derive(Default)]
pub struct Clients {
    /// Consumers.
    pub consumers: BTreeMap<ClientId, ConsumerState>,
    /// Producers.
    pub producers: BTreeMap<ClientId, ProducerState>,
    made: ClientId,
}

impl Clients {
    fn new_id(&mut self) -> ClientId {
        self.made += 1;
        self.made
    }

    /// A process dies, and its clients with it: nobody hears of them any more.
    pub fn kill(&mut self, process: Process) {
        self.consumers.retain(|_, consumer| consumer.process != process);
        self.producers.retain(|_, producer| producer.process != process);
    }
}

impl World {
    /// There is more in a partition: whoever waits for that fetches it.
    pub fn on_append(&mut self, at: &TopicPartition) {
        let waits = |consumer: &ConsumerState| consumer.toppars.get(at).is_some_and(|toppar| toppar.is_parked);
        let waiting = self.clients.consumers.iter().filter(|(_, consumer)| waits(consumer)).map(|(id, _)| *id);
        for id in waiting.collect::<Vec<_>>() {
            if let Some(toppar) = self.toppar(id, at) {
                toppar.is_parked = false;
            }
            self.fetch(id, at.clone());
        }
    }
}

fn property<T: FromStr>(properties: &Properties, name: &str, default: T) -> T {
    properties.get(name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn millis(properties: &Properties, name: &str, default: u64) -> Nanos {
    property(properties, name, default) * MS
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}
