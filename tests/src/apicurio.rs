//! A schema registry of others: Apicurio, in memory, on a port of its own.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::needs::target;
use crate::pipeline::Folder;
use crate::process::{dies_with_us, python_script};
use crate::wait::wait_for;

/// How long it may take to start, on a machine that does other things at the same time.
const START: Duration = Duration::from_secs(120);

/// Apicurio at work; killed when dropped.
pub struct Apicurio {
    child: Child,
    url: String,
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
        let mut registry = Apicurio { child, url: format!("http://{address}/apis/ccompat/v7"), folder };
        wait_for("Apicurio to start", START, || registry.look(address));
        registry
    }

    fn look(&mut self, address: std::net::SocketAddr) -> Result<(), String> {
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("it has ended, {status}: {}", log()));
        }
        // It listens when all of it has started.
        TcpStream::connect(address).map(drop).map_err(|error| format!("{error}: {}", log()))
    }

    /// Where its API like Confluent's is.
    pub fn url(&self) -> &str {
        &self.url
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
