//! The program as a process: started, watched, signalled, and never left behind.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::group::Group;
use crate::log::{Log, LogLine};
use crate::needs;
use crate::pipeline::Folder;
use crate::wait::{LIMIT, LOOK, wait_for};

/// The program with the plugins' folder in its environment, ready for arguments. It dies with the thread that starts
/// it.
pub fn sluice() -> Command {
    command(&needs::program())
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("SLUICE_PLUGIN_PATH", needs::plugin_path()).env_remove("RUST_LOG");
    dies_with_us(&mut command);
    command
}

/// A script of tests with packages that `requirements.txt` beside it lists, ready for arguments. It runs in the Python
/// that the variable names, else in that of the virtual environment in the target folder.
///
/// # Panics
/// That Python is not there.
pub(crate) fn python_script(script: &str, variable: &str, environment: &str) -> Command {
    let mut command = python(Path::new(script), variable, environment);
    command.arg(needs::repository().join(script));
    command
}

/// The Python that runs what lies beside `script`, ready for arguments.
///
/// # Panics
/// It is not there.
pub(crate) fn python(script: &Path, variable: &str, environment: &str) -> Command {
    let named = env::var_os(variable).map(PathBuf::from);
    let python = named.unwrap_or_else(|| needs::target().join(environment).join("bin/python"));
    assert!(
        python.is_file(),
        "no Python for {} at {}: `cargo xtask setup` makes it; or set {variable} to one that has what {} names",
        script.display(),
        python.display(),
        script.with_file_name("requirements.txt").display()
    );
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    dies_with_us(&mut command);
    command
}

/// Has a process end with the thread that starts it, in whatever way that ends.
pub(crate) fn dies_with_us(command: &mut Command) {
    // SAFETY: between fork and exec there is one system call, which is async-signal-safe and takes plain integers.
    #[cfg(target_os = "linux")]
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

/// A program that has ended by itself.
pub struct Finished {
    /// Its exit code; none: a signal has ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Finished {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn of(command: &mut Command) -> Finished {
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Finished { code: status.code(), out: text(stdout), err: text(stderr) }
    }
}

/// `sluice run`, with its log. Killed when dropped; a failing test shows the end of its log.
pub struct Sluice {
    child: Child,
    log: Log,
    ready_file: PathBuf,
    _folder: Folder,
}

impl Sluice {
    /// Starts it with these pipeline files and folders.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn run(paths: &[&Path]) -> Sluice {
        Sluice::run_with(paths, |_| {})
    }

    /// The same, with more arguments or variables.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn run_with(paths: &[&Path], more: impl FnOnce(&mut Command)) -> Sluice {
        Sluice::start(sluice(), paths, None, more)
    }

    /// The same with any build of the program, and a copy of its log in a file.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn run_program(program: &Path, paths: &[&Path], log: &Path, more: impl FnOnce(&mut Command)) -> Sluice {
        let copy = File::create(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        Sluice::start(command(program), paths, Some(copy), more)
    }

    fn start(mut command: Command, paths: &[&Path], copy: Option<File>, more: impl FnOnce(&mut Command)) -> Sluice {
        let folder = Folder::new();
        let ready_file = folder.path().join("ready");
        command.args(["--log-format", "json", "run", "--ready-file"]).arg(&ready_file).args(paths);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        more(&mut command);
        let mut child = command.spawn().expect("the program starts");
        let log = Log::of(child.stderr.take().expect("it is piped"), copy);
        Sluice { child, log, ready_file, _folder: folder }
    }

    /// Waits until every pipeline has its assignment.
    ///
    /// # Panics
    /// The program ends before, or it takes too long.
    pub fn wait_until_ready(&mut self) {
        let file = self.ready_file.clone();
        self.wait_for("every pipeline to have its assignment", LIMIT, || {
            if file.exists() { Ok(()) } else { Err("there is no ready file".to_owned()) }
        });
    }

    /// Waits until the program has committed everything in a topic.
    ///
    /// # Panics
    /// The program ends before, or it takes too long.
    pub fn wait_until_caught_up(&mut self, group: &Group, topic: &str) {
        self.wait_for(&format!("everything in {topic} to be committed"), LIMIT * 3, || group.caught_up(topic));
    }

    /// Waits for something that the program brings about.
    ///
    /// # Panics
    /// The program ends before, or it takes longer than `limit`.
    pub fn wait_for<T>(&mut self, what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
        let child = &mut self.child;
        wait_for(what, limit, || {
            // Asked before the look, so that what the program did last is seen.
            let ended = child.try_wait().expect("a child can be waited for");
            let found = look();
            if let (Err(seen), Some(status)) = (&found, ended) {
                panic!("the program has ended ({status}) before {what}: {seen}");
            }
            found
        })
    }

    /// Waits for a line of the log.
    ///
    /// # Panics
    /// The program ends without it, or it takes too long.
    pub fn wait_for_line(&mut self, what: &str, wanted: impl Fn(&LogLine) -> bool) -> LogLine {
        self.wait_for_line_from(0, what, wanted)
    }

    /// The same, after so many lines that do not count.
    ///
    /// # Panics
    /// The program ends without it, or it takes too long.
    pub fn wait_for_line_from(&mut self, first: usize, what: &str, wanted: impl Fn(&LogLine) -> bool) -> LogLine {
        let deadline = Instant::now() + LIMIT;
        loop {
            let ended = self.child.try_wait().expect("a child can be waited for").is_some();
            if ended {
                self.log.finish();
            }
            if let Some(line) = self.log.lines().iter().skip(first).find(|line| wanted(line)) {
                return line.clone();
            }
            assert!(!ended, "the program has ended without a line on {what}");
            assert!(Instant::now() < deadline, "no line on {what} in the log");
            thread::sleep(LOOK);
        }
    }

    /// The lines of the log so far.
    pub fn lines(&self) -> Vec<LogLine> {
        self.log.lines().clone()
    }

    /// The messages of all errors in the log so far.
    pub fn errors(&self) -> Vec<String> {
        self.log.lines().iter().filter(|line| line.is_error()).map(LogLine::message).collect()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// The program has ended.
    pub fn signal(&mut self, signal: i32) {
        let status = self.child.try_wait().expect("a child can be waited for");
        assert!(status.is_none(), "the program has ended before it could be signalled: {status:?}");
        let pid = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: plain integers; the process is our child and not reaped yet, so the id is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "{}", io::Error::last_os_error());
    }

    /// Kills it, as a crash would, and waits for its end.
    ///
    /// # Panics
    /// It has ended before.
    pub fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        self.child.wait().expect("a child can be waited for");
    }

    /// Tells it to stop (SIGTERM), and waits for its end. Answers the exit code.
    ///
    /// # Panics
    /// It has ended before, or does not end within `limit`.
    pub fn terminate(&mut self, limit: Duration) -> i32 {
        self.signal(libc::SIGTERM);
        self.wait_for_end(limit)
    }

    /// Waits until it has ended by itself. Answers the exit code.
    ///
    /// # Panics
    /// It does not end within `limit`, or a signal ends it.
    pub fn wait_for_end(&mut self, limit: Duration) -> i32 {
        let status = self.wait_for_status(limit);
        status.code().unwrap_or_else(|| panic!("a signal has ended the program: {status}"))
    }

    /// Waits until it has ended by itself with a crash. Answers the signal.
    ///
    /// # Panics
    /// It does not end within `limit`, or with an exit code.
    pub fn wait_for_crash(&mut self, limit: Duration) -> i32 {
        let status = self.wait_for_status(limit);
        status.signal().unwrap_or_else(|| panic!("the program has not crashed: {status}"))
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    fn wait_for_status(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        let status: ExitStatus = wait_for("the program's end", limit, || {
            child.try_wait().expect("a child can be waited for").ok_or_else(|| "it runs".to_owned())
        });
        self.log.finish();
        status
    }

    /// The names of its threads, of each as much as the operating system keeps: 15 bytes.
    ///
    /// # Panics
    /// It has ended.
    pub fn threads(&self) -> Vec<String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the program runs");
        let name = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm")).ok();
        // One that has ended since has no name.
        threads.flatten().filter_map(name).map(|name| name.trim_end().to_owned()).collect()
    }

    /// The most memory that it has had, in bytes.
    ///
    /// # Panics
    /// It has ended.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the program runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok());
        peak.map_or_else(|| panic!("no VmHWM: the program has ended"), |kib: u64| kib << 10)
    }
}

impl Drop for Sluice {
    fn drop(&mut self) {
        // Errors are ignored: the usual one is that it has ended. The wait reaps it either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.log.finish();
        if thread::panicking() {
            eprintln!("the end of the program's log:\n{}", self.log.tail());
        }
    }
}
