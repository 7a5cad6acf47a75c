//! A cluster of brokers on this machine.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::broker::Broker;
use crate::java::{Java, LOG_OPTION, Machine};
use crate::ports;
use crate::process::Process;
use crate::properties::{self, Ports, Proxied};
use crate::secure::{Login, Secure, Security};

/// Every cluster may have the same id: they share neither folders nor ports.
const CLUSTER_ID: &str = "c2x1aWNlYm94LXRlc3Qtay";

const FORMAT_LIMIT: Duration = Duration::from_secs(120);

const LOG4J: &str = "rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n
";

/// What cluster to start. The default is one plaintext broker.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// How many brokers, 1 or 3 as a rule; each is a controller too. From three on, topics are replicated three times
    /// and two copies are enough to go on.
    pub brokers: usize,
    /// Broker properties beside or instead of those that this crate sets.
    pub properties: Vec<(String, String)>,
    /// Asks for a second listener with TLS and SASL/SCRAM, and this user.
    pub secure: Option<Login>,
    /// Asks for one more plaintext listener, whose clients are told to connect to a port of their own: a proxy that
    /// listens there is in the way of everything that they send, see [`Broker::proxied`].
    pub proxied: bool,
    /// What runs Kafka; none: [`Java::find`].
    pub java: Option<Java>,
    /// What each broker's Java machine is given.
    pub machine: Machine,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self { brokers: 1, properties: Vec::new(), secure: None, proxied: false, java: None, machine: Machine::Small }
    }
}

/// Running brokers. Dropping it kills them and removes their folder.
pub struct Cluster {
    // Before the folder, so that brokers end before their files go.
    brokers: Vec<Broker>,
    secure: Option<Secure>,
    folder: TempDir,
}

impl Cluster {
    /// Starts the brokers and returns when each of them sees all of them; takes about 5 s for one broker.
    pub fn start(config: ClusterConfig) -> Result<Self> {
        ensure!(config.brokers > 0, "a cluster needs a broker");
        let java = config.java.clone().map_or_else(Java::find, Ok)?;
        let folder = tempfile::Builder::new().prefix("sluicebox-kafka-").tempdir();
        let folder = folder.context("cannot make a folder for the brokers' data")?;
        let security = match config.secure.clone() {
            Some(login) => Some(Security::create(&java, folder.path(), login)?),
            None => None,
        };
        let ports = choose_ports(&config)?;
        let brokers = prepare(&java, folder.path(), &ports, security.as_ref(), &config)?;
        format_storage(&java, folder.path(), brokers.len(), security.as_ref())?;

        let secure = security.map(|security| {
            let addresses = ports.iter().filter_map(|ports| ports.secure).map(|port| format!("127.0.0.1:{port}"));
            security.for_clients(addresses.collect::<Vec<_>>().join(","))
        });
        let cluster = Self { brokers, secure, folder };
        cluster.restart_all()?;
        Ok(cluster)
    }

    /// `bootstrap.servers` of the plaintext listeners.
    pub fn bootstrap(&self) -> String {
        self.brokers.iter().map(Broker::address).collect::<Vec<_>>().join(",")
    }

    /// How to connect to the secured listeners, where they were asked for.
    pub fn secure(&self) -> Option<&Secure> {
        self.secure.as_ref()
    }

    /// The brokers, in the order of their ids.
    pub fn brokers(&self) -> &[Broker] {
        &self.brokers
    }

    /// The broker with this id; ids count from 1. Panics where there is none.
    pub fn broker(&self, id: i32) -> &Broker {
        let found = self.brokers.iter().find(|broker| broker.id() == id);
        found.unwrap_or_else(|| panic!("no broker {id} in a cluster of {}", self.brokers.len()))
    }

    /// Starts every broker that does not run, all at the same time, and waits until each of them sees all of them. A
    /// single one of three could not become ready: it takes two to elect a controller.
    pub fn restart_all(&self) -> Result<()> {
        for broker in self.brokers.iter().filter(|broker| broker.pid().is_none()) {
            broker.launch()?;
        }
        self.brokers.iter().try_for_each(|broker| broker.wait_ready(self.brokers.len()))
    }

    /// The temporary folder of the cluster's data and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn choose_ports(config: &ClusterConfig) -> Result<Vec<Ports>> {
    let one = |_| {
        let secure = if config.secure.is_some() { Some(ports::free()?) } else { None };
        let proxied =
            if config.proxied { Some(Proxied { behind: ports::free()?, front: ports::free()? }) } else { None };
        Ok(Ports { plain: ports::free()?, controller: ports::free()?, secure, proxied })
    };
    (0..config.brokers).map(one).collect()
}

/// Writes each broker's folder, `broker-ID` with its properties, and the log settings beside them.
fn prepare(
    java: &Java,
    folder: &Path,
    ports: &[Ports],
    security: Option<&Security>,
    config: &ClusterConfig,
) -> Result<Vec<Broker>> {
    fs::write(folder.join("log4j2.properties"), LOG4J).context("cannot write the brokers' log settings")?;
    let mut brokers = Vec::new();
    for (index, own) in ports.iter().enumerate() {
        let id = index + 1;
        let home = folder.join(format!("broker-{id}"));
        let text = properties::text(id, ports, &home.join("data"), security, &config.properties);
        fs::create_dir(&home)
            .and_then(|()| fs::write(home.join("server.properties"), text))
            .with_context(|| format!("cannot write {}", home.display()))?;
        brokers.push(Broker::new(i32::try_from(id)?, *own, java.clone(), config.machine, folder.to_owned()));
    }
    Ok(brokers)
}

/// Formats the brokers' storage, all at the same time: most of it is the start of a Java machine.
fn format_storage(java: &Java, folder: &Path, brokers: usize, security: Option<&Security>) -> Result<()> {
    // A short run is done before the optimising compiler would pay.
    let options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", LOG_OPTION];
    let mut running = Vec::new();
    for id in 1..=brokers {
        let mut launch = java.kafka(folder, &options, "kafka.tools.StorageTool");
        launch.command.args(["format", "-t", CLUSTER_ID, "-c"]).arg(format!("broker-{id}/server.properties"));
        launch.command.args(security.map(Security::format_arguments).into_iter().flatten());
        let log = folder.join(format!("broker-{id}/format.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        launch.command.stderr(file.try_clone()?).stdout(file);
        running.push((Process::start(launch.command, launch.container)?, log));
    }
    for (mut process, log) in running {
        let status = process.wait(FORMAT_LIMIT)?;
        if !status.success() {
            bail!("Kafka's StorageTool failed ({status}):\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
    }
    Ok(())
}
