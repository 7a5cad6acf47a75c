//! What the bench compares Sluicebox with: clients for Python, and Kafka Streams with the program for it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sluicebox_test_broker::java_program;

use crate::fingerprint;
use crate::kafka;
use crate::python;
use crate::run;
use crate::workspace::Workspace;

const NO_PYTHON: &str = "no Python 3 with venv: install Python 3.10 or newer (Debian: apt-get install python3 python3-venv), \
                         or leave out what needs it: --without confluent-kafka-python,confluent-kafka-python-poll,kafka-python";
const NO_JAVA: &str = "no Java compiler or no Maven: install a JDK, version 17 or newer, and Maven (Debian: apt-get install \
                       openjdk-17-jdk-headless maven), or leave out what needs them: --without \
                       kafka-streams,kafka-streams-exactly-once";

/// Where what is installed lies; none of what nobody needs.
#[derive(Default)]
pub struct Peers {
    /// The Python that has the clients.
    python: Option<PathBuf>,
    /// The class path of the program for Kafka Streams.
    class_path: Option<OsString>,
}

impl Peers {
    /// Installs what those need who take part. `arguments`: those of the bench.
    pub fn provide(workspace: &Workspace, arguments: &[OsString]) -> Result<Self> {
        run::run(workspace.cargo().args(["build", "--release", "--package", "sluicebox-bench"]))?;
        let mut bench = Command::new(workspace.target.join("release").join("sluicebox-bench"));
        let who = run::output(bench.args(arguments).arg("--list"))?;
        let needs = |mark: &str| who.lines().any(|who| who.contains(mark));
        let (programs, folder) = (workspace.root.join("bench/peers"), workspace.target.join("peers"));
        let mut peers = Peers::default();
        if needs("python") {
            let requirements = programs.join("python/requirements.txt");
            peers.python = Some(python::environment(&requirements, &folder.join("python"), NO_PYTHON)?);
        }
        if needs("streams") {
            peers.class_path = Some(streams(&programs.join("kafka-streams"), &folder.join("kafka-streams"))?);
        }
        Ok(peers)
    }

    /// Tells a command where it is.
    pub fn export(&self, command: &mut Command) {
        if let Some(python) = &self.python {
            command.env("SLUICE_BENCH_PYTHON", python);
        }
        if let Some(class_path) = &self.class_path {
            command.env("SLUICE_BENCH_CLASS_PATH", class_path).env("SLUICE_BENCH_JAVA", java_program("java"));
        }
    }
}

/// Kafka Streams' jars, and the program compiled against them: the compiler's work is not to be measured.
fn streams(programs: &Path, folder: &Path) -> Result<OsString> {
    let mut sources: Vec<PathBuf> = fs::read_dir(programs)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "java"));
    sources.sort();
    let pom = fs::read_to_string(programs.join("pom.xml")).context("cannot read the POM of Kafka Streams")?;
    let (libs, classes, stamp) = (folder.join("libs"), folder.join("classes"), folder.join("compiled.txt"));
    let has_jars = fs::read_to_string(libs.join("pom.xml")).is_ok_and(|fetched| fetched == pom);
    let state = fingerprint::of(&[programs])?;
    let class_path = [classes.as_os_str(), ":".as_ref(), libs.join("*").as_os_str()].iter().copied().collect();
    if has_jars && fs::read_to_string(&stamp).is_ok_and(|compiled| compiled == state) {
        return Ok(class_path);
    }
    let compiler = java_program("javac");
    let has_compiler = run::succeeds(Command::new(&compiler).arg("-version"));
    if !has_compiler || !(has_jars || run::succeeds(Command::new("mvn").arg("--version"))) {
        bail!(NO_JAVA);
    }
    if !has_jars {
        kafka::fetch_jars("Kafka Streams and Avro serdes (100 MB)", &pom, &libs)?;
    }
    run::run(Command::new(compiler).arg("-cp").arg(libs.join("*")).arg("-d").arg(&classes).args(&sources))?;
    fs::write(&stamp, state).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(class_path)
}
