//! The properties file of one broker.

use std::collections::BTreeMap;
use std::path::Path;

use crate::secure::{LISTENER, Security};

/// Where a broker listens; all on 127.0.0.1.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) controller: u16,
    /// For clients with TLS and SASL, where the cluster has such a listener.
    pub(crate) secure: Option<u16>,
    /// For clients behind a proxy, where the cluster has such a listener.
    pub(crate) proxied: Option<Proxied>,
}

/// A listener that tells its clients to come to another port.
#[derive(Clone, Copy)]
pub(crate) struct Proxied {
    /// Where the broker listens.
    pub(crate) behind: u16,
    /// Where it tells clients to go: there the proxy listens.
    pub(crate) front: u16,
}

/// The name of the listener for clients behind a proxy.
const PROXIED_LISTENER: &str = "PROXIED";

/// What holds for every cluster: quick to form, quick to notice failures, small.
const ALWAYS: [(&str, &str); 20] = [
    ("process.roles", "broker,controller"),
    ("controller.listener.names", "CONTROLLER"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    // Tests create what they need; a topic that appears by itself would hide a mistake.
    ("auto.create.topics.enable", "false"),
    ("num.partitions", "4"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.num.partitions", "4"),
    // A group starts at once, and a test may choose a short session for a member that it means to kill.
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    // The same for the newer group protocol, where the broker chooses the session.
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.session.timeout.ms", "1000"),
    ("group.consumer.heartbeat.interval.ms", "1000"),
    ("group.consumer.min.heartbeat.interval.ms", "500"),
    // A transaction left open by a killed producer is aborted soon after its time-out.
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    // The controller misses a dead broker sooner than after the default 9 s.
    ("broker.session.timeout.ms", "3000"),
    ("broker.heartbeat.interval.ms", "500"),
    // Memory and threads for a few clients, not for hundreds.
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
    ("log.cleaner.dedupe.buffer.size", "16777216"),
    ("group.coordinator.threads", "1"),
];

/// The text of the properties file of broker `id`, one of `cluster`'s (broker ids count from 1). `extra` wins over
/// everything else.
pub(crate) fn text(
    id: usize,
    cluster: &[Ports],
    logs: &Path,
    security: Option<&Security>,
    extra: &[(String, String)],
) -> String {
    let ports = cluster[id - 1];
    let mut properties: BTreeMap<String, String> =
        ALWAYS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let mut add = |key: &str, value: String| properties.insert(key.to_owned(), value);

    let mut advertised = format!("PLAINTEXT://127.0.0.1:{}", ports.plain);
    if let Some(port) = ports.secure {
        advertised.push_str(&format!(",{LISTENER}://127.0.0.1:{port}"));
    }
    let mut listeners = format!("{advertised},CONTROLLER://127.0.0.1:{}", ports.controller);
    if let Some(Proxied { behind, front }) = ports.proxied {
        listeners.push_str(&format!(",{PROXIED_LISTENER}://127.0.0.1:{behind}"));
        advertised.push_str(&format!(",{PROXIED_LISTENER}://127.0.0.1:{front}"));
    }
    add("node.id", id.to_string());
    add("listeners", listeners);
    add("advertised.listeners", advertised);
    add(
        "listener.security.protocol.map",
        format!("PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{PROXIED_LISTENER}:PLAINTEXT,{LISTENER}:SASL_SSL"),
    );
    let voters =
        cluster.iter().enumerate().map(|(index, ports)| format!("{}@127.0.0.1:{}", index + 1, ports.controller));
    add("controller.quorum.voters", voters.collect::<Vec<_>>().join(","));
    add("log.dirs", logs.to_string_lossy().into_owned());

    // With three brokers one may be away: nothing acknowledged is lost, and work goes on.
    let replicas = cluster.len().min(3);
    let in_sync = if replicas > 2 { 2 } else { 1 };
    for key in ["offsets.topic.replication.factor", "transaction.state.log.replication.factor"] {
        add(key, replicas.to_string());
    }
    add("default.replication.factor", replicas.to_string());
    add("transaction.state.log.min.isr", in_sync.to_string());
    add("min.insync.replicas", in_sync.to_string());

    if let Some(security) = security {
        security.add_properties(&mut properties);
    }
    properties.extend(extra.iter().cloned());
    properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}
