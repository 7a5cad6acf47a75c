//! The names of librdkafka's properties, from its CONFIGURATION.md. librdkafka itself judges names and values; these
//! lists say which client a property is for, which names mean one property, and what a misspelt name may have meant.

/// The one name of a property that has several. Two names for one property would overwrite each other unseen.
pub(super) fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name)
}

/// All spellings of a canonical name.
pub(super) fn spellings(name: &str) -> impl Iterator<Item = &str> {
    let aliases = ALIASES.iter().filter(move |(_, canonical)| *canonical == name).map(|(alias, _)| *alias);
    aliases.chain([name])
}

/// The property that a key means, if it is one of ours, by one of its names here or in other programs.
pub(super) fn meant(key: &str) -> Option<&'static str> {
    let name = ELSEWHERE.iter().find(|(other, _)| *other == key).map_or(canonical(key), |(_, name)| name);
    all().find(|known| *known == name)
}

/// All canonical names.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    CONSUMER_ONLY.into_iter().chain(PRODUCER_ONLY).chain(BOTH)
}

/// Names that mean another property.
const ALIASES: [(&str, &str); 11] = [
    ("compression.codec", "compression.type"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("message.send.max.retries", "retries"),
    ("metadata.broker.list", "bootstrap.servers"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("request.required.acks", "acks"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
];

/// What other programs call a property.
const ELSEWHERE: [(&str, &str); 10] = [
    ("bootstrap_servers", "bootstrap.servers"),
    ("brokers", "bootstrap.servers"),
    ("buffer.memory", "queue.buffering.max.kbytes"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("max.request.size", "message.max.bytes"),
    ("partitioner.class", "partitioner"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("seed_brokers", "bootstrap.servers"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("servers", "bootstrap.servers"),
];

/// What the Java clients have properties for and librdkafka has not, and what to do in their place.
const JAVA: [(&str, &str); 13] = [
    ("default.api.timeout.ms", "leave it out: brokers that do not answer are waited for"),
    ("interceptor.classes", "leave it out: only clients in Java have it"),
    ("key.deserializer", "leave it out: what a key is in the input is said by `key` under `input`"),
    ("key.serializer", "leave it out: what a key is in an output is said by `key` under the output"),
    ("max.block.ms", "leave it out: brokers that do not answer are waited for"),
    ("max.poll.records", "use `max_records` under `batch`"),
    ("sasl.jaas.config", "use sasl.mechanism, sasl.username and sasl.password"),
    ("schema.registry.url", "use `schema_registry: { url: ... }`, at the top level of the file"),
    ("ssl.keystore.type", "leave it out: ssl.keystore.location is PKCS #12, and PEM has ssl.certificate.location"),
    ("ssl.truststore.location", "use ssl.ca.location with the certificates of the authorities as PEM"),
    ("ssl.truststore.password", "leave it out: ssl.ca.location is PEM, which has no password"),
    ("value.deserializer", "leave it out: what a value is in the input is said by `value` under `input`"),
    ("value.serializer", "leave it out: what a value is in an output is said by `value` under the output"),
];

/// What to do in place of a property that librdkafka does not have, where another program calls it so.
pub(super) fn instead(name: &str) -> Option<String> {
    let java = JAVA.iter().find(|(java, _)| *java == name).map(|(_, instead)| (*instead).to_owned());
    java.or_else(|| meant(name).map(|meant| format!("write {meant}")))
}

/// Whether librdkafka lacks a property that clients in Java have.
pub(super) fn is_of_java(name: &str) -> bool {
    JAVA.iter().any(|(java, _)| *java == name)
}

/// Properties whose value is a file or a folder.
pub(super) const PATHS: [&str; 11] = [
    "https.ca.location",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.keystore.location",
];

/// Properties of the consumer alone.
pub(super) const CONSUMER_ONLY: [&str; 31] = [
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "check.crcs",
    "consume.callback.max.messages",
    "coordinator.query.interval.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "offset.store.method",
    "offset.store.path",
    "offset.store.sync.interval.ms",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
];

/// Properties of the producer alone.
pub(super) const PRODUCER_ONLY: [&str; 26] = [
    "acks",
    "batch.num.messages",
    "batch.size",
    "compression.codec",
    "compression.level",
    "compression.type",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "linger.ms",
    "message.send.max.retries",
    "message.timeout.ms",
    "partitioner",
    "produce.offset.report",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queuing.strategy",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "sticky.partitioning.linger.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

/// Properties of both clients.
const BOTH: [&str; 106] = [
    "allow.auto.create.topics",
    "api.version.fallback.ms",
    "api.version.request",
    "api.version.request.timeout.ms",
    "bootstrap.servers",
    "broker.address.family",
    "broker.address.ttl",
    "broker.version.fallback",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "debug",
    "enable.metrics.push",
    "enable.random.seed",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "enabled_events",
    "https.ca.location",
    "https.ca.pem",
    "internal.termination.signal",
    "log.connection.close",
    "log.queue",
    "log.thread.name",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.copy.max.bytes",
    "message.max.bytes",
    "metadata.broker.list",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "plugin.library.paths",
    "receive.message.max.bytes",
    "reconnect.backoff.jitter.ms",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.kerberos.keytab",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.assertion.algorithm",
    "sasl.oauthbearer.assertion.claim.aud",
    "sasl.oauthbearer.assertion.claim.exp.seconds",
    "sasl.oauthbearer.assertion.claim.iss",
    "sasl.oauthbearer.assertion.claim.jti.include",
    "sasl.oauthbearer.assertion.claim.nbf.seconds",
    "sasl.oauthbearer.assertion.claim.sub",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.metadata.authentication.type",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.blocking.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.certificate.stores",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.engine.id",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.providers",
    "ssl.sigalgs.list",
    "statistics.interval.ms",
    "topic.blacklist",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.cnt",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::native::{Flaw, check};

    #[test]
    fn librdkafka_knows_every_name() {
        for name in all().chain(ALIASES.iter().map(|(alias, _)| *alias)) {
            assert_ne!(check(name, "1"), Err(Flaw::Unknown), "{name}");
        }
    }

    #[test]
    fn names_of_other_programs_lead_to_names_and_are_none() {
        for (other, name) in ELSEWHERE {
            assert_eq!(meant(other), Some(name));
            assert_eq!(check(other, "1"), Err(Flaw::Unknown), "{other}");
        }
        for (java, _) in JAVA {
            assert_ne!(check(java, "1"), Ok(()), "{java}");
        }
    }

    #[test]
    fn a_name_is_in_one_list_and_aliases_lead_to_names() {
        let names: BTreeSet<_> = all().collect();
        assert_eq!(names.len(), all().count());
        assert!(ALIASES.iter().map(|(_, name)| name).chain(&PATHS).all(|name| names.contains(name)));
    }
}
