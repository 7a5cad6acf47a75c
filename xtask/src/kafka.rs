//! Apache Kafka for tests and benchmarks: found, or fetched once.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use sluicebox_test_broker::{Cluster, ClusterConfig, DOCKER_VARIABLE, Java, LIBS_VARIABLE, Machine, java_program};

use crate::run;
use crate::system;
use crate::workspace::Workspace;

/// Names the bootstrap servers that tests share.
pub const BROKERS_VARIABLE: &str = "SLUICE_TEST_BROKERS";

const VERSION: &str = "4.1.1";
const IMAGE: &str = "apache/kafka:4.1.1";
const OLDEST_JAVA: u32 = 17;

/// The Java versions with long support that Kafka runs on, the preferred one first.
const JAVA_PACKAGES: [u32; 3] = [17, 21, 25];

/// Fixed, as the versions of the jars are: the set-up of today works tomorrow.
const COPY_DEPENDENCIES: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluicebox</groupId>
  <artifactId>test-kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.1.1</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>4.1.1</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
"#;

/// Where the broker that tests share comes from.
pub enum Kafka {
    /// Brokers that run already: their bootstrap servers.
    Running(String),
    /// To be started.
    Local(Java),
}

/// The broker that tests share; dropping it ends a broker that was started for them.
pub struct SharedBroker {
    bootstrap: String,
    java: Option<Java>,
    _cluster: Option<Cluster>,
}

impl Kafka {
    /// What the environment names, else jars fetched earlier, else docker, else this machine's Java and Maven, which
    /// are installed where that is possible. Costs a start of Java when there is nothing to do.
    pub fn provide(workspace: &Workspace) -> Result<Self> {
        if let Ok(brokers) = env::var(BROKERS_VARIABLE) {
            run::say("kafka", &format!("{brokers}, from {BROKERS_VARIABLE}"));
            return Ok(Self::Running(brokers));
        }
        if env::var_os(DOCKER_VARIABLE).is_some() || env::var_os(LIBS_VARIABLE).is_some() {
            let java = Java::find()?;
            run::say("kafka", &format!("{java:?}, from the environment"));
            return Ok(Self::Local(java));
        }
        let libs = workspace.target.join("kafka/libs");
        let fetched = fs::read_to_string(libs.join("pom.xml")).is_ok_and(|pom| pom == POM);
        if !(fetched && has_java()) {
            if run::succeeds(Command::new("docker").arg("info")) {
                pull_image()?;
                run::say("kafka", &format!("docker image {IMAGE}"));
                return Ok(Self::Local(Java::Docker { image: IMAGE.to_owned() }));
            }
            provide_java()?;
            if !fetched {
                fetch_jars(&format!("Kafka {VERSION} (43 MB)"), POM, &libs)?;
            }
        }
        run::say("kafka", &format!("{VERSION}, jars in {}", libs.display()));
        Ok(Self::Local(Java::Host { libs }))
    }

    /// Tells a command how to start brokers of its own.
    pub fn export(&self, command: &mut Command) -> Result<()> {
        match self {
            Self::Running(brokers) => bail!("{BROKERS_VARIABLE} is {brokers}: brokers of others are not to be harmed"),
            Self::Local(java) => export(java, command),
        }
        Ok(())
    }

    /// The broker to share, started where none runs.
    pub fn start(self, machine: Machine) -> Result<SharedBroker> {
        match self {
            Self::Running(bootstrap) => Ok(SharedBroker { bootstrap, java: None, _cluster: None }),
            Self::Local(java) => {
                let started = Instant::now();
                let cluster =
                    Cluster::start(ClusterConfig { java: Some(java.clone()), machine, ..ClusterConfig::default() })?;
                let bootstrap = cluster.bootstrap();
                run::say("kafka", &format!("{bootstrap} is up ({:.1} s)", started.elapsed().as_secs_f64()));
                Ok(SharedBroker { bootstrap, java: Some(java), _cluster: Some(cluster) })
            }
        }
    }
}

impl SharedBroker {
    /// Tells a command how to reach the broker, and how to start others.
    pub fn export(&self, command: &mut Command) {
        command.env(BROKERS_VARIABLE, &self.bootstrap);
        if let Some(java) = &self.java {
            export(java, command);
        }
    }
}

/// Tells a command what runs Kafka's Java code.
fn export(java: &Java, command: &mut Command) {
    match java {
        Java::Host { libs } => command.env(LIBS_VARIABLE, libs),
        Java::Docker { image } => command.env(DOCKER_VARIABLE, image),
    };
}

/// Whether Java is there and new enough.
fn has_java() -> bool {
    // The version goes to standard error.
    let Ok(answer) = Command::new(java_program("java")).arg("-version").output() else { return false };
    java_major(&String::from_utf8_lossy(&answer.stderr)).is_some_and(|major| major >= OLDEST_JAVA)
}

/// The major version in the answer of `java -version`: `openjdk version "17.0.15" 2025-04-15`.
fn java_major(answer: &str) -> Option<u32> {
    let (_, version) = answer.split_once("version \"")?;
    version.split(['.', '"', '-', '+']).next()?.parse().ok()
}

/// Installs Java and Maven where they are missing and that is possible.
pub fn provide_java() -> Result<()> {
    let has_maven = run::succeeds(Command::new("mvn").arg("--version"));
    if has_java() && has_maven {
        return Ok(());
    }
    let by_hand = "install docker, or Java 17 or newer and Maven (Debian: apt-get install openjdk-17-jre-headless maven), \
                   or set SLUICE_TEST_BROKERS to a Kafka that may be used for tests";
    system::require_install_rights("no Apache Kafka to test against", by_hand)?;
    system::apt_update()?;
    let Some(java) = JAVA_PACKAGES.into_iter().find(offered("-jre-headless")) else {
        bail!("no Java {OLDEST_JAVA} or newer among this system's packages: {by_hand}");
    };
    system::apt_install(&[&format!("openjdk-{java}-jre-headless"), "maven"]).context(by_hand)
}

/// The same with a Java compiler: of the version that runs, where that is one of these.
pub fn provide_java_compiler() -> Result<()> {
    provide_java()?;
    let javac = java_program("javac");
    if run::succeeds(Command::new(&javac).arg("-version")) {
        return Ok(());
    }
    let by_hand = "install a JDK, version 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)";
    system::require_install_rights("no Java compiler", by_hand)?;
    system::apt_update()?;
    let answer = Command::new(java_program("java")).arg("-version").output().context(by_hand)?;
    let runs = java_major(&String::from_utf8_lossy(&answer.stderr));
    let Some(java) = runs.into_iter().chain(JAVA_PACKAGES).find(offered("-jdk-headless")) else {
        bail!("no JDK {OLDEST_JAVA} or newer among this system's packages: {by_hand}");
    };
    system::apt_install(&[&format!("openjdk-{java}-jdk-headless")]).context(by_hand)
}

/// Whether this system's packages have a version of Java, by the end of the packages' name.
fn offered(suffix: &str) -> impl Fn(&u32) -> bool {
    let offered = system::apt_versions("openjdk", suffix);
    move |version| offered.contains(version)
}

fn pull_image() -> Result<()> {
    if run::succeeds(Command::new("docker").args(["image", "inspect", IMAGE])) {
        return Ok(());
    }
    run::say("kafka", &format!("docker pull {IMAGE}"));
    run::run(Command::new("docker").args(["pull", "--quiet", IMAGE]))
}

/// Fetches the jars that a POM names with Maven, into a folder that appears when it is complete, with the POM in it.
pub fn fetch_jars(what: &str, text: &str, libs: &Path) -> Result<()> {
    let started = Instant::now();
    run::say("maven", &format!("fetching {what}"));
    let folder = libs.parent().context("the jars lie in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let fresh = tempfile::Builder::new().prefix("libs-").tempdir_in(folder)?;
    let pom = fresh.path().join("pom.xml");
    fs::write(&pom, text)?;
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--file"]).arg(&pom).arg(COPY_DEPENDENCIES);
    run::output(maven.arg(format!("-DoutputDirectory={}", fresh.path().display())))?;
    if libs.exists() {
        fs::remove_dir_all(libs).with_context(|| format!("cannot remove {}", libs.display()))?;
    }
    fs::rename(fresh.keep(), libs).with_context(|| format!("cannot make {}", libs.display()))?;
    run::say("maven", &format!("fetched ({:.1} s)", started.elapsed().as_secs_f64()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_java_is_read_from_every_vendors_answer() {
        assert_eq!(java_major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime"), Some(17));
        assert_eq!(java_major("java version \"25\" 2025-09-16 LTS"), Some(25));
        assert_eq!(java_major("openjdk version \"26-ea\" 2026-03-17"), Some(26));
        assert_eq!(java_major("java version \"1.8.0_452\""), Some(1));
        assert_eq!(java_major("The operation couldn't be completed."), None);
    }

    #[test]
    fn the_fetched_version_is_the_named_one() {
        assert!(POM.contains(&format!("<artifactId>kafka_2.13</artifactId><version>{VERSION}</version>")));
        assert_eq!(IMAGE, format!("apache/kafka:{VERSION}"));
    }
}
