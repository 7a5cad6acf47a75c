//! Standard output and standard error that are full, closed or not read: no command panics, no daemon stalls. No Kafka
//! is needed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use sluicebox_tests::{Folder, LIMIT, sluice, wait_for};

const PIPELINE: &str = "\
name: NAME
kafka: { bootstrap.servers: \"BROKER\" }
input: { topics: [in] }
outputs: { default: { topic: out } }
";

/// A pipe that is this small is full when each pipeline has said one thing.
const PIPE: i32 = 4096;
/// So many bytes of it are taken when what the program says at its end does not fit.
const ALMOST: i32 = PIPE - 600;

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// The writing end of a pipe that nobody reads any more.
fn closed() -> OwnedFd {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Commands that write to standard output, and the exit code that they have when all is well.
fn commands(folder: &Folder) -> Vec<(Vec<String>, i32)> {
    let pipeline = folder.write("copy.yaml", PIPELINE.replace("NAME", "copy").replace("BROKER", "localhost:1"));
    let records = folder.write("records.txt", "a\nb\n");
    let test = folder.write(
        "copy.test.yaml",
        "cases:\n  - { name: all, records: [{ value: a }], expect: { outputs: { default: [{ value: a }] } } }\n",
    );
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (pipeline, records, test) = (text(&pipeline), text(&records), text(&test));
    [
        (vec!["check", &pipeline], 0),
        (vec!["check", "--schema"], 0),
        (vec!["check", "--print", &pipeline], 0),
        (vec!["dev", &pipeline, "--records", &records], 0),
        (vec!["test", &test], 0),
        (vec!["plugin", "inspect", "identity"], 0),
        (vec!["plugin", "inspect", "identity", "--json"], 0),
        (vec!["completions", "bash"], 0),
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        // What is said on standard error does not depend on standard output.
        (vec!["check", "nosuch.yaml"], 2),
        (vec!["rnu"], 2),
    ]
    .into_iter()
    .map(|(arguments, code)| (arguments.into_iter().map(str::to_owned).collect(), code))
    .collect()
}

fn run(arguments: &[String], stdout: Stdio, stderr: Stdio) -> (ExitStatus, String) {
    let mut command: Command = sluice();
    let mut child = command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
    let mut err = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut err).unwrap();
    }
    (child.wait().unwrap(), err)
}

#[test]
fn a_closed_standard_output_ends_a_command_quietly() {
    let folder = Folder::new();
    for (arguments, code) in commands(&folder) {
        let (status, err) = run(&arguments, closed().into(), Stdio::piped());
        assert_eq!(status.code(), Some(code), "{arguments:?}: {err}");
        assert!(code != 0 || !err.contains("error"), "{arguments:?}: {err}");
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
    }
}

#[test]
fn a_full_standard_output_is_one_line_and_exit_code_1() {
    let folder = Folder::new();
    for (arguments, code) in commands(&folder).into_iter().filter(|(_, code)| *code == 0) {
        let (status, err) = run(&arguments, full().into(), Stdio::piped());
        assert_eq!((code, status.code()), (0, Some(1)), "{arguments:?}: {err}");
        let errors: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{arguments:?}: {err}");
        assert!(errors[0].contains("standard output cannot be written"), "{err}");
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
    }
}

#[test]
fn a_standard_error_that_cannot_be_written_changes_no_exit_code() {
    let folder = Folder::new();
    for (arguments, code) in commands(&folder) {
        for stderr in [Stdio::from(full()), closed().into()] {
            let (status, _) = run(&arguments, Stdio::null(), stderr);
            assert_eq!(status.code(), Some(code), "{arguments:?}");
        }
    }
}

/// So many pipelines say enough.
const PIPELINES: usize = 50;

/// `sluice run` with many pipelines and a broker that is away.
struct Daemon {
    child: Child,
    _folder: Folder,
}

impl Daemon {
    /// Starts it, and waits until it has asked the broker, which is gone from then on.
    fn start(stderr: Stdio) -> Daemon {
        let (broker, folder) = (TcpListener::bind("127.0.0.1:0").unwrap(), Folder::new());
        broker.set_nonblocking(true).unwrap();
        for number in 0..PIPELINES {
            let name = format!("copy-{number}");
            let text = PIPELINE.replace("NAME", &name).replace("BROKER", &broker.local_addr().unwrap().to_string());
            folder.write(&format!("{name}.yaml"), text);
        }
        let mut command: Command = sluice();
        command.arg("run").arg(folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let mut daemon = Daemon { child, _folder: folder };
        wait_for("the program to connect", LIMIT, || {
            assert_eq!(daemon.child.try_wait().unwrap(), None, "it has ended");
            broker.accept().map(|_| ()).map_err(|error| error.to_string())
        });
        daemon
    }

    fn terminate(mut self) -> ExitStatus {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: plain integers; the process is our child and not reaped yet, so the id is its own.
        assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
        wait_for("the program's end", LIMIT, || self.child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The usual error is that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_that_cannot_be_written_does_not_end_a_daemon() {
    for stderr in [Stdio::from(full()), closed().into()] {
        let status = Daemon::start(stderr).terminate();
        assert_eq!((status.code(), status.signal()), (Some(0), None));
    }
}

#[test]
fn a_log_that_nobody_reads_does_not_stall_a_daemon() {
    let (reader, writer) = io::pipe().unwrap();
    // SAFETY: plain integers, and the pipe is open.
    assert_ne!(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE) }, -1);
    let daemon = Daemon::start(OwnedFd::from(writer).into());
    wait_for("the pipe to be full", LIMIT, || {
        let mut waiting = 0;
        // SAFETY: the call writes to `waiting`, which lives.
        assert_eq!(unsafe { libc::ioctl(reader.as_raw_fd(), libc::FIONREAD, &raw mut waiting) }, 0);
        if waiting >= ALMOST { Ok(()) } else { Err(format!("{waiting} bytes")) }
    });
    let status = daemon.terminate();
    assert_eq!((status.code(), status.signal()), (Some(0), None));
}
