//! The schema registry of others that tests ask, and the clients of others: fetched once.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::kafka;
use crate::python;
use crate::run;
use crate::workspace::Workspace;

/// The newest that runs on Java 17.
const VERSION: &str = "2.6.13.Final";

/// Fixed, as its version is.
const UNPACK: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";

const NO_PYTHON: &str = "no Python 3 with venv: install Python 3.10 or newer (Debian: apt-get install python3 python3-venv); \
                         formats are tested against Confluent's clients";

/// Fetches Apicurio into `target/apicurio`, its serdes for Java into `target/serdes` and Confluent's clients into
/// `target/confluent`, where tests look for them.
pub fn provide(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("apicurio");
    let stamp = folder.join("version.txt");
    if fs::read_to_string(&stamp).is_ok_and(|version| version == VERSION) {
        run::say("registry", &format!("Apicurio {VERSION} in {}", folder.display()));
    } else {
        kafka::provide_java()?;
        // Maven leaves a marker of what it has unpacked where it runs, below a folder named after a variable.
        let scratch = tempfile::tempdir().context("cannot make a folder for temporary files")?;
        let started = Instant::now();
        run::say("maven", &format!("fetching Apicurio {VERSION} (142 MB)"));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut maven = Command::new("mvn");
        maven.current_dir(scratch.path()).args(["--quiet", "--batch-mode", UNPACK]);
        maven.arg(format!("-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"));
        run::output(maven.arg(format!("-DoutputDirectory={}", folder.display())))?;
        fs::write(&stamp, VERSION).with_context(|| format!("cannot write {}", stamp.display()))?;
        run::say("maven", &format!("fetched ({:.1} s)", started.elapsed().as_secs_f64()));
    }
    provide_serdes(workspace)?;
    let requirements = workspace.root.join("tests/registry/requirements.txt");
    python::environment(&requirements, &workspace.target.join("confluent"), NO_PYTHON).map(drop)
}

/// The jars that the tests' program in Java is compiled against, and a compiler for it.
fn provide_serdes(workspace: &Workspace) -> Result<()> {
    kafka::provide_java_compiler()?;
    let pom = workspace.root.join("tests/registry/serdes/pom.xml");
    let pom = fs::read_to_string(&pom).with_context(|| format!("cannot read {}", pom.display()))?;
    let libs = workspace.target.join("serdes/libs");
    if fs::read_to_string(libs.join("pom.xml")).is_ok_and(|fetched| fetched == pom) {
        return Ok(());
    }
    kafka::fetch_jars("Apicurio's serdes for Java (27 MB)", &pom, &libs)
}
