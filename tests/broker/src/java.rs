//! Where Kafka's Java code comes from and what runs it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Names the folder with Kafka's jars.
pub const LIBS_VARIABLE: &str = "SLUICE_KAFKA_LIBS";

/// Names the docker image to run Kafka from; it comes before [`LIBS_VARIABLE`].
pub const DOCKER_VARIABLE: &str = "SLUICE_KAFKA_DOCKER";

/// Where the cluster's folder has its log settings.
pub(crate) const LOG_OPTION: &str = "-Dlog4j2.configurationFile=log4j2.properties";

/// What runs Kafka's Java code.
#[derive(Clone, Debug)]
pub enum Java {
    /// This machine's Java, 17 or newer, with the jars in a folder.
    Host {
        /// The folder with Kafka's jars.
        libs: PathBuf,
    },
    /// A container on the host's network, with the cluster's folder mounted under its own path.
    Docker {
        /// The image, with its tag.
        image: String,
    },
}

/// What a broker's Java machine is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    /// Little memory, and the collector that needs the least beside it: many brokers start and end beside one another.
    #[default]
    Small,
    /// What Kafka's own start script gives it. Its collector stops the broker for shorter times, which are part of what
    /// the broker's clients are seen to take.
    Usual,
}

impl Machine {
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Small => &["-Xmx512m", "-XX:+UseSerialGC", LOG_OPTION],
            Self::Usual => &[
                "-server",
                "-Xms1g",
                "-Xmx1g",
                "-XX:+UseG1GC",
                "-XX:MaxGCPauseMillis=20",
                "-XX:InitiatingHeapOccupancyPercent=35",
                "-XX:+ExplicitGCInvokesConcurrent",
                LOG_OPTION,
            ],
        }
    }
}

/// A command, and the name of its container where it runs in one.
pub(crate) struct Launch {
    pub(crate) command: Command,
    pub(crate) container: Option<String>,
}

impl Java {
    /// What the environment names, else the jars that `cargo xtask test` has left in the target folder.
    pub fn find() -> Result<Self> {
        if let Ok(image) = env::var(DOCKER_VARIABLE) {
            return Ok(Self::Docker { image });
        }
        if let Some(libs) = env::var_os(LIBS_VARIABLE).map(PathBuf::from) {
            if !has_jars(&libs) {
                bail!("{LIBS_VARIABLE}: no jars in {}; run `cargo xtask test`, which fetches them", libs.display());
            }
            return Ok(Self::Host { libs });
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
        let libs = target.join("kafka/libs");
        if !has_jars(&libs) {
            bail!(
                "no Apache Kafka to test against ({} has no jars): run `cargo xtask test`, which fetches it, \
                 or set SLUICE_TEST_BROKERS for the tests that can share a broker",
                libs.display()
            );
        }
        Ok(Self::Host { libs })
    }

    /// A run of one of Kafka's main classes, working in `folder`, with these options for the Java machine.
    pub(crate) fn kafka(&self, folder: &Path, options: &[&str], class: &str) -> Launch {
        let libs = match self {
            Self::Host { libs } => libs.clone().into_os_string(),
            Self::Docker { .. } => OsString::from("/opt/kafka/libs"),
        };
        let mut class_path = libs;
        class_path.push("/*");
        let mut launch = self.program(folder, "java");
        launch.command.args(options).arg("-cp").arg(class_path).arg(class);
        launch
    }

    /// A run of a program of the Java runtime (`java`, `keytool`), working in `folder`.
    pub(crate) fn program(&self, folder: &Path, program: &str) -> Launch {
        let mut launch = match self {
            Self::Host { .. } => Launch { command: Command::new(java_program(program)), container: None },
            Self::Docker { image } => in_container(image, folder, program),
        };
        launch.command.current_dir(folder).stdin(Stdio::null());
        launch
    }
}

/// A program of this machine's Java runtime: in `JAVA_HOME` where that is set, else in the path.
pub fn java_program(program: &str) -> PathBuf {
    match env::var_os("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin").join(program),
        None => PathBuf::from(program),
    }
}

fn in_container(image: &str, folder: &Path, program: &str) -> Launch {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("sluicebox-test-{}-{number}", std::process::id());
    // SAFETY: getuid() and getgid() cannot fail and touch no memory.
    let (user, group) = unsafe { (libc::getuid(), libc::getgid()) };
    let mut mount = folder.as_os_str().to_owned();
    mount.push(":");
    mount.push(folder);
    let mut command = Command::new("docker");
    // The user is the caller, so that the caller can remove what the broker writes.
    command.args(["run", "--rm", "--network", "host", "--name", &name, "--user", &format!("{user}:{group}")]);
    command.arg("--volume").arg(mount).arg("--workdir").arg(folder).args(["--entrypoint", program, image]);
    Launch { command, container: Some(name) }
}

fn has_jars(folder: &Path) -> bool {
    let Ok(mut entries) = folder.read_dir() else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|is| is == "jar")))
}
