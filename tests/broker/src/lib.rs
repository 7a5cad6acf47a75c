//! Real Apache Kafka for tests and benchmarks: clusters of one or more brokers on 127.0.0.1 that can be killed,
//! stopped, paused and started again, and that never outlive the process that started them.
//!
//! Every promise about delivery is tested against these brokers; librdkafka's mock cluster does not keep them.

mod broker;
mod cluster;
mod java;
mod metadata;
mod ports;
mod process;
mod properties;
mod secure;

pub use broker::Broker;
pub use cluster::{Cluster, ClusterConfig};
pub use java::{DOCKER_VARIABLE, Java, LIBS_VARIABLE, Machine, java_program};
pub use secure::{Login, Secure};
