//! Kafka's own tools: those in the path, else the same from the jars or the image that tests have Kafka from.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sluicebox_test_broker::{Java, java_program};

/// The tools, and the classes that they are.
const TOOLS: [(&str, &str); 4] = [
    ("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-consumer-groups.sh", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("kafka-console-producer.sh", "org.apache.kafka.tools.ConsoleProducer"),
    ("kafka-console-consumer.sh", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
];

/// Puts the tools into `folder`, where they are not in the path already.
///
/// # Panics
/// There is no Kafka to take them from: what to do.
pub fn provide(folder: &Path) {
    let path = env::var_os("PATH").unwrap_or_default();
    if TOOLS.iter().all(|(name, _)| env::split_paths(&path).any(|folder| folder.join(name).is_file())) {
        return;
    }
    let java = Java::find().unwrap_or_else(|error| panic!("no Kafka tools in the path, and {error}"));
    for (name, class) in TOOLS {
        let command = match &java {
            Java::Host { libs } => {
                format!("'{}' -cp '{}/*' {class}", java_program("java").display(), libs.display())
            }
            Java::Docker { image } => {
                format!("docker run --rm --interactive --network host --entrypoint /opt/kafka/bin/{name} '{image}'")
            }
        };
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\nexec {command} \"$@\"\n")).expect("a tool is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a tool can be run");
    }
}
