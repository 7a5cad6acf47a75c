//! What others offer for the same work. The programs and their settings are in `bench/peers`.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::job::Job;
use super::run::Run;
use crate::report::root;

/// Name the Python that has the clients, the program that runs Java, and its class path with Kafka Streams.
const PYTHON_VARIABLE: &str = "SLUICE_BENCH_PYTHON";
const JAVA_VARIABLE: &str = "SLUICE_BENCH_JAVA";
const CLASS_PATH_VARIABLE: &str = "SLUICE_BENCH_CLASS_PATH";

/// The JVM's heap; by itself it would take a quarter of the machine's memory.
const HEAP: &str = "-Xmx512m";

/// Somebody else's way to do a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A loop in Python over librdkafka.
    ConfluentKafkaPython {
        /// Whether it takes one record at a time.
        one_by_one: bool,
    },
    /// A loop in Python alone.
    KafkaPython,
    /// A program in Java.
    KafkaStreams {
        /// Whether it delivers exactly once.
        exactly_once: bool,
    },
    /// A configuration, with a mapping in its own language.
    RedpandaConnect,
    /// The same.
    Vector,
}

impl Peer {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Peer::ConfluentKafkaPython { one_by_one: false } => "confluent-kafka-python",
            Peer::ConfluentKafkaPython { one_by_one: true } => "confluent-kafka-python, a poll a record",
            Peer::KafkaPython => "kafka-python",
            Peer::KafkaStreams { exactly_once: false } => "Kafka Streams, at least once",
            Peer::KafkaStreams { exactly_once: true } => "Kafka Streams, exactly once",
            Peer::RedpandaConnect => "Redpanda Connect",
            Peer::Vector => "Vector",
        }
    }

    /// Whether it writes in transactions.
    pub fn exactly_once(self) -> bool {
        self == Peer::KafkaStreams { exactly_once: true }
    }

    /// The program that has to be on the PATH, and is not.
    pub fn missing(self) -> Option<&'static str> {
        let program = match self {
            Peer::ConfluentKafkaPython { .. } | Peer::KafkaPython | Peer::KafkaStreams { .. } => return None,
            Peer::RedpandaConnect => "redpanda-connect",
            Peer::Vector => "vector",
        };
        let asked = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        asked.is_err().then_some(program)
    }

    /// What runs it.
    ///
    /// # Errors
    /// It was not installed.
    pub fn command(self, run: &Run<'_>) -> Result<Command> {
        let mut command = self.program(run.job)?;
        let state = run.folder.join(format!("{}-state", run.name));
        fs::create_dir_all(&state).with_context(|| format!("cannot make {}", state.display()))?;
        command
            .env("BROKERS", &run.cluster.bootstrap)
            .env("GROUP", &run.name)
            .env("INPUT", run.input)
            .env("OUTPUT", &run.name)
            .env("JOB", run.job.argument())
            .env("DELIVERY", if self.exactly_once() { "exactly_once_v2" } else { "at_least_once" })
            .env("STATE", state);
        if let Some(topic) = run.dead_letters() {
            command.env("DEAD_LETTERS", topic);
        }
        if let Some(url) = run.registry {
            command.env("REGISTRY", url).env("SCHEMA", programs().join("schemas/enriched.avsc"));
        }
        Ok(command)
    }

    fn program(self, job: Job) -> Result<Command> {
        let configuration = |folder: &str| programs().join(folder).join(format!("{}.yaml", job.argument()));
        Ok(match self {
            Peer::ConfluentKafkaPython { one_by_one } => {
                let mut command = python("confluent.py")?;
                if one_by_one {
                    command.arg("--poll");
                }
                command
            }
            Peer::KafkaPython => python("pure.py")?,
            Peer::KafkaStreams { .. } => {
                let mut command = Command::new(installed(JAVA_VARIABLE)?);
                command.args([HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
                command.arg(installed(CLASS_PATH_VARIABLE)?).arg("Jobs");
                command
            }
            Peer::RedpandaConnect => {
                let mut command = Command::new("redpanda-connect");
                command.arg("run").arg(configuration("redpanda-connect"));
                command
            }
            Peer::Vector => {
                let mut command = Command::new("vector");
                command.args(["--quiet", "--config"]).arg(configuration("vector"));
                command
            }
        })
    }
}

fn python(file: &str) -> Result<Command> {
    let mut command = Command::new(installed(PYTHON_VARIABLE)?);
    // The sources' folder stays as it is.
    command.arg(programs().join("python").join(file)).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

fn programs() -> PathBuf {
    root().join("bench").join("peers")
}

fn installed(variable: &str) -> Result<String> {
    env::var(variable).with_context(|| format!("{variable} is not set: run `cargo xtask bench peers`"))
}
