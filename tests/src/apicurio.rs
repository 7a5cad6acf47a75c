//! A schema registry of others: Apicurio, in memory, on a port of its own.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::needs::{repository, target};
use crate::pipeline::Folder;
use crate::process::{dies_with_us, python_script};
use crate::wait::wait_for;

/// How long it may take to start, on a machine that does other things at the same time.
const START: Duration = Duration::from_secs(120);

/// Apicurio at work; killed when dropped.
pub struct Apicurio {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

impl Apicurio {
    /// Starts an empty one: what `SLUICE_APICURIO` names, else the one in the target folder.
    ///
    /// # Panics
    /// It is not there, or does not start.
    pub fn start() -> Apicurio {
        let place = env::var_os("SLUICE_APICURIO").map_or_else(|| target().join("apicurio"), PathBuf::from);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let folder = Folder::new();
        let log = File::create(folder.path().join("log")).expect("a file for its log");
        let mut command = Command::new("java");
        command.args(["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1"]);
        command.arg(format!("-Dquarkus.http.port={}", address.port())).arg("-jar").arg(jar(&place));
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(log.try_clone().expect("its log")).stderr(log);
        dies_with_us(&mut command);
        let child = spawn(command).expect("no Java to start Apicurio with: run `cargo xtask setup`");
        let mut registry = Apicurio { child, address, folder };
        wait_for("Apicurio to start", START, || registry.look());
        registry
    }

    fn look(&mut self) -> Result<(), String> {
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("it has ended, {status}: {}", log()));
        }
        // It listens when all of it has started.
        TcpStream::connect(self.address).map(drop).map_err(|error| format!("{error}: {}", log()))
    }

    /// Where its API like Confluent's is.
    pub fn url(&self) -> String {
        format!("http://{}/apis/ccompat/v7", self.address)
    }

    /// Where its own API is, which its serdes ask.
    pub fn own_url(&self) -> String {
        format!("http://{}/apis/registry/v2", self.address)
    }
}

impl Drop for Apicurio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it from a thread that lasts as long as the process: it ends with the thread that starts it.
fn spawn(mut command: Command) -> io::Result<Child> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _ = sender.send(command.spawn());
        loop {
            thread::park();
        }
    });
    receiver.recv().expect("the thread answers")
}

fn jar(place: &PathBuf) -> PathBuf {
    let files = fs::read_dir(place).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let is_it = |path: &PathBuf| path.to_string_lossy().ends_with("-runner.jar");
    files.into_iter().find(is_it).unwrap_or_else(|| {
        panic!(
            "no Apicurio Registry in {}: `cargo xtask setup` fetches it, with Java 17 and Maven; or set SLUICE_APICURIO \
             to a folder with apicurio-registry-app-*-runner.jar",
            place.display()
        )
    })
}

/// `tests/registry/clients.py`, ready for arguments: Confluent's clients, in the Python that `SLUICE_CONFLUENT_PYTHON`
/// names, else the one in the target folder.
///
/// # Panics
/// That Python is not there.
pub fn confluent_clients() -> Command {
    python_script("tests/registry/clients.py", "SLUICE_CONFLUENT_PYTHON", "confluent")
}

/// `tests/registry/serdes`, ready for arguments: Java's serializers and deserializers, with the jars that
/// `SLUICE_SERDES` names the folder of, else those in the target folder. It is compiled once.
///
/// # Panics
/// The jars, or a Java compiler, are not there.
pub fn java_serdes() -> Command {
    static CLASSES: OnceLock<Folder> = OnceLock::new();
    let libs = env::var_os("SLUICE_SERDES").map_or_else(|| target().join("serdes/libs"), PathBuf::from);
    assert!(
        libs.is_dir(),
        "no jars of Java's serdes in {}: `cargo xtask setup` fetches them, with a JDK and Maven; or set SLUICE_SERDES to \
         a folder with what tests/registry/serdes/pom.xml names",
        libs.display()
    );
    let jars = libs.join("*");
    let classes = CLASSES.get_or_init(|| {
        let folder = Folder::new();
        let sources = repository().join("tests/registry/serdes");
        let sources = fs::read_dir(sources).expect("its sources").map(|entry| entry.expect("its sources").path());
        let sources = sources.filter(|path| path.extension() == Some(OsStr::new("java")));
        let mut compiler = Command::new("javac");
        compiler.arg("-cp").arg(&jars).arg("-d").arg(folder.path()).args(sources);
        let done = compiler.output().expect("no Java compiler: run `cargo xtask setup`");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        folder
    });
    let class_path = [classes.path().as_os_str(), jars.as_os_str()].join(OsStr::new(":"));
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]).arg(class_path).arg("Serdes");
    dies_with_us(&mut command);
    command
}
