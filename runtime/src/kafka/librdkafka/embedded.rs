//! The embedded broker: librdkafka's mock cluster, in this process.
//!
//! Its limits: a partition keeps 5 MiB or 100,000 batches, then the oldest go silently, but for the last one;
//! transactions are not honoured; topics' limits cannot be asked for. Whoever feeds it must keep the backlog small.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};
use rdkafka::types::RDKafkaRespErr;

use super::error_of;
use crate::kafka::KafkaError;

/// The broker that is written to.
const LEADER: i32 = 1;
/// The broker that is read from.
const FOLLOWER: i32 = 2;

/// Brokers in this process, gone when dropped.
pub struct Embedded {
    // Owns the cluster.
    _owner: BaseProducer<DefaultProducerContext>,
    cluster: NonNull<sys::rd_kafka_mock_cluster_t>,
}

// SAFETY: the mock cluster has a thread and a lock of its own.
unsafe impl Send for Embedded {}

impl Embedded {
    /// Starts two brokers on loopback ports.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn start() -> Result<Embedded, KafkaError> {
        let owner: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "2")
            // The broker takes no larger request than its owner.
            .set("receive.message.max.bytes", "300000000")
            .create()?;
        // SAFETY: the client lives; it owns the cluster that the property made it start.
        let cluster = unsafe { sys::rd_kafka_handle_mock_cluster(owner.client().native_ptr()) };
        let cluster = NonNull::new(cluster)
            .ok_or_else(|| error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL, "no embedded broker"))?;
        // SAFETY: the cluster lives. The first member of a group need not wait for others here.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.as_ptr(), 0) };
        Ok(Embedded { _owner: owner, cluster })
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// What librdkafka refuses, e.g. a topic that exists.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), KafkaError> {
        let invalid = |_| error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, name);
        let c_name = CString::new(name).map_err(invalid)?;
        // SAFETY: cluster and name are good for the call.
        let code = unsafe { sys::rd_kafka_mock_topic_create(self.cluster.as_ptr(), c_name.as_ptr(), partitions, 1) };
        if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(error_of(code, name));
        }
        for partition in 0..partitions {
            // A leader that drops all records before a new one for its size takes that to be gone, too. A follower with
            // a fixed start has it still, so consumers are sent there. SAFETY: cluster and name are good for the calls.
            unsafe {
                let (cluster, name) = (self.cluster.as_ptr(), c_name.as_ptr());
                sys::rd_kafka_mock_partition_set_leader(cluster, name, partition, LEADER);
                sys::rd_kafka_mock_partition_set_follower(cluster, name, partition, FOLLOWER);
                sys::rd_kafka_mock_partition_set_follower_wmarks(cluster, name, partition, 0, -1);
            }
        }
        Ok(())
    }

    /// From here on it denies that there is such a topic.
    #[cfg(test)]
    pub(super) fn deny_topic(&self, name: &str) {
        let name = CString::new(name).unwrap();
        let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        // SAFETY: cluster and name are good for the call.
        unsafe { sys::rd_kafka_mock_topic_set_error(self.cluster.as_ptr(), name.as_ptr(), unknown) };
    }

    /// Where clients find it.
    pub fn bootstrap_servers(&self) -> String {
        // SAFETY: the cluster lives, and the string as long.
        let servers = unsafe { CStr::from_ptr(sys::rd_kafka_mock_cluster_bootstraps(self.cluster.as_ptr())) };
        servers.to_string_lossy().into_owned()
    }

    /// A client's properties, pointed at this broker: without what secures the way to a real one.
    pub fn point(&self, properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let secures = |name: &String| {
            ["security.", "sasl.", "ssl.", "https.", "broker.", "metadata."].iter().any(|p| name.starts_with(p))
        };
        let mut own: BTreeMap<_, _> =
            properties.iter().filter(|(name, _)| !secures(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        own.insert("bootstrap.servers".to_owned(), self.bootstrap_servers());
        own
    }
}
