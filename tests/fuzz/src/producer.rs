//! A producer that acknowledges at once, and keeps what it was given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use sluicebox::kafka::{
    Committed, ErrorKind, GroupConsumer, GroupMetadata, Kafka, KafkaError, Outgoing, PartitionReader, Producer,
    Properties, Report, Sent, TopicAdmin, TopicPartition, TransactionError,
};
use sluicebox::rt::Wakeup;
use sluicebox::sink::receipt::Receipt;

/// The longest value that is kept. Longer ones are those of large answers, of which there are many.
const KEPT: usize = 64;

/// A record as it was written.
pub struct Written {
    pub topic: String,
    pub key: Option<Vec<u8>>,
    /// None: it is null, or long.
    pub value: Option<Vec<u8>>,
    pub more_headers: Vec<(&'static str, String)>,
}

/// The topics that are written to.
#[derive(Clone, Default)]
pub struct Topics(Arc<Mutex<Vec<Written>>>);

impl Topics {
    /// What was written.
    pub fn written(&self) -> MutexGuard<'_, Vec<Written>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn none<T>() -> Result<T, KafkaError> {
    Err(KafkaError::new(ErrorKind::Other, "there is only a producer"))
}

impl Kafka<Receipt> for Topics {
    fn consumer(
        &self,
        _: &Arc<str>,
        _: &Properties,
        _: usize,
        _: Wakeup,
    ) -> Result<Box<dyn GroupConsumer>, KafkaError> {
        none()
    }

    fn producer(
        &self,
        _: &Arc<str>,
        _: &Properties,
        topics: &[&str],
        report: Report<Receipt>,
    ) -> anyhow::Result<Arc<dyn Producer<Receipt>>> {
        let names = topics.iter().map(|topic| (*topic).to_owned()).collect();
        Ok(Arc::new(Acknowledging { topics: self.clone(), names, report }))
    }

    fn admin(&self, _: &Arc<str>, _: &Properties, _: Duration) -> anyhow::Result<Box<dyn TopicAdmin>> {
        bail!("there is only a producer")
    }

    fn reader(&self, _: &Arc<str>, _: &Properties) -> Result<Box<dyn PartitionReader>, KafkaError> {
        none()
    }
}

struct Acknowledging {
    topics: Topics,
    names: Vec<String>,
    report: Report<Receipt>,
}

impl Producer<Receipt> for Acknowledging {
    fn send(&self, topic: usize, record: &Outgoing<'_>, receipt: Arc<Receipt>) -> Sent<Receipt> {
        let copy = |bytes: Option<&[u8]>| bytes.filter(|bytes| bytes.len() <= KEPT).map(<[u8]>::to_vec);
        self.topics.written().push(Written {
            topic: self.names[topic].clone(),
            key: copy(record.key),
            value: copy(record.value),
            more_headers: record.more_headers.to_vec(),
        });
        (self.report)(receipt, Ok(()));
        Sent::Enqueued
    }

    fn wait_for_room(&self, _: Duration) {}

    fn purge(&self) {}

    fn flush(&self, _: Duration) -> bool {
        true
    }

    fn init_transactions(&self, _: Duration) -> Result<(), TransactionError> {
        Ok(())
    }

    fn begin_transaction(&self) -> Result<(), TransactionError> {
        Ok(())
    }

    fn send_offsets(
        &self,
        _: &[(TopicPartition, Committed)],
        _: &GroupMetadata,
        _: Duration,
    ) -> Result<(), TransactionError> {
        Ok(())
    }

    fn commit_transaction(&self, _: Duration) -> Result<(), TransactionError> {
        Ok(())
    }

    fn abort_transaction(&self, _: Duration) -> Result<(), TransactionError> {
        Ok(())
    }

    fn refused_partition(&self) -> Option<String> {
        None
    }
}
